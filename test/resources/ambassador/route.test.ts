import { describe, expect, it } from 'vitest';
import type { ForwardAction, PathRewrite } from '../../../src/model/route-model.ts';
import type { MappingSpec } from '../../../src/resources/ambassador/types.ts';
import { corsOptionsSchema } from '../../../src/policies/cors/options.ts';
import { rateLimitOptionsSchema } from '../../../src/policies/rate-limit/options.ts';
import { mapping, moduleOf, translate, unenforced, type Extra } from './resources.ts';

const one = (spec: Partial<MappingSpec>, config: Readonly<Record<string, unknown>> = {}, extra: Extra = {}) => {
  const translated = translate({ mappings: [mapping('a', spec, extra)], module: moduleOf(config) });
  const route = translated.route(extra.namespace === undefined ? 'a' : `${extra.namespace}/a`);
  return { ...translated, route, match: route.matches[0] };
};
const forwarded = (spec: Partial<MappingSpec>, config = {}, extra: Extra = {}): ForwardAction['backends'][number] => {
  const { action } = one(spec, config, extra).route;
  if (action.kind !== 'forward') throw new Error(`It does not forward: ${JSON.stringify(action)}`);
  const [backend] = action.backends;
  if (backend === undefined) throw new Error('It has no backend');
  return backend;
};

describe('match', () => {
  it('matches a plain string prefix, with case, on any hostname and method', () => {
    expect(one({ prefix: '/man' }).match).toMatchObject({
      hostname: null,
      method: null,
      headers: [],
      query: [],
      path: { kind: 'prefix', value: '/man', caseSensitive: true },
    });
  });

  it.each([
    [{ prefix_exact: true }, 'exact', true],
    [{ prefix_regex: true }, 'regex', true],
    [{ prefix_exact: true, prefix_regex: true }, 'regex', true],
    [{ case_sensitive: false }, 'prefix', false],
    [{ case_sensitive: false, prefix_regex: true }, 'regex', true],
  ])('%j → %s', (spec, kind, caseSensitive) => {
    expect(one(spec).match?.path).toMatchObject({ kind, value: '/a/', caseSensitive });
  });

  it('reads whole path elements with prefixMode segment', () => {
    const { route } = translate({ mappings: [mapping('a', { rewrite: '/x' })] }, { prefixMode: 'segment' });
    expect(route('a').matches[0]?.path.kind).toBe('segments');
    expect(route('a').action).toMatchObject({
      backends: [{ rewrite: { kind: 'segments', prefix: '/a/', value: '/x' } }],
    });
  });

  it('reads headers: exact, regex, presence; names in lower case', () => {
    const { match } = one({ headers: { 'X-A': 'One', 'X-P': true }, regex_headers: { 'X-R': 'v\\d+' } });
    expect(match?.headers).toMatchObject([
      { name: 'x-a', test: { kind: 'exact', value: 'One' } },
      { name: 'x-p', test: { kind: 'present' } },
      { name: 'x-r', test: { kind: 'regex', regex: { pattern: 'v\\d+', at: { path: 'spec.regex_headers' } } } },
    ]);
  });

  it('reads query parameters, names with case', () => {
    const { match } = one({ query_parameters: { Page: '1', Debug: true }, regex_query_parameters: { Sort: 'a|b' } });
    expect(match?.query).toMatchObject([
      { name: 'Debug', test: { kind: 'present' } },
      { name: 'Page', test: { kind: 'exact', value: '1' } },
      { name: 'Sort', test: { kind: 'regex', regex: { pattern: 'a|b' } } },
    ]);
  });

  it('reads methods', () => {
    expect(one({ method: 'POST' }).match?.method).toBe('POST');
    expect(one({ method: 'GET|HEAD', method_regex: true }).match?.method).toMatchObject({
      regex: { pattern: 'GET|HEAD' },
    });
  });

  it('hands the Module limit on regexes to the compiler', () => {
    const { match } = one({ method: 'GET|HEAD', method_regex: true }, { regex_max_size: 500 });
    expect(match?.method).toMatchObject({ regex: { maxProgramSize: 500 } });
    const path = one({ prefix_regex: true }, { regex_max_size: 500 }).match?.path;
    expect(path).toMatchObject({ maxProgramSize: 500, at: { path: 'spec.prefix', line: 111 } });
  });

  it.each([
    [{ hostname: '*' }, null, []],
    [{ hostname: '*.A.com' }, '*.a.com', ['hostname-lower-cased']],
    [{ host: 'a.com' }, 'a.com', []],
    [{ headers: { ':authority': 'a.com' } }, 'a.com', []],
    [{ hostname: 'a.com', host: 'b.com' }, 'a.com', ['host-overridden']],
    [{ hostname: 'a.com', headers: { ':authority': 'b*' } }, 'a.com', ['host-overridden']],
    [{ hostname: 'a.com', host: 'b.*', host_regex: true }, 'a.com', ['host-overridden']],
    [{ host: 'b.com', headers: { ':authority': 'c.com' } }, 'b.com', []],
  ])('%j has hostname %j', (spec, hostname, codes) => {
    const result = one(spec);
    expect(result.match?.hostname).toBe(hostname);
    expect(result.match?.headers).toEqual([]);
    expect(result.codes).toEqual(codes);
  });

  it('takes host_regex and a regex on :authority as a regex hostname', () => {
    expect(one({ host: 'A.*', host_regex: true }).match?.hostname).toMatchObject({ regex: { pattern: 'A.*' } });
    const { match } = one({ regex_headers: { ':authority': '[ab]' } });
    expect(match).toMatchObject({ hostname: { regex: { pattern: '[ab]' } }, headers: [] });
  });

  it('takes :method among the headers as the method', () => {
    expect(one({ headers: { ':method': 'PUT' } }).match).toMatchObject({ method: 'PUT', headers: [] });
  });

  it('keeps further conditions on pseudo-headers beside the fields of that meaning', () => {
    const { match } = one({
      hostname: 'a.com',
      method: 'GET',
      headers: { ':method': 'PUT', ':path': '/x?y', ':scheme': true },
      regex_headers: { ':authority': 'a.*' },
    });
    expect(match).toMatchObject({
      hostname: 'a.com',
      method: 'GET',
      headers: [
        { name: ':method', test: { kind: 'exact', value: 'PUT' } },
        { name: ':path', test: { kind: 'exact', value: '/x?y' } },
        { name: ':authority', test: { kind: 'regex', regex: { pattern: 'a.*' } } },
      ],
    });
  });

  it('warns of a prefix that no path has', () => {
    expect(one({ prefix: 'backend/' }).codes).toEqual(['prefix-never-matches']);
    expect(one({ prefix: '/a?b=c' }).codes).toEqual(['prefix-never-matches']);
    expect(one({ prefix: '' }).codes).toEqual([]);
  });
});

