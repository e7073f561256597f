import { describe, expect, it } from 'vitest';
import type { DomainModel } from '../../../src/model/route-model.ts';
import type { ListenerSpec } from '../../../src/resources/ambassador/types.ts';
import { host, listener, mapping, translate } from './resources.ts';

const domain = (domains: readonly DomainModel[], id: string) => domains.find((candidate) => candidate.id === id);

describe('domains', () => {
  it('makes `default` beside Hosts that leave hostnames unclaimed, and only then', () => {
    const beside = translate({ hosts: [host('a', { hostname: 'a.com' })] });
    expect(beside.domains.map(({ id, hostname }) => [id, hostname])).toEqual([
      ['Host/default/a', 'a.com'],
      ['default', '*'],
    ]);
    expect(domain(beside.domains, 'default')).toMatchObject({ insecureAction: 'route', source: null, refuse: null });
    const all = translate({ hosts: [host('a', { hostname: '*' })] });
    expect(all.domains.map(({ id }) => id)).toEqual(['Host/default/a']);
  });

  it.each([
    ['Redirect', 'redirect'],
    ['Reject', 'reject'],
    ['Route', 'route'],
  ] as const)('carries the insecure action %s', (insecureAction, expected) => {
    const { domains } = translate({ hosts: [host('a', { insecureAction })] });
    expect(domains[0]?.insecureAction).toBe(expected);
  });

  it('gives a hostname to the first Host by namespace and name, and reports the other', () => {
    const first = host('z', { hostname: 'a.com' }, { namespace: 'alpha' });
    const second = host('a', { hostname: 'A.com' }, { namespace: 'beta' });
    for (const hosts of [
      [first, second],
      [second, first],
    ]) {
      const { domains, findings } = translate({ hosts });
      expect(domains.map(({ id }) => id)).toEqual(['Host/alpha/z', 'default']);
      expect(findings.filter(({ code }) => code === 'host-duplicate')).toMatchObject([
        { severity: 'warning', path: 'spec.hostname', source: { name: 'a', line: 113 } },
      ]);
    }
  });

  it('treats a port as part of the hostname only when asked to', () => {
    const hosts = [host('a', { hostname: 'a.com:8443' }), host('b', { hostname: 'a.com' })];
    expect(translate({ hosts }).domains.map(({ hostname }) => hostname)).toEqual(['a.com', '*']);
    const strict = translate({ hosts }, { hostPort: 'strict' });
    expect(strict.domains.map(({ hostname }) => hostname)).toEqual(['a.com:8443', 'a.com', '*']);
  });

  it('refuses a whole Host that is broken, unless a sound one has its hostname', () => {
    const invalid = [{ path: 'spec.tls', code: 'type', message: 'no' }];
    const broken = host('a', { hostname: 'a.com' }, { invalid });
    expect(translate({ hosts: [broken] }).domains[0]).toMatchObject({
      id: 'Host/default/a',
      refuse: { status: 500, code: 'resource-invalid' },
    });
    const both = translate({ hosts: [broken, host('b', { hostname: 'a.com' })] });
    expect(both.domains[0]).toMatchObject({ id: 'Host/default/b', refuse: null });
    expect(both.codes).toContain('host-duplicate');
  });

  it('claims no name for a Host whose hostname cannot be read', () => {
    const invalid = [{ path: 'spec.hostname', code: 'type', message: 'no' }];
    expect(translate({ hosts: [host('a', {}, { invalid })] }).domains.map(({ id }) => id)).toEqual(['default']);
    const inner = translate({ hosts: [host('a', { hostname: 'foo.*.com' })] });
    expect(inner.domains.map(({ id }) => id)).toEqual(['default']);
    expect(inner.codes).toEqual(['hostname-invalid']);
  });

  it('refuses where a client certificate is required', () => {
    const { domains, findings } = translate({ hosts: [host('a', { requiresClientCertificate: true })] });
    expect(domains[0]?.refuse).toMatchObject({ status: 503, code: 'client-certificate-not-enforced' });
    expect(findings).toMatchObject([{ code: 'client-certificate-not-enforced', severity: 'warning' }]);
  });
});

