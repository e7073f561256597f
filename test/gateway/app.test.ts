import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import type { RateLimiter } from '../../src/limits/limiter.ts';
import { fixedLimiter } from '../policies/memory-limiter.ts';
import type { CompiledPolicy, CompiledRoute } from '../../src/program/route-program.ts';
import { aBackend, aRoute, gatewayFixture, type Fixture } from './gateway-fixture.ts';

const source = { kind: 'Mapping', namespace: 'default', name: 'x' };
async function problem(response: Response): Promise<string> {
  const body: unknown = await response.json();
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(body).toMatchObject({ type: expect.any(String), status: response.status, requestId: expect.any(String) });
  return `${response.status} ${String(Reflect.get(Object(body), 'code'))}`;
}

function two(first: number, second: number): CompiledRoute {
  return aRoute('/', {
    action: {
      kind: 'forward',
      backends: [
        aBackend({ weight: first, host: 'one.test' }),
        aBackend({ weight: second, refuse: { kind: 'refuse', status: 500, code: 'second', message: 'x' } }),
      ],
    },
  });
}

function draw(value: number, route: CompiledRoute): Fixture {
  return gatewayFixture({ routes: [route], bindings: { random: () => value } });
}

function take(allowed: boolean): RateLimiter {
  return fixedLimiter({ allowed, remaining: 0, resetMs: 900, retryAfterMs: allowed ? 0 : 900 });
}

