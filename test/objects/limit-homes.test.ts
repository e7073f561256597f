/** All or nothing over several objects. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RESERVATION_MS } from '../../src/limits/calls.ts';
import { LimitHomes } from '../../src/objects/limit-homes.ts';
import { createRateLimiter } from '../../src/objects/rate-limiter.ts';
import { bucket, check, HeldWork, homeOf, MemoryHomes, platformError } from './memory-homes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const TEN = bucket(10, 3_600_000);
const a = (change = {}) => check('ten|a', TEN, change);
const b = (change = {}) => check('ten|b', TEN, change);
const c = (change = {}) => check('ten|c', TEN, change);

function stand() {
  const homes = new MemoryHomes();
  const work = new HeldWork();
  const client = new LimitHomes({ homeOf, send: homes.send });
  const limiter = createRateLimiter(client);
  const left = (key: string) => {
    const [answer] = homes.decide(homeOf(key), [{ kind: 'show', keys: [key] }]);
    const shown = answer?.outcomes[0];
    return shown !== null && shown !== undefined && 'figures' in shown ? shown.figures.remaining : 10;
  };
  const use = (key: string) =>
    homes.decide(homeOf(key), [{ kind: 'charge', checks: [{ ...check(key, TEN), cost: 10 }] }]);
  return {
    homes,
    work,
    client,
    left,
    use,
    take: async (checks: ReturnType<typeof a>[]) => limiter.take(checks, work.waitUntil),
    limiter,
  };
}
const breakHome = (homes: MemoryHomes, home: string, error = platformError({})) => {
  homes.script = (rpc, carryOut) => (rpc.home === home ? Promise.reject(error) : carryOut());
};

describe('counters that live together', () => {
  it('are asked for in one call', async () => {
    const { homes, take } = stand();
    const { verdicts } = await take([a(), check('five|a:x', bucket(5, 1_000))]);
    expect(verdicts).toMatchObject([{ remaining: 9 }, { remaining: 4 }]);
    expect(homes.kinds()).toEqual(['a.take']);
  });
});

describe('counters of several objects', () => {
  it('are reserved in the order of the names, taken in the last, and committed after the answer', async () => {
    const { homes, take, work, left } = stand();
    const { verdicts } = await take([c(), a(), b()]);
    expect(verdicts).toMatchObject([{ remaining: 9 }, { remaining: 9 }, { remaining: 9 }]);
    expect(homes.kinds().slice(0, 3)).toEqual(['a.reserve', 'b.reserve', 'c.take']);
    await work.settled();
    expect(homes.kinds().slice(3)).toEqual(['a.commit', 'b.commit']);
    await vi.advanceTimersByTimeAsync(RESERVATION_MS);
    expect(['ten|a', 'ten|b', 'ten|c'].map(left)).toEqual([9, 9, 9]);
  });

  it('are given back before a refusal, and those that were not reached say what they would have said', async () => {
    const { homes, take, left, use, work } = stand();
    use('ten|b');
    const { verdicts } = await take([a(), b(), c()]);
    expect(verdicts).toMatchObject([
      { allowed: true, remaining: 10 },
      { allowed: false, retryAfterMs: 360_000 },
      { allowed: true, remaining: 10 },
    ]);
    expect(['ten|a', 'ten|c'].map(left)).toEqual([10, 10]);
    expect(homes.kinds()).toEqual(['a.reserve', 'b.reserve', 'a.release', 'c.reserve', 'c.release']);
    await work.settled();
    expect(homes.kinds()).toHaveLength(5);
  });

  it('refuse with the longest wait of all that refuse', async () => {
    const { take, use } = stand();
    use('ten|a');
    await vi.advanceTimersByTimeAsync(100_000);
    use('ten|c');
    const { verdicts } = await take([a(), c()]);
    expect(verdicts).toMatchObject([{ retryAfterMs: 260_000 }, { retryAfterMs: 360_000 }]);
  });

  it('still refuse when giving back fails; the place lapses by itself', async () => {
    const { homes, take, use } = stand();
    use('ten|b');
    homes.script = ({ calls }, carryOut) =>
      calls.some(({ kind }) => kind === 'release') ? Promise.reject(platformError({})) : carryOut();
    expect((await take([a(), b()])).verdicts).toMatchObject([{ allowed: true }, { allowed: false }]);
    const all = () => take([a({ cost: 10 })]);
    expect((await all()).verdicts).toMatchObject([{ allowed: false, remaining: 9 }]);
    await vi.advanceTimersByTimeAsync(RESERVATION_MS);
    expect((await all()).verdicts).toMatchObject([{ allowed: true }]);
  });

  it('refuse by a closed one that cannot be asked, and give the others back', async () => {
    const { homes, take, left, work, limiter } = stand();
    breakHome(homes, 'b');
    const { verdicts } = await take([a(), b({ onFailure: 'closed' }), c()]);
    expect(verdicts).toMatchObject([
      { allowed: true, remaining: 10 },
      { undecided: 'closed', why: 'gone' },
      { remaining: 10 },
    ]);
    await work.settled();
    expect(['ten|a', 'ten|c'].map(left)).toEqual([10, 10]);
    expect(limiter.counts()).toEqual({ decided: 0, open: 0, closed: 1 });
  });

  it('are enforced as far as they can be asked when the others are open', async () => {
    const { homes, take, left, work, use, limiter } = stand();
    breakHome(homes, 'b');
    expect((await take([a(), b(), c()])).verdicts).toMatchObject([
      { remaining: 9 },
      { undecided: 'open', why: 'gone' },
      { remaining: 9 },
    ]);
    await work.settled();
    expect(['ten|a', 'ten|c'].map(left)).toEqual([9, 9]);
    use('ten|c');
    expect((await take([a(), b(), c()])).verdicts[2]).toMatchObject({ allowed: false });
    expect(left('ten|a')).toBe(9);
    expect(limiter.counts()).toEqual({ decided: 0, open: 2, closed: 0 });
  });

  it('are never asked again when overloaded', async () => {
    const { homes, take, work } = stand();
    breakHome(homes, 'a', platformError({ overloaded: true, retryable: true }));
    expect((await take([a(), b()])).verdicts[0]).toEqual({ undecided: 'open', why: 'overloaded' });
    await work.settled();
    expect(homes.kinds().filter((kind) => kind.startsWith('a.'))).toEqual(['a.reserve']);
  });

  it('share one budget', async () => {
    const { homes, take, limiter } = stand();
    homes.script = async (_, carryOut) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return carryOut();
    };
    const taken = take([a({ budgetMs: 100 }), b({ budgetMs: 100 })]);
    await vi.advanceTimersByTimeAsync(105);
    expect((await taken).verdicts).toMatchObject([{ remaining: 9 }, { undecided: 'open', why: 'late' }]);
    expect(limiter.counts().open).toBe(1);
  });

  it('ask shadowed ones after the enforced ones passed, and count none of them when one refused', async () => {
    const { homes, take, left, use } = stand();
    const { verdicts } = await take([a({ shadow: true }), b()]);
    expect(verdicts).toMatchObject([{ remaining: 9 }, { remaining: 9 }]);
    expect(homes.kinds()).toEqual(['b.take', 'a.take']);
    use('ten|b');
    expect((await take([a({ shadow: true }), b()])).verdicts).toMatchObject([{ allowed: true }, { allowed: false }]);
    expect(left('ten|a')).toBe(9);
  });

  it('ask shadowed ones beside enforced ones with them, and count those that would pass', async () => {
    const { homes, take, left, use, work, limiter } = stand();
    const aside = check('ten|a:x', TEN, { shadow: true });
    const checks = [a(), aside, b()];
    expect((await take(checks)).verdicts).toMatchObject([{ remaining: 9 }, { remaining: 9 }, { remaining: 9 }]);
    await work.settled();
    expect(homes.kinds()).toEqual(['a.reserve', 'b.take', 'a.commit']);
    use('ten|a:x');
    expect((await take(checks)).verdicts).toMatchObject([{ allowed: true }, { allowed: false }, { allowed: true }]);
    const held = await limiter.reserve([a(), check('ten|a:y', TEN, { shadow: true }), b()], work.waitUntil);
    held.commit();
    await work.settled();
    expect(['ten|a', 'ten|a:y', 'ten|b'].map(left)).toEqual([7, 9, 7]);
    use('ten|b');
    await take([a(), check('ten|a:y', TEN, { shadow: true }), b()]);
    await work.settled();
    expect(['ten|a', 'ten|a:y'].map(left)).toEqual([7, 9]);
  });

  it('show and reset each where it lives', async () => {
    const { client, work, use } = stand();
    use('ten|b');
    const keys = ['ten|a', 'ten|b'];
    const [shown] = await client.decide([{ kind: 'show', keys }], work.waitUntil);
    expect(shown?.outcomes).toMatchObject([null, { figures: { remaining: 0 } }]);
    await client.decide([{ kind: 'reset', keys }], work.waitUntil);
    const [after] = await client.decide([{ kind: 'show', keys }], work.waitUntil);
    expect(after?.outcomes).toEqual([null, null]);
  });
});

describe('a reservation of the port', () => {
  it('holds places everywhere until it is committed or released, once', async () => {
    const { limiter, left, work, homes } = stand();
    const held = await limiter.reserve([a(), b()], work.waitUntil);
    expect(held.verdicts).toMatchObject([{ remaining: 9 }, { remaining: 9 }]);
    held.release();
    held.commit();
    await work.settled();
    expect(['ten|a', 'ten|b'].map(left)).toEqual([10, 10]);
    const other = await limiter.reserve([a(), b()], work.waitUntil);
    other.commit();
    await work.settled();
    await vi.advanceTimersByTimeAsync(RESERVATION_MS);
    expect(['ten|a', 'ten|b'].map(left)).toEqual([9, 9]);
    expect(homes.kinds().filter((kind) => kind.endsWith('commit'))).toHaveLength(2);
  });

  it('that is refused holds nothing and settles nothing', async () => {
    const { limiter, left, work, use, homes } = stand();
    use('ten|b');
    const { verdicts, commit } = await limiter.reserve([a(), b()], work.waitUntil);
    expect(verdicts).toMatchObject([{ allowed: true }, { allowed: false }]);
    expect(left('ten|a')).toBe(10);
    const before = homes.rpcs.length;
    commit();
    await work.settled();
    expect(homes.rpcs).toHaveLength(before);
  });
});
