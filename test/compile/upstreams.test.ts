import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileBackend, type BackendResult } from '../../src/compile/backends.ts';
import {
  createUpstreamResolver,
  isProblem,
  type UpstreamOptions,
  type UpstreamProblem,
} from '../../src/compile/upstreams.ts';
import type { ClusterModel, HostRewrite, IngressModel, ServiceRef, UpstreamTls } from '../../src/model/route-model.ts';
import { canonicalJson } from '../../src/program/canonical-json.ts';
import { aBackend, aCluster, aService } from '../oracle/model-builder.ts';

const SELF: UpstreamOptions = { target: 'self-hosted', unresolved: 'refuse' };
const DEV: UpstreamOptions = { target: 'self-hosted', unresolved: 'echo' };
const CLOUDFLARE: UpstreamOptions = { target: 'cloudflare', unresolved: 'refuse' };
const REWRITE = { kind: 'full', value: '/x' } as const;

type Case = {
  cluster?: Partial<ClusterModel>;
  clusters?: readonly ClusterModel[];
  service?: ServiceRef;
  host?: HostRewrite;
};

function attempt(
  options: UpstreamOptions,
  { cluster, clusters, service, host }: Case,
): BackendResult | UpstreamProblem {
  const resolver = createUpstreamResolver(clusters ?? [aCluster({ template: null, ...cluster })], options);
  return compileBackend(
    aBackend({ service: service ?? aService('web', { port: 8080 }), host: host ?? null }),
    REWRITE,
    resolver,
  );
}
function resolved(options: UpstreamOptions, input: Case): BackendResult {
  const result = attempt(options, input);
  if (isProblem(result)) throw new Error(result.message);
  return result;
}
function literal(host: string, changes: Partial<ServiceRef> = {}): ServiceRef {
  return aService(host, { host, service: null, ...changes });
}
const ingress = (mode: IngressModel['mode']): IngressModel => ({
  url: 'https://ingress.example.com',
  mode,
  header: 'x-portolan-service',
});

describe('upstreams: how a service is found', () => {
  it('by the most specific entry of the map', () => {
    const services = {
      web: { url: 'http://d.test' },
      'web:8080': { url: 'http://c.test' },
      'web.default': { url: 'http://b.test:81' },
      'web.default:8080': { url: 'https://a.test' },
    };
    const keys = Object.keys(services).toReversed();
    const found = keys.map((_, index) => {
      const rest = Object.fromEntries(Object.entries(services).filter(([key]) => keys.indexOf(key) >= index));
      return resolved(SELF, { cluster: { services: rest } }).upstream;
    });
    expect(found.map(({ origin, resolvedBy }) => [origin, resolvedBy])).toEqual([
      ['https://a.test', 'services'],
      ['http://b.test:81', 'services'],
      ['http://c.test', 'services'],
      ['http://d.test', 'services'],
    ]);
  });

  it('by map, then template, then ingress, cluster by cluster', () => {
    const template = 'https://{service}.{namespace}.example.com:{port}';
    const origin = (cluster: Partial<ClusterModel>): string => resolved(SELF, { cluster }).upstream.origin;
    expect(origin({ services: { web: { url: 'http://a.test' } }, template })).toBe('http://a.test');
    expect(origin({ template, ingress: ingress('client-host') })).toBe('https://web.default.example.com:8080');
    expect(origin({ ingress: ingress('client-host') })).toBe('https://ingress.example.com');
    const clusters = [
      aCluster({ name: 'a', template: null }),
      aCluster({ name: 'b' }),
      aCluster({ name: 'c', template: 'http://c.test' }),
    ];
    expect(resolved(SELF, { clusters }).upstream.origin).toBe('http://web.default:8080');
    expect(resolved(SELF, { clusters, service: aService('web', { clusters: ['c', 'b'] }) }).upstream.origin).toBe(
      'http://c.test',
    );
  });

  it('keys of a map are not inherited from Object', () => {
    expect(attempt(SELF, { service: aService('constructor') })).toMatchObject({ code: 'upstream-unresolved' });
  });

  it('not at all: refuses, or is an echo in dev', () => {
    expect(attempt(SELF, {})).toMatchObject({
      status: 503,
      code: 'upstream-unresolved',
      hint: expect.stringContaining('web.default:8080'),
    });
    expect(resolved(DEV, {})).toMatchObject({
      upstream: {
        id: 'echo/http/web.default:8080',
        origin: 'http://web.default:8080',
        resolvedBy: 'echo',
        service: 'web.default:8080',
      },
      backend: { rewrite: REWRITE },
    });
  });

  it('a cluster of echoes resolves as configured outside dev', () => {
    const cluster = { echo: true, template: 'https://{service}.example.com' };
    expect(resolved(SELF, { cluster }).upstream).toMatchObject({
      resolvedBy: 'template',
      origin: 'https://web.example.com',
    });
    expect(resolved(DEV, { cluster }).upstream).toMatchObject({ resolvedBy: 'echo' });
  });

  it('an address or an outside host is used as it stands', () => {
    expect(resolved(SELF, { service: literal('10.0.0.7', { port: 9000 }) }).upstream).toEqual({
      id: 'http/10.0.0.7:9000',
      origin: 'http://10.0.0.7:9000',
      via: { kind: 'binding' },
      resolvedBy: 'literal',
      service: '10.0.0.7:9000',
    });
    expect(resolved(DEV, { service: literal('api.example.com', { scheme: 'https', port: 443 }) }).upstream.origin).toBe(
      'https://api.example.com',
    );
    expect(resolved(SELF, { service: literal('2001:db8::1', { port: 8080 }) }).upstream.origin).toBe(
      'http://[2001:db8::1]:8080',
    );
    expect(attempt(SELF, { service: literal('fe80::1%eth0') })).toMatchObject({ code: 'upstream-unresolved' });
  });
});

