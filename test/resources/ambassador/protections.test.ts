import { describe, expect, it } from 'vitest';
import type { MappingSpec, UnenforcedResource } from '../../../src/resources/ambassador/types.ts';
import { host, mapping, moduleOf, translate, unenforced } from './resources.ts';

/** Names of the Mappings that refuse because something is not enforced. */
function refused(
  resources: readonly UnenforcedResource[],
  mappings: Readonly<Record<string, Partial<MappingSpec>>>,
  allow: readonly string[] = [],
) {
  const { routes, findings } = translate(
    {
      hosts: [host('shop', { hostname: 'shop.com' }), host('any', { hostname: '*.api.com' })],
      mappings: Object.entries(mappings).map(([name, spec]) => mapping(name, { hostname: '*', ...spec })),
      unenforced: resources,
    },
    { allowUnenforced: new Set(allow) },
  );
  const names = routes
    .filter(({ action }) => action.kind === 'refuse' && action.code === 'policy-not-enforced' && action.status === 503)
    .map(({ source }) => source.name);
  return { names, findings, codes: findings.map(({ code }) => code) };
}

const policy = (rules: unknown, kind = 'FilterPolicy') => [unenforced(kind, 'p', { rules })];
const filters = [{ name: 'jwt' }];
const paths = {
  admin: { prefix: '/admin/' },
  shop: { prefix: '/shop/' },
  root: { prefix: '/' },
  exact: { prefix: '/admin', prefix_exact: true },
};

describe('AuthService', () => {
  const auth = [unenforced('AuthService', 'auth', {})];
  it('makes every route refuse but those that skip it', () => {
    const mappings = {
      plain: {},
      free: { bypass_auth: true },
      kept: { bypass_auth: false },
      moved: { host_redirect: true },
    };
    const { names, findings } = refused(auth, mappings);
    expect(names).toEqual(['kept', 'plain']);
    expect(findings).toMatchObject([
      { code: 'policy-not-enforced', severity: 'warning', source: { kind: 'AuthService' } },
    ]);
    expect(findings[0]?.message).toContain('2 routes');
  });

  it('is left out on request, which is said', () => {
    expect(refused(auth, { plain: {} }, ['AuthService'])).toMatchObject({
      names: [],
      codes: ['served-without-policy'],
    });
  });
});

describe('FilterPolicy', () => {
  it.each([
    ['everything', [{ host: '*', path: '*', filters }], ['admin', 'exact', 'root', 'shop']],
    ['a path', [{ host: '*', path: '/admin/*', filters }], ['admin', 'root']],
    ['an exact path', [{ path: '/admin', filters }], ['exact', 'root']],
    ['a glob in the middle', [{ path: '/*/secret', filters }], ['admin', 'root', 'shop']],
    ['v1alpha1 references', [{ path: '/shop/*', filterRefs: filters }], ['root', 'shop']],
    ['another host', [{ host: 'other.org', path: '*', filters }], []],
    ['one of the hosts', [{ host: 'x.api.com', path: '/shop/*', filters }], ['root', 'shop']],
    ['a host with port and case', [{ host: 'SHOP.com:443', path: '/shop/*', filters }], ['root', 'shop']],
    ['a host with any port', [{ host: 'shop.com:*', path: '/shop/*', filters }], ['root', 'shop']],
    ['no filters', [{ host: '*', path: '*', filters: [] }], []],
    ['null filters', [{ host: '*', path: '*', filters: null }], []],
    ['no rules', [], []],
    ['unreadable rules', 'x', ['admin', 'exact', 'root', 'shop']],
    ['an unreadable rule', [7], ['admin', 'exact', 'root', 'shop']],
    [
      'an exemption first',
      [
        { path: '/shop/*', filters: [] },
        { path: '*', filters },
      ],
      ['admin', 'exact', 'root'],
    ],
    [
      'an exemption too late',
      [
        { path: '*', filters },
        { path: '/shop/*', filters: [] },
      ],
      ['admin', 'exact', 'root', 'shop'],
    ],
    [
      'an exemption of part',
      [
        { path: '/shop/open/*', filters: [] },
        { path: '/shop/*', filters },
      ],
      ['root', 'shop'],
    ],
    ['an exemption of one host', [{ host: 'shop.com', filters: [] }, { filters }], ['admin', 'exact', 'root', 'shop']],
    [
      'an exemption of another precedence',
      [
        { path: '/shop/*', filters: [] },
        { precedence: 1, filters },
      ],
      ['admin', 'exact', 'root', 'shop'],
    ],
  ])('%s', (_name, rules, expected) => {
    expect(refused(policy(rules), paths).names).toEqual(expected);
  });

  it('judges regex routes and routes without case conservatively', () => {
    const rules = [{ path: '/Admin/*', filters }];
    const mappings = {
      fold: { prefix: '/admin/', case_sensitive: false },
      regex: { prefix: '/x.*', prefix_regex: true },
      other: { prefix: '/admin/' },
    };
    expect(refused(policy(rules), mappings).names).toEqual(['fold', 'regex']);
  });

  it('finds the name of a hostname with port, also while ports count', () => {
    const { route } = translate(
      {
        mappings: [mapping('a', { hostname: 'shop.com:8443' })],
        unenforced: policy([{ host: 'shop.com', path: '/a/*', filters }]),
      },
      { hostPort: 'strict' },
    );
    expect(route('a').action).toMatchObject({ code: 'policy-not-enforced' });
  });

  it('does not reach routes that skip authentication', () => {
    expect(refused(policy([{ filters }]), { free: { bypass_auth: true } }).names).toEqual([]);
  });

  it('a Filter alone protects nothing', () => {
    expect(refused([unenforced('Filter', 'f', {})], { plain: {} })).toMatchObject({ names: [] });
  });
});

