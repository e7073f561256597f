/** The arithmetic against two naive models with virtual time: a token bucket in fractions, and a log of what passed. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { debtAt, decide, type GcraState, idleAtMs, type Limit, peek, spend } from '../../src/objects/gcra.ts';

const START_MS = 1_790_000_000_000;

class Counter {
  state: GcraState | null = null;

  take(limit: Limit, nowMs: number): ReturnType<typeof decide> {
    const debt = debtAt(this.state, limit, nowMs);
    const decision = decide(debt, limit);
    if (decision.allowed) this.state = spend(debt, limit, nowMs);
    return decision;
  }
}

/** A token bucket in exact fractions: tokens are counted in periodMs-ths. */
class NaiveBucket {
  tokens: bigint;
  lastMs: number;
  readonly limit: Limit;

  constructor(limit: Limit, nowMs: number) {
    this.limit = limit;
    this.tokens = BigInt(limit.burst) * BigInt(limit.periodMs);
    this.lastMs = nowMs;
  }

  take(nowMs: number): boolean {
    const full = BigInt(this.limit.burst) * BigInt(this.limit.periodMs);
    this.tokens += BigInt(nowMs - this.lastMs) * BigInt(this.limit.rate);
    if (this.tokens > full) this.tokens = full;
    this.lastMs = nowMs;
    if (this.tokens < BigInt(this.limit.periodMs)) return false;
    this.tokens -= BigInt(this.limit.periodMs);
    return true;
  }
}

const limits: fc.Arbitrary<Limit> = fc.record({
  rate: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 })),
  periodMs: fc.constantFrom(1_000, 60_000, 3_600_000, 86_400_000),
  burst: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 })),
});
/** Gaps around the limit's own interval, so that both answers occur. */
function arrivals(limit: Limit): fc.Arbitrary<number[]> {
  const interval = Math.max(1, Math.ceil(limit.periodMs / limit.rate));
  const gap = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: interval * 2 }),
    fc.integer({ min: 0, max: interval * 20 }),
  );
  return fc.array(gap, { minLength: 1, maxLength: 120 });
}
const scenario = limits.chain((limit) => arrivals(limit).map((gaps) => ({ limit, gaps })));

