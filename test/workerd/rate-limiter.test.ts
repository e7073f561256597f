/** The limiter over real objects: what the runtime adds to what test/objects proves with fakes. */
import { abortAllDurableObjects, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import type { LimitCheck } from '../../src/limits/limiter.ts';
import { LimitHomes } from '../../src/objects/limit-homes.ts';
import { objectName } from '../../src/objects/limit-objects.ts';
import { openLimits } from '../../src/objects/open-limits.ts';
import { createRateLimiter } from '../../src/objects/rate-limiter.ts';

const OBJECTS = 16;
const work: Promise<unknown>[] = [];
const waitUntil = (promise: Promise<unknown>) => void work.push(promise);
const settled = async () => {
  while (work.length > 0) await Promise.all(work.splice(0));
};

afterEach(async () => {
  await settled();
  await reset();
});

function check(key: string, rate: number, change: Partial<LimitCheck> = {}): LimitCheck {
  const limit = { algorithm: 'token-bucket', rate, periodMs: 3_600_000, burst: rate } as const;
  return { key, limit, cost: 1, onFailure: 'closed', budgetMs: 2_000, mode: 'exact', ...change };
}

/** Two subjects that live in different objects. */
function apart(): readonly [string, string] {
  const one = 'n|1';
  for (let number = 2; ; number += 1) {
    const other = `n|${number}`;
    if (objectName(one, OBJECTS) !== objectName(other, OBJECTS)) return [one, other];
  }
}

describe('limits in different objects', () => {
  it('pass all or none, whatever comes at the same time', async () => {
    const limiter = createRateLimiter(openLimits(env));
    const [one, other] = apart();
    const both = [check(one, 10), check(other, 7)];
    const taken = await Promise.all(
      Array.from({ length: 40 }, async (_, index) =>
        limiter.take(index % 2 === 0 ? both : both.toReversed(), waitUntil),
      ),
    );
    const passed = taken.filter(({ verdicts }) => verdicts.every((verdict) => 'allowed' in verdict && verdict.allowed));
    expect(passed).toHaveLength(7);
    await settled();
    const { verdicts } = await limiter.take([check(one, 10)], waitUntil);
    expect(verdicts).toMatchObject([{ allowed: true, remaining: 2 }]);
    expect(limiter.counts()).toEqual({ decided: 41, open: 0, closed: 0 });
  });

  it('are asked again on a new stub when their objects were started anew', async () => {
    const limiter = createRateLimiter(openLimits(env));
    const both = apart().map((key) => check(key, 10));
    await limiter.take(both, waitUntil);
    await settled();
    await abortAllDurableObjects();
    const { verdicts } = await limiter.take(both, waitUntil);
    expect(verdicts).toMatchObject([{ allowed: true }, { allowed: true }]);
  });
});

describe('one object', () => {
  it('decides a herd exactly and in few calls', async () => {
    let rpcs = 0;
    const namespace = env.RATE_LIMITS;
    const client = new LimitHomes({
      homeOf: (key) => objectName(key, OBJECTS),
      send: async (home, calls) => {
        rpcs += 1;
        return namespace.get(namespace.idFromName(home)).decide(calls);
      },
    });
    const limiter = createRateLimiter(client);
    const taken = await Promise.all(
      Array.from({ length: 1_000 }, async () => limiter.take([check('n|herd', 100)], waitUntil)),
    );
    const passed = taken.filter(
      ({ verdicts: [verdict] }) => verdict !== undefined && 'allowed' in verdict && verdict.allowed,
    );
    expect(passed).toHaveLength(100);
    expect(rpcs).toBeLessThan(10);
  });

  it('whose answer waits in a busy process is heard, though the budget is over', async () => {
    const limiter = createRateLimiter(openLimits(env));
    await limiter.take([check('n|busy', 10)], waitUntil);
    const taken = limiter.take([check('n|busy', 10, { budgetMs: 50 })], waitUntil);
    // Sends it, and lets the object answer; then nothing is read for longer than the budget.
    await new Promise((resolve) => setTimeout(resolve, 1));
    const untilMs = performance.now() + 120;
    while (performance.now() < untilMs && Date.now() > 0);
    expect((await taken).verdicts).toMatchObject([{ allowed: true, remaining: 8 }]);
  });

  it('holds a slot from admission to its end', async () => {
    const limiter = createRateLimiter(openLimits(env));
    const slot = check('n|slots', 1, { limit: { algorithm: 'concurrency', rate: 1 } });
    const first = await limiter.take([slot], waitUntil);
    expect(await limiter.take([slot], waitUntil)).toMatchObject({
      verdicts: [{ allowed: false, retryAfterMs: 1_000 }],
      endSlots: null,
    });
    first.endSlots?.();
    await settled();
    const again = await limiter.take([slot], waitUntil);
    expect(again.verdicts).toMatchObject([{ allowed: true }]);
    again.endSlots?.();
  });
});
