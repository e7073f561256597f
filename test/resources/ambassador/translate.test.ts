import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/diagnostics/finding.ts';
import { translateAmbassador } from '../../../src/resources/ambassador/translate.ts';
import type { MappingResource, NormalizedResources } from '../../../src/resources/ambassador/types.ts';
import {
  authService,
  filter,
  filterPolicy,
  host,
  listener,
  mapping,
  moduleOf,
  rateLimit,
  rateLimitService,
  OPTIONS,
  translate,
  unenforced,
} from './resources.ts';

describe('translateAmbassador', () => {
  it('gives an empty gateway for empty input', () => {
    const { domains, routes, settings, findings } = translate({});
    expect(domains.map(({ id }) => id)).toEqual(['default']);
    expect([routes, settings, findings]).toEqual([[], {}, []]);
  });

  it('translates the Mapping of the quick start', () => {
    const { route, findings } = translate({
      mappings: [
        mapping('backend-mapping', {
          prefix: '/backend/',
          service: 'backend-service:8080',
          timeout_ms: 3000,
          cors: { origins: ['*'], methods: ['GET', 'POST'] },
          rate_limits: [{ name: 'basic', limits: [{ pattern: '*', rate: 100, unit: 'second' }] }],
        }),
      ],
    });
    expect(findings).toEqual([]);
    expect(route('backend-mapping')).toMatchObject({
      id: 'Mapping/default/backend-mapping',
      source: {
        kind: 'Mapping',
        namespace: 'default',
        name: 'backend-mapping',
        file: 'test.yaml',
        line: 1,
        path: null,
      },
      domains: ['default'],
      share: null,
      group: null,
      action: {
        kind: 'forward',
        backends: [
          {
            service: {
              host: 'backend-service',
              port: 8080,
              service: { name: 'backend-service', namespace: 'default' },
            },
            rewrite: { kind: 'prefix', length: 9, value: '/' },
          },
        ],
      },
      policies: [{ policy: 'cors' }, { policy: 'rate-limit' }],
    });
  });

  it('keeps one resource per name: the first by file and line', () => {
    for (const mappings of [
      [again(1), again(2)],
      [again(2), again(1)],
    ]) {
      const { route, findings } = translate({ mappings });
      expect(route('a').action).toMatchObject({ backends: [{ service: { host: 's1' } }] });
      expect(findings).toMatchObject([{ code: 'resource-duplicate', severity: 'error', path: 'metadata.name' }]);
    }
    const hosts = [host('h', { hostname: 'a.com' }), host('h', { hostname: 'b.com' })];
    expect(translate({ hosts }).codes).toEqual(['resource-duplicate']);
  });

  it('gives equal results for every order of the input', () => {
    const resources = assortment();
    const expected = run(resources);
    expect(expected.findings.length).toBeGreaterThan(5);
    const shuffled = fc.record({
      mappings: shuffle(resources.mappings),
      hosts: shuffle(resources.hosts),
      listeners: shuffle(resources.listeners),
      filters: shuffle(resources.filters),
      filterPolicies: shuffle(resources.filterPolicies),
      authServices: shuffle(resources.authServices),
      unenforced: shuffle(resources.unenforced),
    });
    fc.assert(
      fc.property(shuffled, (part) => {
        expect(run({ ...resources, ...part })).toEqual(expected);
      }),
    );
  });

  it('places every finding at a line of its resource', () => {
    for (const { source, path } of translate(assortment()).findings) {
      expect(source?.file).toBe('test.yaml');
      expect(source?.line).toBe(path === null ? 1 : 100 + path.length);
    }
  });

  it('changes no other route when one Mapping breaks', () => {
    const resources = assortment();
    const before = translate(resources).routes;
    resources.mappings.forEach((victim, at) => {
      const invalid = [{ path: 'spec.timeout_ms', code: 'type', message: 'must be a number' }];
      const mappings = resources.mappings.with(at, {
        ...victim,
        spec: { ...victim.spec, prefix: '/broken/' },
        invalid,
      });
      const id = `Mapping/${victim.namespace}/${victim.name}`;
      const group = before.find((route) => route.id === id)?.group ?? null;
      const others = before.filter((route) => route.id !== id && (group === null || route.group !== group));
      const after = new Map(translate({ ...resources, mappings }).routes.map((route) => [route.id, route]));
      for (const route of others) expect(after.get(route.id)).toEqual(route);
    });
  });

  it('meets ten thousand Mappings and a thousand Hosts without comparing each with each', () => {
    const hosts = Array.from({ length: 1000 }, (_, at) => host(`h${at}`, { hostname: `h${at}.example.com` }));
    let compared = 0;
    for (const each of hosts) {
      const { spec } = each;
      Object.defineProperty(each, 'spec', {
        get() {
          compared += 1;
          return spec;
        },
      });
    }
    const mappings: MappingResource[] = Array.from({ length: 10_000 }, (_, at) =>
      mapping(`m${at}`, { hostname: `h${at % 1000}.example.com` }),
    );
    const { routes } = translate({ hosts, mappings });
    expect(routes.every(({ domains }) => domains.length === 1)).toBe(true);
    // Each against each would be ten million.
    expect(compared).toBeLessThan(100_000);
  });
});