describe('upstreams: Host, path and headers by mode and runtime', () => {
  const literalHost = { kind: 'literal', value: 'shop.test' } as const;
  const own = { kind: 'upstream' } as const;

  it('self-hosted: the Host is free', () => {
    const template = 'https://{service}.example.com';
    expect(resolved(SELF, { cluster: { template } }).backend).not.toHaveProperty('host');
    expect(resolved(SELF, { cluster: { template }, host: literalHost }).backend.host).toBe('shop.test');
    expect(resolved(SELF, { cluster: { template }, host: own }).backend.host).toBe('web.example.com');
    expect(resolved(DEV, { host: own }).backend.host).toBe('web.default');
  });

  it('client-host: nothing of the request changes', () => {
    const { backend } = resolved(SELF, { cluster: { ingress: ingress('client-host') }, host: literalHost });
    expect(backend).not.toHaveProperty('host');
    expect(backend).not.toHaveProperty('rewrite');
  });

  it('service-host: the Host names the service, and nothing else can be asked for', () => {
    const cluster = { ingress: ingress('service-host') };
    expect(resolved(SELF, { cluster }).backend).toMatchObject({ host: 'web.default', rewrite: REWRITE });
    expect(resolved(SELF, { cluster, host: own }).backend.host).toBe('web.default');
    expect(attempt(SELF, { cluster, host: literalHost })).toMatchObject({
      status: 503,
      code: 'host-rewrite-unsupported',
    });
  });

  it('service-header: the header names the service', () => {
    const cluster = { ingress: ingress('service-header') };
    const { backend } = resolved(SELF, { cluster, host: literalHost });
    expect(backend).toMatchObject({
      host: 'shop.test',
      rewrite: REWRITE,
      requestHeaders: { remove: [], set: [{ name: 'x-portolan-service', value: 'web.default:8080' }], add: [] },
    });
  });

  it('Cloudflare, vpc_services: the Host is free', () => {
    for (const mode of ['client-host', 'service-host', 'service-header'] as const) {
      const cluster = { ingress: { ...ingress(mode), url: 'http://10.0.0.1' }, vpcService: 'CLUSTER' };
      expect(resolved(CLOUDFLARE, { cluster }).upstream).toMatchObject({
        id: 'vpc/CLUSTER/http/10.0.0.1',
        via: { kind: 'vpc', binding: 'CLUSTER' },
      });
    }
    expect(
      resolved(CLOUDFLARE, { cluster: { template: 'http://{service}', vpcService: 'C' }, host: literalHost }).backend
        .host,
    ).toBe('shop.test');
  });

  it('Cloudflare, plain fetch: the Host is the URL’s', () => {
    const cluster = { template: 'https://{service}.example.com' };
    expect(resolved(CLOUDFLARE, { cluster })).toMatchObject({
      upstream: { id: 'fetch/https/web.example.com', via: { kind: 'fetch' } },
    });
    expect(resolved(CLOUDFLARE, { cluster, host: own }).backend).not.toHaveProperty('host');
    expect(
      resolved(CLOUDFLARE, { cluster, host: { kind: 'literal', value: 'web.example.com' } }).backend,
    ).not.toHaveProperty('host');
    expect(attempt(CLOUDFLARE, { cluster, host: literalHost })).toMatchObject({ code: 'host-rewrite-unsupported' });
    for (const mode of ['client-host', 'service-host', 'service-header'] as const) {
      expect(attempt(CLOUDFLARE, { cluster: { ingress: ingress(mode) } })).toMatchObject({
        code: 'host-rewrite-unsupported',
      });
    }
  });

  it('Cloudflare, plain fetch: private addresses refuse with their own code', () => {
    for (const host of [
      '10.1.2.3',
      'localhost',
      '127.1',
      '0x7f.1',
      '::1',
      '169.254.169.254',
      'fd00::1',
      '::ffff:10.0.0.1',
    ]) {
      expect([host, attempt(CLOUDFLARE, { service: literal(host) })]).toMatchObject([
        host,
        { code: 'upstream-private-address' },
      ]);
      expect(resolved(SELF, { service: literal(host) }).upstream.resolvedBy).toBe('literal');
    }
    expect(attempt(CLOUDFLARE, { cluster: { services: { web: { url: 'http://192.168.1.1' } } } })).toMatchObject({
      code: 'upstream-private-address',
    });
    expect(resolved(CLOUDFLARE, { service: literal('1.1.1.1') }).upstream.origin).toBe('http://1.1.1.1');
  });
});

