import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseServiceName, type ServiceContext } from '../../../src/resources/ambassador/service-name.ts';

const base: ServiceContext = {
  mappingNamespace: 'otherns',
  ambassadorNamespace: 'default',
  useAmbassadorNamespace: false,
  resolver: 'service',
  tls: false,
};

function parse(text: string, context: Partial<ServiceContext> = {}) {
  const result = parseServiceName(text, { ...base, ...context });
  if (!result.ok) throw new Error(result.problem);
  return result.service;
}

function problem(text: string): string {
  const result = parseServiceName(text, base);
  return result.ok ? 'none' : result.problem;
}

describe('parseServiceName', () => {
  it.each([
    // service, namespace of the Mapping, scheme, host, port, Kubernetes service
    ['backoffice', 'default', 'http', 'backoffice', 80, 'default/backoffice'],
    ['backoffice', 'otherns', 'http', 'backoffice.otherns', 80, 'otherns/backoffice'],
    ['backoffice:80', 'otherns', 'http', 'backoffice.otherns', 80, 'otherns/backoffice'],
    ['https://backoffice:443', 'otherns', 'https', 'backoffice.otherns', 443, 'otherns/backoffice'],
    ['https://backoffice', 'otherns', 'https', 'backoffice.otherns', 443, 'otherns/backoffice'],
    ['backoffice.otherns', 'default', 'http', 'backoffice.otherns', 80, 'otherns/backoffice'],
    ['https://[fe80::1%25eth0]:443', 'otherns', 'https', 'fe80::1%eth0', 443, null],
    ['localhost:8500', 'otherns', 'http', 'localhost', 8500, null],
    ['a.b.svc', 'x', 'http', 'a.b.svc', 80, 'b/a'],
    ['a.b.svc.cluster.local:8080', 'x', 'http', 'a.b.svc.cluster.local', 8080, 'b/a'],
    ['api.example.com', 'x', 'http', 'api.example.com', 80, null],
    ['10.0.0.1:9000', 'x', 'http', '10.0.0.1', 9000, null],
    ['HTTPS://BackOffice.NS', 'x', 'https', 'backoffice.ns', 443, 'ns/backoffice'],
    ['http://user:pw@shop.ns:81/path?query#mark', 'x', 'http', 'shop.ns', 81, 'ns/shop'],
    ['shop.ns:0', 'x', 'http', 'shop.ns', 80, 'ns/shop'],
    ['shop.ns:', 'x', 'http', 'shop.ns', 80, 'ns/shop'],
    ['sh%6Fp.ns', 'x', 'http', 'shop.ns', 80, 'ns/shop'],
    ['//shop.ns:81', 'x', 'http', 'shop.ns', 81, 'ns/shop'],
  ])('%s from namespace %s', (text, mappingNamespace, scheme, host, port, service) => {
    const { ref } = parse(text, { mappingNamespace });
    expect([ref.scheme, ref.host, ref.port]).toEqual([scheme, host, port]);
    expect(ref.service === null ? null : `${ref.service.namespace}/${ref.service.name}`).toBe(service);
    expect(ref.text).toBe(text);
  });

  it('gives TLS and its port when a TLS context is named, whatever the scheme says', () => {
    expect(parse('shop', { tls: true }).ref).toMatchObject({ scheme: 'https', port: 443 });
    expect(parse('http://shop', { tls: true })).toMatchObject({ schemeOverridden: true, ref: { scheme: 'https' } });
    expect(parse('http://shop').schemeOverridden).toBe(false);
  });

  it('follows the namespace flag: bare names belong to the namespace of Ambassador and stay bare', () => {
    expect(parse('shop', { useAmbassadorNamespace: true }).ref).toMatchObject({
      host: 'shop',
      service: { name: 'shop', namespace: 'default' },
    });
  });

  it('reads the first two parts of any dotted name for the endpoint resolver', () => {
    expect(parse('a.b.c.d', { resolver: 'endpoint' }).ref.service).toEqual({ name: 'a', namespace: 'b' });
    expect(parse('10.0.0.1', { resolver: 'endpoint' }).ref.service).toBeNull();
  });

  it('never qualifies Consul names', () => {
    expect(parse('shop', { resolver: 'consul' }).ref.host).toBe('shop');
  });

  it('writes authorities: the port only where it was written, brackets and zone escaped', () => {
    expect(parse('foobar').authority).toBe('foobar.otherns');
    expect(parse('foobar.com:8080').authority).toBe('foobar.com:8080');
    expect(parse('[::1]:81').authority).toBe('[::1]:81');
    expect(parse('https://[fe80::1%25eth0]').authority).toBe('[fe80::1%25eth0]');
    expect(parse('shop').hostPort).toBe('shop.otherns:80');
  });

  it.each([
    ['', 'no host name'],
    ['http://', 'no host name'],
    ['http:///path', 'no host name'],
    ['shop:http', 'not a number'],
    ['shop:-1', 'not a number'],
    ['shop:65536', 'above 65535'],
    ['[::1', 'brackets'],
    ['::1]', 'brackets'],
    ['[shop]', 'not an IPv6'],
    ['a%zz', 'percent-escape'],
    ['a%2', 'percent-escape'],
    ['a b', 'character'],
    ['a%0ab', 'character'],
    ['a%00b', 'character'],
    ['::1', 'no host name'],
  ])('refuses %j', (text, reason) => {
    expect(problem(text)).toContain(reason);
  });

  it('keeps an unknown scheme for the report and uses http', () => {
    expect(parse('ftp://shop')).toMatchObject({ scheme: 'ftp', ref: { scheme: 'http', port: 80 } });
  });

  it('never throws, and what it accepts is a host that fits into a URL', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webAuthority(), fc.webUrl()), (text) => {
        const result = parseServiceName(text, base);
        if (!result.ok) return;
        const { ref } = result.service;
        expect(ref.host).not.toMatch(/[\s/?#@[\]\\]/);
        expect(ref.port).toBeGreaterThan(0);
        expect(ref.port).toBeLessThanOrEqual(65_535);
      }),
    );
  });

  it('reads its own authority back to the same place', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,5}[a-z0-9]$/);
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }));
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), port, (labels, number) => {
        const written = labels.join('.') + (number === null ? '' : `:${number}`);
        const once = parse(written);
        expect(parse(once.authority).ref).toEqual({ ...once.ref, text: once.authority });
      }),
    );
  });
});
