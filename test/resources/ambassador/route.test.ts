import { describe, expect, it } from 'vitest';
import type { ForwardAction, PathRewrite } from '../../../src/model/route-model.ts';
import type { MappingSpec } from '../../../src/resources/ambassador/types.ts';
import { corsOptionsSchema } from '../../../src/policies/cors/options.ts';
import { rateLimitOptionsSchema } from '../../../src/policies/rate-limit/option-schema.ts';
import { mapping, one, translate, unenforced, type Extra } from './resources.ts';

const forwarded = (spec: Partial<MappingSpec>, config = {}, extra: Extra = {}): ForwardAction['backends'][number] => {
  const { action } = one(spec, config, extra).route;
  if (action.kind !== 'forward') throw new Error(`It does not forward: ${JSON.stringify(action)}`);
  const [backend] = action.backends;
  if (backend === undefined) throw new Error('It has no backend');
  return backend;
};

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
