/** What holds of every way of counting units, with virtual time. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Counter } from '../../src/limits/counter.ts';
import { idleAtMs } from '../../src/limits/ledger.ts';
import { largestCost } from '../../src/limits/limit.ts';
import { KEY, scenarioOf, unitLimits, VirtualLedger } from './virtual-ledger.ts';

/** Takes and, now and then, charges. */
const scenario = fc.record({
  played: scenarioOf(unitLimits),
  charges: fc.array(fc.boolean(), { maxLength: 25, size: 'max' }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** The ledger after each step, with what the step was answered. */
function* play({ played: { limit, arrivals }, charges }: Scenario) {
  const ledger = new VirtualLedger();
  for (const [index, { gapMs, cost }] of arrivals.entries()) {
    ledger.nowMs += gapMs;
    const before = new Map(ledger.store.rows);
    const charged = charges[index % 25] === true;
    const figures = charged ? ledger.charge(limit, cost) : ledger.take(limit, cost);
    yield { ledger, limit, cost, figures, before, charged };
  }
}

function counterOf(ledger: VirtualLedger): Counter | null {
  return ledger.store.get(KEY);
}

describe('every algorithm', () => {
  it('changes nothing when it refuses', () => {
    let refused = 0;
    fc.assert(
      fc.property(scenario, (one) => {
        for (const { ledger, figures, before, charged } of play(one)) {
          if (figures.allowed || charged) continue;
          refused += 1;
          expect(ledger.store.rows).toEqual(before);
        }
      }),
      { numRuns: 120 },
    );
    expect(refused).toBeGreaterThan(300);
  });

  it('lets the same request through after retryAfterMs, and not a millisecond before', () => {
    let waited = 0;
    fc.assert(
      fc.property(scenario, (one) => {
        for (const { ledger, limit, cost, figures, charged } of play(one)) {
          if (charged) continue;
          if (figures.allowed) {
            expect(figures.retryAfterMs).toBe(0);
          } else if (cost > largestCost(limit)) {
            expect(figures.retryAfterMs).toBeNull();
          } else {
            const { retryAfterMs } = figures;
            if (retryAfterMs === null) throw new Error('it can pass');
            waited += 1;
            expect(retryAfterMs).toBeGreaterThan(0);
            expect(ledger.fork(retryAfterMs - 1).take(limit, cost).allowed).toBe(false);
            expect(ledger.fork(retryAfterMs).take(limit, cost).allowed).toBe(true);
          }
        }
      }),
      { numRuns: 120 },
    );
    expect(waited).toBeGreaterThan(300);
  });

  it('says as remaining what would pass at once, and no more would', () => {
    fc.assert(
      fc.property(scenario, (one) => {
        for (const { ledger, limit, figures } of play(one)) {
          const { remaining } = figures;
          if (remaining > 0) expect(ledger.fork().take(limit, remaining).allowed).toBe(true);
          expect(ledger.fork().take(limit, remaining + 1).allowed).toBe(false);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is as good as new after resetMs, which is when idleAtMs says so, and not before', () => {
    fc.assert(
      fc.property(scenario, (one) => {
        for (const { ledger, limit, figures } of play(one)) {
          const counter = counterOf(ledger);
          if (counter === null) {
            expect(figures.resetMs).toBe(0);
            continue;
          }
          // A refused request leaves a counter that may be idle already.
          expect(Math.max(0, idleAtMs(counter) - ledger.nowMs)).toBe(figures.resetMs);
          const fresh = new VirtualLedger();
          fresh.nowMs = ledger.nowMs + figures.resetMs;
          expect(ledger.fork(figures.resetMs).show()).toBeNull();
          expect(ledger.fork(figures.resetMs).take(limit)).toEqual(fresh.take(limit));
          if (figures.resetMs === 0) continue;
          expect(ledger.fork(figures.resetMs - 1).show()).not.toBeNull();
        }
      }),
      { numRuns: 40 },
    );
  });

  it('remembers all it needs in what is stored', () => {
    fc.assert(
      fc.property(scenario, ({ played: { limit, arrivals } }) => {
        const kept = new VirtualLedger();
        const restarted = new VirtualLedger();
        for (const { gapMs, cost } of arrivals) {
          kept.nowMs += gapMs;
          restarted.nowMs += gapMs;
          restarted.restart();
          expect(restarted.take(limit, cost)).toEqual(kept.take(limit, cost));
        }
      }),
    );
  });

  it('lets nobody wait for less than was charged, and forgets it in the end', () => {
    fc.assert(
      fc.property(unitLimits, fc.integer({ min: 1, max: 3 }), (limit, times) => {
        const ledger = new VirtualLedger();
        const cost = largestCost(limit);
        for (let charge = 0; charge < times; charge += 1) ledger.charge(limit, cost);
        const { allowed, remaining, retryAfterMs, resetMs } = ledger.take(limit);
        expect([allowed, remaining]).toEqual([false, 0]);
        if (limit.algorithm === 'token-bucket') {
          const owedUnits = (times - 1) * limit.burst + 1;
          expect(retryAfterMs).toBe(Math.ceil((owedUnits * limit.periodMs) / limit.rate));
        }
        expect(ledger.fork(resetMs).show()).toBeNull();
      }),
    );
  });

  it('keeps its integers exact however much is charged', () => {
    fc.assert(
      fc.property(unitLimits, (limit) => {
        const ledger = new VirtualLedger();
        for (let charge = 0; charge < 200; charge += 1) ledger.charge(limit, 1_000_000);
        for (const value of numbersIn(counterOf(ledger)?.state)) expect(Number.isSafeInteger(value)).toBe(true);
        const { retryAfterMs, resetMs } = ledger.take(limit);
        expect(retryAfterMs).toBeGreaterThan(0);
        expect(Number.isSafeInteger(retryAfterMs) && Number.isSafeInteger(resetMs)).toBe(true);
        expect(ledger.fork((retryAfterMs ?? 0) - 1).take(limit).allowed).toBe(false);
        expect(ledger.fork(retryAfterMs ?? 0).take(limit).allowed).toBe(true);
      }),
    );
  });
});

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}
