import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Limit } from '../../src/limits/limit.ts';
import { arrivalCurve, fillingBucket, firstAdmissionMs, NaiveSlots, naiveModelOf } from './naive-models.ts';
import { worstWindow } from './worst-window.ts';

/** How many of the requests at these times pass. */
function passing(limit: Limit, times: readonly number[]): readonly number[] {
  const model = naiveModelOf(limit);
  return times.filter((atMs) => {
    const passes = model.admits(atMs, 1);
    if (passes) model.count(atMs, 1);
    return passes;
  });
}

const times = (count: number, atMs: number): readonly number[] => Array.from({ length: count }, () => atMs);

describe('naive models', () => {
  it('admits a burst and then the rate', () => {
    const limit: Limit = { algorithm: 'token-bucket', rate: 50, periodMs: 3_600_000, burst: 50 };
    expect(passing(limit, times(60, 0))).toHaveLength(50);
    expect(passing(limit, [...times(50, 0), 71_999, 72_000, 72_001, 144_000])).toEqual([
      ...times(50, 0),
      72_000,
      144_000,
    ]);
  });

  it('sees one bucket in both of its forms', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 0, max: 40 }), cost: fc.integer({ min: 1, max: 4 }) });
    const limit = fc.record({
      algorithm: fc.constant('token-bucket' as const),
      rate: fc.integer({ min: 1, max: 30 }),
      periodMs: fc.constantFrom(100, 1_000, 777),
      burst: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(limit, fc.array(step, { maxLength: 60 }), (bucket, steps) => {
        const [curve, filling] = [arrivalCurve(bucket), fillingBucket(bucket)];
        let atMs = 1_000;
        for (const { afterMs, cost } of steps) {
          atMs += afterMs;
          const passes = curve.admits(atMs, cost);
          expect(filling.admits(atMs, cost)).toBe(passes);
          if (!passes) continue;
          curve.count(atMs, cost);
          filling.count(atMs, cost);
        }
      }),
    );
  });

  it('lets twice the rate pass over the edge of two fixed windows, and once in a sliding one', () => {
    const load = [...times(20, 990), ...times(20, 1_000)];
    expect(passing({ algorithm: 'fixed-window', rate: 10, periodMs: 1_000 }, load)).toHaveLength(20);
    expect(passing({ algorithm: 'sliding-window', rate: 10, periodMs: 1_000 }, load)).toHaveLength(10);
  });

  it('frees what a log holds after one period, no sooner', () => {
    const limit: Limit = { algorithm: 'sliding-window', rate: 1, periodMs: 1_000 };
    expect(passing(limit, [5, 1_004, 1_005])).toEqual([5, 1_005]);
  });

  it('weighs the window before', () => {
    const limit: Limit = { algorithm: 'sliding-window', rate: 2_000, periodMs: 1_000 };
    expect(passing(limit, [...times(2_000, 500), ...times(2_000, 1_250)])).toHaveLength(2_500);
  });

  it('ends a day where its zone does', () => {
    const limit: Limit = { algorithm: 'calendar', rate: 1, per: 'day', zone: 'Europe/Berlin' };
    const evening = Date.UTC(2026, 0, 31, 22, 59);
    expect(passing(limit, [evening, evening + 59_000, evening + 60_000])).toEqual([evening, evening + 60_000]);
    const month: Limit = { ...limit, per: 'month' };
    expect(passing(month, [evening - 86_400_000, evening, evening + 60_000])).toEqual([
      evening - 86_400_000,
      evening + 60_000,
    ]);
  });

  it('holds slots until they are freed or forgotten', () => {
    const slots = new NaiveSlots(1);
    slots.renew('a', 0);
    expect(slots.admits(29_999)).toBe(false);
    expect(slots.admits(30_000)).toBe(true);
    slots.renew('a', 10_000);
    expect(slots.admits(30_000)).toBe(false);
    slots.free('a');
    expect(slots.admits(10_000)).toBe(true);
  });

  it('knows when the next one would pass', () => {
    const limit: Limit = { algorithm: 'token-bucket', rate: 3, periodMs: 1_000, burst: 1 };
    const model = naiveModelOf(limit);
    model.count(100, 1);
    expect(firstAdmissionMs(model, 150, 1)).toBe(434);
    expect(firstAdmissionMs(model, 500, 1)).toBe(500);
    expect(firstAdmissionMs(model, 150, 2)).toBeNull();
  });
});

function at(...moments: readonly number[]) {
  return moments.map((atMs) => ({ atMs, cost: 1 }));
}

describe('worstWindow', () => {
  it('counts stretches that begin anywhere', () => {
    expect(worstWindow(at(990, 995, 1_000, 1_005, 1_990), 1_000, 2)).toBe(2);
    expect(worstWindow(at(0, 1_000, 2_000), 1_000, 2)).toBe(0.5);
    expect(worstWindow([], 1_000, 2)).toBe(0);
  });
});
