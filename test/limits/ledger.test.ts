/** Calls of several checks, shadowed ones, changed limits, clocks set back. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESERVATION_MS } from '../../src/limits/calls.ts';
import { largestCost, type Limit } from '../../src/limits/limit.ts';
import { aCheck, figuresOf, KEY, remainingOf, START_MS, unitLimits, VirtualLedger } from './virtual-ledger.ts';

const BUCKET = { algorithm: 'token-bucket', rate: 10, periodMs: 60_000, burst: 10 } as const;
const WINDOW = { algorithm: 'fixed-window', rate: 5, periodMs: 60_000 } as const;
const DAY = { algorithm: 'calendar', rate: 3, per: 'day', zone: 'Europe/Berlin' } as const;

/** A counter used under one limit and then asked by another. */
function changedLimit(from: Limit, to: Limit, units: number): VirtualLedger {
  const ledger = new VirtualLedger();
  ledger.take(from, units);
  ledger.take(to, largestCost(to) + 1);
  return ledger;
}

describe('several checks', () => {
  const checks = [aCheck(BUCKET), aCheck(WINDOW, { key: 'w|a' }), aCheck(DAY, { key: 'd|a' })];

  it('are all counted or none', () => {
    const ledger = new VirtualLedger();
    for (let request = 1; request <= 3; request += 1) {
      const figures = figuresOf(ledger.takeAll(checks));
      expect(figures.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
        [true, 10 - request],
        [true, 5 - request],
        [true, 3 - request],
      ]);
    }
    const before = new Map(ledger.store.rows);
    const refused = figuresOf(ledger.takeAll(checks));
    expect(refused.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 7],
      [true, 2],
      [false, 0],
    ]);
    expect(refused.map(({ retryAfterMs }) => retryAfterMs === 0)).toEqual([true, true, false]);
    expect(ledger.store.rows).toEqual(before);
  });

  it('write nothing at all when they refuse, whatever they are', () => {
    const several = fc.array(
      fc.record({ limit: unitLimits, cost: fc.integer({ min: 1, max: 4 }), own: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    let refusals = 0;
    fc.assert(
      fc.property(several, fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 30, size: 'max' }), (list, gaps) => {
        const ledger = new VirtualLedger();
        // Two limits on one counter would adopt each other's all the time, so shared counters share the limit.
        const checked = list.map(({ limit, cost, own }, index) =>
          aCheck(own ? limit : (list[0]?.limit ?? limit), { key: own ? `own${index}|a` : 'shared|a', cost }),
        );
        for (const gapMs of gaps) {
          ledger.nowMs += gapMs;
          const before = new Map(ledger.store.rows);
          const { writes } = ledger.store;
          const figures = figuresOf(ledger.takeAll(checked));
          if (figures.every(({ allowed }) => allowed)) continue;
          refusals += 1;
          expect(ledger.store.rows).toEqual(before);
          expect(ledger.store.writes).toBe(writes);
        }
      }),
      { numRuns: 150 },
    );
    expect(refusals).toBeGreaterThan(200);
  });

  it('of one counter are judged together, like one check of their costs', () => {
    const split = unitLimits.chain((limit) => {
      const part = fc.integer({ min: 1, max: Math.max(1, Math.ceil(largestCost(limit) / 3)) });
      return fc.record({ limit: fc.constant(limit), calls: fc.array(fc.array(part, { minLength: 1, maxLength: 4 })) });
    });
    fc.assert(
      fc.property(split, ({ limit, calls }) => {
        const ledger = new VirtualLedger();
        for (const costs of calls) {
          ledger.nowMs += 37;
          const whole = ledger.fork();
          const one = whole.take(
            limit,
            costs.reduce((sum, cost) => sum + cost, 0),
          );
          const figures = figuresOf(ledger.takeAll(costs.map((cost) => aCheck(limit, { cost }))));
          expect(figures.every(({ allowed }) => allowed)).toBe(one.allowed);
          expect(figures.at(-1)).toEqual(one);
          expect(ledger.store.rows).toEqual(whole.store.rows);
          if (one.allowed) expect(new Set(figures.map(({ remaining }) => remaining)).size).toBe(1);
        }
      }),
    );
  });
});

