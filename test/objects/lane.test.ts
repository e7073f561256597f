/** How calls travel together, and that nobody waits for ever or for somebody else's failure. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LimitAnswer, LimitCall } from '../../src/limits/calls.ts';
import { Lane, PATIENCE_MS } from '../../src/objects/lane.ts';
import { bucket, check, HeldWork, platformError } from './memory-homes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const call = (key: string, kind: 'take' | 'commit' = 'take'): LimitCall => {
  const checks = [check(key, bucket(1, 1_000))];
  return kind === 'take' ? { kind, checks, slot: null } : { kind, checks, id: 'r' };
};
const keyOf = (one: LimitCall) => ('keys' in one ? one.keys[0] : one.checks[0]?.key);
const answerTo = (one: LimitCall, order: number): LimitAnswer => ({
  outcomes: [{ allowed: true, remaining: 0, resetMs: 0, retryAfterMs: 0 }],
  atMs: Number(keyOf(one)?.replaceAll(/\D/g, '')),
  order,
});

/** RPCs wait until they are answered by the test. */
function stand(callsInFlight = 2) {
  const rpcs: { readonly keys: readonly unknown[]; answer(): void; fail(error: unknown): void }[] = [];
  const lane = new Lane({
    send: (calls) =>
      new Promise((resolve, reject) => {
        const keys = calls.map(keyOf);
        rpcs.push({ keys, answer: () => resolve(calls.map(answerTo)), fail: reject });
      }),
    pauseMs: 10,
    callsInFlight,
  });
  const work = new HeldWork();
  const ask = (key: string, budgetMs = 2_000, kind: 'take' | 'commit' = 'take') =>
    lane.ask(call(key, kind), { budgetMs, waitUntil: work.waitUntil });
  return { lane, rpcs, ask, work };
}
const turn = () => vi.advanceTimersByTimeAsync(0);

describe('calls to one destination', () => {
  it('of one turn travel in one RPC, in their order, and get their own answers', async () => {
    const { rpcs, ask } = stand();
    const asked = ['1', '2', '3'].map((key) => ask(key));
    await turn();
    expect(rpcs.map(({ keys }) => keys)).toEqual([['1', '2', '3']]);
    rpcs[0]?.answer();
    expect((await Promise.all(asked)).map(({ atMs, order }) => [atMs, order])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
  });

  it('wait while two are under way, and then travel together', async () => {
    const { rpcs, ask } = stand();
    for (const key of ['1', '2', '3', '4']) {
      void ask(key);
      await turn();
    }
    expect(rpcs.map(({ keys }) => keys)).toEqual([['1'], ['2']]);
    rpcs[1]?.answer();
    await turn();
    expect(rpcs.map(({ keys }) => keys)).toEqual([['1'], ['2'], ['3', '4']]);
  });

  it('are not held up by slow ones for long', async () => {
    const { rpcs, ask } = stand();
    for (const key of ['1', '2', '3', '4']) {
      void ask(key);
      await turn();
    }
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(rpcs.map(({ keys }) => keys)).toEqual([['1'], ['2'], ['3', '4']]);
    // Those that hang do not count for ever.
    await vi.advanceTimersByTimeAsync(1_000);
    void ask('5');
    await turn();
    expect(rpcs).toHaveLength(4);
  });

  it('are late each after its own budget', async () => {
    const { rpcs, ask } = stand(1);
    const first = ask('1', 100);
    await turn();
    const second = ask('2', 10);
    await vi.advanceTimersByTimeAsync(15);
    expect(await second).toMatchObject({ outcomes: [{ unavailable: 'late' }] });
    rpcs[0]?.answer();
    await turn();
    expect(await first).toMatchObject({ outcomes: [{ allowed: true }] });
  });

  it('take an answer that is there when the timer is due', async () => {
    const { rpcs, ask } = stand();
    const asked = ask('1', 50);
    await turn();
    // The process was busy: the timer is overdue, the answer is read in the next round.
    setTimeout(() => setTimeout(() => rpcs[0]?.answer(), 0), 50);
    await vi.advanceTimersByTimeAsync(60);
    expect(await asked).toMatchObject({ outcomes: [{ allowed: true }] });
  });

  it('hold their requests until they are answered', async () => {
    const { rpcs, ask, work } = stand();
    void ask('1');
    await turn();
    let isDone = false;
    void work.settled().then(() => (isDone = true));
    await turn();
    expect(isDone).toBe(false);
    rpcs[0]?.answer();
    await turn();
    expect(isDone).toBe(true);
  });

  it('are sent by those who wait when the request that had the turn is gone', async () => {
    const { rpcs, ask } = stand(1);
    void ask('1');
    await turn();
    void ask('2');
    await turn();
    // The request of `1` was ended by the runtime: its RPC settles nothing and wakes nobody.
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    rpcs[1]?.answer();
    expect(rpcs.map(({ keys }) => keys)).toEqual([['1'], ['2']]);
  });
});

describe('a failed RPC', () => {
  it('is made once more when the connection was lost, after a moment, without what must not count twice', async () => {
    const { rpcs, ask } = stand();
    const asked = [ask('1'), ask('2', 2_000, 'commit'), ask('3')];
    await turn();
    rpcs[0]?.fail(platformError({ retryable: true }));
    await vi.advanceTimersByTimeAsync(9);
    expect(rpcs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(rpcs[1]?.keys).toEqual(['1', '3']);
    rpcs[1]?.answer();
    expect((await Promise.all(asked)).map(({ outcomes }) => outcomes[0])).toMatchObject([
      { allowed: true },
      { unavailable: 'gone' },
      { allowed: true },
    ]);
  });

  it('is decided at once when the second attempt fails too', async () => {
    const { rpcs, ask } = stand();
    const asked = ask('1');
    await turn();
    rpcs[0]?.fail(platformError({ retryable: true }));
    await vi.advanceTimersByTimeAsync(10);
    rpcs[1]?.fail(platformError({ retryable: true }));
    expect(await asked).toMatchObject({ outcomes: [{ unavailable: 'gone' }] });
  });

  it.each([
    [{ overloaded: true }, 'overloaded'],
    [{ retryable: true, overloaded: true }, 'overloaded'],
    [{}, 'gone'],
  ])('with %j is not made again', async (flags, why) => {
    const { rpcs, ask } = stand();
    const asked = ask('1');
    await turn();
    rpcs[0]?.fail(platformError(flags));
    expect(await asked).toMatchObject({ outcomes: [{ unavailable: why }] });
    await vi.advanceTimersByTimeAsync(100);
    expect(rpcs).toHaveLength(1);
  });

  it('lets the next ones go', async () => {
    const { rpcs, ask } = stand(1);
    void ask('1');
    await turn();
    void ask('2');
    await turn();
    rpcs[0]?.fail(new Error('broken'));
    await turn();
    expect(rpcs.map(({ keys }) => keys)).toEqual([['1'], ['2']]);
  });

  it('with too few answers reads as gone, not as allowed', async () => {
    const lane = new Lane({ send: () => Promise.resolve([]), pauseMs: 0 });
    const answer = lane.ask(call('1'), { budgetMs: 100, waitUntil: () => undefined });
    await turn();
    expect(await answer).toMatchObject({ outcomes: [{ unavailable: 'gone' }] });
  });
});
