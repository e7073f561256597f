/** What the client does when objects fail. The platform's failures cannot be provoked, so stubs fail on request. */
import { describe, expect, it } from 'vitest';
import { type CounterStub, createRateLimiterOver } from '../../src/objects/rate-limit-client.ts';
import type { RateLimitCheck, RateLimitDecision } from '../../src/objects/bucket-limits.ts';

type Call = { readonly object: string; readonly method: string; readonly stub: number };
type Script = (call: Call, nth: number) => RateLimitDecision | Promise<RateLimitDecision>;

const YES: RateLimitDecision = { allowed: true, remaining: 4, resetMs: 10, retryAfterMs: 0 };
const NO: RateLimitDecision = { allowed: false, remaining: 0, resetMs: 100, retryAfterMs: 50 };
const RELEASED: RateLimitDecision = { ...YES, remaining: 5 };

function check(key: string): RateLimitCheck {
  return { key, rate: 1, periodMs: 1_000, burst: 1 };
}

/** Objects that answer as scripted, and the calls they saw. */
function scripted(script: Script) {
  const calls: Call[] = [];
  let stubs = 0;
  const open = (object: string): CounterStub => {
    stubs += 1;
    const stub = stubs;
    const on = (method: string) => async () => {
      const call = { object, method, stub };
      calls.push(call);
      return script(call, calls.length);
    };
    const commit = on('commit');
    return {
      take: on('take'),
      reserve: on('reserve'),
      release: on('release'),
      commit: async () => void (await commit()),
    };
  };
  return { open, calls, methods: () => calls.map(({ object, method }) => `${object}.${method}`) };
}
function platformError(flags: { retryable?: boolean; overloaded?: boolean }): Error {
  return Object.assign(new Error('platform'), flags);
}

describe('one check', () => {
  it('is one call', async () => {
    const { open, methods } = scripted(() => YES);
    expect(await createRateLimiterOver(open).take([check('a')])).toEqual([YES]);
    expect(methods()).toEqual(['a.take']);
  });

  it('is asked again once, on a new stub, after a retryable error', async () => {
    const once = scripted((_, nth) => (nth === 1 ? Promise.reject(platformError({ retryable: true })) : NO));
    expect(await createRateLimiterOver(once.open).take([check('a')])).toEqual([NO]);
    expect(once.calls.map(({ stub }) => stub)).toEqual([1, 2]);
    const always = scripted(() => Promise.reject(platformError({ retryable: true })));
    await expect(createRateLimiterOver(always.open).take([check('a')])).rejects.toThrow('platform');
    expect(always.calls).toHaveLength(2);
  });

  it.each([{ overloaded: true }, { retryable: true, overloaded: true }, {}])(
    'is not asked again after %j',
    async (flags) => {
      const { open, calls } = scripted(() => Promise.reject(platformError(flags)));
      await expect(createRateLimiterOver(open).take([check('a')])).rejects.toThrow('platform');
      expect(calls).toHaveLength(1);
    },
  );

  it('gives up on an object that does not answer', async () => {
    const { open, calls } = scripted(() => new Promise(() => undefined));
    const limiter = createRateLimiterOver(open, { timeoutMs: 30 });
    await expect(limiter.take([check('a')])).rejects.toThrow('within 30 ms');
    expect(calls).toHaveLength(1);
  });

  it('names objects after the key, or its digest when it is longer than 512 bytes', async () => {
    const { open, calls } = scripted(() => YES);
    const limiter = createRateLimiterOver(open);
    for (const key of ['k'.repeat(512), 'k'.repeat(513), 'ü'.repeat(257)]) await limiter.take([check(key)]);
    const [short, ...long] = calls.map(({ object }) => object);
    expect(short).toBe('k'.repeat(512));
    for (const name of long) expect(name).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(new Set(long).size).toBe(2);
  });
});

describe('several checks', () => {
  const both = [check('a'), check('b')];

  it('are reserved, then committed', async () => {
    const { open, methods } = scripted(() => YES);
    expect(await createRateLimiterOver(open).take(both)).toEqual([YES, YES]);
    expect(methods()).toEqual(['a.reserve', 'b.reserve', 'a.commit', 'b.commit']);
  });

  it('are released where they passed, before the answer, when one refuses', async () => {
    const { open, methods } = scripted(({ object, method }) => {
      if (method === 'release') return RELEASED;
      return object === 'b' ? NO : YES;
    });
    expect(await createRateLimiterOver(open).take(both)).toEqual([RELEASED, NO]);
    expect(methods()).toEqual(['a.reserve', 'b.reserve', 'a.release']);
  });

  it('still refuse when the release fails: the reservation lapses by itself', async () => {
    const { open } = scripted(({ object, method }) => {
      if (method === 'release') return Promise.reject(platformError({}));
      return object === 'b' ? NO : YES;
    });
    expect(await createRateLimiterOver(open).take(both)).toEqual([YES, NO]);
  });

  it('fail as a whole when one object cannot be asked, and are released everywhere', async () => {
    const { open, methods } = scripted(({ object }) => (object === 'b' ? Promise.reject(platformError({})) : YES));
    await expect(createRateLimiterOver(open).take(both)).rejects.toThrow('platform');
    expect(methods()).toEqual(['a.reserve', 'b.reserve', 'a.release', 'b.release']);
  });

  it('never commit twice', async () => {
    const { open, methods } = scripted(({ method }) =>
      method === 'commit' ? Promise.reject(platformError({ retryable: true })) : YES,
    );
    expect(await createRateLimiterOver(open).take(both)).toEqual([YES, YES]);
    expect(methods()).toEqual(['a.reserve', 'b.reserve', 'a.commit', 'b.commit']);
  });
});
