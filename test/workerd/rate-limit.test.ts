import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRateLimiter } from '../../src/objects/rate-limit-client.ts';
import { RESERVATION_MS, WRITE_SPACING_MS } from '../../src/objects/rate-limit-object.ts';
import type { RateLimitCheck, RateLimitDecision } from '../../src/objects/bucket-limits.ts';

const limiter = createRateLimiter(env.RATE_LIMITS);

function check(key: string, rate: number, periodMs: number, burst = rate): RateLimitCheck {
  return { key, rate, periodMs, burst };
}
const tenAMinute = (key: string) => check(key, 10, 60_000);

function stubOf(key: string) {
  return env.RATE_LIMITS.get(env.RATE_LIMITS.idFromName(key));
}
function savedOf(key: string): Promise<unknown> {
  return runInDurableObject(stubOf(key), (_, state) => state.storage.kv.get('state'));
}
/** What is stored in the same turn in which the object took some requests. */
function savedAtOnce(key: string, limit: RateLimitCheck, requests: number): Promise<unknown> {
  return runInDurableObject(stubOf(key), (object, state) => {
    for (let count = 0; count < requests; count += 1) object.take(limit);
    return state.storage.kv.get('state');
  });
}
async function takeMany(count: number, checks: readonly RateLimitCheck[]) {
  return Promise.all(Array.from({ length: count }, () => limiter.take(checks)));
}
function passed(answers: readonly (readonly RateLimitDecision[])[]): number {
  return answers.filter((decisions) => decisions.every(({ allowed }) => allowed)).length;
}
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

describe('one limit', () => {
  it('lets exactly 10 of 15 concurrent requests through at 10 a minute', async () => {
    const answers = await takeMany(15, [tenAMinute('a')]);
    expect(passed(answers)).toBe(10);
    const refused = answers.flat().filter(({ allowed }) => !allowed);
    expect(refused).toHaveLength(5);
    for (const { remaining, retryAfterMs, resetMs } of refused) {
      expect(remaining).toBe(0);
      expect(retryAfterMs).toBeGreaterThan(5_000);
      expect(retryAfterMs).toBeLessThanOrEqual(6_000);
      expect(resetMs).toBeLessThanOrEqual(60_000);
    }
  });

  it('lets exactly the burst of 1,000 concurrent requests through', async () => {
    expect(passed(await takeMany(1_000, [check('b', 100, 86_400_000)]))).toBe(100);
  });

  it('keeps keys apart, very long ones too', async () => {
    const long = 'k'.repeat(2_000);
    const keys = ['c', 'd', `${long}1`, `${long}2`];
    const answers = await Promise.all(keys.map((key) => takeMany(3, [check(key, 2, 60_000)])));
    expect(answers.map(passed)).toEqual([2, 2, 2, 2]);
  });

  it('refills while time passes', async () => {
    const fast = check('e', 20, 1_000, 1);
    expect(passed(await takeMany(3, [fast]))).toBe(1);
    await sleep(60);
    expect(passed(await takeMany(3, [fast]))).toBe(1);
  });

  it('answers nothing for no checks', async () => {
    expect(await limiter.take([])).toEqual([]);
  });
});

describe('several limits', () => {
  it('takes from all or from none', async () => {
    const small = check('small', 3, 86_400_000);
    const large = check('large', 100, 86_400_000);
    expect(passed(await takeMany(3, [large, small]))).toBe(3);
    const refused = await takeMany(20, [large, small]);
    expect(passed(refused)).toBe(0);
    for (const decisions of refused) expect(decisions.map(({ allowed }) => allowed)).toEqual([true, false]);
    const [after] = await limiter.take([large]);
    // 3 that passed and this one; none of the 20.
    expect(after).toMatchObject({ allowed: true, remaining: 96 });
  });

  it('is exact under concurrency, whichever limit is the narrow one', async () => {
    const checks = [check('x', 12, 86_400_000), check('y', 9, 86_400_000), check('z', 40, 86_400_000)];
    // A request that loses at `y` may hold a place at `x` for a moment, which can refuse another; it
    // never lets more through, and once all is settled the rest is still there.
    const first = passed(await takeMany(50, checks));
    expect(first).toBeLessThanOrEqual(9);
    let total = first;
    for (let request = 0; request < 12; request += 1) total += passed([await limiter.take(checks)]);
    expect(total).toBe(9);
    const rest = await Promise.all(['x', 'z'].map((key) => limiter.take([check(key, 40, 86_400_000)])));
    expect(rest.map(([decision]) => decision?.remaining)).toEqual([30, 30]);
  });

  it('gives a place back when nobody settles the reservation', async () => {
    const one = check('lapse', 1, 86_400_000);
    const stub = stubOf('lapse');
    expect((await stub.reserve(one, 'gone')).allowed).toBe(true);
    expect((await stub.reserve(one, 'gone')).allowed).toBe(true);
    expect((await stub.take(one)).allowed).toBe(false);
    vi.setSystemTime(Date.now() + RESERVATION_MS);
    expect((await stub.take(one)).allowed).toBe(true);
  });

  it('counts a commit whose reservation was lost', async () => {
    const one = check('late', 1, 86_400_000);
    await stubOf('late').reserve(one, 'late');
    await evictDurableObject(stubOf('late'));
    await stubOf('late').commit(one, 'late');
    expect((await stubOf('late').take(one)).allowed).toBe(false);
  });
});

