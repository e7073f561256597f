import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { translateConfig, type TranslatedConfig } from '../../src/config/translate.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { compareRank } from '../../src/model/rank.ts';
import type { DomainModel, RouteModelRoute } from '../../src/model/route-model.ts';
import { routeRankKey } from '../../src/model/route-rank.ts';

function domain(hostname: string): DomainModel {
  return {
    id: hostname === '*' ? 'default' : `Host/shop/${hostname}`,
    hostname,
    source: null,
    security: { http: 'forwarded-proto', https: 'forwarded-proto' },
    insecureAction: 'route',
    refuse: null,
  };
}

function translate(
  value: object,
  domains: readonly DomainModel[] = [domain('*')],
): TranslatedConfig & { readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const report = (finding: Finding): void => void findings.push(finding);
  const config = parseConfig(value, report, 'routes.config.ts');
  if (config === null) throw new Error('no configuration');
  return { ...translateConfig(config, domains, report), findings };
}

function route(fields: object, parts: object = {}): RouteModelRoute {
  const { routes, findings } = translate({ ...parts, routes: [{ name: 'a', path: '/a/', ...fields }] });
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  const [only] = routes;
  if (only === undefined) throw new Error('no route');
  return only;
}

const none = { remove: [], set: [], add: [] };