describe('rank', () => {
  it('is the route weight of Ambassador with a tie-break by name', () => {
    const { match } = one({
      prefix: '/shop/',
      precedence: 3,
      headers: { 'X-B': '1', 'X-A': true },
      regex_headers: { 'x-r': 'v' },
      query_parameters: { q: '12' },
      hostname: '*',
      method: 'PUT',
    });
    const headerSum = 4 + (3 + 1) + (3 + 1 + 1) + 11 + (7 + 3);
    expect(match?.rank).toEqual([
      0,
      3,
      6,
      headerSum,
      3,
      '/shop/',
      'PUT',
      'X-A-*',
      'X-B-1',
      'x-r-v',
      ':authority-*',
      ':method-PUT',
      'q-12',
      { ascending: 1 },
      { ascending: 'default/a' },
      { ascending: 0 },
    ]);
  });
});

describe('rewrite', () => {
  it.each<[Partial<MappingSpec>, PathRewrite | null]>([
    [{}, { kind: 'prefix', length: 3, value: '/' }],
    [{ rewrite: '/x/' }, { kind: 'prefix', length: 3, value: '/x/' }],
    [{ rewrite: '' }, null],
    [{ prefix_exact: true }, { kind: 'full', value: '/' }],
    [
      { prefix_exact: true, rewrite: '/x' },
      { kind: 'full', value: '/x' },
    ],
    [
      { prefix_regex: true, rewrite: '/x' },
      { kind: 'full', value: '/x' },
    ],
    [{ prefix_regex: true, rewrite: '' }, null],
  ])('%j → %j', (spec, rewrite) => {
    expect(forwarded(spec).rewrite).toEqual(rewrite);
  });

  it('replaces by regex, which beats rewrite', () => {
    const regex_rewrite = { pattern: '^/a/(.*)', substitution: '/\\1' };
    expect(forwarded({ regex_rewrite })).toMatchObject({
      rewrite: { kind: 'regex', regex: { pattern: '^/a/(.*)' }, substitution: '/\\1' },
    });
    expect(one({ regex_rewrite, rewrite: '/' }).codes).toEqual([]);
    expect(one({ regex_rewrite, rewrite: '/x' }).codes).toEqual(['rewrite-overridden']);
  });

  it('refuses a value that is no path', () => {
    const { route, findings } = one({ rewrite: 'x' });
    expect(route.action).toMatchObject({ kind: 'refuse', status: 500, code: 'rewrite-invalid' });
    expect(findings).toMatchObject([{ code: 'rewrite-invalid', severity: 'error', path: 'spec.rewrite' }]);
  });
});

