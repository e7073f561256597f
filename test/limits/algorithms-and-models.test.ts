/** Every algorithm against its naive model, request by request, and what it lets through at most. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarWindow } from '../../src/limits/algorithms/calendar-window.ts';
import type { Limit } from '../../src/limits/limit.ts';
import {
  countersShare,
  fixedShare,
  logShare,
  NaiveBucket,
  NaiveWindow,
  type Passed,
  worstStretch,
} from './naive-models.ts';
import {
  type Arrival,
  calendars,
  fixedWindows,
  scenarioOf,
  slidingCounters,
  slidingLogs,
  START_MS,
  tokenBuckets,
  VirtualLedger,
} from './virtual-ledger.ts';

type Model = { take(nowMs: number, cost: number): boolean; charge(nowMs: number, cost: number): void };

/** Every seventh is a charge. Answers what passed; counts how often both answers occurred. */
function compare(limit: Limit, arrivals: readonly Arrival[], model: Model, seen: [number, number]): void {
  const ledger = new VirtualLedger();
  for (const [index, { gapMs, cost }] of arrivals.entries()) {
    ledger.nowMs += gapMs;
    if (index % 7 === 6) {
      ledger.charge(limit, cost);
      model.charge(ledger.nowMs, cost);
      continue;
    }
    const { allowed } = ledger.take(limit, cost);
    seen[allowed ? 0 : 1] += 1;
    expect(allowed).toBe(model.take(ledger.nowMs, cost));
  }
}

function passedOf(limit: Limit, arrivals: readonly Arrival[]): Passed[] {
  const ledger = new VirtualLedger();
  const passed: Passed[] = [];
  for (const { gapMs, cost } of arrivals) {
    ledger.nowMs += gapMs;
    if (ledger.take(limit, cost).allowed) passed.push({ atMs: ledger.nowMs, cost });
  }
  return passed;
}

describe('token bucket', () => {
  it('decides as a bucket in exact fractions', () => {
    const seen: [number, number] = [0, 0];
    fc.assert(
      fc.property(scenarioOf(tokenBuckets), ({ limit, arrivals }) => {
        compare(limit, arrivals, new NaiveBucket(limit, START_MS), seen);
      }),
      { numRuns: 200 },
    );
    expect(Math.min(...seen)).toBeGreaterThan(500);
  });

  it('never lets more than burst + rate * t through, over any stretch', () => {
    fc.assert(
      fc.property(scenarioOf(tokenBuckets), ({ limit, arrivals }) => {
        const passed = passedOf(limit, arrivals);
        for (const [first, { atMs: fromMs }] of passed.entries()) {
          let units = 0n;
          for (const { atMs, cost } of passed.slice(first)) {
            units += BigInt(cost);
            const most = BigInt(limit.burst) * BigInt(limit.periodMs) + BigInt(atMs - fromMs) * BigInt(limit.rate);
            expect(units * BigInt(limit.periodMs) <= most).toBe(true);
          }
        }
      }),
    );
  });

  it('admits 50 at once and then one every 72 s where 50 an hour are allowed', () => {
    const limit = { algorithm: 'token-bucket', rate: 50, periodMs: 3_600_000, burst: 50 } as const;
    const ledger = new VirtualLedger();
    for (let request = 0; request < 50; request += 1) expect(ledger.take(limit).allowed).toBe(true);
    expect(ledger.take(limit)).toEqual({ allowed: false, remaining: 0, resetMs: 3_600_000, retryAfterMs: 72_000 });
  });

  it('loses nothing to rounding over a long run', () => {
    // 3 a second has no exact interval in milliseconds.
    const limit = { algorithm: 'token-bucket', rate: 3, periodMs: 1_000, burst: 3 } as const;
    const ledger = new VirtualLedger();
    let passed = 0;
    for (let ms = 0; ms <= 100_000; ms += 1) {
      if (ledger.take(limit).allowed) passed += 1;
      ledger.nowMs += 1;
    }
    expect(passed).toBe(303);
  });
});

describe('fixed window', () => {
  it('decides as a list of what passed since the window began', () => {
    const seen: [number, number] = [0, 0];
    fc.assert(
      fc.property(scenarioOf(fixedWindows), ({ limit, arrivals }) => {
        compare(limit, arrivals, new NaiveWindow(limit.rate, fixedShare(limit.periodMs)), seen);
      }),
      { numRuns: 120 },
    );
    expect(Math.min(...seen)).toBeGreaterThan(300);
  });

  it('lets twice the rate through over the edge of two windows, and no more in any stretch', () => {
    const limit = { algorithm: 'fixed-window', rate: 5, periodMs: 60_000 } as const;
    const ledger = new VirtualLedger();
    ledger.nowMs += 60_000 - (ledger.nowMs % 60_000) - 1;
    for (let request = 0; request < 5; request += 1) expect(ledger.take(limit).allowed).toBe(true);
    expect(ledger.take(limit)).toEqual({ allowed: false, remaining: 0, resetMs: 1, retryAfterMs: 1 });
    ledger.nowMs += 1;
    for (let request = 0; request < 5; request += 1) expect(ledger.take(limit).allowed).toBe(true);
    fc.assert(
      fc.property(scenarioOf(fixedWindows), ({ limit: any, arrivals }) => {
        expect(worstStretch(passedOf(any, arrivals), any.periodMs - 1)).toBeLessThanOrEqual(2 * any.rate);
      }),
    );
  });
});

