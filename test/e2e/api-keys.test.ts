/** API keys and users through real processes: the CLI makes them, workerd judges them. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { importPepper } from '../../src/keys/key-names.ts';
import { encodeSecretKeyRecord, recordsOfSecret } from '../../src/keys/secret-set.ts';
import { openKeysFolder } from '../../src/stores/state-folder.ts';
import { ask, echoOf, headerValues, startDev, type Answer } from './dev-process.ts';
import { run, startServe, type ServeProcess } from './serve-process.ts';

let echo: EchoServer;
let node: ServeProcess | undefined;
beforeAll(async () => {
  echo = await startEcho({ name: 'shop', port: 0 });
});
afterEach(async () => {
  await node?.close();
  node = undefined;
});
afterAll(() => echo.close());

const PEPPER = 'a-pepper-of-the-environment-0123456789';

/** Of the record, for a key in use: docs/policies/api-key.md. */
const STOPS_WITHIN_MS = 30_000;

function config(): string {
  return `export default {
    clusters: { local: { services: { 'shop.default': '${echo.url}' } } },
    authentication: {
      keys: { apiKey: {} },
      queryKeys: { apiKey: { query: 'key' } },
      people: { basic: { realm: 'shop' } },
      forwarded: { apiKey: { forward: true } },
      secrets: { apiKey: { kind: 'secret-set', sets: ['shop/api-keys'] } },
    },
    routes: [
      { name: 'keys', path: '/keys/', rewrite: '/', backend: 'shop.default', policies: { auth: 'keys' } },
      { name: 'query', path: '/query/', rewrite: '/', backend: 'shop.default', policies: { auth: 'queryKeys' } },
      { name: 'people', path: '/people/', rewrite: '/', backend: 'shop.default', policies: { auth: 'people' } },
      { name: 'forwarded', path: '/forwarded/', rewrite: '/', backend: 'shop.default', policies: { auth: 'forwarded' } },
      { name: 'secrets', path: '/secrets/', rewrite: '/', backend: 'shop.default', policies: { auth: 'secrets' } },
      { name: 'either', path: '/either/', rewrite: '/', backend: 'shop.default', policies: { auth: { anyOf: ['keys', 'people'] } } },
    ],
  };`;
}

async function start(
  env: Readonly<Record<string, string>> = { PORTOLAN_SECRET_KEY_PEPPER: PEPPER },
): Promise<ServeProcess> {
  node = await startServe({
    config: config(),
    sources: false,
    args: ['--processes', '1', '--config', 'portolan.config.mjs'],
    env,
  });
  return node;
}

type Created = { readonly id: string; readonly key: string };

async function keys(served: ServeProcess, ...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(['keys', ...args, '--to', 'dir:state', '--json'], served.base);
  if (code !== 0) throw new Error(`keys ${args.join(' ')} exited with ${code}: ${stderr}`);
  return JSON.parse(stdout) as unknown;
}

const create = async (served: ServeProcess, ...more: string[]) =>
  (await keys(served, 'create', '--consumer', 'alice', ...more)) as Created;

const withKey = ({ port }: ServeProcess, key: string, target = '/keys/a'): Promise<Answer> =>
  ask(port, target, { headers: { 'x-api-key': key } });