describe('a shadowed check', () => {
  const shadow = aCheck(DAY, { key: 'd|a', shadow: true });

  it('is counted with the others and refuses nothing', () => {
    const ledger = new VirtualLedger();
    for (let request = 0; request < 5; request += 1) {
      const [enforced, shadowed] = figuresOf(ledger.takeAll([aCheck(BUCKET), shadow]));
      expect(enforced?.remaining).toBe(9 - request);
      expect(shadowed?.allowed).toBe(request < 3);
      expect(shadowed?.remaining).toBe(Math.max(0, 2 - request));
    }
  });

  it('is not counted when an enforced one refuses', () => {
    const ledger = new VirtualLedger();
    const none = aCheck(WINDOW, { key: 'w|a', cost: 6 });
    const [shadowed, enforced] = figuresOf(ledger.takeAll([shadow, none]));
    expect(shadowed).toEqual({ allowed: true, remaining: 3, resetMs: 0, retryAfterMs: 0 });
    expect(enforced).toEqual({ allowed: false, remaining: 5, resetMs: 0, retryAfterMs: null });
    expect(ledger.store.rows.size).toBe(0);
  });

  it('never stands in the way of an enforced one on the same counter, wherever it is named', () => {
    const ledger = new VirtualLedger();
    const [shadowed, enforced] = figuresOf(
      ledger.takeAll([aCheck(WINDOW, { cost: 3, shadow: true }), aCheck(WINDOW, { cost: 4 })]),
    );
    expect(enforced?.allowed).toBe(true);
    expect(shadowed?.allowed).toBe(false);
    expect(remainingOf(ledger, aCheck(WINDOW))).toBe(1);
  });

  it('that is refused leaves its place to the next one', () => {
    const list = [9, 1, 2].map((cost) => aCheck(WINDOW, { cost, shadow: true }));
    expect(figuresOf(new VirtualLedger().takeAll(list)).map(({ allowed }) => allowed)).toEqual([false, true, true]);
  });

  it('that nobody accompanies is counted while it passes', () => {
    const ledger = new VirtualLedger();
    const passes = Array.from({ length: 5 }, () => figuresOf(ledger.takeAll([shadow]))[0]?.allowed);
    expect(passes).toEqual([true, true, true, false, false]);
  });
});

describe('show and reset', () => {
  it('say how counters are, by the limit they were last measured by', () => {
    const ledger = new VirtualLedger();
    ledger.take(DAY, 2);
    const call = { kind: 'show', keys: [KEY, 'absent|a'] } as const;
    const { outcomes } = ledger.ledger.decide(call, ledger.nowMs);
    expect(outcomes[0]).toMatchObject({ limit: DAY, figures: { allowed: true, remaining: 1, retryAfterMs: 0 } });
    expect(outcomes[1]).toBeNull();
    ledger.nowMs += 86_400_000;
    expect(ledger.show()).toBeNull();
  });

  it('give back everything, what is reserved and leased too', () => {
    const ledger = new VirtualLedger();
    const limit = { ...BUCKET, rate: 1_000, burst: 1_000 };
    ledger.take(limit, 500);
    ledger.settle('reserve', 'r1', aCheck(limit, { cost: 400 }));
    const lease = { kind: 'lease', checks: [aCheck(limit)], holder: 'h', wanted: 20 } as const;
    ledger.ledger.decide({ ...lease, unspent: 0 }, ledger.nowMs);
    const { outcomes } = ledger.ledger.decide({ kind: 'reset', keys: [KEY, 'absent|a'] }, ledger.nowMs);
    expect(outcomes[0]).toMatchObject({ limit, figures: { remaining: 80 } });
    expect(outcomes[1]).toBeNull();
    expect(ledger.store.rows.size).toBe(0);
    expect(ledger.take(limit, 990).allowed).toBe(true);
    // What comes back of a lease from before is nothing that this counter gave.
    ledger.ledger.decide({ ...lease, wanted: 0, unspent: 20 }, ledger.nowMs);
    expect(remainingOf(ledger, aCheck(limit))).toBe(10);
  });
});

