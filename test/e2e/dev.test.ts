/** The gateway as a newcomer meets it: `portolan dev` on real manifests, with real processes behind it. */
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, echoOf, headerValues, startDev, type DevProcess } from './dev-process.ts';

const example = fs.readFileSync(path.resolve(import.meta.dirname, '../../examples/backend.yaml'), 'utf8');

const mapping = (name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: 'getambassador.io/v3alpha1', kind: 'Mapping', metadata: { name, namespace: 'default' }, spec })}\n`;

const limited = mapping('limited', {
  prefix: '/limited/',
  service: 'limited:8080',
  cors: { origins: ['https://app.test'], methods: ['GET'] },
  rate_limits: [{ name: 'few', limits: [{ pattern: '*', rate: 10, unit: 'minute' }] }],
});
const live = mapping('live', { prefix: '/live/', service: 'live:8080', allow_upgrade: ['websocket'], timeout_ms: 0 });
const quick = mapping('quick', { prefix: '/quick/', service: 'quick:8080', timeout_ms: 300 });
const host = (name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: 'getambassador.io/v3alpha1', kind: 'Host', metadata: { name, namespace: 'default' }, spec })}\n`;

let dev: DevProcess;

beforeAll(async () => {
  dev = await startDev({
    'backend.yaml': example,
    'limited.json': limited,
    'live.json': live,
    'quick.json': quick,
    'secure.yaml': `${host('secure', { hostname: 'secure.test' })}---\n${mapping('secure', { hostname: 'secure.test', prefix: '/s/', service: 'secure' })}`,
  });
});
afterAll(async () => {
  // 143: miniflare's own signal handler may be first; either way nothing is left behind.
  expect([0, 143]).toContain(await dev.close());
});

