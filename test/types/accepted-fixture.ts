/** Everything in here must compile as it stands. */
import { defineConfig, defineRoute, env, type RouteDefinition } from 'portolan';

export const health = defineRoute({
  name: 'health',
  path: { exact: '/healthz' },
  respond: { status: 200, body: 'ok' },
});

const orders = defineRoute({
  name: 'orders',
  hostnames: ['api.example.com', '*.tenants.example.com'],
  path: { prefix: '/orders', segments: true, ignoreCase: true },
  methods: ['GET', 'PURGE'],
  headers: { 'x-a': 'exact', 'x-b': true, 'x-c': { regex: 'v[0-9]+' } },
  query: { q: { regex: '.+' } },
  precedence: 3,
  backends: [
    { service: 'orders.shop:8080', weight: 9 },
    { upstream: 'canary', weight: 1 },
  ],
  rewrite: '/v2/orders',
  hostRewrite: { from: 'upstream' },
  requestHeaders: { set: { 'x-one': '1' }, add: { 'x-many': ['1', '2'] }, remove: ['x-gone'] },
  timeouts: { requestMs: 0, idleMs: 1000, attemptMs: 500 },
  upgrades: ['websocket'],
  policies: {
    cors: { origins: ['https://a.example.com'], methods: ['GET'], credentials: true, maxAge: 60 },
    ip: { allow: ['10.0.0.0/8', { peer: '192.0.2.1' }], deny: ['10.9.0.0/16'], of: 'client' },
    geo: { allow: { countries: ['DE'], continents: ['EU'] }, deny: { asns: [64_496] }, header: 'x-country' },
    authorize: {
      mode: 'deny-overrides',
      dryRun: true,
      rules: [
        { name: 'read', effect: 'allow', when: 'request.method == "GET"', scope: ['orders:read'], dryRun: true },
        { name: 'v1', effect: 'deny', when: 'request.path.startsWith("/v1/")', code: 'version-gone' },
      ],
    },
    rateLimit: {
      limits: [
        { name: 'all', rate: 10, unit: 'minute', pattern: '/orders/*', burst: 20 },
        { name: 'tenant', rate: 9, unit: 'second', key: [{ header: 'x-tenant' }, 'route'], missing: 'refuse' },
        { name: 'month', algorithm: 'calendar', rate: 9_000, unit: 'month', zone: 'Europe/Berlin', key: 'consumer' },
        { name: 'at-a-time', algorithm: 'concurrency', rate: 5, key: { address: { ipv6Bits: 56 } }, shadow: true },
        { name: 'units', rate: 5_000, unit: 'day', mode: 'exact', cost: { responseHeader: 'x-units', maxCost: 50 } },
        { name: 'guests', rate: 5, unit: 'second', when: 'before-auth', if: [{ part: { cookie: 'guest' }, is: '1' }] },
      ],
      groups: [[{ name: 'first', rate: 1, unit: 'day', onFailure: 'closed', timeoutMs: 100 }]],
      plans: { free: [{ name: 'free', rate: 100, unit: 'hour' }], partner: [] },
      planClaim: 'org.plan',
      defaultPlan: 'free',
      failures: { rate: 10, unit: 'minute' },
      headers: 'draft-7',
      fence: 'FENCE',
    },
  },
});

/** Routes may be computed; the names of upstreams then are plain strings. */
export const many: readonly RouteDefinition<never, never, never>[] = ['a', 'b'].map((name) =>
  defineRoute({ name, path: `/${name}/`, backend: `${name}.shop:8080` }),
);

export const config = defineConfig({
  clusters: {
    main: { default: true, services: { 'orders.shop:8080': 'http://127.0.0.1:9001' } },
    eu: { template: 'https://{service}.{namespace}.eu.example.com', echoInDev: true },
    private: {
      services: {
        'pay.shop': { url: 'https://10.0.0.6:8443', tls: { serverName: 'pay.internal' } },
        'ledger.shop': 'https://10.0.0.7:8443',
      },
      tls: { ca: 'certs/ca.pem', certificate: { chain: 'certs/gateway.pem', key: 'certs/gateway.key' } },
    },
    edge: { ingress: { url: 'https://ingress.example.com', mode: 'service-header', header: 'x-service' } },
    inside: { ingress: { url: 'https://ingress.example.com', mode: 'client-host' }, vpcService: 'CLUSTER' },
  },
  upstreams: {
    canary: 'orders-canary.shop:8080',
    search: { service: 'search.shop:9200', scheme: 'https', clusters: ['eu', 'main'] },
  },
  routes: [
    health,
    orders,
    ...many,
    {
      name: 'search',
      path: '/search',
      methods: ['GET'],
      backend: { upstream: 'search' },
      regexRewrite: { pattern: '^/search', substitution: '/' },
    },
    { name: 'docs', path: { regex: '/docs(/.*)?' }, redirect: { status: 301, host: 'docs.example.com', prefix: '/' } },
    { name: 'partner', path: '/partner/', backend: 'https://partner.example.org', hostRewrite: 'partner.internal' },
    { name: 'pinned', path: '/pinned/', backend: { service: 'pinned', clusters: ['main'] } },
  ],
  ambassador: { id: 'edge', namespace: 'ambassador', allowUnenforced: ['AuthService'], looseLabelSelectors: true },
  parity: {
    dotSegments: 'normalize',
    rejectStatus: 400,
    unattached: 'drop',
    prefixMode: 'segment',
    strictClaims: true,
  },
  gateway: { trustedHops: 1, maxRequestHeadersKb: 32, serverHeader: null },
});

export const authenticated = defineConfig({
  authentication: {
    corp: { jwt: { issuer: 'https://id.example.com', audience: 'api', discovery: true } },
    service: { jwt: { issuer: 'internal', audience: 'any', secret: env('TOKENS'), algorithms: ['HS256'] } },
    keys: { apiKey: { query: 'key' } },
    staff: { basic: { realm: 'staff' } },
    legacy: { external: { service: 'http://auth.internal:3000/verify' } },
  },
  routes: [
    { name: 'one', path: '/one/', backend: 'a.b:80', policies: { auth: 'corp' } },
    { name: 'any', path: '/any/', backend: 'a.b:80', policies: { auth: { anyOf: ['corp', 'keys'], optional: true } } },
    { name: 'all', path: '/all/', backend: 'a.b:80', policies: { auth: { allOf: ['keys', 'legacy'] } } },
    { name: 'same', path: '/same/', backend: 'a.b:80', policies: { auth: { method: 'staff', recomputeRoute: false } } },
  ],
});

export const empty = defineConfig({});
export const onlyClusters = defineConfig({ clusters: { main: {} } });
export const onlyUpstreams = defineConfig({
  upstreams: { a: 'a.b:1' },
  routes: [{ name: 'a', path: '/', backend: { upstream: 'a' } }],
});
