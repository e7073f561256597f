/** docs/how-to/protect-with-api-keys.md, done as it says: `portolan serve`, `keys` and `explain` as processes. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { ask, echoOf, headerValues, type Answer } from '../e2e/dev-process.ts';
import { run, startServe, type ServeProcess } from '../e2e/serve-process.ts';
import { parseCurl, readPage, told } from './page.ts';

const page = readPage('protect-with-api-keys.md');
const [create = '', list = '', explain = '', rotate = '', revoke = ''] = page.blocks('sh');
const [config = ''] = page.blocks('ts');

let echo: EchoServer;
let node: ServeProcess;

beforeAll(async () => {
  echo = await startEcho({ name: 'orders', port: 0 });
  node = await startServe({
    config: config.replaceAll('http://127.0.0.1:9000', echo.url),
    sources: false,
    args: ['--processes', '1', '--config', 'portolan.config.mjs'],
  });
}, 60_000);
afterAll(async () => {
  await node.close();
  await echo.close();
});

/** A line of the page, as it stands there but for `$ID`. */
async function shell(line: string, id = '', stdin = ''): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const [, ...words] = line.replace('$ID', id).split(' ');
  const { code, stdout, stderr } = await run(words, node.base, {}, stdin);
  expect([line, code, code === 0 ? '' : stderr]).toEqual([line, 0, '']);
  return { stdout, stderr };
}

/** A line that makes a key: the key on one stream, its ID on the other. */
async function newKey(line: string, id = ''): Promise<{ readonly key: string; readonly id: string }> {
  const { stdout, stderr } = await shell(line, id);
  const key = stdout.trim();
  expect(key).toMatch(/^pt_live_[0-9A-Za-z]{27}_[0-9A-Za-z]{6}$/);
  expect(stderr).not.toContain(key);
  return { key, id: /^id +(\S+)$/m.exec(stderr)?.[1] ?? '' };
}

const withKey = (key: string): Promise<Answer> => ask(node.port, '/orders/1', { headers: { 'x-api-key': key } });

it('answers as the table says', async () => {
  const { key } = await newKey(create);
  const silver = await newKey(create.replace('--plan gold', '--plan silver'));
  const rows = page.table('request');
  expect(rows).toHaveLength(9);
  for (const [request = '', answer = ''] of rows) {
    const { target, ...options } = parseCurl(request, { KEY: key, SILVER_KEY: silver.key });
    const got = await ask(node.port, target, options);
    expect(`${request} ${answer}`).toContain(`${request} ${told(got)}`);
    expect(got.body.toString()).not.toContain(key);
    const [, name = '', value] = /sees `([^:`]+): ([^`]+)`/.exec(answer) ?? [];
    if (value !== undefined) expect(headerValues(echoOf(got), name)).toEqual([value]);
    if (target.startsWith('/hooks/')) expect(echoOf(got).url).toBe('/hooks/1?x=1');
  }
}, 60_000);

it('nothing that is stored, listed or logged is a key; explain knows whose it is', async () => {
  const { key, id } = await newKey(create);
  const { stdout: listed } = await shell(list);
  expect(listed).toContain(id);
  const folder = path.join(node.state, 'keys');
  const stored = fs.readdirSync(folder).map((name) => name + fs.readFileSync(path.join(folder, name), 'utf8'));
  expect(stored.join()).toContain('acme');
  await withKey(key);
  const explained = await shell(`${explain} --config portolan.config.mjs`, '', key);
  expect(explained.stdout).toMatch(/^consumer +acme \(api-key, plan gold\)$/m);
  expect(explained.stdout).toMatch(/^answer +forward to /m);
  const random = key.slice('pt_live_'.length, -7);
  for (const text of [listed, stored.join(), JSON.stringify(node.log), explained.stdout, explained.stderr])
    expect(text).not.toContain(random);
}, 60_000);

it('both keys of a rotation work, a revoked one does not', async () => {
  const { key, id } = await newKey(create);
  const fresh = await newKey(rotate, id);
  for (const shown of [key, fresh.key]) expect(told(await withKey(shown))).toBe('200');
  const unused = await newKey(create);
  await shell(revoke, unused.id);
  expect(told(await withKey(unused.key))).toBe('401 `api-key-invalid`');
  expect((await shell(list)).stdout).toMatch(new RegExp(`^${unused.id} .* revoked `, 'm'));
  const ended = await newKey(create);
  await newKey(rotate.replace('24h', '0s'), ended.id);
  expect(told(await withKey(ended.key))).toBe('401 `api-key-invalid`');
}, 60_000);