describe('storage', () => {
  it('still refuses after the object was evicted', async () => {
    const limit = tenAMinute('evicted');
    expect(passed(await takeMany(15, [limit]))).toBe(10);
    await evictDurableObject(stubOf('evicted'));
    expect(passed(await takeMany(15, [limit]))).toBe(0);
  });

  it('still refuses after every object was torn down', async () => {
    const limit = tenAMinute('aborted');
    expect(passed(await takeMany(15, [limit]))).toBe(10);
    await runInDurableObject(stubOf('aborted'), (_, state) => state.storage.sync());
    await abortAllDurableObjects();
    expect(passed(await takeMany(15, [limit]))).toBe(0);
  });

  it('writes a slow counter at once and a fast one a moment later', async () => {
    expect(await savedAtOnce('slow', check('slow', 20, 1_000, 40), 1)).toMatchObject({ gcra: { rate: 20 } });
    expect(await savedAtOnce('fast', check('fast', 30, 1_000, 40), 40)).toBeUndefined();
    await sleep(2 * WRITE_SPACING_MS);
    expect(await savedOf('fast')).toMatchObject({ gcra: { rate: 30, periodMs: 1_000 } });
  });

  it('never writes a fast counter that is full again a moment later', async () => {
    await limiter.take([check('light', 1_000, 1_000)]);
    await sleep(2 * WRITE_SPACING_MS);
    expect(await savedOf('light')).toBeUndefined();
    expect(await runInDurableObject(stubOf('light'), (_, state) => state.storage.getAlarm())).toBeNull();
  });

  it('still refuses at a fast counter after the object was evicted', async () => {
    const limit = check('fast', 30, 1_000, 300);
    expect(passed(await takeMany(300, [limit]))).toBe(300);
    await sleep(2 * WRITE_SPACING_MS);
    await evictDurableObject(stubOf('fast'));
    // What refilled meanwhile, and not another burst.
    expect(passed(await takeMany(300, [limit]))).toBeLessThan(150);
  });

  it('is deleted by the alarm once the counter is full again', async () => {
    const limit = check('cleanup', 20, 1_000, 2);
    await takeMany(2, [limit]);
    const stub = stubOf('cleanup');
    const entries = () => runInDurableObject(stub, (_, state) => [...state.storage.kv.list()].length);
    expect(await entries()).toBe(1);
    await sleep(150);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await entries()).toBe(0);
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).toBeNull();
    expect(passed(await takeMany(3, [limit]))).toBe(2);
  });

  it('keeps a counter that still says something when the alarm comes early, and sets another', async () => {
    const limit = tenAMinute('busy');
    await takeMany(10, [limit]);
    const stub = stubOf('busy');
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    const alarm = await runInDurableObject(stub, (_, state) => state.storage.getAlarm());
    expect(alarm ?? 0).toBeGreaterThan(Date.now() + 50_000);
    expect(passed(await takeMany(3, [limit]))).toBe(0);
  });

  it('writes nothing for a refused request', async () => {
    const limit = tenAMinute('quiet');
    await takeMany(10, [limit]);
    const before = await savedOf('quiet');
    expect(before).toMatchObject({ gcra: { rate: 10, periodMs: 60_000 } });
    await takeMany(5, [limit]);
    expect(await savedOf('quiet')).toEqual(before);
  });
});