describe('Listeners', () => {
  const https: Partial<ListenerSpec> = { protocolStack: ['TLS', 'HTTP', 'TCP'] };
  it.each([
    ['none', [], { http: 'forwarded-proto', https: 'forwarded-proto' }],
    ['XFP on both', [{}, https], { http: 'forwarded-proto', https: 'forwarded-proto' }],
    [
      'INSECURE and SECURE',
      [{ securityModel: 'INSECURE' }, { ...https, securityModel: 'SECURE' }],
      { http: 'insecure', https: 'secure' },
    ],
    ['clear only, INSECURE', [{ securityModel: 'INSECURE' }], { http: 'insecure', https: 'insecure' }],
    ['clear only, SECURE', [{ securityModel: 'SECURE' }], { http: 'secure', https: 'secure' }],
    ['TLS only, SECURE', [{ ...https, securityModel: 'SECURE' }], { http: 'forwarded-proto', https: 'secure' }],
    ['TLS only, INSECURE', [{ ...https, securityModel: 'INSECURE' }], { http: 'insecure', https: 'insecure' }],
    ['TCP only', [{ protocolStack: ['TCP'] }], { http: 'forwarded-proto', https: 'forwarded-proto' }],
  ] as const)('%s', (_name, specs, security) => {
    const listeners = specs.map((spec, at) => listener(`l${at}`, spec as Partial<ListenerSpec>));
    expect(translate({ hosts: [host('a', {})], listeners }).domains[0]?.security).toEqual(security);
  });

  it('takes the strictest of several models and says so', () => {
    const listeners = [listener('a', { securityModel: 'SECURE' }), listener('b', {})];
    const { domains, codes } = translate({ hosts: [host('h', {})], listeners });
    expect(domains[0]?.security).toEqual({ http: 'forwarded-proto', https: 'forwarded-proto' });
    expect(codes).toContain('listener-conflict');
  });

  it.each([
    ['SELF', null, 'default', {}, true],
    ['SELF', null, 'other', {}, false],
    ['ALL', null, 'other', {}, true],
    ['ALL', { a: '1' }, 'other', { a: '1', b: '2' }, true],
    ['ALL', { a: '1' }, 'other', { b: '2' }, false],
    ['SELF', { a: '1' }, 'other', { a: '1' }, false],
  ] as const)('binds %s %j to a Host in %s with %j: %s', (namespaceFrom, matchLabels, namespace, labels, bound) => {
    const listeners = [listener('l', { hostBinding: { namespaceFrom, matchLabels } })];
    const { domains, codes } = translate({ hosts: [host('h', {}, { namespace, labels })], listeners });
    expect(domains[0]?.security.http).toBe(bound ? 'forwarded-proto' : null);
    expect(codes.includes('host-unbound')).toBe(!bound);
  });

  it('trusts as many hops as the deepest Listener', () => {
    const listeners = [listener('a', { l7Depth: 1 }), listener('b', { l7Depth: 2 })];
    const { settings, findings } = translate({ listeners });
    expect(settings.trustedHops).toBe(2);
    expect(findings).toMatchObject([{ code: 'listener-conflict', source: { name: 'a' }, path: 'spec.l7Depth' }]);
    expect(translate({}).settings).toEqual({});
  });
});

describe('hostnames of Mappings', () => {
  it('folds case everywhere and says so once', () => {
    const { route, findings } = translate({
      hosts: [host('a', { hostname: 'Shop.Example.com' })],
      mappings: [mapping('a', { hostname: 'SHOP.example.com' }), mapping('b', { hostname: 'shop.Example.com' })],
    });
    expect(route('a').matches[0]?.hostname).toBe('shop.example.com');
    expect(route('b').domains).toEqual(['Host/default/a']);
    expect(findings.filter(({ code }) => code === 'hostname-lower-cased')).toHaveLength(1);
  });

  it('ignores ports in `strip` and compares them in `strict`', () => {
    const resources = {
      hosts: [host('a', { hostname: 'a.com:8443' })],
      mappings: [mapping('a', { hostname: 'a.com' })],
    };
    expect(translate(resources).route('a').domains).toEqual(['Host/default/a']);
    expect(translate(resources, { hostPort: 'strict' }).route('a').domains).toEqual([]);
  });

  it('reports a Mapping that serves nothing, with the reason', () => {
    const { route, findings } = translate({
      hosts: [host('a', { hostname: 'a.com' })],
      mappings: [mapping('b', { hostname: 'b.com' }), mapping('inner', { hostname: 'a.*.com' })],
    });
    expect(route('b').domains).toEqual([]);
    expect(route('inner').domains).toEqual([]);
    expect(findings).toMatchObject([
      { code: 'mapping-unattached', severity: 'warning', path: 'spec.hostname', source: { name: 'b', line: 113 } },
      { code: 'mapping-unattached', severity: 'warning', source: { name: 'inner' } },
    ]);
  });

  it('serves hostnames that no Host claims with a Mapping that no Host selects', () => {
    const resources = { hosts: [host('a', { hostname: 'a.com' })], mappings: [mapping('free', {})] };
    const served = translate(resources);
    expect(served.route('free').domains).toEqual(['default']);
    expect(served.findings).toMatchObject([{ code: 'mapping-serves-unclaimed', severity: 'info' }]);
    const dropped = translate(resources, { unattached: 'drop' });
    expect(dropped.route('free').domains).toEqual([]);
    expect(dropped.codes).toEqual(['mapping-unattached']);
  });
});