function run(input: NormalizedResources) {
  const findings: Finding[] = [];
  return { result: translateAmbassador(input, OPTIONS, (found) => findings.push(found)), findings };
}

/** One name, written at this line. */
function again(line: number): MappingResource {
  const each = mapping('a', { service: `s${line}` });
  return { ...each, source: { ...each.source, line } };
}

function shuffle<Item>(items: readonly Item[]): fc.Arbitrary<Item[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length });
}

/** A bit of everything, with conflicts, so that order has many chances to matter. */
function assortment(): NormalizedResources {
  const shop = { prefix: '/shop/', hostname: '*.shop.com' };
  const invalid = [{ path: 'spec.cors', code: 'type', message: 'must be a map' }];
  return {
    hosts: [
      host('web', { hostname: '*.shop.com' }),
      host('api', { hostname: 'api.shop.com', mappingSelector: { app: 'api' } }),
      host('api-again', { hostname: 'API.shop.com', mappingSelector: { app: 'web' } }),
      host('unsound', { hostname: 'old.com' }, { invalid }),
    ],
    listeners: [listener('a', { l7Depth: 1 }), listener('b', { securityModel: 'SECURE' })],
    module: moduleOf({ cors: { origins: ['https://a'] }, defaults: { add_request_headers: { x: '1' } } }),
    filters: [filter('f', { JWT: { jwksURI: 'https://keys.test/jwks' } }), filter('g', { OAuth2: {} })],
    filterPolicies: [
      filterPolicy('p', [{ host: '*', path: '/admin/*', filters: [{ name: 'f' }] }]),
      filterPolicy('p', [{ host: '*', path: '/old/*', filters: [{ name: 'f' }] }], { namespace: 'x' }),
      filterPolicy('p', [{ host: '*.shop.com', precedence: 1, filters: [{ name: 'g', namespace: 'default' }] }], {
        namespace: 'y',
      }),
    ],
    authServices: [authService('auth', {}), authService('other', { service: 'other', timeoutMs: 1 })],
    rateLimits: [
      rateLimit('r', { domain: 'd', limits: [{ pattern: [{ remote_address: '*' }], rate: 1, unit: 'minute' }] }),
      rateLimit('s', { domain: 'd', limits: [{ pattern: [{ remote_address: '' }], rate: 2, unit: 'minute' }] }),
    ],
    rateLimitServices: [rateLimitService('r', { domain: 'd', service: '127.0.0.1:8500' })],
    unenforced: [unenforced('EnvoyFilterPolicy', 'e', { rules: [] })],
    mappings: [
      mapping('c', { ...shop, weight: 10 }),
      mapping('a', shop),
      mapping('b', { ...shop, cors: { origins: ['https://b'] } }),
      mapping('a', { ...shop, bypass_auth: true }, { namespace: 'other' }),
      mapping('broken', shop, { namespace: 'alpha', invalid }),
      mapping('api', { prefix: '/api/' }, { labels: { app: 'api' } }),
      mapping('lost', { prefix: '/api/' }, { labels: { app: 'web' } }),
      mapping('free', { prefix: '/free/' }),
      mapping('admin', { prefix: '/admin/', hostname: 'ADMIN.shop.com' }),
      mapping('heavy-a', { prefix: '/heavy/', weight: 60 }),
      mapping('heavy-b', { prefix: '/heavy/', weight: 60 }),
      mapping('moved', { prefix: '/moved/', host_redirect: true, path_redirect: '/', prefix_redirect: '/x' }),
      mapping('moved-too', { prefix: '/moved/', host_redirect: true }),
      mapping('typo', { service: 'x:y' }),
      mapping('limited', { labels: { d: [{ g: [{ remote_address: {} }] }], e: [] }, headers: { b: '1', a: '2' } }),
    ],
  };
}
