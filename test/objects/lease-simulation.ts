/**
 * Several isolates that share one leased counter, in virtual time, beside the same counter asked for
 * every request at the moment when it arrives. vitest's fake timers must be in use.
 */
import { vi } from 'vitest';
import type { FixedWindow, SlidingWindow, TokenBucket } from '../../src/limits/limit.ts';
import type { Taken } from '../../src/limits/limiter.ts';
import { LimitHomes } from '../../src/objects/limit-homes.ts';
import { createRateLimiter } from '../../src/objects/rate-limiter.ts';
import { check, HeldWork, homeOf, MemoryHomes } from './memory-homes.ts';

export type Simulation = {
  readonly limit: TokenBucket | FixedWindow | SlidingWindow;
  readonly isolates: number;
  /** Requests per window, as a multiple of the limit. */
  readonly offered: number;
  readonly windows: number;
  /** The last isolate stops in the middle of this window. */
  readonly silentIn: number | null;
};

export type Simulated = {
  /** Passed in each window: leased, and by the model. */
  readonly leased: readonly number[];
  readonly model: readonly number[];
  readonly rpcs: number;
  readonly requests: number;
  readonly undecided: number;
};

/** One way to the object, in milliseconds. */
const WAY_MS = 1;

export async function simulate({ limit, isolates, offered, windows, silentIn }: Simulation): Promise<Simulated> {
  const homes = new MemoryHomes();
  homes.script = async (_, carryOut) => {
    await sleep(WAY_MS);
    const answers = carryOut();
    await sleep(WAY_MS);
    return answers;
  };
  const model = new MemoryHomes();
  const limiters = Array.from({ length: isolates }, () =>
    createRateLimiter(new LimitHomes({ homeOf, send: homes.send })),
  );
  const leased = check('limit|a', limit, { mode: 'leased', budgetMs: 50 });
  const work = new HeldWork();
  const counts = { leased: Array<number>(windows).fill(0), model: Array<number>(windows).fill(0) };
  let undecided = 0;
  let requests = 0;
  const startMs = Date.now();
  const count = (counted: number[]) => {
    const window = Math.min(windows - 1, Math.floor((Date.now() - startMs) / limit.periodMs));
    counted[window] = (counted[window] ?? 0) + 1;
  };
  const note = ({ verdicts: [verdict] }: Taken) => {
    if (verdict === undefined || 'undecided' in verdict) undecided += 1;
    else if (verdict.allowed) count(counts.leased);
  };
  const total = Math.floor(limit.rate * offered * windows);
  const gapMs = (limit.periodMs * windows) / total;
  for (let sent = 0; sent < total; sent += 1) {
    const dueMs = startMs + Math.floor(sent * gapMs);
    if (dueMs > Date.now()) await vi.advanceTimersByTimeAsync(dueMs - Date.now());
    const isolate = sent % isolates;
    if (silentIn !== null && isolate === isolates - 1 && sent * gapMs > (silentIn + 0.5) * limit.periodMs) continue;
    requests += 1;
    const [answer] = model.decide('a', [{ kind: 'take', checks: [leased], slot: null }]);
    const [figures] = answer?.outcomes ?? [];
    if (figures !== undefined && figures !== null && 'allowed' in figures && figures.allowed) count(counts.model);
    const taken = limiters[isolate]?.take([leased], work.waitUntil);
    if (taken instanceof Promise) void taken.then(note);
    else if (taken !== undefined) note(taken);
  }
  await vi.advanceTimersByTimeAsync(100);
  return { ...counts, rpcs: homes.rpcs.length, requests, undecided };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