describe('destination', () => {
  it('keeps the client Host unless told otherwise; a literal beats auto', () => {
    expect(forwarded({}).host).toBeNull();
    expect(forwarded({ auto_host_rewrite: true }).host).toEqual({ kind: 'upstream' });
    expect(forwarded({ host_rewrite: 'x.com', auto_host_rewrite: true }).host).toEqual({
      kind: 'literal',
      value: 'x.com',
    });
  });

  it('qualifies by the namespace of the Mapping, unless the Module says otherwise', () => {
    const extra = { namespace: 'shop' };
    expect(forwarded({}, {}, extra).service).toMatchObject({
      host: 'a.shop',
      service: { namespace: 'shop' },
      port: 80,
    });
    const config = { use_ambassador_namespace_for_service_resolution: true };
    expect(forwarded({}, config, extra).service).toMatchObject({ host: 'a', service: { namespace: 'default' } });
    expect(forwarded({}).service.at).toEqual({ path: 'spec.service', line: 112 });
  });

  it('refuses a service that cannot be read', () => {
    const { route, findings } = one({ service: 'a:http' });
    expect(route.action).toMatchObject({ kind: 'refuse', status: 500, code: 'service-invalid' });
    expect(findings).toMatchObject([{ code: 'service-invalid', severity: 'error', path: 'spec.service' }]);
  });

  it('reports schemes that mean nothing', () => {
    expect(one({ service: 'ftp://a' }).findings).toMatchObject([{ code: 'service-scheme-unknown', severity: 'error' }]);
    expect(forwarded({ service: 'ftp://a' }).service.scheme).toBe('http');
  });

  it('uses TLS for a context that exists, and only the scheme where it does not', () => {
    const known = translate({
      mappings: [mapping('a', { tls: 'ctx', service: 'http://a' })],
      unenforced: [unenforced('TLSContext', 'ctx', {})],
    });
    expect(known.route('a').action).toMatchObject({ backends: [{ service: { scheme: 'https', port: 443 } }] });
    expect(known.codes).toEqual(['tls-context-not-enforced', 'service-scheme-conflict']);
    expect(one({ tls: 'ctx' }).codes).toEqual(['tls-context-unknown']);
    expect(forwarded({ tls: 'ctx' }).service.scheme).toBe('http');
    expect(forwarded({ tls: true }).service.scheme).toBe('https');
  });

  it('knows resolvers of its own and of the input; refuses others', () => {
    expect(forwarded({ resolver: 'endpoint', service: 'a.b.c' }).service.service).toEqual({
      name: 'a',
      namespace: 'b',
    });
    expect(one({ resolver: 'mine' }).route.action).toMatchObject({ kind: 'refuse', code: 'resolver-unknown' });
    expect(one({}, { resolver: 'mine' }).codes).toEqual(['resolver-unknown']);
    const { route, codes } = translate({
      mappings: [mapping('a', { resolver: 'mine' }, { namespace: 'shop' })],
      unenforced: [unenforced('ConsulResolver', 'mine', {})],
    });
    expect(codes).toEqual(['not-yet-enforced']);
    expect(route('shop/a').action).toMatchObject({ backends: [{ service: { host: 'a' } }] });
  });

  it('refuses gRPC loudly', () => {
    const { route, findings } = one({ grpc: true });
    expect(route.action).toMatchObject({ kind: 'refuse', status: 501, code: 'grpc-unsupported' });
    expect(findings).toMatchObject([{ code: 'grpc-unsupported', severity: 'warning', path: 'spec.grpc' }]);
  });
});