describe('gateway', () => {
  it('forwards path, query, method and body, with the client’s Host in the URL', async () => {
    const gateway = gatewayFixture({
      routes: [
        aRoute('/a/', {
          action: { kind: 'forward', backends: [aBackend({ rewrite: { kind: 'prefix', length: 3, value: '/' } })] },
        }),
      ],
    });
    const response = await gateway.send('http://Shop.test:8080/a/b//c?x=1', { method: 'POST', body: 'hello' });
    expect(await response.text()).toBe('from upstream');
    const [sent] = gateway.upstream;
    expect(sent?.url).toBe('http://shop.test:8080/b//c?x=1');
    expect(sent?.method).toBe('POST');
    expect(await sent?.text()).toBe('hello');
    expect(sent?.redirect).toBe('manual');
    expect(sent?.headers.get('x-envoy-original-path')).toBe('/a/b//c?x=1');
    expect(sent?.headers.get('x-forwarded-for')).toBe('9.9.9.9');
    expect(sent?.headers.get('x-forwarded-host')).toBe('shop.test:8080');
  });

  it('hands the upstream’s answer back as it came when nothing changes it', async () => {
    const answer = new Response('x', { status: 418, headers: { etag: '"1"' } });
    const gateway = gatewayFixture({ routes: [aRoute('/')], answer: () => answer });
    expect(await gateway.send('http://h.test/a')).toBe(answer);
  });

  it.each([
    ['http://h.test/a/../b', '400 dot-segments-rejected'],
    ['http://h.test/a%2fb', '400 escaped-slashes-rejected'],
    ['http://h.test/a/..;/b', '400 path-params-rejected'],
    ['http://h.test/%00', '400 path-invalid'],
    ['http://h.test/nothing', '404 no-route'],
    [`http://h.test/${'a'.repeat(70_000)}`, '414 target-too-long'],
  ])('%s → %s', async (url, expected) => {
    const gateway = gatewayFixture({ routes: [aRoute('/a')] });
    expect(await problem(await gateway.send(url))).toBe(expected);
    expect(gateway.upstream).toEqual([]);
  });

  it('refuses a Host that names another place than the URL', async () => {
    const gateway = gatewayFixture({ routes: [aRoute('/')] });
    const response = await gateway.send('http://h.test/x/a', { headers: { host: 'h.test/x' } });
    expect(await problem(response)).toBe('400 host-invalid');
  });

  it('rejects what cutting a prefix would turn into a dot segment, and only that', async () => {
    const gateway = gatewayFixture({
      routes: [
        aRoute('/api', {
          action: { kind: 'forward', backends: [aBackend({ rewrite: { kind: 'prefix', length: 4, value: '/' } })] },
        }),
      ],
    });
    expect(await problem(await gateway.send('http://h.test/api../admin'))).toBe('400 rewrite-unsafe');
    await gateway.send('http://h.test/api/bar');
    expect(gateway.upstream.map(({ url }) => url)).toEqual(['http://h.test//bar']);
  });

  it('answers HEAD errors without a body', async () => {
    const response = await gatewayFixture({ routes: [] }).send('http://h.test/', { method: 'HEAD' });
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('');
  });

  it('answers OPTIONS * itself', async () => {
    const gateway = gatewayFixture({ routes: [aRoute('/')] });
    expect((await gateway.send('http://h.test*', { method: 'OPTIONS' })).status).toBe(204);
    expect(gateway.upstream).toEqual([]);
  });

  it('tells a dead upstream from a slow one and logs both', async () => {
    const gateway = gatewayFixture({
      routes: [aRoute('/', { timeouts: { requestMs: 20, idleMs: 0 } })],
      answer: (request) => {
        if (request.url.endsWith('/dead')) throw new Error('Network connection lost.');
        return new Promise((_, reject) => {
          request.signal.addEventListener('abort', () => reject(request.signal.reason));
        });
      },
    });
    expect(await problem(await gateway.send('http://h.test/dead'))).toBe('503 upstream-unreachable');
    expect(await problem(await gateway.send('http://h.test/slow'))).toBe('504 upstream-timeout');
    expect(gateway.logged.map(({ fields }) => [fields['code'], fields['origin']])).toEqual([
      ['upstream-unreachable', 'upstream'],
      ['upstream-timeout', 'upstream'],
    ]);
  });

  it('hides the text of its own bugs from the client, not from the log', async () => {
    const gateway = gatewayFixture({
      routes: [aRoute('/')],
      bindings: {
        transport: () => {
          throw new TypeError('secret detail');
        },
      },
    });
    const response = await gateway.send('http://h.test/');
    expect(await response.clone().text()).not.toContain('secret');
    expect(await problem(response)).toBe('500 internal');
    expect(gateway.logged[0]?.fields['cause']).toContain('secret detail');
  });

  it('chooses backends by weight, and none when all weights are 0', async () => {
    const low = draw(0.29, two(30, 70));
    expect((await low.send('http://h.test/')).status).toBe(200);
    expect(low.upstream[0]?.url).toBe('http://one.test/');
    expect(await problem(await draw(0.31, two(30, 70)).send('http://h.test/'))).toBe('500 second');
    expect(await problem(await draw(0.5, two(0, 0)).send('http://h.test/'))).toBe('500 no-backend');
  });

  it('by plain fetch the URL is the origin and the wanted Host travels beside', async () => {
    const backend = aBackend({ via: { kind: 'fetch' }, origin: 'https://ingress.example.com', host: 'web.test' });
    const gateway = gatewayFixture({ routes: [aRoute('/', { action: { kind: 'forward', backends: [backend] } })] });
    await gateway.send('http://h.test/a?b');
    expect(gateway.upstream[0]?.url).toBe('https://ingress.example.com/a?b');
    expect(gateway.upstream[0]?.headers.get('x-forwarded-host')).toBe('web.test');
  });

  it('says so when this process cannot reach an upstream', async () => {
    const backend = aBackend({ upstream: 'unknown' });
    const gateway = gatewayFixture({ routes: [aRoute('/', { action: { kind: 'forward', backends: [backend] } })] });
    expect(await problem(await gateway.send('http://h.test/'))).toBe('503 upstream-unbound');
  });

  it('names the upstream to the relay and lets no client do so', async () => {
    const seen: (string | null)[] = [];
    const fetcher = {
      fetch: (input: Request | string, init?: RequestInit) => {
        seen.push(new Request(input, init).headers.get('x-portolan-relay'));
        return Promise.resolve(new Response(null));
      },
    };
    let relayId: string | undefined = 'web';
    const gateway = gatewayFixture({
      routes: [aRoute('/')],
      bindings: { backends: { fetcher: () => (relayId === undefined ? { fetcher } : { fetcher, relayId }) } },
    });
    await gateway.send('http://h.test/', { headers: { 'x-portolan-relay': 'evil' } });
    relayId = undefined;
    await gateway.send('http://h.test/', { headers: { 'x-portolan-relay': 'evil' } });
    expect(seen).toEqual(['web', null]);
  });

  it('lets only allowed upgrades through', async () => {
    const gateway = gatewayFixture({ routes: [aRoute('/'), aRoute('/ws', { upgrades: ['websocket'] })] });
    const headers = { upgrade: 'WebSocket' };
    expect(await problem(await gateway.send('http://h.test/', { headers }))).toBe('403 upgrade-not-allowed');
    await gateway.send('http://h.test/ws', { headers });
    expect(gateway.upstream[0]?.headers.get('upgrade')).toBe('websocket');
    await gateway.send('http://h.test/', { headers: { upgrade: 'h2c', 'http2-settings': 'x' } });
    expect(gateway.upstream[1]?.headers.has('upgrade')).toBe(false);
    expect(gateway.upstream[1]?.headers.has('http2-settings')).toBe(false);
  });
});