describe('upstreams: TLS', () => {
  const tls = { serverName: 'web.internal', ca: 'certs/ca.pem', certificate: { chain: 'c.pem', key: 'k.pem' } };
  const web = (url: string, own: UpstreamTls = tls) => ({ cluster: { services: { web: { url, tls: own } } } });

  const idOf = (own: UpstreamTls): string => resolved(SELF, web('https://web.test', own)).upstream.id;

  it('is carried as written, and is part of the id', () => {
    expect(resolved(SELF, web('https://10.0.0.5:8443')).upstream).toEqual({
      id: 'https/10.0.0.5:8443?server=web.internal&ca=certs/ca.pem&chain=c.pem&key=k.pem',
      origin: 'https://10.0.0.5:8443',
      via: { kind: 'binding' },
      resolvedBy: 'services',
      service: 'web.default:8080',
      tls,
    });
  });

  it('never lets two settings share an id, nor equal ones have two', () => {
    const path = fc.string({ minLength: 1, unit: fc.constantFrom('a', '&', '=', '?', '%', '/', 'ca=', 'ü', ' ') });
    const name = fc.constantFrom('a.test', 'b.test');
    const settings = fc.record(
      { serverName: name, ca: path, certificate: fc.record({ chain: path, key: path }) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(settings, settings, (a, b) => {
        expect(idOf(a) === idOf(b)).toBe(canonicalJson(a) === canonicalJson(b));
        expect(idOf(a)).toMatch(/^[!-~]+$/);
      }),
      { examples: [[{ ca: 'a&chain=b' }, { ca: 'a', certificate: { chain: 'b', key: 'c' } }]] },
    );
  });

  it('says nothing where it asks for nothing special', () => {
    const plain = resolved(SELF, { cluster: { services: { web: { url: 'https://web.test' } } } }).upstream;
    expect(plain).toMatchObject({ id: 'https/web.test' });
    expect(resolved(SELF, web('https://web.test', { serverName: 'web.test' })).upstream).toEqual(plain);
    expect(resolved(SELF, web('https://web.test', { serverName: 'web.test', ca: 'x' })).upstream.tls).toEqual({
      ca: 'x',
    });
  });

  it('holds for what template and ingress lead to by https', () => {
    const cluster = { template: '{scheme}://{service}.test', tls };
    const service = aService('web', { scheme: 'https' });
    expect(resolved(SELF, { cluster, service }).upstream.tls).toEqual(tls);
    expect(resolved(SELF, { cluster }).upstream).not.toHaveProperty('tls');
    expect(resolved(SELF, { cluster: { ingress: ingress('client-host'), tls } }).upstream.tls).toEqual(tls);
    const outside = literal('api.example.com', { scheme: 'https', port: 443 });
    expect(resolved(SELF, { cluster, service: outside }).upstream).not.toHaveProperty('tls');
    const echo = resolved(DEV, { cluster: { ...cluster, echo: true }, service }).upstream;
    expect(echo).toMatchObject({ id: 'echo/https/web.default:80' });
    expect(echo).not.toHaveProperty('tls');
  });

  it.each([undefined, 'CLUSTER'])('refuses on Cloudflare, where it cannot be applied: vpcService %j', (vpcService) => {
    const transport = vpcService === undefined ? {} : { vpcService };
    const on = (own: UpstreamTls) =>
      attempt(CLOUDFLARE, { cluster: { ...transport, services: { web: { url: 'https://web.test', tls: own } } } });
    for (const own of [{ ca: 'x' }, { serverName: 'other.test' }, { certificate: { chain: 'c', key: 'k' } }]) {
      expect(on(own)).toMatchObject({ status: 503, code: 'upstream-tls-unsupported' });
    }
    expect(on({ serverName: 'web.test' })).toMatchObject({ upstream: { origin: 'https://web.test' } });
  });
});
