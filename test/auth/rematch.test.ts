/** Authentication changes headers, and headers choose routes: through the real runtime. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send, startProtectedStand, type ProtectedStand } from './protected-stand.ts';

/** Lets everybody pass and says which plan he has; nobody without `x-who`. */
const service = http.createServer((request, response) => {
  const who = request.headers['x-who'];
  asked.push(`${request.method} ${request.url} ${String(who)}`);
  if (who === undefined) response.writeHead(401, { 'www-authenticate': 'Own realm="svc"' });
  else response.writeHead(200, { 'x-plan': String(who) });
  response.end();
});
const asked: string[] = [];
let stand: ProtectedStand;

function route(name: string, more: object): object {
  return { name, path: '/r/', backend: 'BACKEND', ...more };
}

beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const external = { service: url, allowedRequestHeaders: ['x-who'], allowedAuthorizationHeaders: ['x-plan'] };

  const cors = { origins: ['https://app.example.com'] };
  stand = await startProtectedStand({
    config: {
      authentication: { svc: { external }, keys: { apiKey: {} } },
      routes: [
        route('all', {
          policies: { auth: 'svc', cors },
          responseHeaders: { set: { 'x-route': 'all' } },
        }),
        route('gold', {
          headers: { 'x-plan': 'gold' },
          policies: { auth: 'svc' },
          responseHeaders: { set: { 'x-route': 'gold' } },
        }),
        route('guarded', {
          headers: { 'x-plan': 'guarded' },
          policies: { auth: 'keys' },
          responseHeaders: { set: { 'x-route': 'guarded' } },
        }),
        route('open', { path: '/open/', responseHeaders: { set: { 'x-route': 'open' } } }),
        {
          name: 'kept',
          path: '/kept/',
          backend: 'BACKEND',
          policies: { auth: { method: 'svc', recomputeRoute: false } },
          responseHeaders: { set: { 'x-route': 'kept' } },
        },
        {
          name: 'kept-gold',
          path: '/kept/',
          headers: { 'x-plan': 'gold' },
          backend: 'BACKEND',
          responseHeaders: { set: { 'x-route': 'kept-gold' } },
        },
      ],
    },
  });
});
afterAll(async () => {
  await stand.close();
  service.closeAllConnections();
  service.close();
});

async function routeOf(path: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const { status, headers: received, code } = await send(stand.port, { path, headers });
  return `${status} ${String(received['x-route'])}${code === null ? '' : ` ${code}`}`;
}

describe('a header that authentication wrote', () => {
  it('leads to the route that wants it, which does not ask the same question again', async () => {
    asked.length = 0;
    expect(await routeOf('/r/x', { 'x-who': 'gold' })).toBe('200 gold');
    expect(asked).toEqual(['GET /r/x gold']);
    expect(stand.arrived.at(-1)).toMatchObject({ url: '/r/x', headers: { 'x-plan': 'gold' } });
  });

  it('leads to a route that asks something else, and that is asked', async () =>
    expect(await routeOf('/r/x', { 'x-who': 'guarded' })).toBe('401 guarded credentials-missing'));

  it('changes nothing where no route wants it', async () =>
    expect(await routeOf('/r/x', { 'x-who': 'silver' })).toBe('200 all'));

  it('leads nowhere with recomputeRoute: false', async () =>
    expect(await routeOf('/kept/x', { 'x-who': 'gold' })).toBe('200 kept'));
});

describe('a client that sends the header itself', () => {
  it.each(['x-plan', 'X-Plan', 'X-PLAN'])('%s never reaches a route that it would choose', async (name) => {
    expect(await routeOf('/r/x', { 'x-who': 'silver', [name]: 'gold' })).toBe('200 all');
    expect(stand.arrived.at(-1)?.headers['x-plan']).toBe('silver');
  });

  it('does not reach a backend with it on a route without any policy', async () => {
    expect(await routeOf('/open/x', { 'x-plan': 'gold', x_plan: 'gold', 'x-else': '1' })).toBe('200 open');
    const { headers } = stand.arrived.at(-1) ?? { headers: {} };
    expect(Object.keys(headers).filter((name) => /plan|else/.test(name))).toEqual(['x-else']);
  });
});

it('a refusal carries the route’s CORS headers, and a script may read its challenge', async () => {
  const answer = await send(stand.port, { path: '/r/x', headers: { origin: 'https://app.example.com' } });
  expect(answer).toMatchObject({
    status: 401,
    headers: {
      'access-control-allow-origin': 'https://app.example.com',
      'www-authenticate': 'Own realm="svc"',
      'access-control-expose-headers': expect.stringContaining('WWW-Authenticate'),
    },
  });
});

it('a preflight needs no credentials', async () => {
  asked.length = 0;
  const headers = { origin: 'https://app.example.com', 'access-control-request-method': 'PUT' };
  expect(await send(stand.port, { method: 'OPTIONS', path: '/r/x', headers })).toMatchObject({ status: 200 });
  expect(asked).toEqual([]);
});
