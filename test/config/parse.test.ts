import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import type { PortolanConfig } from '../../src/config/portolan-config.ts';
import { translateConfig } from '../../src/config/translate.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { DomainModel } from '../../src/model/route-model.ts';

const FILE = 'conf/routes.config.ts';
const everywhere: DomainModel = {
  id: 'default',
  hostname: '*',
  source: null,
  security: { http: 'forwarded-proto', https: 'forwarded-proto' },
  insecureAction: 'route',
  refuse: null,
};

type Parsed = { readonly config: PortolanConfig; readonly findings: readonly Finding[] };

function parse(value: unknown, text?: string): Parsed {
  const findings: Finding[] = [];
  const config = parseConfig(value, (finding) => findings.push(finding), FILE, text === undefined ? {} : { text });
  if (config === null) throw new Error(`not a configuration: ${JSON.stringify(findings)}`);
  return { config, findings };
}

/** `code path` of every finding: what users act on. */
function told(value: unknown): readonly string[] {
  return parse(value).findings.map(({ code, path }) => `${code} ${path}`);
}

const good = { name: 'good', path: '/good/', backend: 'good.shop:80' };

describe('parseConfig', () => {
  it('accepts a whole configuration without a word', () => {
    const { config, findings } = parse({
      clusters: { b: {}, a: { default: true, services: { 'Good.shop:80': 'http://127.0.0.1:9001' } } },
      upstreams: { orders: { service: 'orders.shop', clusters: ['b'] } },
      routes: [good, { name: 'orders', path: '/orders', backend: { upstream: 'orders' } }],
    });
    expect(findings).toEqual([]);
    expect(config.routes.map(({ id, outcome }) => [id, outcome.kind])).toEqual([
      ['config/good', 'serve'],
      ['config/orders', 'serve'],
    ]);
    // The default cluster comes first; keys of services are compared in lower case.
    expect(config.clusters.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(config.clusters[0]?.services).toEqual({ 'good.shop:80': { url: 'http://127.0.0.1:9001' } });
  });

  it.each([[undefined], [null], [7], ['text'], [[]], [() => ({})], [new Map()]])('refuses %s as a whole', (value) => {
    const findings: Finding[] = [];
    expect(parseConfig(value, (finding) => findings.push(finding), FILE)).toBeNull();
    expect(findings).toHaveLength(1);
    expect(findings[0]?.severity).toBe('error');
  });

  it('names the nearest key for one it does not know', () => {
    const { findings } = parse({ gatway: {}, gateway: { trustedHop: 1 }, clusters: { a: { tempate: 'x' } } });
    expect(findings.map(({ code, hint }) => `${code} ${hint}`)).toEqual([
      'config-unknown-key Did you mean `gateway`?',
      'config-unknown-key Did you mean `template`?',
      'config-unknown-key Did you mean `trustedHops`?',
    ]);
  });

  it('keeps the other switches of a part that has a wrong one', () => {
    const { config, findings } = parse({
      parity: { dotSegments: 'normalise', rejectStatus: 400, mergeSlashes: true },
      gateway: { trustedHops: '1', maxRequestHeadersKb: 2, serverHeader: null },
      ambassador: { id: 3, namespace: 'edge' },
    });
    expect(findings.map(({ path, hint }) => [path, hint])).toEqual([
      ['parity.dotSegments', 'Did you mean `normalize`?'],
      ['gateway.trustedHops', null],
      ['ambassador.id', null],
    ]);
    expect(config.settings).toEqual({
      rejectStatus: 400,
      paths: { mergeSlashes: true },
      maxRequestHeadersBytes: 2048,
      serverHeader: null,
    });
    expect(config.ambassador).toEqual({ ambassadorNamespace: 'edge' });
  });

  it('gives the translator of Ambassador resources the switches that are its own', () => {
    const { config } = parse({
      parity: { unattached: 'drop', prefixMode: 'segment', weightsRemainder: 'normalize', hostPort: 'strict' },
      ambassador: { id: 'a', allowUnenforced: ['AuthService'], looseLabelSelectors: true },
    });
    expect(config.ambassador).toEqual({
      ambassadorId: 'a',
      allowUnenforced: ['AuthService'],
      looseLabelSelectors: true,
      unattached: 'drop',
      prefixMode: 'segment',
      weightsRemainder: 'normalize',
      hostPort: 'strict',
    });
    expect(config.settings).toEqual({ hostPort: 'strict' });
  });

  it('hands strictClaims to the reading of Filters', () => {
    const { config, findings } = parse({ parity: { strictClaims: true } });
    expect(config.ambassador).toEqual({ strictClaims: true });
    expect(findings).toEqual([]);
  });

  it('lets a wrong cluster reach nothing instead of falling back to another one', () => {
    const { config, findings } = parse({
      clusters: {
        second: { template: 'https://{service}.example.com' },
        first: { default: true, services: { 'a.b:80': 'http://127.0.0.1/path' } },
      },
    });
    expect(findings.map(({ source, path }) => [source?.kind, source?.name, path])).toEqual([
      ['Cluster', 'first', 'services["a.b:80"]'],
    ]);
    expect(config.clusters[0]).toEqual({
      name: 'first',
      services: {},
      template: null,
      ingress: null,
      vpcService: null,
    });
  });

  it.each([
    [{ template: 'https://{service}.{ns}.example.com' }, 'template'],
    [{ template: 'https://example.com' }, 'template'],
    [{ template: '{service}' }, 'template'],
    [{ ingress: { url: 'https://a', mode: 'client-host', header: 'x-a' } }, 'ingress.header'],
    [{ ingress: { url: 'ftp://a', mode: 'client-host' } }, 'ingress.url'],
    [{ ingress: { url: 'https://u:p@a', mode: 'client-host' } }, 'ingress.url'],
    [{ ingress: { url: 'https://a', mode: 'clienthost' } }, 'ingress.mode'],
    [{ services: { 'a b': 'http://a' } }, 'services["a b"]'],
    [{ vpcService: 'not a binding' }, 'vpcService'],
    [{ services: { a: { url: 'http://a', tls: { ca: 'x' } } } }, 'services.a.tls'],
    [{ services: { a: { url: 'ftp://a' } } }, 'services.a.url'],
    [{ services: { a: { tls: { ca: 'x' } } } }, 'services.a.url'],
    [{ services: { a: 7 } }, 'services.a'],
    [{ tls: { serverName: '*.example.com' } }, 'tls.serverName'],
    [{ tls: { serverName: 'a b' } }, 'tls.serverName'],
    [{ tls: { serverName: 'a:443' } }, 'tls.serverName'],
    [{ tls: { ca: '' } }, 'tls.ca'],
    [{ tls: { ca: 'a\nb' } }, 'tls.ca'],
    [{ tls: { ca: 'a\ud800' } }, 'tls.ca'],
    [{ tls: { ca: '-----BEGIN CERTIFICATE-----' } }, 'tls.ca'],
    [{ tls: { certificate: { chain: 'c' } } }, 'tls.certificate.key'],
    [{ tls: { certificate: 'c' } }, 'tls.certificate'],
    [{ tls: true }, 'tls'],
    [{ default: false }, 'default'],
  ])('refuses the cluster %j', (cluster, path) => {
    expect(told({ clusters: { a: cluster } })).toEqual([`config-invalid ${path}`]);
  });

  it('reports unknown keys of `tls`', () => {
    expect(told({ clusters: { a: { tls: { cert: 'x' } } } })).toEqual(['config-unknown-key tls.cert']);
    const service = { url: 'https://a', tls: { caFile: 'x' } };
    expect(told({ clusters: { a: { services: { a: service } } } })).toEqual([
      'config-unknown-key services.a.tls.caFile',
    ]);
  });

  it('gives each service its TLS settings: its own, else the cluster’s', () => {
    const { config, findings } = parse({
      clusters: {
        a: {
          tls: { serverName: 'A.test', ca: 'ca.pem' },
          template: '{scheme}://{service}.test',
          services: {
            same: 'https://same.test',
            'Own.shop': { url: 'https://own.test', tls: { ca: 'own.pem' } },
            none: { url: 'https://none.test', tls: {} },
          },
        },
        b: { tls: {}, services: { b: 'https://b.test' } },
      },
    });
    expect(findings).toEqual([]);
    expect(config.clusters).toMatchObject([
      {
        tls: { serverName: 'a.test', ca: 'ca.pem' },
        services: {
          same: { url: 'https://same.test', tls: { serverName: 'a.test', ca: 'ca.pem' } },
          'own.shop': { url: 'https://own.test', tls: { ca: 'own.pem' } },
          none: { url: 'https://none.test' },
        },
      },
      { services: { b: { url: 'https://b.test' } } },
    ]);
    expect(config.clusters[0]?.services['none']).not.toHaveProperty('tls');
    expect(config.clusters[1]).not.toHaveProperty('tls');
  });

  it('warns of what is reached in clear beside TLS settings', () => {
    const tls = { ca: 'ca.pem' };
    const { config, findings } = parse({
      clusters: {
        a: {
          tls,
          services: { clear: 'http://a.test', too: { url: 'HTTP://b.test' }, fine: 'https://c.test' },
          template: 'http://{service}',
          ingress: { url: 'http://in.test', mode: 'client-host' },
        },
        b: { tls, template: '{scheme}://{service}' },
        c: { tls: {}, services: { clear: 'http://a.test' } },
      },
    });
    expect(findings.map(({ severity, code, path, source }) => [severity, code, source?.name, path])).toEqual(
      ['services.clear', 'services.too', 'template', 'ingress.url'].map((path) => [
        'warning',
        'upstream-tls-unused',
        'a',
        path,
      ]),
    );
    expect(config.clusters[0]?.services['clear']).toEqual({ url: 'http://a.test' });
  });

  it('reports a second default cluster', () => {
    expect(told({ clusters: { a: { default: true }, b: { default: true } } })).toEqual(['config-invalid default']);
  });
});

describe('parseConfig: routes', () => {
  it.each<[object, string]>([
    [{ backend: undefined }, 'bad'],
    [{ backend: 'a.b:80', respond: { status: 200 } }, 'respond'],
    [{ bakend: 'a.b:80', backend: undefined, respond: { status: 200 } }, 'bakend'],
    [{ backend: 'a.b.c:80' }, 'backend'],
    [{ backend: 'localhost:80' }, 'backend'],
    [{ backend: 'https://api.example.com/base' }, 'backend'],
    [{ backend: { service: 'https://api.example.com', scheme: 'http' } }, 'backend'],
    [{ backend: { upstream: 'odrers' } }, 'backend.upstream'],
    [{ backend: { service: 'a', clusters: ['x'] } }, 'backend.clusters[0]'],
    [{ backend: { upstream: 'orders', scheme: 'https' } }, 'backend'],
    [{ backend: undefined, backends: [] }, 'backends'],
    [{ backend: undefined, backends: [{ weight: 1 }] }, 'backends[0]'],
    [{ backend: undefined, backends: [{ service: 'a', weight: -1 }] }, 'backends[0].weight'],
    [{ rewrite: 'x' }, 'rewrite'],
    [{ rewrite: '/', regexRewrite: { pattern: 'a', substitution: 'b' } }, 'regexRewrite'],
    [{ backend: undefined, respond: { status: 200 }, rewrite: '/' }, 'rewrite'],
    [{ backend: undefined, respond: { status: 100 } }, 'respond.status'],
    [{ backend: undefined, redirect: { status: 304 } }, 'redirect.status'],
    [{ backend: undefined, redirect: { path: '/a', prefix: '/b' } }, 'redirect.prefix'],
    [{ backend: undefined, redirect: { host: '*.example.com' } }, 'redirect.host'],
    [{ timeouts: { requestMs: '3s' } }, 'timeouts.requestMs'],
    [{ timeouts: { requestMs: 2 ** 31 } }, 'timeouts.requestMs'],
    [{ timeouts: { idleMs: 1.5 } }, 'timeouts.idleMs'],
    [{ upgrades: ['spdy/3.1'] }, 'upgrades[0]'],
    [{ requestHeaders: { set: { host: 'a' } } }, 'requestHeaders.set.host'],
    [{ requestHeaders: { set: { 'x-a': 'a\r\nx-b: c' } } }, 'requestHeaders.set["x-a"]'],
    [{ responseHeaders: { remove: ['Connection'] } }, 'responseHeaders.remove[0]'],
    [{ policies: { ratelimit: {} } }, 'policies.ratelimit'],
    [{ policies: { cors: { origins: ['*'], max_age: 1 } } }, 'policies.cors.max_age'],
    [
      { policies: { rateLimit: { limits: [{ name: 'a', rate: 0, unit: 'minute' }] } } },
      'policies.rateLimit.limits[0].rate',
    ],
    [{ policies: { rateLimit: {} } }, 'policies.rateLimit'],
    [{ policies: { rateLimit: { failures: { rate: 1 } } } }, 'policies.rateLimit.failures.unit'],
    [
      { policies: { rateLimit: { plans: { free: [{ name: 'a', rate: 1, unit: 'month' }] } } } },
      'policies.rateLimit.plans.free[0].unit',
    ],
    [
      { policies: { rateLimit: { limits: [{ name: 'a', rate: 1, unit: 'day', key: ['route', { cookie: 'a=' }] }] } } },
      'policies.rateLimit.limits[0].key[1].cookie',
    ],
    [{ hostRewrite: { from: 'nowhere' } }, 'hostRewrite.from'],
  ])('refuses %j at the same match, and nothing else', (change, path) => {
    const { config, findings } = parse({
      upstreams: { orders: 'orders.shop' },
      routes: [{ name: 'bad', path: '/bad/', methods: ['GET'], backend: 'a.b:80', ...change }, good],
    });
    expect(findings.map((finding) => [finding.severity, finding.path])).toEqual([['error', path]]);
    expect(findings[0]?.source).toMatchObject({ kind: 'Route', name: 'bad', file: FILE });
    expect(config.routes.map(({ name, outcome }) => [name, outcome.kind])).toEqual([
      ['bad', 'refuse'],
      ['good', 'serve'],
    ]);
    const [refusing] = translateConfig(config, [everywhere], () => {}).routes;
    expect(refusing).toMatchObject({
      domains: ['default'],
      action: { kind: 'refuse', status: 500, code: 'resource-invalid' },
      matches: [{ path: { kind: 'prefix', value: '/bad/' }, method: 'GET' }],
    });
  });

  it.each<[object, string]>([
    [{ path: undefined }, 'path'],
    [{ path: 7 }, 'path'],
    [{ path: 'bad' }, 'path'],
    [{ path: '/a?b' }, 'path'],
    [{ path: '/ä' }, 'path'],
    [{ path: '/%zz' }, 'path'],
    [{ path: { prefix: '/', exact: '/' } }, 'path'],
    [{ path: { exact: '/', segments: true } }, 'path.segments'],
    [{ methods: ['get'] }, 'methods[0]'],
    [{ methods: ['TRACE'] }, 'methods[0]'],
    [{ methods: [] }, 'methods'],
    [{ hostnames: ['a.*.com'] }, 'hostnames[0]'],
    [{ headers: { host: 'a' } }, 'headers.host'],
    [{ headers: { 'x-a': 1 } }, 'headers["x-a"]'],
    [{ query: { a: { regx: 'b' } } }, 'query.a.regx'],
    [{ precedence: 1.5 }, 'precedence'],
  ])('says that a route whose match cannot be read is absent: %j', (change, path) => {
    const { config, findings } = parse({
      routes: [{ name: 'bad', path: '/bad/', backend: 'a.b:80', ...change }, good],
    });
    expect(findings.some((finding) => finding.severity === 'error' && finding.path === path)).toBe(true);
    expect(findings.at(-1)).toMatchObject({ severity: 'warning', code: 'route-absent' });
    expect(config.routes.map(({ name }) => name)).toEqual(['good']);
  });

  it('keeps the first of two routes with one name and refuses at the match of the second', () => {
    const { config, findings } = parse({ routes: [good, { ...good, path: '/other/' }] });
    expect(findings.map(({ path }) => path)).toEqual(['name']);
    expect(config.routes.map(({ id, outcome }) => [id, outcome.kind])).toEqual([
      ['config/good', 'serve'],
      ['config/routes[1]', 'refuse'],
    ]);
  });

  it('refuses when a policy is not data, and says so once', () => {
    const { config, findings } = parse({ routes: [{ ...good, policies: { cors: () => ({}) } }] });
    expect(findings.map(({ code, path }) => `${code} ${path}`)).toEqual(['config-not-data routes[0].policies.cors']);
    expect(config.routes[0]?.outcome.kind).toBe('refuse');
  });

  it('refuses a route that names an upstream which is wrong itself', () => {
    const { config, findings } = parse({
      upstreams: { bad: 'a.b.c.d' },
      routes: [{ ...good, backend: { upstream: 'bad' } }],
    });
    expect(findings.map(({ source }) => source?.kind)).toEqual(['Upstream', 'Route']);
    expect(config.routes[0]?.outcome.kind).toBe('refuse');
  });

  it('finds lines of routes, fields and clusters in the text', () => {
    const text = [
      'export default defineConfig({',
      '  clusters: {',
      "    'main': { tempate: 'x' },",
      '  },',
      '  routes: [',
      "    { name: 'good', path: '/good/', backend: 'good.shop:80' },",
      '    {',
      "      name: 'bad',",
      "      path: '/bad/',",
      '      timeouts: { requestMs: -1 },',
      "      backend: 'a'",
      '    },',
      '  ],',
      '});',
    ].join('\n');
    const { findings } = parse(
      {
        clusters: { main: { tempate: 'x' } },
        routes: [good, { name: 'bad', path: '/bad/', timeouts: { requestMs: -1 }, backend: 'a' }],
      },
      text,
    );
    expect(findings.map(({ source }) => [source?.name, source?.line])).toEqual([
      ['main', 3],
      ['bad', 10],
    ]);
  });
});

describe('parseConfig on garbage', () => {
  const names = [
    'name',
    'path',
    'backend',
    'backends',
    'policies',
    'cors',
    'routes',
    'clusters',
    'gateway',
    '__proto__',
  ];
  const garbage = fc.oneof(
    fc.anything({ withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true, withBigInt: true }),
    fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, 0, -1, NaN, '', '/', 'a.b:80', '*', undefined, () => 1),
        fc.array(tie('node'), { maxLength: 4 }),
        fc.dictionary(fc.constantFrom(...names), tie('node'), { maxKeys: 5 }),
      ),
    })).node,
  );
  const part = (key: string): fc.Arbitrary<unknown> => garbage.map((value) => ({ [key]: value }));
  const input = fc.oneof(
    garbage,
    part('routes'),
    garbage.map((value) => ({ routes: [value, good] })),
    fc.dictionary(fc.constantFrom(...names, 'methods', 'rewrite'), garbage).map((extra) => ({
      routes: [{ ...extra, path: '/bad/' }, good],
    })),
    ...['clusters', 'upstreams', 'ambassador', 'parity', 'gateway'].map(part),
  );

  it('never throws, and what it accepts can be translated', () => {
    fc.assert(
      fc.property(input, (value) => {
        const findings: Finding[] = [];
        const config = parseConfig(value, (finding) => findings.push(finding), FILE);
        if (config === null) {
          expect(findings.length).toBeGreaterThan(0);
          return;
        }
        const { routes } = translateConfig(config, [everywhere], () => {});
        expect(new Set(routes.map(({ id }) => id)).size).toBe(routes.length);
        expect(() => JSON.stringify(routes)).not.toThrow();
      }),
      { numRuns: 400 },
    );
  });

  it('never loses a good route because of a bad neighbour', () => {
    fc.assert(
      fc.property(garbage, (value) => {
        const { config } = parse({ routes: [value, good] });
        expect(config.routes.find(({ name }) => name === 'good')?.outcome.kind).toBe('serve');
      }),
      { numRuns: 200 },
    );
  });
});

