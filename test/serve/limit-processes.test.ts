/** Exact and leased limits over two edge processes, and what becomes of them when the counters' process is killed. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LimitCheck, Verdict } from '../../src/limits/limiter.ts';
import { WORKER_FILE } from '../../src/serve/runtime-config.ts';
import type { WorkerdProcess } from '../../src/serve/workerd-process.ts';
import { bundleLimitProbe } from './bundle-limit-probe.ts';
import { EdgeStand, type Edge } from './edge-stand.ts';

let stand: EdgeStand;
let objects: WorkerdProcess;
let edges: readonly [Edge, Edge];
beforeAll(async () => {
  stand = await EdgeStand.create();
  fs.writeFileSync(path.join(stand.folder, WORKER_FILE), await bundleLimitProbe());
  fs.mkdirSync(path.join(stand.folder, 'kv'));
  objects = await stand.startObjects();
  edges = await Promise.all([stand.startEdge([]), stand.startEdge([])]);
});
afterAll(() => stand.close());

function check(key: string, rate: number, change: Partial<LimitCheck> = {}): LimitCheck {
  // Longer than the test, and no window ends in it.
  const limit = { algorithm: 'token-bucket', rate, periodMs: 86_400_000, burst: rate } as const;
  return { key, limit, cost: 1, onFailure: 'open', budgetMs: 2_000, mode: 'exact', ...change };
}

async function take(edge: Edge, checks: readonly LimitCheck[], busyMs = 0): Promise<readonly Verdict[]> {
  const headers = { 'busy-ms': String(busyMs) };
  const answer = await fetch(edge.url, { method: 'POST', body: JSON.stringify(checks), headers });
  return (await answer.json()) as readonly Verdict[];
}

/** What becomes of `count` requests, 20 at a time, over both edges. */
async function takeMany(count: number, checks: readonly LimitCheck[]) {
  const became = { passed: 0, refused: 0, undecided: 0 };
  let sent = 0;
  const client = async (): Promise<void> => {
    while (sent < count) {
      const verdicts = await take(edges[sent++ % 2 === 0 ? 0 : 1], checks);
      if (verdicts.some((verdict) => 'undecided' in verdict)) became.undecided += 1;
      else if (verdicts.every((verdict) => 'allowed' in verdict && verdict.allowed)) became.passed += 1;
      else became.refused += 1;
    }
  };
  await Promise.all(Array.from({ length: 20 }, client));
  return became;
}

describe('over two edge processes', () => {
  it('an exact limit passes exactly so many', async () => {
    expect(await takeMany(300, [check('e|1', 100)])).toEqual({ passed: 100, refused: 200, undecided: 0 });
  });

  it('limits that live in different objects pass all or none', async () => {
    const apart = Array.from({ length: 5 }, (_, number) => check(`a|${number}`, 40 + number));
    expect(await takeMany(200, apart)).toEqual({ passed: 40, refused: 160, undecided: 0 });
    // Commits follow the answers.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await take(edges[0], [check('a|4', 44)])).toMatchObject([{ allowed: true, remaining: 3 }]);
  });

  it('a leased limit passes as many within 5 %', async () => {
    const { passed, undecided } = await takeMany(2_000, [check('l|1', 1_000, { mode: 'leased', budgetMs: 500 })]);
    expect(undecided).toBe(0);
    expect(passed).toBeGreaterThanOrEqual(950);
    expect(passed).toBeLessThanOrEqual(1_050);
  });

  it('a budget that ends while the process is busy loses no answer', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(await take(edges[0], [check('b|1', 10, { budgetMs: 40 })], 200)).toMatchObject([{ allowed: true }]);
    }
  });
});

describe('when the counters are gone', () => {
  it('requests under open and closed limits are undecided at once, and decided again afterwards', async () => {
    const open = check('o|1', 1_000);
    const leased = check('o|2', 1_000, { mode: 'leased', budgetMs: 50 });
    const closed = check('o|3', 1_000, { onFailure: 'closed' });
    for (const edge of edges) for (const one of [open, leased, closed]) await take(edge, [one]);
    objects.kill();
    await objects.ended;
    // What a lease held is void after a second.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const startedMs = performance.now();
    for (const edge of edges) {
      expect(await take(edge, [open])).toEqual([{ undecided: 'open', why: 'gone' }]);
      expect(await take(edge, [leased])).toEqual([{ undecided: 'open', why: 'gone' }]);
      expect(await take(edge, [closed])).toEqual([{ undecided: 'closed', why: 'gone' }]);
    }
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    objects = await stand.startObjects();
    // The first call also starts the objects, which takes longer than a lease is waited for.
    const { passed, undecided } = await takeMany(60, [open, { ...leased, budgetMs: 2_000 }, closed]);
    expect({ passed, undecided }).toEqual({ passed: 60, undecided: 0 });
  });

  it('in the middle of load, every request has its answer', async () => {
    const load = takeMany(600, [check('m|1', 100_000, { budgetMs: 500 })]);
    for (let kill = 0; kill < 3; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      objects.kill();
      await objects.ended;
      objects = await stand.startObjects();
    }
    const { passed, undecided, refused } = await load;
    expect(refused).toBe(0);
    expect(passed + undecided).toBe(600);
    expect(await take(edges[0], [check('m|1', 100_000)])).toMatchObject([{ allowed: true }]);
  });
});
