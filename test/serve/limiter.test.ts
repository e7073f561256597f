/** Rate limits across processes: counters in the objects process, asked over RPC by every edge process. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import type { WorkerdProcess } from '../../src/serve/workerd-process.ts';
import { startWorkerd } from '../bench/workerd-process.ts';
import { EdgeStand, type Edge } from './edge-stand.ts';

/** A refill takes longer than the test. */
const TEN = { name: 'ten', rate: 10, unit: 'hour' };
const SEVEN = { name: 'seven', rate: 7, unit: 'day' };

function route(name: string, limits?: readonly object[]) {
  return {
    name,
    path: `/${name}`,
    respond: { status: 200 },
    ...(limits !== undefined && { policies: { rateLimit: { limits } } }),
  };
}

function config(failOpen: 'as-upstream' | 'never') {
  return {
    parity: { failOpen },
    routes: [
      route('one', [TEN]),
      route('both', [TEN, SEVEN]),
      route('outage', [TEN]),
      route('lost', [TEN]),
      route('silence', [TEN]),
      route('free'),
    ],
  };
}

async function ask(edge: Edge, name: string): Promise<{ status: number; code: unknown; limit: string | null }> {
  const answer = await fetch(`${edge.url}/${name}`);
  const text = await answer.text();
  const code = text === '' ? null : (JSON.parse(text) as { code: unknown }).code;
  return { status: answer.status, code, limit: answer.headers.get('ratelimit') };
}

async function statuses(edges: readonly Edge[], name: string, count: number): Promise<Record<number, number>> {
  const found = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const edge = edges[index % edges.length];
      if (edge === undefined) throw new Error('no edge');
      return (await ask(edge, name)).status;
    }),
  );
  const counted: Record<number, number> = {};
  for (const status of found) counted[status] = (counted[status] ?? 0) + 1;
  return counted;
}

type Counts = { readonly decided: number; readonly open: number; readonly closed: number };

async function countsOf(edge: Edge): Promise<Counts> {
  return (await edge.status())['limits'] as Counts;
}

/** It keeps its connections and answers nothing. */
function stop({ pid }: WorkerdProcess): void {
  if (pid === null) throw new Error('This process never ran.');
  process.kill(pid, 'SIGSTOP');
}

let stand: EdgeStand;
let objects: WorkerdProcess;
let first: Edge;
let second: Edge;
beforeAll(async () => {
  stand = await EdgeStand.create();
  await stand.publish(config('never'));
  objects = await stand.startObjects();
  [first, second] = await Promise.all([stand.startEdge([]), stand.startEdge([])]);
});
afterAll(() => stand.close());

describe('Control', () => {
  it('loads the program of a fresh process before any request', async () => {
    const { version } = await stand.publish(config('never'));
    expect(await first.status()).toMatchObject({ platform: 'self-hosted', version: null });
    expect(await first.reload()).toBe(version);
    expect(await first.status()).toMatchObject({ platform: 'self-hosted', version, rejected: null });
  });
});

describe('Limiter', () => {
  it('counts exactly over two edge processes', async () => {
    expect(await statuses([first, second], 'one', 60)).toEqual({ 200: 10, 429: 50 });
  });

  it('takes from all limits or none, and what it took outlives the process', async () => {
    expect(await statuses([first, second], 'both', 40)).toEqual({ 200: 7, 429: 33 });
    // The ten were asked forty times, and gave seven.
    expect((await ask(first, 'both')).limit).toMatch(/^"ten";r=3;t=\d+, "seven";r=0;t=\d+$/);
    // Commits follow the answers.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    objects.kill();
    await objects.ended;
    objects = await stand.startObjects();
    expect(await ask(second, 'both')).toMatchObject({ status: 429, code: 'rate-limited' });
  });

  it('fails as the setting says while its process is gone, and works again without a failure afterwards', async () => {
    expect((await ask(first, 'outage')).status).toBe(200);
    expect((await ask(second, 'outage')).status).toBe(200);
    // Longer than the counters wait to be written.
    await new Promise((resolve) => setTimeout(resolve, 200));
    objects.kill();
    await objects.ended;
    const before = await countsOf(first);
    for (const edge of [first, second]) {
      expect(await ask(edge, 'outage')).toMatchObject({ status: 503, code: 'rate-limit-unavailable' });
      expect((await ask(edge, 'free')).status).toBe(200);
    }
    await stand.publish(config('as-upstream'));
    await first.reload();
    expect(await ask(first, 'outage')).toEqual({ status: 200, code: null, limit: null });
    expect(await countsOf(first)).toEqual({ ...before, open: before.open + 1, closed: before.closed + 1 });
    await stand.publish(config('never'));
    await first.reload();
    objects = await stand.startObjects();
    // Refusals would show as 503: no request may meet the connection that died.
    expect(await statuses([first, second], 'outage', 30)).toEqual({ 200: 8, 429: 22 });
  });

  it('meets no dead connection after a restart that no request saw', async () => {
    for (const edge of [first, second]) expect((await ask(edge, 'one')).status).toBe(429);
    objects.kill();
    await objects.ended;
    objects = await stand.startObjects();
    for (const edge of [first, second]) expect((await ask(edge, 'one')).status).toBe(429);
  });

  it('asks once more when its process is replaced in the middle of a call', async () => {
    expect((await ask(first, 'one')).status).toBe(429);
    const old = objects;
    stop(old);
    objects = await stand.startObjects();
    const answer = ask(first, 'lost');
    await new Promise((resolve) => setTimeout(resolve, 200));
    old.kill();
    expect(await answer).toMatchObject({ status: 200, limit: expect.stringContaining('r=9') });
  });

  it('counts as unreachable when it does not answer', async () => {
    stop(objects);
    expect(await ask(first, 'silence')).toMatchObject({ status: 503, code: 'rate-limit-unavailable' });
    if (objects.pid !== null) process.kill(objects.pid, 'SIGCONT');
    // The call that was given up is carried out after all: the strict direction.
    const passed = (await statuses([first, second], 'silence', 20))[200] ?? 0;
    expect([9, 10]).toContain(passed);
  });
});

describe('a process without any limiter', () => {
  it('serves; only rate limits fail', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
    const { code } = await bundleWorker({ minify: true });
    const kvFolder = path.join(stand.folder, 'kv');
    const bare = await startWorkerd({ code, folder, kvFolder, backends: {} });
    const edge = { url: `http://127.0.0.1:${bare.port}` } as Edge;
    expect((await ask(edge, 'free')).status).toBe(200);
    expect(await ask(edge, 'one')).toMatchObject({ status: 503, code: 'rate-limit-unavailable' });
    await bare.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
});