function usesOf(value: unknown): unknown {
  const [route] = parse(value).config.routes;
  return route?.outcome.kind === 'serve'
    ? route.outcome.policies.map(({ policy, options }) => [policy, options])
    : null;
}

function declaredMethod(name: string, method: string, options: unknown): object {
  const source = { kind: 'Authentication', namespace: null, name, file: FILE, line: null, path: null };
  return { method, options, source };
}

describe('parseConfig: authentication', () => {
  const corp = { jwt: { issuer: 'https://id.example.com', audience: 'api', discovery: true } };
  const withAuth = (auth: unknown, authentication: unknown = { corp, keys: { apiKey: {} } }): unknown => ({
    authentication,
    routes: [{ ...good, policies: { auth } }],
  });

  it('hands each demand on with the ways as they were written', () => {
    expect(usesOf(withAuth('corp'))).toEqual([
      ['auth', { methods: [declaredMethod('corp', 'jwt', corp.jwt)], require: 'any' }],
    ]);
    expect(usesOf(withAuth({ allOf: ['keys', 'corp'], optional: true, recomputeRoute: false }))).toEqual([
      [
        'auth',
        {
          methods: [declaredMethod('keys', 'api-key', {}), declaredMethod('corp', 'jwt', corp.jwt)],
          require: 'all',
          optional: true,
          recomputeRoute: false,
        },
      ],
    ]);
  });

  it.each<[string, unknown, unknown, readonly string[]]>([
    ['a way that is not declared', 'corpo', { corp }, ['config-invalid policies.auth']],
    ['two demands', { anyOf: ['corp'], allOf: ['corp'] }, { corp }, ['config-invalid policies.auth']],
    ['none', {}, { corp }, ['config-invalid policies.auth']],
    ['an unknown kind', 'x', { x: { jtw: {} } }, ['config-unknown-key jtw']],
    ['two kinds', 'x', { x: { basic: {}, apiKey: {} } }, ['config-invalid null']],
    ['a wrong option', 'x', { x: { basic: { forward: 'yes' } } }, ['config-invalid basic.forward']],
  ])('%s refuses the route that demands it', (_, auth, authentication, expected) => {
    const value = withAuth(auth, authentication);
    expect(told(value)).toEqual(expected);
    expect(parse(value).config.routes[0]?.outcome.kind).toBe('refuse');
  });

  it('a wrong way is told once, whatever number of routes demands it', () => {
    const authentication = { x: { basic: { relm: 'staff' } } };
    const routes = ['a', 'b', 'c'].map((name) => ({ ...good, name, policies: { auth: { anyOf: ['x'] } } }));
    const { findings, config } = parse({ authentication, routes });
    expect(findings.map(({ source, hint }) => [source?.kind, hint])).toEqual([
      ['Authentication', 'Did you mean `realm`? Until then every route that demands `x` refuses.'],
    ]);
    expect(config.routes.map(({ outcome }) => outcome.kind)).toEqual(['refuse', 'refuse', 'refuse']);
  });

  it('a secret that is written out is not repeated', () => {
    const text = 'correct-horse-battery-staple-0123456789';
    const { findings } = parse(withAuth('x', { x: { jwt: { ...corp.jwt, secret: text, algorithm: 'HS256' } } }));
    expect(findings.map(({ path, message }) => [path, message])).toEqual([
      ['jwt.secret', '`secret` names a secret and never holds one.'],
    ]);
    expect(JSON.stringify(findings)).not.toContain(text);
  });

  it('a wrong way costs nothing else', () => {
    const value = {
      authentication: { bad: { jwt: {} }, corp },
      routes: [{ ...good, policies: { auth: 'corp' } }],
    };
    expect(parse(value).config.routes[0]?.outcome.kind).toBe('serve');
    expect(parse(value).findings.map(({ source }) => source?.name)).toEqual(['bad', 'bad']);
  });
});