describe('a limit that was changed', () => {
  it('keeps the requests outstanding, never the waiting time', () => {
    const perDay = { ...BUCKET, rate: 1_000, periodMs: 86_400_000, burst: 1_000 };
    const perSecond = { ...BUCKET, periodMs: 1_000 };
    expect(remainingOf(changedLimit(perDay, perSecond, 4), aCheck(perSecond))).toBe(6);
    const ledger = changedLimit(perDay, perSecond, 1_000);
    expect(ledger.take(perSecond)).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 100 });
    ledger.nowMs += 99;
    expect(ledger.take(perSecond).allowed).toBe(false);
    ledger.nowMs += 1;
    expect(ledger.take(perSecond).allowed).toBe(true);
  });

  it('keeps a debt that was charged', () => {
    const ledger = new VirtualLedger();
    ledger.charge(BUCKET, 25);
    const smaller = { ...BUCKET, burst: 2 };
    // 15 beyond the old burst stay owed, the rest is a full bucket of two.
    expect(ledger.take(smaller).retryAfterMs).toBe(16 * 6_000);
  });

  it('keeps what was used whatever the algorithm becomes', () => {
    const log = { algorithm: 'sliding-window', rate: 8, periodMs: 60_000 } as const;
    const counters = { ...log, rate: 5_000 };
    for (const [from, to] of [
      [WINDOW, log],
      [log, WINDOW],
      [log, counters],
      [DAY, BUCKET],
      [BUCKET, DAY],
      [WINDOW, { ...WINDOW, periodMs: 1_000 }],
      [DAY, { ...DAY, per: 'month', zone: 'Asia/Tokyo' }],
      [log, { ...log, periodMs: 86_400_000 }],
      [counters, { ...counters, periodMs: 1_000 }],
    ] as const) {
      expect(largestCost(to) - remainingOf(changedLimit(from, to, 2), aCheck(to))).toBe(2);
    }
    expect(remainingOf(changedLimit(counters, log, 100), aCheck(log))).toBe(0);
  });

  it('says the truth about waiting from the first refusal on', () => {
    fc.assert(
      fc.property(unitLimits, unitLimits, fc.integer({ min: 0, max: 10_000 }), (from, to, gapMs) => {
        const ledger = new VirtualLedger();
        ledger.charge(from, largestCost(from));
        ledger.nowMs += gapMs;
        const { allowed, retryAfterMs } = ledger.take(to, largestCost(to));
        if (allowed || retryAfterMs === null) return;
        expect(ledger.fork(retryAfterMs).take(to, largestCost(to)).allowed).toBe(true);
        expect(ledger.fork(retryAfterMs - 1).take(to, largestCost(to)).allowed).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('counts until midnight in the zone it has now', () => {
    const tokyo = { ...DAY, zone: 'Asia/Tokyo' };
    const ledger = changedLimit(DAY, tokyo, 3);
    const midnightMs = Date.UTC(2026, 8, 22) - 9 * 3_600_000;
    expect(ledger.take(tokyo)).toMatchObject({ allowed: false, retryAfterMs: midnightMs - ledger.nowMs });
  });

  it('begins anew between slots and units', () => {
    const slots = { algorithm: 'concurrency', rate: 2 } as const;
    const ledger = new VirtualLedger();
    ledger.take(WINDOW, 5);
    expect(ledger.take(slots, 1, 's1')).toMatchObject({ allowed: true, remaining: 1 });
    expect(ledger.take(WINDOW)).toMatchObject({ allowed: true, remaining: 4 });
  });
});

/** Of one unit where all of it was just used. */
function longestWaitMs(limit: Limit): number {
  if (limit.algorithm === 'token-bucket') return Math.ceil(limit.periodMs / limit.rate);
  if (limit.algorithm === 'calendar') return limit.per === 'day' ? 25 * 3_600_000 : (31 * 24 + 1) * 3_600_000;
  if (limit.algorithm === 'concurrency') return 1_000;
  return limit.rate > 1_000 ? 2 * limit.periodMs : limit.periodMs;
}

describe('a clock set back', () => {
  it('gives nothing away and holds nobody longer than the state says, in this process and after a restart', () => {
    const setBack = fc.integer({ min: 1, max: 99_000_000 });
    fc.assert(
      fc.property(unitLimits, setBack, fc.boolean(), (limit, backMs, restarts) => {
        const ledger = new VirtualLedger();
        ledger.nowMs += 100_000_000;
        ledger.take(limit, largestCost(limit));
        ledger.nowMs -= backMs;
        if (restarts) ledger.restart();
        const { allowed, retryAfterMs } = ledger.take(limit);
        expect(allowed).toBe(false);
        expect(retryAfterMs).toBeLessThanOrEqual(longestWaitMs(limit));
        // A clock that stands still a little first, see CLOCK_SLACK_MS.
        ledger.nowMs += (retryAfterMs ?? 0) + (backMs < 1_000 && !restarts ? backMs : 0);
        expect(ledger.take(limit).allowed).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('that jitters by less than a second never makes a decision earlier than the one before', () => {
    const ledger = new VirtualLedger();
    ledger.take(BUCKET);
    ledger.nowMs -= 999;
    expect(ledger.takeAll([aCheck(BUCKET)])).toMatchObject({ atMs: START_MS, order: 2 });
    ledger.nowMs -= 1;
    expect(ledger.takeAll([aCheck(BUCKET)])).toMatchObject({ atMs: START_MS - 1_000, order: 3 });
  });

  it('keeps reservations no longer than they would have been', () => {
    const ledger = new VirtualLedger();
    ledger.settle('reserve', 'r1', aCheck(WINDOW, { cost: 5 }));
    ledger.nowMs -= 3_600_000;
    expect(ledger.take(WINDOW).retryAfterMs).toBe(RESERVATION_MS);
    ledger.nowMs += RESERVATION_MS;
    expect(ledger.take(WINDOW).allowed).toBe(true);
  });
});
