/** APIKey Filters with their Secrets through `portolan serve`, `publish` and `dev`: real processes, real files. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { ask, echoOf, headerValues, startDev } from './dev-process.ts';
import { eventually, run, startServe, type ServeProcess } from './serve-process.ts';

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

/** Of a record that is in use: docs/policies/api-key.md. */
const STOPS_WITHIN_MS = 30_000;

const ALICE = 'alice-has-this-very-key';
const BOB = 'bob-has-another-one';
const CAROL = 'carol-comes-later';

const ROUTES = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: guarded, namespace: shop }
spec: { hostname: "*", prefix: /guarded/, service: backend }
---
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: other, namespace: shop }
spec: { hostname: "*", prefix: /other/, service: backend }
---
apiVersion: getambassador.io/v3alpha1
kind: Filter
metadata: { name: keys, namespace: shop }
spec: { APIKey: { httpHeader: x-shop-key, keys: [{ secretName: shop-keys }] } }
---
apiVersion: getambassador.io/v3alpha1
kind: FilterPolicy
metadata: { name: keys, namespace: shop }
spec: { rules: [{ host: "*", path: /guarded/*, filters: [{ name: keys }] }] }
`;

const secret = (keys: Readonly<Record<string, string>>, namespace = 'shop'): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop-keys', namespace }, stringData: keys });

const config = (): string => `export default { clusters: { local: { services: { 'backend.shop': '${echo.url}' } } } };`;

async function start(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  node = await startServe({ files, config: config(), args: ['--processes', '1'], env });
  return node;
}

const withKey = (port: number, key: string, target = '/guarded/a') =>
  ask(port, target, { headers: { 'x-shop-key': key } });

async function becomes(status: number, request: () => Promise<{ readonly status: number }>): Promise<number> {
  const began = performance.now();
  while ((await request()).status !== status) {
    if (performance.now() - began > STOPS_WITHIN_MS + 5_000) throw new Error(`never answered ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return performance.now() - began;
}

/** Every file below that holds one of the texts, in plain or as base64. */
function filesWith(folder: string, texts: readonly string[]): readonly string[] {
  const wanted = texts.flatMap((text) => [text, Buffer.from(text).toString('base64').replace(/=+$/, '')]);
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => {
    const file = path.join(folder, name);
    if (!fs.statSync(file).isFile()) return false;
    const content = fs.readFileSync(file, 'latin1');
    return wanted.some((text) => content.includes(text));
  });
}

describe('serve', { timeout: 120_000 }, () => {
  it('accepts the keys of the Secret, follows it, and keeps its content out of everything', async () => {
    const served = await start({ 'routes.yaml': ROUTES, 'secret.yaml': secret({ alice: ALICE, bob: BOB }) });
    const { port, folder, state, log } = served;
    const first = await withKey(port, ALICE);
    expect(first.status).toBe(200);
    // As with Ambassador the upstream sees the key.
    expect(headerValues(echoOf(first), 'x-shop-key')).toEqual([ALICE]);
    expect((await withKey(port, CAROL)).status).toBe(401);
    expect((await ask(port, '/guarded/a')).status).toBe(401);
    expect((await ask(port, '/other/a')).status).toBe(200);
    const version = (await served.status()).version;

    // Rotated: the program is the same, KEYS is not.
    fs.writeFileSync(path.join(folder, 'secret.yaml'), secret({ bob: BOB, carol: CAROL }));
    expect(await becomes(200, () => withKey(port, CAROL))).toBeLessThan(STOPS_WITHIN_MS);
    expect(await becomes(401, () => withKey(port, ALICE))).toBeLessThan(STOPS_WITHIN_MS + 1_000);
    expect((await withKey(port, BOB)).status).toBe(200);
    expect((await served.status()).version).toBe(version);

    fs.rmSync(path.join(folder, 'secret.yaml'));
    await becomes(503, () => withKey(port, BOB));
    const refused = await withKey(port, BOB);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 'policy-not-enforced' });
    expect((await ask(port, '/other/a')).status).toBe(200);

    const keys = [ALICE, BOB, CAROL];
    expect(fs.readdirSync(path.join(state, 'keys')).filter((name) => name.startsWith('aeskey-'))).toHaveLength(3);
    expect(filesWith(state, keys)).toEqual([]);
    const said = JSON.stringify(log) + served.errors();
    expect(keys.filter((key) => said.includes(key) || said.includes(Buffer.from(key).toString('base64')))).toEqual([]);
    // Its lines come through a pipe, some time after the program is live.
    await expect
      .poll(() => log.filter(({ event }) => event === 'finding').map(({ code }) => code), { timeout: 5_000 })
      .toContain('secret-missing');
  });

  it('says what of a Secret is no key, and refuses where nothing is one', async () => {
    const served = await start({ 'routes.yaml': ROUTES, 'secret.yaml': secret({ alice: `${ALICE}\n` }) });
    expect((await withKey(served.port, ALICE)).status).toBe(503);
    expect(served.errors()).toMatch(
      /secret-entry-unusable[\s\S]*secret-missing|secret-missing[\s\S]*secret-entry-unusable/,
    );
    expect(served.errors()).not.toContain(ALICE);
  });

  it('takes the pepper of the environment, and a Secret of another namespace is none', async () => {
    const pepper = 'a-pepper-of-the-environment-0123456789';
    const files = {
      'routes.yaml': ROUTES,
      'secret.yaml': secret({ alice: ALICE }),
      'other.yaml': secret({ bob: BOB }, 'elsewhere'),
    };
    const served = await start(files, { PORTOLAN_SECRET_KEY_PEPPER: pepper });
    expect((await withKey(served.port, ALICE)).status).toBe(200);
    expect((await withKey(served.port, BOB)).status).toBe(401);
  });

  it('keeps serving with the old keys when KEYS cannot be written', async () => {
    const served = await start({ 'routes.yaml': ROUTES, 'secret.yaml': secret({ alice: ALICE }) });
    const { folder, state, port } = served;
    const before = (await served.status()).sequence;
    const keys = path.join(state, 'keys');
    const moved = path.join(state, 'keys-away');
    fs.renameSync(keys, moved);
    fs.writeFileSync(keys, 'no folder');
    const at = served.log.length;
    const more = ROUTES.replace('prefix: /other/', 'prefix: /changed/');
    fs.writeFileSync(path.join(folder, 'secret.yaml'), secret({ bob: BOB }));
    const said = await served.next(({ event }) => event === 'not-published', at);
    expect(String(said['message'])).toContain('the keys of Secrets cannot be written');
    fs.writeFileSync(path.join(folder, 'routes.yaml'), more);
    await served.next(({ event }) => event === 'not-published', served.log.indexOf(said) + 1);
    expect((await served.status()).sequence).toBe(before);
    expect((await ask(port, '/other/a')).status).toBe(200);
    fs.rmSync(keys);
    fs.renameSync(moved, keys);
  });
});