describe('other protections', () => {
  it('WAF policies refuse by host and path', () => {
    const rules = [{ host: 'shop.com', path: '/admin/*', wafRef: { name: 'w', namespace: 'n' } }];
    expect(refused(policy(rules, 'WebApplicationFirewallPolicy'), paths).names).toEqual(['admin', 'root']);
  });

  it('Envoy filters refuse everything, authentication or not', () => {
    expect(refused(policy([], 'EnvoyFilterPolicy'), { free: { bypass_auth: true } }).names).toEqual(['free']);
  });

  it('a rate-limit service that denies on failure refuses routes with labels', () => {
    const labels = { ambassador: [{ g: [] }] };
    const mappings = { labelled: { labels }, plain: {} };
    expect(refused([unenforced('RateLimitService', 'r', { failure_mode_deny: true })], mappings).names).toEqual([
      'labelled',
    ]);
    const lenient = refused([unenforced('RateLimitService', 'r', {}), unenforced('RateLimit', 'l', {})], mappings);
    expect(lenient.names).toEqual([]);
    expect(lenient.findings).toMatchObject([
      { code: 'not-yet-enforced', source: { kind: 'RateLimit' } },
      { code: 'not-yet-enforced', source: { kind: 'RateLimitService' } },
    ]);
  });

  it.each(['lua_scripts', 'buffer'])('Module.%s refuses every route, redirects too', (key) => {
    const resources = {
      mappings: [mapping('a', { bypass_auth: true }), mapping('b', { host_redirect: true })],
      module: moduleOf({
        [key]: key === 'lua_scripts' ? 'function envoy_on_request() end' : [{ remote: '10.0.0.0/8' }],
      }),
    };
    const strict = translate(resources);
    expect(strict.routes.map(({ action }) => action)).toMatchObject([
      { code: 'policy-not-enforced' },
      { code: 'policy-not-enforced' },
    ]);
    expect(strict.findings).toMatchObject([
      { code: 'policy-not-enforced', path: `spec.config.${key}`, source: { kind: 'Module' } },
    ]);
    const open = translate(resources, { allowUnenforced: new Set([`Module.${key}`]) });
    expect(open.routes.map(({ action }) => action.kind)).toEqual(['forward', 'redirect']);
  });
});

describe('allowUnenforced', () => {
  it.each([
    ['FilterPolcy', 'Did you mean `FilterPolicy`?'],
    ['Module.bufer', 'Did you mean `Module.buffer`?'],
    ['Filter', expect.stringContaining('`AuthService`')],
  ])('says that %s names nothing that protects', (name, hint) => {
    const { names, findings } = refused(policy([{ filters }]), paths, [name]);
    expect(names).not.toEqual([]);
    expect(findings).toContainEqual(
      expect.objectContaining({ severity: 'warning', code: 'allow-unenforced-unknown', source: null, hint }),
    );
  });

  it('is silent about a kind that protects, there or not', () => {
    const all = [
      'FilterPolicy',
      'AuthService',
      'EnvoyFilterPolicy',
      'WebApplicationFirewallPolicy',
      'RateLimitService',
    ];
    expect(refused([], paths, [...all, 'Module.buffer']).findings).toEqual([]);
  });
});
