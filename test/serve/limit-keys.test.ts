/** What many keys leave behind in the production runtime, on its disk and by its own alarms. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleBaseline } from '../bench/bundle-baseline.ts';
import { startWorkerd, type WorkerdProcess } from '../bench/workerd-process.ts';

const OBJECTS = 4;
const KEYS = 20_000;
const BATCH = 2_000;
const WINDOW_MS = 2_000;

let folder: string;
let worker: WorkerdProcess;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-test-'));
  worker = await startWorkerd({
    code: await bundleBaseline('limit-keys-worker.ts'),
    folder,
    objects: { LIMITS: 'OpenObject' },
    backends: {},
    text: { CLEANUP_SPACING_MS: '1000' },
  });
});
afterAll(async () => {
  await worker.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function ask(query: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${worker.port}/${query}&objects=${OBJECTS}`);
  expect(answer.status).toBe(200);
  return Number(await answer.text());
}

async function takeAll(periodMs: number, batch: (from: number) => void | Promise<void>): Promise<void> {
  for (let from = 0; from < KEYS; from += BATCH) {
    expect(await ask(`many?from=${from}&count=${BATCH}&periodMs=${periodMs}`)).toBe(BATCH);
    await batch(from);
  }
}

/** A failure is one that hangs: how fast alarms come is the machine's affair. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 200));
}

function files(): readonly string[] {
  const names = fs.readdirSync(path.join(folder, 'objects'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.sqlite') && !name.endsWith('metadata.sqlite'));
}

it('20,000 keys lie in as many files as there are objects, and leave no row and no alarm', async () => {
  let most = 0;
  await takeAll(WINDOW_MS, async () => void (most = Math.max(most, await ask('rows?'))));
  // Else there was nothing to clean up.
  expect(most).toBeGreaterThan(BATCH);
  expect(files()).toHaveLength(OBJECTS);
  await until(async () => (await ask('rows?')) === 0 && (await ask('alarms?')) === 0);
  // And they count from the start again.
  await takeAll(WINDOW_MS, () => undefined);
}, 120_000);