describe('publish', { timeout: 60_000 }, () => {
  it('refuses the routes without the Secret, serves them with it, and says so', async () => {
    const served = await start({});
    const without = await served.publish(ROUTES);
    expect(JSON.parse(without.stdout)).toMatchObject({ published: true });
    expect(without.stdout).toContain('secret-missing');
    await eventually(async () => (await withKey(served.port, ALICE)).status === 503, 'refused');
    const given = await served.publish(`${ROUTES}\n---\n${secret({ alice: ALICE })}`);
    expect([given.code, given.stdout.includes(ALICE)]).toEqual([0, false]);
    await eventually(async () => (await withKey(served.port, ALICE)).status === 200, 'accepted');
  });

  it('takes keys of a deleted Filter back', async () => {
    const served = await start({});
    await served.publish(`${ROUTES}\n---\n${secret({ alice: ALICE })}`);
    const keys = path.join(served.state, 'keys');
    const [name = ''] = fs.readdirSync(keys).filter((file) => file.startsWith('aeskey-'));
    expect(fs.readFileSync(path.join(keys, name), 'utf8')).toContain('shop/shop-keys');
    const [mappings = ''] = ROUTES.split('---\napiVersion: getambassador.io/v3alpha1\nkind: Filter');
    await served.publish(mappings);
    expect(JSON.parse(fs.readFileSync(path.join(keys, name), 'utf8'))).toEqual({ v: 1, places: [] });
  });

  it('check without the Secret is calm about it', async () => {
    const served = await start({});
    fs.writeFileSync(path.join(served.base, 'routes.yaml'), ROUTES);
    const { code, stdout } = await run(
      ['check', '-f', 'routes.yaml', '--config', 'portolan.config.mjs', '--strict'],
      served.base,
    );
    expect(stdout).toContain('secret-not-given');
    expect(code).toBe(0);
    fs.writeFileSync(path.join(served.base, 'secret.yaml'), secret({ alice: ALICE, bad: 'two\nlines' }));
    const args = ['-f', 'routes.yaml', '-f', 'secret.yaml', '--config', 'portolan.config.mjs'];
    const given = await run(['check', ...args, '--all'], served.base);
    expect(given.stdout).toContain('secret-entry-unusable');
    expect(given.stdout).not.toMatch(/secret-not-given|kind-ignored|two\nlines/);
  });
});

describe('dev', { timeout: 60_000 }, () => {
  it('does the same', async () => {
    const dev = await startDev({ 'routes.yaml': ROUTES, 'secret.yaml': secret({ alice: ALICE }) });
    try {
      expect((await withKey(dev.port, ALICE)).status).toBe(200);
      expect((await withKey(dev.port, BOB)).status).toBe(401);
      fs.writeFileSync(path.join(dev.folder, 'secret.yaml'), secret({ alice: ALICE, carol: CAROL }));
      await eventually(async () => (await withKey(dev.port, CAROL)).status === 200, 'the new key is accepted');
    } finally {
      await dev.close();
    }
  });
});