describe('gcra', () => {
  it('decides exactly as a token bucket', () => {
    fc.assert(
      fc.property(scenario, ({ limit, gaps }) => {
        const counter = new Counter();
        const bucket = new NaiveBucket(limit, START_MS);
        let nowMs = START_MS;
        for (const gap of gaps) {
          nowMs += gap;
          const decision = counter.take(limit, nowMs);
          expect(decision.allowed).toBe(bucket.take(nowMs));
          expect(decision.remaining).toBe(Number(bucket.tokens / BigInt(limit.periodMs)));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('never lets more than burst + rate·t through, over any stretch', () => {
    fc.assert(
      fc.property(scenario, ({ limit, gaps }) => {
        const counter = new Counter();
        const log: number[] = [];
        let nowMs = START_MS;
        for (const gap of gaps) {
          nowMs += gap;
          if (counter.take(limit, nowMs).allowed) log.push(nowMs);
        }
        for (const [first, from] of log.entries()) {
          for (const [last, to] of log.entries()) {
            if (last < first) continue;
            const budget = BigInt(limit.burst) * BigInt(limit.periodMs) + BigInt(to - from) * BigInt(limit.rate);
            expect(BigInt(last - first + 1) * BigInt(limit.periodMs) <= budget).toBe(true);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is not changed by refused requests', () => {
    fc.assert(
      fc.property(scenario, fc.integer({ min: 1, max: 50 }), ({ limit, gaps }, extra) => {
        const patient = new Counter();
        const pushy = new Counter();
        let nowMs = START_MS;
        for (const gap of gaps) {
          nowMs += gap;
          const expected = patient.take(limit, nowMs);
          expect(pushy.take(limit, nowMs)).toEqual(expected);
          if (expected.allowed) continue;
          for (let attempt = 0; attempt < extra; attempt += 1) expect(pushy.take(limit, nowMs).allowed).toBe(false);
        }
      }),
    );
  });

  it('promises a retry time that holds, and not a millisecond earlier', () => {
    fc.assert(
      fc.property(scenario, ({ limit, gaps }) => {
        const counter = new Counter();
        let nowMs = START_MS;
        for (const gap of gaps) {
          nowMs += gap;
          const decision = counter.take(limit, nowMs);
          if (decision.allowed) {
            expect(decision.retryAfterMs).toBe(0);
            continue;
          }
          expect(decision.retryAfterMs).toBeGreaterThan(0);
          const at = (ms: number) => decide(debtAt(counter.state, limit, nowMs + ms), limit).allowed;
          expect(at(decision.retryAfterMs)).toBe(true);
          expect(at(decision.retryAfterMs - 1)).toBe(false);
        }
      }),
    );
  });

  it('is as good as new after resetMs, and says so in idleAtMs', () => {
    fc.assert(
      fc.property(scenario, ({ limit, gaps }) => {
        const counter = new Counter();
        let nowMs = START_MS;
        let resetMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          resetMs = counter.take(limit, nowMs).resetMs;
        }
        expect(debtAt(counter.state, limit, nowMs + resetMs)).toBe(0);
        expect(debtAt(counter.state, limit, nowMs + resetMs - 1)).toBeGreaterThan(0);
        expect(counter.state === null ? 0 : idleAtMs(counter.state)).toBe(nowMs + resetMs);
      }),
    );
  });

  it.each([
    { rate: 100, offeredEachMs: 300 / 1_000 },
    { rate: 7, offeredEachMs: 21 / 1_000 },
  ])('lets $rate a second through for 10 s of three times that, plus one burst', ({ rate, offeredEachMs }) => {
    const limit = { rate, periodMs: 1_000, burst: rate };
    const counter = new Counter();
    let allowed = 0;
    for (let request = 0; request < 10_000 * offeredEachMs; request += 1) {
      if (counter.take(limit, START_MS + Math.floor(request / offeredEachMs)).allowed) allowed += 1;
    }
    const expected = rate * 10 + limit.burst;
    expect(allowed).toBeLessThanOrEqual(expected);
    expect(allowed).toBeGreaterThanOrEqual(Math.floor(expected * 0.99) - 1);
  });

  it('loses nothing to rounding over a long run', () => {
    // 3 a second has no exact interval in milliseconds.
    const limit = { rate: 3, periodMs: 1_000, burst: 1 };
    const counter = new Counter();
    let allowed = 0;
    for (let ms = 0; ms <= 1_000_000; ms += 1) if (counter.take(limit, START_MS + ms).allowed) allowed += 1;
    // One per 334 ms at the latest: whole milliseconds is all a clock offers.
    expect(allowed).toBe(Math.floor(1_000_000 / 334) + 1);
    const bursty = { rate: 3, periodMs: 1_000, burst: 3 };
    const other = new Counter();
    let total = 0;
    for (let ms = 0; ms <= 1_000_000; ms += 1) if (other.take(bursty, START_MS + ms).allowed) total += 1;
    expect(total).toBe(3_003);
  });

  it('gives nothing away when the clock is set back, and locks nobody out', () => {
    const limit = { rate: 10, periodMs: 60_000, burst: 10 };
    const counter = new Counter();
    for (let request = 0; request < 10; request += 1) counter.take(limit, START_MS);
    expect(counter.take(limit, START_MS - 86_400_000).allowed).toBe(false);
    expect(counter.take(limit, START_MS - 86_400_000).retryAfterMs).toBe(6_000);
  });

  it('carries the requests outstanding over to a changed limit, never the waiting time', () => {
    const perDay = { rate: 1_000, periodMs: 86_400_000, burst: 1_000 };
    const perSecond = { rate: 10, periodMs: 1_000, burst: 10 };
    const counter = new Counter();
    for (let request = 0; request < 4; request += 1) counter.take(perDay, START_MS);
    expect(peek(debtAt(counter.state, perSecond, START_MS), perSecond).remaining).toBe(6);
    for (let request = 0; request < 996; request += 1) counter.take(perDay, START_MS);
    const decision = counter.take(perSecond, START_MS);
    expect(decision.allowed).toBe(false);
    expect(decision.retryAfterMs).toBeLessThanOrEqual(100);
  });
});