describe('translateConfig', () => {
  it('gives a plain route every default', () => {
    expect(route({ backend: 'orders.shop:8080' })).toEqual({
      id: 'config/a',
      source: { kind: 'Route', namespace: null, name: 'a', file: 'routes.config.ts', line: null, path: null },
      domains: ['default'],
      matches: [
        {
          hostname: null,
          path: { kind: 'prefix', value: '/a/', caseSensitive: true },
          method: null,
          headers: [],
          query: [],
          rank: [0, 0, 3, 0, 0, '/a/', 'GET', { ascending: 0 }, { ascending: 'a' }, { ascending: 0 }],
        },
      ],
      share: null,
      group: null,
      action: {
        kind: 'forward',
        backends: [
          {
            weight: 1,
            service: {
              text: 'orders.shop:8080',
              scheme: 'http',
              host: 'orders.shop',
              service: { name: 'orders', namespace: 'shop' },
              port: 8080,
              clusters: [],
              at: { path: 'backend', line: null },
            },
            rewrite: null,
            host: null,
            requestHeaders: none,
            responseHeaders: none,
          },
        ],
      },
      policies: [],
      requestHeaders: none,
      responseHeaders: none,
      timeouts: { requestMs: 3000, idleMs: 300_000, attemptMs: null },
      upgrades: [],
      insecure: 'as-domain',
      staleSince: null,
    });
  });

  it('attaches to every domain that a hostname could fall into, and makes none', () => {
    const domains = ['*', 'a.example.com', '*.example.com', 'b.example.org'].map(domain);
    const attached = (hostnames?: readonly string[]): readonly string[] | undefined =>
      translate({ routes: [{ name: 'a', path: '/', backend: 'x', ...(hostnames && { hostnames }) }] }, domains)
        .routes[0]?.domains;
    expect(attached()).toHaveLength(4);
    expect(attached(['a.example.com'])).toEqual(['default', 'Host/shop/a.example.com', 'Host/shop/*.example.com']);
    expect(attached(['*.com'])).toEqual(['default', 'Host/shop/a.example.com', 'Host/shop/*.example.com']);
    expect(attached(['b.example.org', 'c.net'])).toEqual(['default', 'Host/shop/b.example.org']);
  });

  it('says when no domain can ever ask for a route', () => {
    const { routes, findings } = translate({ routes: [{ name: 'a', path: '/', backend: 'x', hostnames: ['a.net'] }] }, [
      domain('*.example.com'),
    ]);
    expect(routes[0]?.domains).toEqual([]);
    expect(findings.map(({ code }) => code)).toEqual(['route-unattached']);
  });

  it('makes one match per hostname and method', () => {
    const { matches } = route({ hostnames: ['a.com', 'B.com'], methods: ['GET', 'PUT'], backend: 'x' });
    expect(matches.map(({ hostname, method }) => [hostname, method])).toEqual([
      ['a.com', 'GET'],
      ['a.com', 'PUT'],
      ['b.com', 'GET'],
      ['b.com', 'PUT'],
    ]);
  });

  it('ignores the port of a hostname unless hostPort is strict', () => {
    const fields = { hostnames: ['a.com:8443'], backend: 'x' };
    expect(route(fields).matches[0]?.hostname).toBe('a.com');
    expect(route(fields, { parity: { hostPort: 'strict' } }).matches[0]?.hostname).toBe('a.com:8443');
  });

  it('ranks as Mappings do, and first on a full tie', () => {
    const [match] = route({
      backend: 'x',
      hostnames: ['a.com'],
      methods: ['POST'],
      headers: { 'X-B': { regex: 'v.*' }, 'X-A': '1', 'X-C': true },
      query: { Q: 'v' },
      precedence: 4,
    }).matches;
    const facts = {
      tier: 0,
      precedence: 4,
      prefix: '/a/',
      headers: [
        { name: 'x-a', value: '1', regex: false },
        { name: 'x-c', value: null, regex: false },
        { name: 'x-b', value: 'v.*', regex: true },
      ],
      query: [{ name: 'Q', value: 'v', regex: false }],
      method: 'POST',
      hostname: 'a.com',
    };
    expect(match?.rank).toEqual(routeRankKey({ ...facts, tie: { owner: 0, name: 'a' } }));
    const mapping = routeRankKey({ ...facts, tie: { owner: 1, name: 'default/0' } });
    expect(compareRank(match?.rank ?? [], mapping)).toBeLessThan(0);
    expect(match?.headers).toEqual([
      { name: 'x-a', test: { kind: 'exact', value: '1' } },
      { name: 'x-c', test: { kind: 'present' } },
      { name: 'x-b', test: { kind: 'regex', regex: { pattern: 'v.*', at: { path: 'headers["x-b"]', line: null } } } },
    ]);
  });

  it.each([
    ['/a', {}, { kind: 'prefix', value: '/a', caseSensitive: true }],
    ['/a', { prefixMode: 'segment' }, { kind: 'segments', value: '/a', caseSensitive: true }],
    [
      { prefix: '/a', segments: false },
      { prefixMode: 'segment' },
      { kind: 'prefix', value: '/a', caseSensitive: true },
    ],
    [{ prefix: '/a', segments: true, ignoreCase: true }, {}, { kind: 'segments', value: '/a', caseSensitive: false }],
    [{ exact: '/a' }, { prefixMode: 'segment' }, { kind: 'exact', value: '/a', caseSensitive: true }],
    // The form in which requests are matched: escapes of unreserved characters decoded, others in upper case.
    [{ exact: '/%7e%41/%c3%a9' }, {}, { kind: 'exact', value: '/~A/%C3%A9', caseSensitive: true }],
    [{ regex: '/a(/.*)?' }, {}, { kind: 'regex', value: '/a(/.*)?' }],
  ])('matches the path %j with %j', (path, parity, expected) => {
    expect(route({ path, backend: 'x' }, { parity }).matches[0]?.path).toMatchObject(expected);
  });

  it.each<[object, object | null]>([
    [{}, null],
    [{ rewrite: '/b/' }, { kind: 'prefix', length: 3, value: '/b/' }],
    [
      { path: { prefix: '/a', segments: true }, rewrite: '/' },
      { kind: 'segments', prefix: '/a', value: '/' },
    ],
    [
      { path: { exact: '/a' }, rewrite: '/b' },
      { kind: 'full', value: '/b' },
    ],
    [
      { path: { regex: '/a.*' }, rewrite: '/b' },
      { kind: 'full', value: '/b' },
    ],
    [
      { regexRewrite: { pattern: '/(a)', substitution: '/\\1' } },
      { kind: 'regex', regex: { pattern: '/(a)' }, substitution: '/\\1' },
    ],
  ])('rewrites %j', (fields, expected) => {
    const { action } = route({ backend: 'x', ...fields });
    const rewrite = action.kind === 'forward' ? action.backends[0]?.rewrite : undefined;
    if (expected === null) expect(rewrite).toBeNull();
    else expect(rewrite).toMatchObject(expected);
  });

  it.each([
    [{ backend: 'x' }, null],
    [
      { backend: 'x', hostRewrite: 'B.internal' },
      { kind: 'literal', value: 'b.internal' },
    ],
    [{ backend: 'x', hostRewrite: { from: 'upstream' } }, { kind: 'upstream' }],
    // A URL names a site that expects its own name.
    [{ backend: 'https://a.example.com' }, { kind: 'upstream' }],
    [{ backend: 'https://a.example.com', hostRewrite: { from: 'client' } }, null],
  ])('sends the Host of %j', (fields, expected) => {
    const { action } = route(fields);
    expect(action.kind === 'forward' ? action.backends[0]?.host : undefined).toEqual(expected);
  });

  it('carries weights, upstreams and clusters', () => {
    const { action } = route(
      {
        backends: [
          { upstream: 'u', weight: 9 },
          { service: 'y', clusters: ['eu'] },
        ],
      },
      { clusters: { eu: {} }, upstreams: { u: { service: 'z.shop', scheme: 'https' } } },
    );
    expect(action).toMatchObject({
      backends: [
        { weight: 9, service: { host: 'z.shop', scheme: 'https', port: 443, at: { path: 'backends[0].upstream' } } },
        { weight: 1, service: { host: 'y.default', clusters: ['eu'], at: { path: 'backends[1]' } } },
      ],
    });
  });

  it.each([
    [{ redirect: {} }, { status: 302, scheme: null, authority: null, path: null }],
    [
      { redirect: { status: 308, scheme: 'https', host: 'B.com:8443', path: '/b' } },
      { status: 308, scheme: 'https', authority: 'b.com:8443', path: { kind: 'full', value: '/b' } },
    ],
    [{ redirect: { prefix: '/b/' } }, { path: { kind: 'prefix', length: 3, value: '/b/' } }],
    [{ redirect: { regex: { pattern: 'a', substitution: 'b' } } }, { path: { kind: 'regex', substitution: 'b' } }],
    [{ respond: { status: 204 } }, { kind: 'respond', status: 204, body: null, contentType: null }],
    [{ respond: { status: 200, body: 'x' } }, { body: 'x', contentType: 'text/plain; charset=utf-8' }],
  ])('answers with %j', (fields, expected) => {
    expect(route(fields).action).toMatchObject(expected);
  });

  it('carries header changes, timeouts, upgrades and policies', () => {
    const translated = route({
      backend: 'x',
      requestHeaders: { set: { 'X-One': '1' }, add: { 'X-Many': ['1', '2'], 'x-a': 'b' }, remove: ['X-Gone'] },
      responseHeaders: { set: { 'x-b': '%PROTOCOL%' } },
      timeouts: { requestMs: 0, attemptMs: 5 },
      upgrades: ['websocket'],
      policies: { rateLimit: { limits: [{ name: 'l', rate: 1, unit: 'day' }] }, cors: { origins: ['*'] } },
    });
    expect(translated).toMatchObject({
      requestHeaders: {
        remove: ['x-gone'],
        set: [{ name: 'x-one', value: '1' }],
        add: [
          { name: 'x-many', value: '1' },
          { name: 'x-many', value: '2' },
          { name: 'x-a', value: 'b' },
        ],
      },
      responseHeaders: { remove: [], set: [{ name: 'x-b', value: '%PROTOCOL%' }], add: [] },
      timeouts: { requestMs: 0, idleMs: 300_000, attemptMs: 5 },
      upgrades: ['websocket'],
    });
    expect(translated.policies.map(({ policy, options, source }) => [policy, options, source.path])).toEqual([
      ['cors', { origins: ['*'] }, 'policies.cors'],
      ['rate-limit', { limits: [{ name: 'l', rate: 1, unit: 'day' }] }, 'policies.rateLimit'],
    ]);
  });

  it.each<[object, readonly string[]]>([
    [{ limits: [{ name: 'l', rate: 1, unit: 'day' }] }, ['rate-limit']],
    [{ limits: [{ name: 'l', rate: 1, unit: 'day', when: 'after-auth' }] }, ['rate-limit']],
    [{ limits: [{ name: 'l', rate: 1, unit: 'day', when: 'before-auth' }] }, ['rate-limit-early', 'rate-limit']],
    [{ failures: { rate: 1, unit: 'day' } }, ['rate-limit-early', 'rate-limit']],
    [{ fence: 'FENCE' }, ['rate-limit-early', 'rate-limit']],
  ])('makes of %j what runs before authentication and what runs after it', (rateLimit, policies) => {
    const uses = route({ backend: 'x', policies: { rateLimit } }).policies;
    expect(uses.map(({ policy }) => policy)).toEqual(policies);
    for (const { options, source } of uses) expect([options, source.path]).toEqual([rateLimit, 'policies.rateLimit']);
  });

  it.each<[object, string]>([
    [{ backend: 'x', path: '/a', rewrite: '/' }, 'rewrite-double-slash'],
    [{ backend: 'x', path: '/a/../b' }, 'prefix-never-matches'],
    [{ backend: 'x', path: '/a/%2e%2E/b' }, 'prefix-never-matches'],
    [{ backends: [{ service: 'x', weight: 0 }] }, 'weights-all-zero'],
    [{ backend: 'x', hostnames: ['A.com'] }, 'hostname-lower-cased'],
    [{ backend: 'x', hostnames: ['a.com:80'] }, 'hostname-port-ignored'],
    [{ backend: 'x', methods: ['GET'], policies: { cors: { origins: ['*'] } } }, 'cors-preflight-unreachable'],
  ])('remarks on %j', (fields, code) => {
    const { findings } = translate({ routes: [{ name: 'a', path: '/a/', ...fields }] });
    expect(findings.map((finding) => finding.code)).toEqual([code]);
  });

  it('has no remark on a double slash that will be collapsed', () => {
    const { findings } = translate({
      parity: { rewriteDoubleSlash: 'collapse' },
      routes: [{ name: 'a', path: '/a', backend: 'x', rewrite: '/' }],
    });
    expect(findings).toEqual([]);
  });

  it('hands clusters and settings on', () => {
    const { clusters, settings } = translate({
      clusters: {
        main: {
          ingress: { url: 'https://in.example.com', mode: 'service-header' },
          vpcService: 'VPC',
          echoInDev: true,
        },
      },
      gateway: { trustedHops: 2 },
    });
    expect(clusters).toEqual([
      {
        name: 'main',
        services: {},
        template: null,
        ingress: { url: 'https://in.example.com', mode: 'service-header', header: 'x-portolan-service' },
        vpcService: 'VPC',
        echo: true,
      },
    ]);
    expect(settings).toEqual({ trustedHops: 2 });
  });
});
