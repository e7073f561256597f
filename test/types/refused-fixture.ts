/** Every mistake in here must be a TypeScript error: an unused directive fails the compilation. */
import { defineConfig, defineRoute, type AuthorizeOptions, type RateLimitOptions } from 'portolan';

// @ts-expect-error no backend, redirect or respond
defineRoute({ name: 'a', path: '/' });

// @ts-expect-error two actions
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', respond: { status: 200 } });

// @ts-expect-error backend and backends
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', backends: [{ service: 'a.b:80' }] });

// @ts-expect-error an empty list of backends
defineRoute({ name: 'a', path: '/', backends: [] });

// @ts-expect-error no name
defineRoute({ path: '/', backend: 'a.b:80' });

// @ts-expect-error no path
defineRoute({ name: 'a', backend: 'a.b:80' });

// @ts-expect-error two kinds of path
defineRoute({ name: 'a', path: { prefix: '/', exact: '/' }, backend: 'a.b:80' });

// @ts-expect-error an unknown key of a route
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', rewirte: '/' });

// @ts-expect-error an unknown policy
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { ratelimit: {} } });

// @ts-expect-error a policy without a required parameter
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { cors: {} } });

// @ts-expect-error an unknown parameter of a policy
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { cors: { origins: ['*'], max_age: 1 } } });

// @ts-expect-error a parameter of the wrong type
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { cors: { origins: '*' } } });

// @ts-expect-error an unknown unit of a limit
const limit: RateLimitOptions = { limits: [{ name: 'a', rate: 1, unit: 'week' }] };
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { rateLimit: limit } });

const unknownPart: RateLimitOptions = {
  // @ts-expect-error an unknown part of a key
  limits: [{ name: 'a', rate: 1, unit: 'day', key: ['address', 'tenant'] }],
};
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { rateLimit: unknownPart } });

// @ts-expect-error an unknown algorithm
const algorithm: RateLimitOptions = { limits: [{ name: 'a', rate: 1, unit: 'day', algorithm: 'leaky' }] };
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { rateLimit: algorithm } });

// @ts-expect-error refused credentials without a unit
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { rateLimit: { failures: { rate: 5 } } } });

const authentication = {
  corp: { jwt: { issuer: 'https://id.example.com', audience: 'api', discovery: true } },
} as const;
const protectedRoute = { name: 'a', path: '/', backend: 'a.b:80' } as const;

// @ts-expect-error a way to authenticate that is not declared
defineConfig({ authentication, routes: [{ ...protectedRoute, policies: { auth: 'corpo' } }] });

// @ts-expect-error a list with one that is not declared
defineConfig({ authentication, routes: [{ ...protectedRoute, policies: { auth: { anyOf: ['corp', 'keys'] } } }] });

// @ts-expect-error anyOf and allOf
defineRoute({ ...protectedRoute, policies: { auth: { anyOf: ['corp'], allOf: ['corp'] } } });

// @ts-expect-error two ways under one name
defineConfig({ authentication: { both: { apiKey: {}, basic: {} } } });

// @ts-expect-error a jwt without an audience
defineConfig({ authentication: { corp: { jwt: { issuer: 'a', discovery: true } } } });

// @ts-expect-error a secret by its value
defineConfig({ authentication: { corp: { jwt: { issuer: 'a', audience: 'b', secret: 'hush' } } } });
// @ts-expect-error an address is of the client or of the peer
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { ip: { allow: [{ remote: '10.0.0.0/8' }] } } });

// @ts-expect-error there is no such continent
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { geo: { deny: { continents: ['XX'] } } } });

// @ts-expect-error a rule without an expression
const rules: AuthorizeOptions = { rules: [{ name: 'r', effect: 'allow' }] };
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', policies: { authorize: rules } });

// @ts-expect-error a method in lower case
defineRoute({ name: 'a', path: '/', methods: ['get'], backend: 'a.b:80' });

// @ts-expect-error methods is a list
defineRoute({ name: 'a', path: '/', methods: 'GET', backend: 'a.b:80' });

// @ts-expect-error no hostname at all
defineRoute({ name: 'a', path: '/', hostnames: [], backend: 'a.b:80' });

// @ts-expect-error a header condition is a text, true or a regex
defineRoute({ name: 'a', path: '/', headers: { 'x-a': 1 }, backend: 'a.b:80' });

// @ts-expect-error rewrite and regexRewrite
defineRoute({
  name: 'a',
  path: '/',
  backend: 'a.b:80',
  rewrite: '/',
  regexRewrite: { pattern: 'a', substitution: 'b' },
});

// @ts-expect-error a rewrite without backend
defineRoute({ name: 'a', path: '/', respond: { status: 200 }, rewrite: '/' });

// @ts-expect-error an unknown redirect status
defineRoute({ name: 'a', path: '/', redirect: { status: 304 } });

// @ts-expect-error two paths of a redirect
defineRoute({ name: 'a', path: '/', redirect: { path: '/b', prefix: '/c' } });

// @ts-expect-error a duration without unit in its name
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', timeouts: { request: 3000 } });

// @ts-expect-error a duration as text
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', timeouts: { requestMs: '3s' } });

// @ts-expect-error an upgrade that the gateway cannot do
defineRoute({ name: 'a', path: '/', backend: 'a.b:80', upgrades: ['spdy/3.1'] });

// @ts-expect-error weight is a number
defineRoute({ name: 'a', path: '/', backends: [{ service: 'a.b:80', weight: '1' }] });

// @ts-expect-error service and upstream
defineRoute({ name: 'a', path: '/', backend: { service: 'a.b:80', upstream: 'a' } });

// @ts-expect-error an upstream that is not declared
defineConfig({ upstreams: { known: 'a.b:80' }, routes: [{ name: 'a', path: '/', backend: { upstream: 'unknown' } }] });

// @ts-expect-error an upstream although none is declared
defineConfig({ routes: [{ name: 'a', path: '/', backend: { upstream: 'unknown' } }] });

const apart = defineRoute({ name: 'a', path: '/', backend: { upstream: 'unknown' } });
// @ts-expect-error the same, for a route that was written apart
defineConfig({ upstreams: { known: 'a.b:80' }, routes: [apart] });

// @ts-expect-error a cluster that is not declared
defineConfig({ clusters: { eu: {} }, routes: [{ name: 'a', path: '/', backend: { service: 'a', clusters: ['us'] } }] });

// @ts-expect-error an upstream in a cluster that is not declared
defineConfig({ clusters: { eu: {} }, upstreams: { a: { service: 'a', clusters: ['us'] } } });

// @ts-expect-error an unknown key of a cluster
defineConfig({ clusters: { eu: { templates: 'https://{service}' } } });

// @ts-expect-error a header name without the mode that uses it
defineConfig({ clusters: { eu: { ingress: { url: 'https://a', mode: 'client-host', header: 'x-a' } } } });

// @ts-expect-error an unknown switch
defineConfig({ parity: { dotSegment: 'reject' } });

// @ts-expect-error an unknown value of a switch
defineConfig({ parity: { pathParams: 'strip' } });

// @ts-expect-error a number as text
defineConfig({ gateway: { trustedHops: '1' } });

// @ts-expect-error an unknown part
defineConfig({ cluster: {} });

// @ts-expect-error a certificate without its key
defineConfig({ clusters: { a: { tls: { certificate: { chain: 'a.pem' } } } } });

// @ts-expect-error an unknown key of TLS settings
defineConfig({ clusters: { a: { services: { b: { url: 'https://b.test', tls: { cert: 'a.pem' } } } } } });