describe('timeouts', () => {
  it.each([
    [{}, {}, 3000, 300_000],
    [{}, { cluster_request_timeout_ms: 5000 }, 5000, 300_000],
    [{ timeout_ms: 10 }, { cluster_request_timeout_ms: 5000 }, 10, 300_000],
    [{ timeout_ms: 0, idle_timeout_ms: 0 }, {}, 0, 0],
  ])('%j with Module %j', (spec, config, requestMs, idleMs) => {
    expect(one(spec, config).route.timeouts).toEqual({ requestMs, idleMs, attemptMs: null });
  });
});

describe('headers', () => {
  const defaults = {
    httpmapping: { add_request_headers: { 'x-d': 'd' }, remove_response_headers: ['Server'] },
    add_request_headers: { 'x-never': 'n' },
    add_response_headers: { 'x-r': { value: 'r', append: false } },
  };

  it('takes the Module defaults, those for Mappings first', () => {
    const { route } = one({}, { defaults });
    expect(route.requestHeaders).toEqual({ remove: [], set: [], add: [{ name: 'x-d', value: 'd' }] });
    expect(route.responseHeaders).toEqual({ remove: ['server'], set: [{ name: 'x-r', value: 'r' }], add: [] });
  });

  it('lets a Mapping replace or mask them', () => {
    const { route } = one(
      { add_request_headers: {}, remove_response_headers: [], add_response_headers: {} },
      { defaults },
    );
    expect(route.requestHeaders).toEqual({ remove: [], set: [], add: [] });
    expect(route.responseHeaders).toEqual({ remove: [], set: [], add: [] });
  });

  it('names the service for linkerd, with its port, overwriting what the client sent', () => {
    const set = [{ name: 'l5d-dst-override', value: 'a.shop:8080' }];
    const spec = { service: 'a:8080' };
    const extra = { namespace: 'shop' };
    expect(one(spec, { add_linkerd_headers: true }, extra).route.requestHeaders.set).toEqual(set);
    expect(one({ ...spec, add_linkerd_headers: true }, {}, extra).route.requestHeaders.set).toEqual(set);
    expect(one({ add_linkerd_headers: false }, { add_linkerd_headers: true }).route.requestHeaders.set).toEqual([]);
  });
});

describe('upgrades', () => {
  it.each([
    [{}, [], []],
    [{ allow_upgrade: ['WebSocket', 'websocket'] }, ['websocket'], []],
    [{ other: { use_websocket: true } }, ['websocket'], []],
    [{ allow_upgrade: ['spdy/3.1', 'websocket'] }, ['websocket'], ['upgrade-unsupported']],
  ])('%j → %j', (spec, upgrades, codes) => {
    const result = one(spec);
    expect(result.route.upgrades).toEqual(upgrades);
    expect(result.codes).toEqual(codes);
  });
});

describe('policies', () => {
  const cors = {
    origins: ['*'],
    methods: ['GET'],
    headers: ['x-a'],
    exposed_headers: ['x-b'],
    credentials: true,
    max_age: '60',
  };

  it('writes cors options of the policy itself', () => {
    const [use] = one({ cors }).route.policies;
    expect(corsOptionsSchema.parse(use?.options)).toEqual({
      origins: ['*'],
      methods: ['GET'],
      headers: ['x-a'],
      exposedHeaders: ['x-b'],
      credentials: true,
      maxAge: 60,
    });
    expect(use?.source).toMatchObject({ kind: 'Mapping', name: 'a', path: 'spec.cors', line: 109 });
  });

  it('takes cors from the Module, and all of it from the Mapping when it has its own', () => {
    const config = { cors: { origins: 'https://a, https://b', max_age: 5 } };
    const [fromModule] = one({}, config).route.policies;
    expect(fromModule).toMatchObject({
      options: { origins: ['https://a', 'https://b'], maxAge: 5 },
      source: { kind: 'Module' },
    });
    const [own] = one({ cors: { origins: ['https://c'] } }, config).route.policies;
    expect(own?.options).toEqual({ origins: ['https://c'] });
  });

  it('hands a max_age that is no number to the policy, which refuses it', () => {
    const [use] = one({ cors: { origins: ['*'], max_age: 'soon' } }).route.policies;
    expect(corsOptionsSchema.safeParse(use?.options).success).toBe(false);
  });

  it('numbers the limits of one name, also across lists', () => {
    const second = { pattern: '*', rate: 100, unit: 'second' } as const;
    const minute = { pattern: '/a/*', rate: 5, unit: 'minute' } as const;
    const rate_limits = [
      { name: 'basic', limits: [second, minute] },
      { name: 'login', limits: [minute] },
      { name: 'basic', limits: [minute] },
    ];
    const { policies } = one({ rate_limits }, {}, { namespace: 'shop' }).route;
    expect(rateLimitOptionsSchema.parse(policies[0]?.options)).toEqual({
      scope: 'shop/a',
      limits: [
        { name: 'basic', index: 0, ...second },
        { name: 'basic', index: 1, ...minute },
        { name: 'login', index: 0, ...minute },
        { name: 'basic', index: 2, ...minute },
      ],
    });
  });
});