async function becomes(status: number, request: () => Promise<Answer>): Promise<number> {
  const began = performance.now();
  for (;;) {
    if ((await request()).status === status) return performance.now() - began;
    if (performance.now() - began > STOPS_WITHIN_MS + 5_000) throw new Error(`never answered ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const secret = (value: string) => ({ namespace: 'shop', name: 'api-keys', data: { alice: btoa(value) } });

const write = async (state: string, value: string, pepper: string): Promise<void> => {
  const { records } = await recordsOfSecret(secret(value), await importPepper(pepper));
  const store = await openKeysFolder(state);
  await store.putMany([...records].map(([key, record]) => ({ key, value: encodeSecretKeyRecord(record) })));
};

describe('portolan serve', () => {
  it('lets a created key in at once, takes it out of what goes on, and refuses everybody else alike', async () => {
    const served = await start();
    const { key } = await create(served, '--plan', 'gold');
    const echoed = await withKey(served, key);
    expect(echoed.status).toBe(200);
    expect(headerValues(echoOf(echoed), 'x-api-key')).toEqual([]);
    const byScheme = await ask(served.port, '/keys/a', { headers: { authorization: `ApiKey ${key}` } });
    expect(byScheme.status).toBe(200);
    expect(headerValues(echoOf(byScheme), 'authorization')).toEqual([]);
    expect(headerValues(echoOf(await withKey(served, key, '/forwarded/a')), 'x-api-key')).toEqual([key]);

    const test = await create(served, '--env', 'test');
    const unknown = await strangersKey(served);
    const bad = ['', 'x', `${key}x`, key.slice(0, -1), unknown, test.key, `${key}, ${key}`];
    const bodies = await Promise.all(
      bad.map(async (value) => {
        const answer = await withKey(served, value);
        const { requestId: _requestId, ...problem } = answer.json() as Record<string, unknown>;
        return JSON.stringify({ status: answer.status, challenge: answer.headers['www-authenticate'], problem });
      }),
    );
    expect(new Set(bodies).size).toBe(1);
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({
      status: 401,
      challenge: 'ApiKey realm="api"',
      problem: { code: 'api-key-invalid' },
    });
    expect((await ask(served.port, '/keys/a')).json()).toMatchObject({ status: 401, code: 'credentials-missing' });
    expect((await ask(served.port, '/keys/a', { headers: { cookie: `x-api-key=${key}` } })).status).toBe(401);
    expect((await ask(served.port, `/keys/a?key=${key}&x-api-key=${key}`)).status).toBe(401);
    const twice = { 'x-api-key': key, authorization: `ApiKey ${key}` };
    expect((await ask(served.port, '/keys/a', { headers: twice })).json()).toMatchObject({
      status: 400,
      code: 'credentials-multiple',
    });
    expect((await withKey(served, 'k'.repeat(1_025))).json()).toMatchObject({
      status: 431,
      code: 'credential-too-large',
    });
    expect(JSON.stringify(served.log) + served.errors()).not.toContain(key.slice(8, 35));
  });

  it('takes a key out of the query', async () => {
    const served = await start();
    const { key } = await create(served);
    const urls = [`/query/a?key=${key}`, `/query/a?x=1&%6Bey=${key}&y=%20`];
    const answers = await Promise.all(urls.map((url) => ask(served.port, url)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers.map((answer) => echoOf(answer).url)).toEqual(['/a', '/a?x=1&y=%20']);
    expect((await ask(served.port, `/query/a?key=${key}&key=${key}`)).status).toBe(400);
  });

  it('stops a revoked key within the stated time', async () => {
    const served = await start();
    const { id, key } = await create(served);
    expect((await withKey(served, key)).status).toBe(200);
    await keys(served, 'revoke', id);
    const tookMs = await becomes(401, () => withKey(served, key));
    console.log(`a revoked key in use stopped after ${(tookMs / 1_000).toFixed(1)} s`);
    expect(tookMs).toBeLessThan(STOPS_WITHIN_MS);
  }, 90_000);

  it('lets both keys of a rotation in while they overlap', async () => {
    const served = await start();
    const old = await create(served);
    const fresh = (await keys(served, 'rotate', old.id, '--overlap', '1h')) as Created;
    const answers = await Promise.all([old.key, fresh.key].map((key) => withKey(served, key)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const gone = (await keys(served, 'rotate', fresh.id, '--overlap', '0s')) as Created;
    expect((await withKey(served, gone.key)).status).toBe(200);
  });

  it('knows users', async () => {
    const served = await start();
    const made = await run(['keys', 'create', '--basic', 'bob', '--to', 'dir:state'], served.base, {}, 'hunter2\n');
    expect(made).toMatchObject({ code: 0 });
    const as = (user: string, password: string, target = '/people/a') =>
      ask(served.port, target, {
        headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
      });
    const passed = await as('bob', 'hunter2');
    expect(passed.status).toBe(200);
    expect(headerValues(echoOf(passed), 'authorization')).toEqual([]);
    expect((await as('bob', 'hunter2', '/either/a')).status).toBe(200);
    for (const [user, password] of [
      ['bob', 'hunter3'],
      ['eve', 'hunter2'],
    ] as const) {
      const refused = await as(user, password);
      expect(refused.status).toBe(401);
      expect(refused.headers['www-authenticate']).toBe('Basic realm="shop", charset="UTF-8"');
      expect(refused.json()).toMatchObject({ code: 'basic-invalid' });
    }
    const nothing = await ask(served.port, '/either/a');
    expect(nothing.headers['www-authenticate']).toBe('ApiKey realm="api", Basic realm="shop", charset="UTF-8"');
  });

  it('knows keys of Secrets, by a pepper of the environment or of the state folder', async () => {
    const served = await start();
    await write(served.state, 'of the environment', PEPPER);
    await write(served.state, 'of the folder', fs.readFileSync(path.join(served.state, 'key-pepper'), 'utf8').trim());
    expect((await withKey(served, 'of the environment', '/secrets/a')).status).toBe(200);
    expect((await withKey(served, 'of the folder', '/secrets/a')).status).toBe(401);
    await served.close();
    node = undefined;
    const other = await start({});
    await write(other.state, 'of the folder', fs.readFileSync(path.join(other.state, 'key-pepper'), 'utf8').trim());
    expect((await withKey(other, 'of the folder', '/secrets/a')).status).toBe(200);
  });

  it('keeps keys for its owner and writes no secret into a file', async () => {
    const served = await start();
    await create(served);
    const folder = path.join(served.state, 'keys');
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of fs.readdirSync(folder)) expect(fs.statSync(path.join(folder, name)).mode & 0o077).toBe(0);
    const pepper = fs.readFileSync(path.join(served.state, 'key-pepper'), 'utf8').trim();
    expect(fs.statSync(path.join(served.state, 'key-pepper')).mode & 0o777).toBe(0o600);
    for (const file of fs.readdirSync(served.state, { recursive: true, encoding: 'utf8' })) {
      const whole = path.join(served.state, file);
      if (!fs.statSync(whole).isFile() || file === 'key-pepper') continue;
      const text = fs.readFileSync(whole, 'utf8');
      expect(text.includes(PEPPER) || text.includes(pepper), file).toBe(false);
    }
  });
});

describe('portolan dev', () => {
  it('knows keys that are made and revoked beside it', async () => {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-keys-'));
    const file = path.join(place, 'portolan.config.mjs');
    fs.writeFileSync(file, config());
    const mapping = 'apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: { name: m, namespace: default }\n';
    const files = { 'm.yaml': `${mapping}spec: { prefix: /m/, service: shop }\n` };
    const dev = await startDev(files, ['--config', file, '--port', '0']);
    try {
      const state = path.join(path.dirname(dev.folder), 'state');
      const local = async (...args: string[]) => {
        const ran = await run(['keys', ...args, '--to', 'local', '--state', state, '--json'], place);
        if (ran.code !== 0) throw new Error(ran.stderr);
        return JSON.parse(ran.stdout) as Created;
      };
      const { id, key } = await local('create', '--consumer', 'alice');
      const showing = (shown: string) => ask(dev.port, '/keys/a', { headers: { 'x-api-key': shown } });
      expect((await showing(key)).status).toBe(200);
      const unused = await local('create', '--consumer', 'bob');
      await local('revoke', unused.id);
      expect((await showing(unused.key)).json()).toMatchObject({ status: 401, code: 'api-key-invalid' });
      const rotated = await local('rotate', id);
      expect((await showing(rotated.key)).status).toBe(200);
      expect(fs.statSync(path.join(state, 'key-pepper')).mode & 0o777).toBe(0o600);
    } finally {
      await dev.close();
      fs.rmSync(place, { recursive: true, force: true });
    }
  }, 90_000);
});

/** A well-formed key that nobody has. */
async function strangersKey(served: ServeProcess): Promise<string> {
  const elsewhere = await run(['keys', 'create', '--consumer', 'x', '--to', 'dir:elsewhere', '--json'], served.base);
  return (JSON.parse(elsewhere.stdout) as Created).key;
}