describe('gateway: headers of a route', () => {
  const requestHeaders = {
    remove: ['x-secret'],
    set: [{ name: 'x-who', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %PROTOCOL% 100%% %NOPE%' }],
    add: [{ name: 'x-many', value: '%REQ(X-In?:PATH)%' }],
  };
  const responseHeaders = {
    remove: ['x-internal'],
    set: [{ name: 'x-frame-options', value: 'DENY' }],
    add: [{ name: 'x-seen', value: '%RESP(etag)%' }],
  };

  it('change the request on its way up, after policies saw it', async () => {
    const gateway = gatewayFixture({ routes: [aRoute('/', { requestHeaders })] });
    await gateway.send('http://h.test/p', { headers: { 'x-secret': '1', 'x-many': 'a', 'x-in': 'b' } });
    await gateway.send('http://h.test/p?q');
    const [first, second] = gateway.upstream;
    expect(first?.headers.has('x-secret')).toBe(false);
    expect(first?.headers.get('x-who')).toBe('9.9.9.9 HTTP/1.1 100% -');
    expect(first?.headers.get('x-many')).toBe('a, b');
    expect(second?.headers.get('x-many')).toBe('/p?q');
  });

  it('change every answer, our own included', async () => {
    const gateway = gatewayFixture({
      routes: [
        aRoute('/', { responseHeaders }),
        aRoute('/refused', {
          responseHeaders,
          action: { kind: 'refuse', status: 503, code: 'upstream-unresolved', message: 'x' },
        }),
      ],
      answer: () => new Response('x', { headers: { 'x-internal': '1', etag: '"e"' } }),
    });
    const served = await gateway.send('http://h.test/');
    expect(served.headers.has('x-internal')).toBe(false);
    expect(served.headers.get('x-frame-options')).toBe('DENY');
    expect(served.headers.get('x-seen')).toBe('"e"');
    const refused = await gateway.send('http://h.test/refused');
    expect(refused.headers.get('x-frame-options')).toBe('DENY');
    expect(await problem(refused)).toBe('503 upstream-unresolved');
  });

  it('cannot change Host, and a header that is no token does no harm', async () => {
    const set = [
      { name: 'Host', value: 'evil.test' },
      { name: ':path', value: '/evil' },
      { name: 'bad name', value: 'x' },
    ];
    const gateway = gatewayFixture({ routes: [aRoute('/', { requestHeaders: { remove: [], set, add: [] } })] });
    expect((await gateway.send('http://h.test/')).status).toBe(200);
    expect(gateway.upstream[0]?.url).toBe('http://h.test/');
  });

  it('adds the gateway-wide ones', async () => {
    const gateway = gatewayFixture({ routes: [], settings: { serverHeader: 'edge', exposeConfigVersion: true } });
    const response = await gateway.send('http://h.test/');
    expect(response.headers.get('server')).toBe('edge');
    expect(response.headers.get('x-portolan-config-version')).toBe('v1');
  });
});

describe('gateway: local answers', () => {
  it('redirects with the query and without splitting headers', async () => {
    const gateway = gatewayFixture({
      routes: [
        aRoute('/old/', {
          action: {
            kind: 'redirect',
            status: 308,
            authority: 'new.test',
            path: { kind: 'prefix', length: 5, value: '/new/' },
          },
        }),
      ],
    });
    const response = await gateway.send('http://h.test/old/caf%c3%a9?x=%0d%0aSet-Cookie:y&z="<é>');
    expect(response.status).toBe(308);
    expect(response.headers.get('location')).toBe(
      'http://new.test/new/caf%C3%A9?x=%0d%0aSet-Cookie:y&z=%22%3C%C3%A9%3E',
    );
  });

  it('answers by itself where the route says so', async () => {
    const gateway = gatewayFixture({
      routes: [aRoute('/', { action: { kind: 'respond', status: 200, body: 'ok', contentType: 'text/plain' } })],
    });
    const response = await gateway.send('http://h.test/');
    expect(await response.text()).toBe('ok');
    expect(response.headers.get('content-type')).toBe('text/plain');
  });
});

describe('gateway: secure and insecure', () => {
  const routes = [aRoute('/a'), aRoute('/.well-known/acme-challenge/', { insecure: 'serve' as const })];

  it('redirects insecure requests of known paths only', async () => {
    const gateway = gatewayFixture({ routes, domain: { insecureAction: 'redirect' } });
    const response = await gateway.send('http://h.test:80/a?b');
    expect([response.status, response.headers.get('location')]).toEqual([301, 'https://h.test/a?b']);
    expect(await problem(await gateway.send('http://h.test/unknown'))).toBe('404 no-route');
    expect((await gateway.send('http://h.test/.well-known/acme-challenge/x')).status).toBe(200);
    expect(gateway.upstream).toHaveLength(1);
  });

  it('redirects unknown paths as well when told to', async () => {
    const gateway = gatewayFixture({
      routes,
      domain: { insecureAction: 'redirect' },
      settings: { redirectUnmatched: true },
    });
    expect((await gateway.send('http://h.test/unknown')).status).toBe(301);
  });

  it('rejects with the status of the setting, and serves challenges', async () => {
    for (const rejectStatus of [404, 400] as const) {
      const gateway = gatewayFixture({ routes, domain: { insecureAction: 'reject' }, settings: { rejectStatus } });
      expect(await problem(await gateway.send('http://h.test/a'))).toBe(`${rejectStatus} insecure-rejected`);
      expect(await problem(await gateway.send('http://h.test/unknown'))).toBe('404 no-route');
      expect((await gateway.send('http://h.test/.well-known/acme-challenge/x')).status).toBe(200);
    }
  });

  it('believes x-forwarded-proto from trusted hops only', async () => {
    const domain = { insecureAction: 'redirect' as const };
    const headers = { 'x-forwarded-proto': 'https' };
    expect((await gatewayFixture({ routes, domain }).send('http://h.test/a', { headers })).status).toBe(301);
    const trusting = gatewayFixture({ routes, domain, settings: { trustedHops: 1 } });
    expect((await trusting.send('http://h.test/a', { headers })).status).toBe(200);
    expect((await trusting.send('http://h.test/a')).status).toBe(301);
  });

  it('has an explicit word for a host and a transport that are not served', async () => {
    const gateway = gatewayFixture({
      routes,
      domain: { hostname: 'h.test', security: { http: null, https: 'secure' } },
    });
    expect(await problem(await gateway.send('http://other.test/a'))).toBe('404 host-not-served');
    expect(await problem(await gateway.send('http://h.test/a'))).toBe('404 host-not-served');
  });
});

describe('gateway: policies', () => {
  const limit: CompiledPolicy = {
    name: 'rate-limit',
    source,
    config: {
      limits: [
        { label: 'basic', counter: 'k', limit: { algorithm: 'token-bucket', rate: 1, periodMs: 1_000, burst: 1 } },
      ],
    },
  };

  it('a policy that this Worker does not know makes the route refuse', async () => {
    const gateway = gatewayFixture({ routes: [aRoute('/', { policies: [{ name: 'unknown', config: {}, source }] })] });
    expect(await problem(await gateway.send('http://h.test/'))).toBe('503 policy-not-enforced');
    expect(gateway.logged[0]?.event).toBe('policy-unusable');
    expect(gateway.upstream).toEqual([]);
  });

  it('a policy whose configuration it cannot read makes the route refuse', async () => {
    const gateway = gatewayFixture({ routes: [aRoute('/', { policies: [{ ...limit, config: { limits: 7 } }] })] });
    expect(await problem(await gateway.send('http://h.test/'))).toBe('503 policy-not-enforced');
  });

  it('runs every policy before the request goes up, and stops at the first refusal', async () => {
    const cors: CompiledPolicy = { name: 'cors', source, config: { origins: [], anyOrigin: true } };
    const routes = [aRoute('/', { policies: [cors, limit] })];
    const headers = { origin: 'http://o.test' };
    const passing = gatewayFixture({ routes, limiter: take(true) });
    const passed = await passing.send('http://h.test/', { headers });
    expect(await passed.text()).toBe('from upstream');
    expect(passed.headers.get('ratelimit')).toBe('"basic";r=0;t=1');
    const refusing = gatewayFixture({ routes, limiter: take(false) });
    const refused = await refusing.send('http://h.test/', { headers });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('access-control-allow-origin')).toBe('http://o.test');
    expect(await problem(refused)).toBe('429 rate-limited');
    expect(refusing.upstream).toEqual([]);
  });

  it('headers that policies want are on errors too', async () => {
    const cors: CompiledPolicy = { name: 'cors', source, config: { origins: [], anyOrigin: true } };
    const gateway = gatewayFixture({
      routes: [aRoute('/', { policies: [cors] })],
      answer: () => {
        throw new Error('down');
      },
    });
    const response = await gateway.send('http://h.test/', { headers: { origin: 'http://o.test' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('http://o.test');
    expect(await problem(response)).toBe('503 upstream-unreachable');
  });
});

describe('gateway: no program', () => {
  it('answers 503 with Retry-After', async () => {
    const error = new GatewayError(503, 'no-program', 'none yet', { headers: { 'retry-after': '5' } });
    const gateway = gatewayFixture({ routes: [], bindings: { programs: { current: () => Promise.reject(error) } } });
    const response = await gateway.send('http://h.test/');
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await problem(response)).toBe('503 no-program');
  });
});