describe('forwarding', () => {
  it('reaches the echo backend with the prefix replaced and the client’s Host', async () => {
    const answer = await ask(dev.port, '/backend/hello?a=1', { headers: { host: 'any.test', 'x-mine': 'yes' } });
    expect(answer.status).toBe(200);
    const echo = echoOf(answer);
    expect(echo).toMatchObject({ service: 'backend-service.default:8080', method: 'GET', url: '/hello?a=1' });
    expect(headerValues(echo, 'host')).toEqual(['any.test']);
    expect(headerValues(echo, 'x-mine')).toEqual(['yes']);
    expect(headerValues(echo, 'x-forwarded-for')).toHaveLength(1);
    expect(headerValues(echo, 'x-portolan-relay')).toEqual([]);
  });

  it('sends bodies through unchanged, methods and GET bodies included', async () => {
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'GET']) {
      const answer = await ask(dev.port, '/backend/x', {
        method,
        body,
        headers: { host: 'a.test', 'content-length': String(body.length) },
      });
      expect(echoOf(answer)).toMatchObject({ method, bodyBytes: body.length });
    }
  });

  it('answers 404 with a problem document where no route is', async () => {
    const answer = await ask(dev.port, '/nothing', { headers: { host: 'a.test' } });
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({
      code: 'no-route',
      requestId: expect.any(String),
      configVersion: expect.any(String),
    });
  });

  it('gives up on a silent backend with 504', async () => {
    const answer = await ask(dev.port, '/quick/x?delay_ms=3000', { headers: { host: 'a.test' } });
    expect(answer.status).toBe(504);
    expect(answer.json()).toMatchObject({ code: 'upstream-timeout' });
  });

  it('passes WebSocket messages where the route allows it, and only there', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${dev.port}/live/chat`);
    const echoed = await new Promise<unknown>((resolve, reject) => {
      socket.addEventListener('open', () => socket.send('ahoy'));
      socket.addEventListener('message', (event) => resolve(event.data));
      socket.addEventListener('error', () => reject(new Error('the socket failed')));
    });
    expect(echoed).toBe('ahoy');
    socket.close();
    const denied = await ask(dev.port, '/backend/x', {
      headers: {
        host: 'a.test',
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    expect(denied.status).toBe(403);
  });
});

describe('policies', () => {
  it('answers preflights and marks real answers for the Origin that asked', async () => {
    const preflight = await ask(dev.port, '/backend/x', {
      method: 'OPTIONS',
      headers: { host: 'a.test', origin: 'https://shop.test', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(200);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://shop.test',
      'access-control-allow-methods': 'GET, POST',
    });
    expect(preflight.body.length).toBe(0);
    const real = await ask(dev.port, '/backend/x', { headers: { host: 'a.test', origin: 'https://shop.test' } });
    expect(real.headers['access-control-allow-origin']).toBe('https://shop.test');
    expect(real.headers['vary']?.toLowerCase()).toContain('origin');
  });

  it('lets exactly 10 of 15 simultaneous requests through a limit of 10 a minute', async () => {
    const answers = await Promise.all(
      Array.from({ length: 15 }, () =>
        ask(dev.port, '/limited/x', { headers: { host: 'a.test', origin: 'https://app.test' } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(5);
    for (const answer of refused) {
      expect(answer.json()).toMatchObject({ status: 429, code: 'rate-limited' });
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
      expect(answer.headers['ratelimit']).toContain('r=0');
      expect(answer.headers['ratelimit-policy']).toContain('q=10');
      // Otherwise a browser's script could not read why.
      expect(answer.headers['access-control-allow-origin']).toBe('https://app.test');
    }
  });

  it('counts by the address of the connection, not by what a client claims', async () => {
    for (const name of ['cf-connecting-ip', 'x-real-ip', 'true-client-ip', 'forwarded', 'mf-cf-blob']) {
      const answer = await ask(dev.port, '/limited/x', { headers: { host: 'a.test', [name]: '203.0.113.9' } });
      expect(answer.status, name).toBe(429);
    }
  });
});

describe('hostile requests', () => {
  it.each([
    '/backend/../admin',
    '/backend/%2e%2e/admin',
    '/backend/..%2fadmin',
    '/backend/..;x=y/admin',
    '/backend/a%5cb',
    '/backend/a%00b',
    '/backend/%zz',
    '/backend/%c0%af',
  ])('refuses %s', async (target) => {
    const answer = await ask(dev.port, target, { headers: { host: 'a.test' } });
    expect(answer.status).toBe(400);
  });

  it.each(['u:p@a.test', 'a.test/x', 'a.test?x', 'a,b', '0x7f.1'])('refuses the Host %s', async (name) => {
    const answer = await ask(dev.port, '/backend/x', { headers: { host: name } });
    expect(answer.status).toBe(400);
  });

  it('does not let a client name a backend or forge what we write', async () => {
    const answer = await ask(dev.port, '/backend/x', {
      headers: {
        host: 'a.test',
        'x-portolan-relay': 'other',
        'x-envoy-original-path': '/x',
        x_forwarded_for: '1.2.3.4',
      },
    });
    const names = echoOf(answer).headers.map(([name]) => name.toLowerCase());
    expect(names).not.toContain('x-portolan-relay');
    expect(names).not.toContain('x_forwarded_for');
    expect(headerValues(echoOf(answer), 'x-envoy-original-path')).toEqual(['/backend/x']);
  });
});

describe('Hosts', () => {
  it('redirects requests in clear and serves what a trusted hop calls https', async () => {
    const clear = await ask(dev.port, '/s/x?y=1', { headers: { host: 'secure.test' } });
    expect(clear.status).toBe(301);
    expect(clear.headers.location).toBe('https://secure.test/s/x?y=1');
    const secure = await ask(dev.port, '/s/x', { headers: { host: 'secure.test', 'x-forwarded-proto': 'https' } });
    expect(secure.status).toBe(200);
  });
});

describe('changes', () => {
  it('are live at once, without a failed request meanwhile, new services included', async () => {
    const stop = new AbortController();
    const statuses: number[] = [];
    const traffic = (async () => {
      while (!stop.signal.aborted)
        statuses.push((await ask(dev.port, '/quick/x', { headers: { host: 'a.test' } })).status);
    })();
    const changed = await dev.change('added.json', mapping('added', { prefix: '/added/', service: 'brand-new:9999' }));
    expect(changed).toMatchObject({ event: 'published', skipped: null });
    const answer = await ask(dev.port, '/added/x', { headers: { host: 'a.test' } });
    expect(echoOf(answer)).toMatchObject({ service: 'brand-new.default:9999', url: '/x' });
    await dev.change('added.json', mapping('added', { prefix: '/added/', rewrite: '/v2/', service: 'brand-new:9999' }));
    expect(echoOf(await ask(dev.port, '/added/x', { headers: { host: 'a.test' } })).url).toBe('/v2/x');
    stop.abort();
    await traffic;
    expect(statuses.length).toBeGreaterThan(0);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  it('a resource that breaks keeps its last accepted version; the others follow', async () => {
    const broken = mapping('added', {
      prefix: '/added/',
      rewrite: '/v3/',
      service: 'brand-new:9999',
      timeout_ms: 'soon',
    });
    const event = await dev.change('added.json', broken);
    expect(JSON.stringify(event['findings'])).toContain('field-invalid');
    expect(echoOf(await ask(dev.port, '/added/x', { headers: { host: 'a.test' } })).url).toBe('/v2/x');
    const unread = await dev.change('added.json', '{');
    expect(unread).toMatchObject({
      event: 'failed',
      message: expect.stringMatching(/added\.json could not be read[^]*yaml-invalid/),
    });
    expect(echoOf(await ask(dev.port, '/added/x', { headers: { host: 'a.test' } })).url).toBe('/v2/x');
    await dev.change('added.json', null);
    expect((await ask(dev.port, '/added/x', { headers: { host: 'a.test' } })).status).toBe(404);
  });
});

describe('starting', () => {
  it('needs no manifest, but a folder that became empty later takes no routes away', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-config-'));
    const config = path.join(folder, 'portolan.config.mjs');
    const own = `{ name: 'own', path: { exact: '/own' }, respond: { status: 200, body: 'own' } }`;
    fs.writeFileSync(config, `export default { routes: [${own}] };`);
    const running = await startDev({}, ['--config', config, '--port', '0']);
    try {
      expect((await ask(running.port, '/own')).status).toBe(200);
      await running.change('a.json', mapping('added', { prefix: '/added/', service: 'added' }));
      const emptied = await running.change('a.json', null);
      expect(emptied).toMatchObject({ event: 'failed', message: 'what -f names holds no Kubernetes object' });
      expect((await ask(running.port, '/added/x', { headers: { host: 'a.test' } })).status).toBe(200);
    } finally {
      await running.close();
      fs.rmSync(folder, { recursive: true });
    }
  });

  it('says in one line that a port is in use', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    await expect(startDev({ 'backend.yaml': example }, ['--config', 'none', '--port', String(port)])).rejects.toThrow(
      new RegExp(`exited with 1\\n[^\\n]*port ${port} is in use[^\\n]*\\n?$`),
    );
    taken.close();
  });
});
