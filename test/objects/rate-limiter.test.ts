/** What requests are told, and which calls that takes. Leases, slots and several objects have tests of their own. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LimitCheck } from '../../src/limits/limiter.ts';
import { noLimits } from '../../src/objects/limit-client.ts';
import { LimitHomes } from '../../src/objects/limit-homes.ts';
import { createRateLimiter } from '../../src/objects/rate-limiter.ts';
import { bucket, check, HeldWork, homeOf, MemoryHomes, platformError } from './memory-homes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const TWO = bucket(2, 3_600_000);
const two = (change: Partial<LimitCheck> = {}) => check('two|a', TWO, change);

function stand() {
  const homes = new MemoryHomes();
  const work = new HeldWork();
  const limiter = createRateLimiter(new LimitHomes({ homeOf, send: homes.send }));
  return { homes, work, limiter, take: async (...checks: LimitCheck[]) => limiter.take(checks, work.waitUntil) };
}

describe('take', () => {
  it('of nothing is decided here', () => {
    const { limiter, work, homes } = stand();
    expect(limiter.take([], work.waitUntil)).toEqual({ verdicts: [], endSlots: null });
    expect(homes.rpcs).toEqual([]);
  });

  it('is one call for each request, and the answer of the object', async () => {
    const { take, homes, limiter } = stand();
    expect((await take(two())).verdicts).toMatchObject([{ allowed: true, remaining: 1 }]);
    await take(two());
    expect((await take(two())).verdicts).toEqual([
      { allowed: false, remaining: 0, resetMs: 3_600_000, retryAfterMs: 1_800_000 },
    ]);
    // Denials of exact limits are not remembered.
    await take(two());
    expect(homes.kinds()).toEqual(['a.take', 'a.take', 'a.take', 'a.take']);
    expect(limiter.counts()).toEqual({ decided: 4, open: 0, closed: 0 });
  });

  it.each([
    [platformError({}), 'gone'],
    [platformError({ retryable: true }), 'gone'],
    [platformError({ overloaded: true }), 'overloaded'],
  ])('is undecided at once when the object fails with %s', async (error, why) => {
    const { take, homes, limiter } = stand();
    homes.script = () => Promise.reject(error);
    expect((await take(two(), two({ onFailure: 'closed' }))).verdicts).toEqual([
      { undecided: 'open', why },
      { undecided: 'closed', why },
    ]);
    await take(two());
    // A shadowed one decides nothing about the request.
    await take(two({ shadow: true, onFailure: 'closed' }));
    expect(limiter.counts()).toEqual({ decided: 1, open: 1, closed: 1 });
  });

  it('waits for the most patient check, and no longer', async () => {
    const { take, homes } = stand();
    homes.script = () => new Promise(() => undefined);
    let isDone = false;
    const taken = take(two({ budgetMs: 30 }), two({ budgetMs: 90 })).finally(() => (isDone = true));
    await vi.advanceTimersByTimeAsync(85);
    expect(isDone).toBe(false);
    await vi.advanceTimersByTimeAsync(15);
    expect((await taken).verdicts).toMatchObject([{ why: 'late' }, { why: 'late' }]);
  });

  it('is not refused by what is shadowed, and counts nothing of it when something else refuses', async () => {
    const { take } = stand();
    const shadowed = check('s|a', bucket(1, 3_600_000), { shadow: true });
    await take(shadowed);
    expect((await take(shadowed, two())).verdicts).toMatchObject([{ allowed: false }, { allowed: true, remaining: 1 }]);
    const leasedShadow = check('l|a', bucket(1_000, 3_600_000), { shadow: true, mode: 'leased' });
    await take(two());
    for (let request = 0; request < 5; request += 1) {
      expect((await take(leasedShadow, two())).verdicts).toMatchObject([
        { allowed: true, remaining: 1_000 },
        { allowed: false },
      ]);
    }
  });

  it('waits for no exact check when a closed lease could not be fetched', async () => {
    const { take, homes } = stand();
    homes.script = () => new Promise(() => undefined);
    const leased = check('l|a', bucket(1_000, 1_000), { mode: 'leased', budgetMs: 50, onFailure: 'closed' });
    const taken = take(leased, two());
    await vi.advanceTimersByTimeAsync(510);
    expect((await taken).verdicts).toEqual([
      { undecided: 'closed', why: 'late' },
      { undecided: 'open', why: 'late' },
    ]);
  });
});

describe('charge', () => {
  it('counts without asking, and later requests wait the debt off', async () => {
    const { limiter, work, take } = stand();
    limiter.charge([two({ cost: 3 })], work.waitUntil);
    await work.settled();
    expect((await take(two())).verdicts).toMatchObject([{ allowed: false, retryAfterMs: 3_600_000 }]);
  });

  it('that is lost is lost: it is not made again', async () => {
    const { limiter, work, homes } = stand();
    homes.script = () => Promise.reject(platformError({ retryable: true }));
    limiter.charge([two()], work.waitUntil);
    await work.settled();
    expect(homes.kinds()).toEqual(['a.charge']);
  });
});

describe('a process without counters', () => {
  it('leaves every check undecided', async () => {
    const limiter = createRateLimiter(noLimits);
    const checks = [two(), two({ mode: 'leased', limit: bucket(1_000, 1_000), onFailure: 'closed' })];
    const { verdicts } = await limiter.take(checks, () => undefined);
    expect(verdicts).toEqual([
      { undecided: 'open', why: 'gone' },
      { undecided: 'closed', why: 'gone' },
    ]);
    const held = await limiter.reserve([two()], () => undefined);
    expect(held.verdicts).toEqual([{ undecided: 'open', why: 'gone' }]);
    held.commit();
  });
});