describe('sliding window by a log', () => {
  it('decides as a list of what passed within the period', () => {
    const seen: [number, number] = [0, 0];
    fc.assert(
      fc.property(scenarioOf(slidingLogs), ({ limit, arrivals }) => {
        compare(limit, arrivals, new NaiveWindow(limit.rate, logShare(limit.periodMs)), seen);
      }),
      { numRuns: 120 },
    );
    expect(Math.min(...seen)).toBeGreaterThan(300);
  });

  it('lets no more than the rate through in any stretch', () => {
    fc.assert(
      fc.property(scenarioOf(slidingLogs), ({ limit, arrivals }) => {
        expect(worstStretch(passedOf(limit, arrivals), limit.periodMs - 1)).toBeLessThanOrEqual(limit.rate);
      }),
    );
  });

  it('remembers no more than the largest log however often it is charged', () => {
    const limit = { algorithm: 'sliding-window', rate: 2, periodMs: 86_400_000 } as const;
    const ledger = new VirtualLedger();
    for (let charge = 0; charge < 1_200; charge += 1) {
      ledger.charge(limit, 1);
      ledger.nowMs += 1;
    }
    const state = ledger.store.get([...ledger.store.rows.keys()][0] ?? '')?.state;
    const entries = state?.algorithm === 'sliding-log' ? state.passed : [];
    expect(entries.length).toBe(1_000);
    expect(entries.reduce((sum, [, cost]) => sum + cost, 0)).toBe(1_200);
  });
});

describe('sliding window by two counters', () => {
  it('decides as the weighted sum in exact fractions', () => {
    const seen: [number, number] = [0, 0];
    fc.assert(
      fc.property(scenarioOf(slidingCounters), ({ limit, arrivals }) => {
        compare(limit, arrivals, new NaiveWindow(limit.rate, countersShare(limit.periodMs)), seen);
      }),
      { numRuns: 120 },
    );
    expect(Math.min(...seen)).toBeGreaterThan(300);
  });

  it('lets less than twice the rate through in any stretch', () => {
    fc.assert(
      fc.property(scenarioOf(slidingCounters), ({ limit, arrivals }) => {
        expect(worstStretch(passedOf(limit, arrivals), limit.periodMs - 1)).toBeLessThan(2 * limit.rate);
      }),
    );
  });

  it.each([0, 250, 500, 750, 999])('reaches the stated bound %i ms into a window of 1,000 ms', (elapsedMs) => {
    const limit = { algorithm: 'sliding-window', rate: 2_000, periodMs: 1_000 } as const;
    const ledger = new VirtualLedger();
    ledger.nowMs += 1_999 - (ledger.nowMs % 1_000);
    expect(ledger.take(limit, 2_000).allowed).toBe(true);
    let units = 2_000;
    ledger.nowMs += 1;
    for (let ms = 0; ms <= elapsedMs; ms += 1) {
      const { remaining } = ledger.fork().take(limit, 2_001);
      if (remaining > 0) units += ledger.take(limit, remaining).allowed ? remaining : 0;
      if (ms < elapsedMs) ledger.nowMs += 1;
    }
    expect(units).toBe(limit.rate + (2_000 * elapsedMs) / limit.periodMs);
  });

  it.each([0, 250, 500, 750, 999])('refuses what the log would pass by the stated bound, %i ms in', (elapsedMs) => {
    const limit = { algorithm: 'sliding-window', rate: 2_000, periodMs: 1_000 } as const;
    const ledger = new VirtualLedger();
    ledger.nowMs += 1_000 - (ledger.nowMs % 1_000);
    expect(ledger.take(limit, 2_000).allowed).toBe(true);
    ledger.nowMs += 1_000 + elapsedMs;
    // Of the stretch that ends here the log holds nothing any more.
    const { remaining } = ledger.take(limit, 2_001);
    expect(limit.rate - remaining).toBe(2_000 - (2_000 * elapsedMs) / limit.periodMs);
  });

  it('is as exact as the log where load is even', () => {
    const limit = { algorithm: 'sliding-window', rate: 2_000, periodMs: 1_000 } as const;
    const ledger = new VirtualLedger();
    ledger.nowMs += 1_000 - (ledger.nowMs % 1_000);
    const passed: Passed[] = [];
    for (let ms = 0; ms < 5_000; ms += 1) {
      // Twice what is allowed.
      for (let request = 0; request < 4; request += 1) {
        if (ledger.take(limit).allowed) passed.push({ atMs: ledger.nowMs, cost: 1 });
      }
      ledger.nowMs += 1;
    }
    const perWindow = [1, 2, 3, 4].map((window) => {
      const fromMs = (passed[0]?.atMs ?? 0) + window * 1_000;
      return passed.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + 1_000).length;
    });
    for (const units of perWindow) expect(Math.abs(units - limit.rate)).toBeLessThanOrEqual(limit.rate * 0.01);
  });
});

describe('calendar quota', () => {
  it('decides as a list of what passed in the same day or month', () => {
    const seen: [number, number] = [0, 0];
    fc.assert(
      fc.property(scenarioOf(calendars), ({ limit, arrivals }) => {
        const startOf = (atMs: number): number => calendarWindow(limit.per, limit.zone, atMs).startMs;
        const model = new NaiveWindow(limit.rate, (atMs, nowMs) => [startOf(atMs) === startOf(nowMs) ? 1n : 0n, 1n]);
        compare(limit, arrivals, model, seen);
      }),
      { numRuns: 100 },
    );
    expect(Math.min(...seen)).toBeGreaterThan(100);
  });
});
