/** The probes of the examples, answered offline and by the gateway that `npm start` starts: from the same files. */
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run, ROOT } from '../commands/terminal-fixture.ts';
import { startDev, type DevProcess } from './dev-process.ts';

let dev: DevProcess;

beforeAll(async () => {
  dev = await startDev({}, [
    '-f',
    path.join(ROOT, 'examples'),
    '--config',
    path.join(ROOT, 'routes.config.ts'),
    '--port',
    '0',
  ]);
});
afterAll(() => dev.close());

it('gives the running gateway the probes of the examples', async () => {
  const files = ['examples/backend.probes.yaml', 'examples/shop.probes.yaml'];
  const { code, stdout } = await run(['test', ...files, '--against', `http://127.0.0.1:${dev.port}`, '--json']);
  const answer: { results: { ok: boolean; name: string }[]; counts: { passed: number; offlineOnly: number } } =
    JSON.parse(stdout);
  expect(answer.results.filter(({ ok }) => !ok)).toEqual([]);
  expect(answer.counts.passed).toBeGreaterThanOrEqual(25);
  // Something must be left to compare: most tests name one or two keys that only an offline run can tell.
  expect(answer.counts.offlineOnly).toBeLessThan(answer.counts.passed * 2);
  expect(code).toBe(0);
});
