/** `portolan limits show|reset` against real gateways: the keys are those that explain prints. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countersSocketOf } from '../../src/dev/state-folder.ts';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { ask, startDev, type DevProcess } from './dev-process.ts';
import { run, startServe, type Ran, type ServeProcess } from './serve-process.ts';

const CONFIG = 'portolan.config.mjs';

let echo: EchoServer;
let config: string;
/** Where the configuration lies. */
let base: string;

beforeAll(async () => {
  echo = await startEcho({ name: 'orders', port: 0 });
  config = `export default { routes: [{ name: 'orders', path: '/orders/', backend: '${echo.url}',
    policies: { rateLimit: { limits: [{ name: 'hourly', rate: 2, unit: 'hour' }] } } }] };`;
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
  fs.writeFileSync(path.join(base, CONFIG), config);
});
afterAll(async () => {
  await echo.close();
  fs.rmSync(base, { recursive: true, force: true });
});

async function keyOfExplain(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/orders/1`;
  const { stdout, stderr } = await run(['explain', 'GET', url, '--config', CONFIG, '--json'], base);
  const keys = [...stdout.matchAll(/"key": "([^"|]*\|[^"]*127\.0\.0\.1[^"]*)"/g)].map(([, key = '']) => key);
  expect(keys, stderr).toHaveLength(1);
  return keys[0] ?? '';
}

type Gateway = { readonly port: number; readonly place: readonly string[] };

async function showAndReset({ port, place }: Gateway): Promise<void> {
  const key = await keyOfExplain(port);
  const limits = (action: string, ...options: readonly string[]): Promise<Ran> =>
    run(['limits', action, key, ...place, ...options], base);
  const status = async (): Promise<number> => (await ask(port, '/orders/1')).status;

  const unused = await limits('show');
  expect(unused).toMatchObject({ code: 0, stderr: '' });
  expect(unused.stdout).toContain('nothing is counted');

  expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
  const { code, stdout } = await limits('show', '--json');
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    {
      counters: [
        expect.objectContaining({ key, words: '2 per hour, burst 2', remaining: 0, inUse: null, unavailable: null }),
      ],
    },
  ]);

  const reset = await limits('reset');
  expect(reset.code).toBe(0);
  expect(reset.stdout).toContain('2 per hour, burst 2');
  expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
}

describe('of serve', () => {
  let node: ServeProcess;
  beforeAll(async () => {
    node = await startServe({ config, sources: false, args: ['--processes', '1', '--config', CONFIG] });
  }, 60_000);
  afterAll(() => node.close());

  it('shows what requests have used, and lets them start anew', async () => {
    await showAndReset({ port: node.port, place: ['--to', `dir:${node.state}`] });
  }, 60_000);
});

describe('of dev', () => {
  let dev: DevProcess;
  beforeAll(async () => {
    dev = await startDev({}, ['--config', path.join(base, CONFIG), '--port', '0']);
  }, 60_000);
  afterAll(() => dev.close());

  it('shows what requests have used, and lets them start anew', async () => {
    await showAndReset({ port: dev.port, place: ['--to', 'local', '--state', dev.state] });
  }, 60_000);

  it('is asked over a socket that others cannot open', () => {
    const socket = countersSocketOf(dev.state);
    const modes = [socket, path.dirname(socket)].map((file) => fs.statSync(file).mode & 0o777);
    expect(modes).toEqual([0o600, 0o700]);
  });

  it('is named where `serve` was asked for', async () => {
    const { code, stderr } = await run(['limits', 'show', 'a|b', '--to', `dir:${dev.state}`], base);
    expect(code).toBe(1);
    expect(stderr).toContain(`\`portolan dev\` does, ask it with --to local --state ${dev.state}`);
  }, 60_000);

  it('says so when it has ended', async () => {
    process.kill(dev.pid, 'SIGTERM');
    await expect.poll(() => isRunning(dev.pid), { timeout: 10_000 }).toBe(false);
    const { code, stdout, stderr } = await run(['limits', 'show', 'a|b', '--to', 'local', '--state', dev.state], base);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`no \`portolan dev\` runs in ${dev.state}, and counters can be asked only while it does`);
    expect(stderr).toContain('if `portolan dev` was started with --state, say the same here');
  }, 60_000);

  it('serves all the same where there is no place for a socket', async () => {
    const state = path.join(base, 'x'.repeat(100));
    const deep = await startDev({}, ['--config', path.join(base, CONFIG), '--port', '0'], state);
    try {
      expect((await ask(deep.port, '/orders/1')).status).toBe(200);
      const { code, stderr } = await run(['limits', 'show', 'a|b', '--to', 'local', '--state', state], base);
      expect(code).toBe(1);
      expect(stderr).toContain('too long for a Unix socket');
    } finally {
      await deep.close();
    }
  }, 60_000);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
