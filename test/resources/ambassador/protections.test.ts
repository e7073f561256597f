import { describe, expect, it } from 'vitest';
import type { AuthServiceResource, MappingSpec, UnenforcedResource } from '../../../src/resources/ambassador/types.ts';
import { authService, host, mapping, moduleOf, translate, unenforced } from './resources.ts';

/** Names of the Mappings that refuse because something is not enforced. */
function refused(
  resources: readonly UnenforcedResource[],
  mappings: Readonly<Record<string, Partial<MappingSpec>>>,
  { authServices = [], allow = [] }: { authServices?: AuthServiceResource[]; allow?: readonly string[] } = {},
) {
  const { routes, findings } = translate(
    {
      hosts: [host('shop', { hostname: 'shop.com' }), host('any', { hostname: '*.api.com' })],
      mappings: Object.entries(mappings).map(([name, spec]) => mapping(name, { hostname: '*', ...spec })),
      authServices,
      unenforced: resources,
    },
    { allowUnenforced: new Set(allow) },
  );
  const names = routes
    .filter(({ action }) => action.kind === 'refuse' && action.code === 'policy-not-enforced' && action.status === 503)
    .map(({ source }) => source.name);
  return { names, findings, codes: findings.map(({ code }) => code) };
}

const policy = (rules: unknown, kind = 'WebApplicationFirewallPolicy') => [unenforced(kind, 'p', { rules })];
const paths = {
  admin: { prefix: '/admin/' },
  shop: { prefix: '/shop/' },
  root: { prefix: '/' },
  exact: { prefix: '/admin', prefix_exact: true },
};

describe('AuthService', () => {
  const grpc = [authService('auth', { proto: 'grpc' })];
  it('that cannot be asked makes every route refuse but those that skip it', () => {
    const mappings = {
      plain: {},
      free: { bypass_auth: true },
      kept: { bypass_auth: false },
      moved: { host_redirect: true },
    };
    const { names, findings } = refused([], mappings, { authServices: grpc });
    expect(names).toEqual(['kept', 'plain']);
    expect(findings).toMatchObject([
      { code: 'auth-service-unusable', severity: 'warning', path: 'spec.proto' },
      { code: 'policy-not-enforced', severity: 'warning', source: { kind: 'AuthService' } },
    ]);
    expect(findings[1]?.message).toContain('2 routes');
  });

  it('is left out on request, which is said', () => {
    expect(refused([], { plain: {} }, { authServices: grpc, allow: ['AuthService'] })).toMatchObject({
      names: [],
      codes: ['auth-service-unusable', 'served-without-policy'],
    });
  });
});

describe('other protections', () => {
  it.each([
    ['everything', [{ host: '*', path: '*' }], ['admin', 'exact', 'root', 'shop']],
    ['a path', [{ host: 'shop.com', path: '/admin/*', wafRef: { name: 'w', namespace: 'n' } }], ['admin', 'root']],
    ['an exact path', [{ path: '/admin' }], ['exact', 'root']],
    ['a glob in the middle', [{ path: '/*/secret' }], ['admin', 'root', 'shop']],
    ['another host', [{ host: 'other.org', path: '*' }], []],
    ['one of the hosts', [{ host: 'x.api.com', path: '/shop/*' }], ['root', 'shop']],
    ['a host with port and case', [{ host: 'SHOP.com:443', path: '/shop/*' }], ['root', 'shop']],
    ['a host with any port', [{ host: 'shop.com:*', path: '/shop/*' }], ['root', 'shop']],
    ['no rules', [], []],
    ['unreadable rules', 'x', ['admin', 'exact', 'root', 'shop']],
    ['an unreadable rule', [7], ['admin', 'exact', 'root', 'shop']],
  ])('WAF policies refuse by host and path: %s', (_name, rules, expected) => {
    expect(refused(policy(rules), paths).names).toEqual(expected);
  });

  it('judges regex routes and routes without case conservatively', () => {
    const mappings = {
      fold: { prefix: '/admin/', case_sensitive: false },
      regex: { prefix: '/x.*', prefix_regex: true },
      other: { prefix: '/admin/' },
    };
    expect(refused(policy([{ path: '/Admin/*' }]), mappings).names).toEqual(['fold', 'regex']);
  });

  it('finds the name of a hostname with port, also while ports count', () => {
    const { route } = translate(
      { mappings: [mapping('a', { hostname: 'shop.com:8443' })], unenforced: policy([{ host: 'shop.com' }]) },
      { hostPort: 'strict' },
    );
    expect(route('a').action).toMatchObject({ code: 'policy-not-enforced' });
  });

  it('WAF policies do not reach routes that skip authentication', () => {
    expect(refused(policy([{}]), { free: { bypass_auth: true } }).names).toEqual([]);
  });

  it('Envoy filters refuse everything, authentication or not', () => {
    expect(refused(policy([], 'EnvoyFilterPolicy'), { free: { bypass_auth: true } }).names).toEqual(['free']);
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
    const { names, findings } = refused(policy([{}]), paths, { allow: [name] });
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
      'RateLimit',
    ];
    expect(refused([], paths, { allow: [...all, 'Module.buffer'] }).findings).toEqual([]);
  });
});
