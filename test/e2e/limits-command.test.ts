/** `portolan limits show|reset` against a real node: the keys are those that explain prints. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { ask } from './dev-process.ts';
import { run, startServe, type Ran, type ServeProcess } from './serve-process.ts';

let echo: EchoServer;
let node: ServeProcess;

beforeAll(async () => {
  echo = await startEcho({ name: 'orders', port: 0 });
  node = await startServe({
    config: `export default { routes: [{ name: 'orders', path: '/orders/', backend: '${echo.url}',
      policies: { rateLimit: { limits: [{ name: 'hourly', rate: 2, unit: 'hour' }] } } }] };`,
    sources: false,
    args: ['--processes', '1', '--config', 'portolan.config.mjs'],
  });
}, 60_000);
afterAll(async () => {
  await node.close();
  await echo.close();
});

const limits = (...argv: readonly string[]): Promise<Ran> =>
  run(['limits', ...argv, '--to', `dir:${node.state}`], node.base);

const status = async (): Promise<number> => (await ask(node.port, '/orders/1')).status;

async function keyOfExplain(): Promise<string> {
  const url = `http://127.0.0.1:${node.port}/orders/1`;
  const { stdout, stderr } = await run(['explain', 'GET', url, '--config', 'portolan.config.mjs', '--json'], node.base);
  const keys = [...stdout.matchAll(/"key": "([^"|]*\|[^"]*127\.0\.0\.1[^"]*)"/g)].map(([, key = '']) => key);
  expect(keys, stderr).toHaveLength(1);
  return keys[0] ?? '';
}

it('shows what requests have used, and lets them start anew', async () => {
  const key = await keyOfExplain();
  const unused = await limits('show', key);
  expect(unused).toMatchObject({ code: 0, stderr: '' });
  expect(unused.stdout).toContain('nothing is counted');

  expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
  const { code, stdout } = await limits('show', key, '--json');
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    {
      counters: [
        expect.objectContaining({ key, words: '2 per hour, burst 2', remaining: 0, inUse: null, unavailable: null }),
      ],
    },
  ]);

  const reset = await limits('reset', key);
  expect(reset.code).toBe(0);
  expect(reset.stdout).toContain('2 per hour, burst 2');
  expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
}, 60_000);