describe('insecure requests', () => {
  it('serves ACME challenges whatever the Host says, for exactly that prefix', () => {
    const acme = '/.well-known/acme-challenge/';
    expect(one({ prefix: acme }).route.insecure).toBe('serve');
    expect(one({ prefix: `${acme}x` }).route.insecure).toBe('as-domain');
    expect(one({ prefix: acme, prefix_regex: true }).route.insecure).toBe('as-domain');
  });
});

describe('redirects', () => {
  /** Ambassador's own vectors: what is asked, with the Mapping that answers. */
  it.each([
    [{ prefix: '/N/' }, 301, null],
    [
      { prefix: '/N-3/', path_redirect: '/redirect/', redirect_response_code: 302 },
      302,
      { kind: 'full', value: '/redirect/' },
    ],
    [
      { prefix: '/N-4/foo/bar/baz', prefix_redirect: '/foobar/baz', redirect_response_code: 307 },
      307,
      { kind: 'prefix', length: 16, value: '/foobar/baz' },
    ],
    [
      {
        prefix: '/N-5/',
        regex_redirect: { pattern: '/N-5/assets/([a-f0-9]{12})/images', substitution: '/images/\\1' },
        redirect_response_code: 308,
      },
      308,
      { kind: 'regex', regex: { pattern: '/N-5/assets/([a-f0-9]{12})/images' }, substitution: '/images/\\1' },
    ],
    [{ prefix: '/x', prefix_exact: true, prefix_redirect: '/y' }, 301, { kind: 'full', value: '/y' }],
  ])('%j', (spec, status, path) => {
    const { route, findings } = one({ ...spec, host_redirect: true, service: 'foobar.com' });
    expect(findings).toEqual([]);
    expect(route.action).toMatchObject({ kind: 'redirect', status, scheme: null, authority: 'foobar.com', path });
  });

  it('keeps the first of the three paths and reports the others', () => {
    const regex_redirect = { pattern: 'x', substitution: 'y' };
    const { route, findings } = one({
      host_redirect: true,
      path_redirect: '/p',
      prefix_redirect: '/q',
      regex_redirect,
    });
    expect(route.action).toMatchObject({ path: { kind: 'full', value: '/p' } });
    expect(findings).toMatchObject([
      { code: 'redirect-conflict', severity: 'error', path: 'spec.prefix_redirect' },
      { code: 'redirect-conflict', severity: 'error', path: 'spec.regex_redirect' },
    ]);
  });

  it('answers 301 for a status that is no redirect, and reports it', () => {
    const { route, findings } = one({ host_redirect: true, redirect_response_code: 304 });
    expect(route.action).toMatchObject({ status: 301 });
    expect(findings).toMatchObject([{ code: 'redirect-code-invalid', severity: 'error' }]);
  });

  it('takes the service after qualification: a bare name gains the namespace, a scheme is left out', () => {
    const authority = (service: string) =>
      one({ host_redirect: true, service }, {}, { namespace: 'shop' }).route.action;
    expect(authority('other')).toMatchObject({ authority: 'other.shop' });
    expect(authority('other.com:8443')).toMatchObject({ authority: 'other.com:8443' });
    expect(authority('https://other.com')).toMatchObject({ authority: 'other.com' });
    expect(one({ host_redirect: true, service: 'https://other.com' }).codes).toEqual(['redirect-scheme']);
  });

  it('refuses a path that would end in another host', () => {
    const { route, codes } = one({ host_redirect: true, path_redirect: '.evil.com' });
    expect(route.action).toMatchObject({ kind: 'refuse', code: 'redirect-invalid' });
    expect(codes).toEqual(['redirect-invalid']);
  });
});
