/** docs/how-to/protect-with-an-external-service.md, done as it says. */
import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfigFile } from '../../../../src/config/load.ts';
import { freePort } from '../../../bench/workerd-process.ts';
import { sleep } from '../../../fidelity/wire.ts';
import { EdgeStand, type Edge } from '../../../serve/edge-stand.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const page = fs.readFileSync(path.join(root, 'docs/how-to/protect-with-an-external-service.md'), 'utf8');

function block(language: string): string {
  const [, text] = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page) ?? [];
  if (text === undefined) throw new Error(`The page has no ${language} block.`);
  return text;
}

/** Header and path of the request to each line of the page's `curl` block. */
const calls = block('sh')
  .trim()
  .split('\n')
  .map((line) => {
    const [, options = '', target = ''] = /^curl -i (.*?)http:\/\/127\.0\.0\.1:8787(\S+)/.exec(line) ?? [];
    const [, cookie] = /-b (\S+)/.exec(options) ?? [];
    const [, name, value] = /-H '([^:]+): ([^']+)'/.exec(options) ?? [];
    const headers = { ...(cookie !== undefined && { cookie }), ...(name !== undefined && { [name]: value ?? '' }) };
    return { target, headers };
  });

const seen: string[] = [];
const backend = http.createServer((request, response) => {
  seen.push(`${request.url ?? ''} for ${String(request.headers['x-auth-user'])}`);
  response.end('backend');
});
let stand: EdgeStand;
let edge: Edge;
let service: ChildProcess;

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  stand = await EdgeStand.create();
  const port = await freePort();
  const [serviceFile, configFile] = [path.join(stand.folder, 'auth.mjs'), path.join(stand.folder, 'routes.config.ts')];
  fs.writeFileSync(serviceFile, block('js'));
  const config = block('ts')
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${port}`)
    .replaceAll('127.0.0.1:9000', `127.0.0.1:${(backend.address() as AddressInfo).port}`);
  fs.writeFileSync(configFile, config);
  service = spawn(process.execPath, [serviceFile], { env: { ...process.env, PORT: String(port) }, stdio: 'inherit' });
  await answering(`http://127.0.0.1:${port}/`);
  const { value, failure } = await loadConfigFile(configFile);
  expect(failure).toBeNull();
  const { upstreams } = await stand.publish(value);
  edge = await stand.startEdge(upstreams);
  await edge.reload();
});
afterAll(async () => {
  service.kill();
  backend.close();
  await stand.close();
});

async function answering(url: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    try {
      await fetch(url, { redirect: 'manual' });
      return;
    } catch {
      await sleep(20);
    }
  }
  throw new Error('The service does not answer.');
}

async function call(index: number): Promise<string> {
  const { target, headers } = calls[index] ?? { target: '/', headers: {} };
  const answer = await fetch(edge.url + target, { headers, redirect: 'manual' });
  return `${answer.status} ${answer.headers.get('location') ?? (await answer.text())}`;
}

it('lets the known in, and sends the others to the login page', async () => {
  expect(calls).toHaveLength(3);
  expect(await call(0)).toBe('200 backend');
  expect(await call(1)).toBe('302 https://login.example.com/?next=%2Forders%2F7%3Fall%3D1');
  expect(await call(2)).toBe('302 https://login.example.com/?next=%2Forders%2F7');
  const health = await fetch(`${edge.url}/health`, { headers: { 'x-auth-user': 'ann' } });
  expect(await health.text()).toBe('backend');
  expect(seen).toEqual(['/orders/7 for ann', '/health for undefined']);
});

it('refuses while the service is away, and serves what does not need it', async () => {
  const ended = new Promise((resolve) => service.once('exit', resolve));
  service.kill();
  await ended;
  expect(await call(0)).toMatch(/^403 .*"code":"external-auth-unavailable"/);
  expect((await fetch(`${edge.url}/health`)).status).toBe(200);
});
