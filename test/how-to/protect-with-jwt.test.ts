/** docs/how-to/protect-with-jwt.md, done as it says: `portolan serve`, `portolan explain` and a provider on loopback. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { ask, echoOf, headerValues, type Answer } from '../e2e/dev-process.ts';
import { run, startServe, type ServeProcess } from '../e2e/serve-process.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { parseCurl, readPage, told } from './page.ts';

const page = readPage('protect-with-jwt.md');
const [first = '', second = ''] = page.blocks('ts');
const HOUR_S = 3_600;

let echo: EchoServer;
let corp: Issuer;
let partner: Issuer;
let node: ServeProcess;

beforeAll(async () => {
  echo = await startEcho({ name: 'orders', port: 0 });
  [corp, partner] = await Promise.all([startIssuer(), startIssuer()]);
});
afterEach(() => node.close());
afterAll(async () => {
  await echo.close();
  corp.close();
  partner.close();
});

async function serve(config: string): Promise<void> {
  node = await startServe({
    config: config
      .replaceAll('https://login.example.com', corp.url)
      .replaceAll('https://id.partner.example', partner.url)
      .replaceAll('http://127.0.0.1:9000', echo.url),
    sources: false,
    args: ['--processes', '1', '--config', 'portolan.config.mjs'],
  });
}

const withToken = (token: string, method = 'GET', target = '/orders/1'): Promise<Answer> =>
  ask(node.port, target, { method, headers: { authorization: `Bearer ${token}` } });

const nowS = (): number => Math.floor(Date.now() / 1_000);

describe('the first routes', () => {
  it('answer as the table says, and explain tells the same', async () => {
    await serve(first);
    const tokens = {
      TOKEN: await corp.token({}),
      EXPIRED: await corp.token({ exp: nowS() - HOUR_S }),
      OTHER_API: await corp.token({ aud: 'invoices' }),
    };
    const rows = page.table('request');
    expect(rows).toHaveLength(6);
    for (const [request = '', answer = ''] of rows) {
      const { target, ...options } = parseCurl(request, tokens);
      const got = await ask(node.port, target, options);
      expect(`${request} ${answer}`).toContain(`${request} ${told(got)}`);
      const [, name = '', value = ''] = /`(WWW-Authenticate): ([^`]+)`/.exec(answer) ?? [];
      if (name !== '') expect(got.headers[name.toLowerCase()]).toBe(value);
      if (got.status !== 200) continue;
      const user = headerValues(echoOf(got), 'x-user');
      expect(answer).toContain(
        user.length === 0 ? 'the backend sees no `x-user`' : `the backend sees \`x-user: ${user.join()}\``,
      );
    }

    fs.writeFileSync(path.join(node.base, 'jwks.json'), corp.keySet);
    const [line = ''] = page.blocks('sh');
    const explain = async (token: string, ...more: readonly string[]) => {
      const argv = [...line.split(' ').slice(1), '--config', 'portolan.config.mjs', ...more, '--json'];
      const { code, stdout, stderr } = await run(argv, node.base, {}, token);
      expect(code, stderr).toBe(0);
      expect(stdout + stderr).not.toContain(token);
      return JSON.parse(stdout) as object;
    };
    expect(await explain(tokens.TOKEN)).toMatchObject({
      outcome: 'forward',
      consumer: { id: 'ann', kind: 'jwt' },
      upstream: { headers: { 'x-user': 'ann' } },
    });
    expect(await explain(tokens.EXPIRED)).toMatchObject({ status: 401, policies: [{ decision: 'deny' }] });
    expect(await explain(tokens.TOKEN, '--at', '2099-01-01T00:00:00Z')).toMatchObject({ status: 401 });
  }, 60_000);

  it('go on during an outage as the table says', async () => {
    const rows = page.table('what happens');
    expect(rows).toHaveLength(4);
    const [known, never, expired, health] = rows.map(([, answer = '']) => answer.split(/[,:;]| with/)[0]);
    const good = await corp.token({});
    const old = await corp.token({ exp: nowS() - HOUR_S });

    await serve(first);
    expect(told(await withToken(good))).toBe('200');
    corp.isAway = true;
    try {
      expect(told(await withToken(await corp.token({ sub: 'new' })))).toBe(known);
      await node.close();
      await serve(first);
      const refused = await withToken(good);
      expect(told(refused)).toBe(never);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect(told(await withToken(old))).toBe(expired);
      expect(told(await ask(node.port, '/health'))).toBe(health);
    } finally {
      corp.isAway = false;
    }
  }, 60_000);
});

describe('scopes and several issuers', () => {
  it('answer as the table says', async () => {
    await serve(second);
    const tokens: Readonly<Record<string, string>> = {
      'of corp, without scopes': await corp.token({}),
      'of corp, with `orders:write`': await corp.token({ scope: 'orders:write' }),
      'of partner, without scopes': await partner.token({}),
      'of partner, with `orders:read`': await partner.token({ scope: 'orders:read' }),
      'of somebody else': await corp.token({ iss: 'https://elsewhere.example' }),
    };
    const rows = page.table('token');
    expect(rows.map(([token]) => token)).toEqual(Object.keys(tokens));
    for (const [token = '', get, post] of rows) {
      const text = tokens[token] ?? '';
      expect([token, told(await withToken(text)), told(await withToken(text, 'POST', '/orders/'))]).toEqual([
        token,
        get,
        post,
      ]);
    }
  }, 60_000);
});
