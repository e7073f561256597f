/** Calls of several checks, shadowed ones, reservations, changed limits, clocks set back. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Check, RESERVATION_MS } from '../../src/limits/calls.ts';
import { largestCost, type Limit } from '../../src/limits/limit.ts';
import { aCheck, figuresOf, KEY, START_MS, unitLimits, VirtualLedger } from './virtual-ledger.ts';

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

function remainingOf(ledger: VirtualLedger, check: Check): number {
  return figuresOf(ledger.fork().takeAll([{ ...check, cost: largestCost(check.limit) + 1 }]))[0]?.remaining ?? -1;
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

  it('that nobody accompanies is counted while it passes', () => {
    const ledger = new VirtualLedger();
    const passes = Array.from({ length: 5 }, () => figuresOf(ledger.takeAll([shadow]))[0]?.allowed);
    expect(passes).toEqual([true, true, true, false, false]);
  });
});

describe('a reservation', () => {
  it('counts against others until it is settled', () => {
    const ledger = new VirtualLedger();
    const check = aCheck(WINDOW, { cost: 3 });
    expect(ledger.settle('reserve', 'r1', check)[0]).toMatchObject({ allowed: true, remaining: 2 });
    expect(ledger.store.rows.size).toBe(0);
    expect(ledger.take(WINDOW, 3)).toMatchObject({ allowed: false, remaining: 2, retryAfterMs: RESERVATION_MS });
    expect(ledger.take(WINDOW, 2).allowed).toBe(true);
    expect(ledger.settle('commit', 'r1', check)[0]).toMatchObject({ remaining: 0 });
    expect(remainingOf(ledger, check)).toBe(0);
  });

  it('leaves no trace when it is released', () => {
    const ledger = new VirtualLedger();
    ledger.take(BUCKET);
    const before = new Map(ledger.store.rows);
    ledger.settle('reserve', 'r1', aCheck(BUCKET, { cost: 9 }), aCheck(WINDOW, { key: 'w|a' }));
    expect(ledger.take(BUCKET).allowed).toBe(false);
    ledger.settle('release', 'r1', aCheck(BUCKET, { cost: 9 }), aCheck(WINDOW, { key: 'w|a' }));
    expect(ledger.store.rows).toEqual(before);
    expect(ledger.take(BUCKET, 9).allowed).toBe(true);
  });

  it('is of all its checks or of none', () => {
    const ledger = new VirtualLedger();
    ledger.takeAll([aCheck(DAY, { key: 'd|a', cost: 3 })]);
    const figures = ledger.settle('reserve', 'r1', aCheck(BUCKET, { cost: 8 }), aCheck(DAY, { key: 'd|a' }));
    expect(figures.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 10],
      [false, 0],
    ]);
    expect(ledger.take(BUCKET, 10).allowed).toBe(true);
  });

  it('lapses, and what is committed afterwards counts all the same', () => {
    const ledger = new VirtualLedger();
    const check = aCheck(DAY, { cost: 2 });
    ledger.settle('reserve', 'r1', check);
    ledger.nowMs += RESERVATION_MS - 1;
    expect(ledger.take(DAY, 2).allowed).toBe(false);
    ledger.nowMs += 1;
    expect(ledger.take(DAY, 2).allowed).toBe(true);
    ledger.settle('commit', 'r1', check);
    ledger.settle('commit', 'never-seen', check);
    expect(ledger.store.get(KEY)?.state).toMatchObject({ used: 6 });
    expect(ledger.take(DAY)).toMatchObject({ allowed: false, remaining: 0 });
  });

  it('is made and committed once, however often that is asked', () => {
    const ledger = new VirtualLedger();
    const check = aCheck(WINDOW, { cost: 2 });
    for (let time = 0; time < 3; time += 1) {
      expect(ledger.settle('reserve', 'r1', check)[0]).toMatchObject({ allowed: true, remaining: 3 });
    }
    for (let time = 0; time < 3; time += 1) {
      expect(ledger.settle('commit', 'r1', check)[0]).toMatchObject({ remaining: 3 });
    }
    ledger.settle('release', 'r1', check);
    ledger.settle('reserve', 'r1', check);
    expect(remainingOf(ledger, check)).toBe(3);
    expect(ledger.take(WINDOW, 3).allowed).toBe(true);
  });

  it('answers truthfully for another counter under an id that is taken', () => {
    const ledger = new VirtualLedger();
    ledger.takeAll([aCheck(DAY, { key: 'd|a', cost: 3 })]);
    ledger.settle('reserve', 'r1', aCheck(WINDOW));
    expect(ledger.settle('reserve', 'r1', aCheck(DAY, { key: 'd|a' }))[0]).toMatchObject({ allowed: false });
    ledger.settle('release', 'r1', aCheck(WINDOW));
    expect(ledger.settle('reserve', 'r1', aCheck(DAY, { key: 'd|a' }))[0]).toMatchObject({ allowed: false });
  });

  it('holds and commits a shadowed check only while that passes', () => {
    const ledger = new VirtualLedger();
    const checks = [aCheck(BUCKET), aCheck(DAY, { key: 'd|a', cost: 2, shadow: true })];
    const allowed = ['r1', 'r2'].map((id) => ledger.settle('reserve', id, ...checks).map((one) => one.allowed));
    expect(allowed).toEqual([
      [true, true],
      [true, false],
    ]);
    for (const id of ['r1', 'r2', 'never-seen']) ledger.settle('commit', id, ...checks);
    expect(remainingOf(ledger, aCheck(BUCKET))).toBe(7);
    expect(ledger.store.get('d|a')?.state).toMatchObject({ used: 2 });
  });

  it('says exactly when a request would pass if all that is reserved lapsed', () => {
    const reserved = fc.array(
      fc.record({ gapMs: fc.integer({ min: 0, max: 3_000 }), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      {
        maxLength: 6,
      },
    );
    let waited = 0;
    fc.assert(
      fc.property(unitLimits, reserved, fc.boolean(), (limit, list, used) => {
        const most = largestCost(limit);
        const build = (laterMs: number) => {
          const ledger = new VirtualLedger();
          if (used) ledger.take(limit, Math.ceil(most / 2));
          for (const [index, { gapMs, part }] of list.entries()) {
            ledger.nowMs += gapMs;
            ledger.settle('reserve', `r${index}`, aCheck(limit, { cost: Math.max(1, Math.floor(most * part)) }));
          }
          ledger.nowMs += laterMs;
          return ledger;
        };
        const { allowed, retryAfterMs } = build(0).take(limit, Math.ceil(most * 0.7));
        if (allowed) return;
        waited += 1;
        if (retryAfterMs === null) throw new Error('it can pass');
        expect(build(retryAfterMs).take(limit, Math.ceil(most * 0.7)).allowed).toBe(true);
        expect(build(retryAfterMs - 1).take(limit, Math.ceil(most * 0.7)).allowed).toBe(false);
      }),
      { numRuns: 400 },
    );
    expect(waited).toBeGreaterThan(100);
  });

  it('never lets more through together with takes than the limit allows', () => {
    const step = fc.record({
      gapMs: fc.integer({ min: 0, max: 400 }),
      kind: fc.constantFrom('take', 'reserve', 'reserve', 'commit', 'release'),
      cost: fc.integer({ min: 1, max: 3 }),
    });
    const limit = { algorithm: 'sliding-window', rate: 6, periodMs: 1_000 } as const;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const ledger = new VirtualLedger();
        const passed: { atMs: number; cost: number }[] = [];
        const open: { id: string; check: Check; lapsesAtMs: number }[] = [];
        for (const [index, { gapMs, kind, cost }] of steps.entries()) {
          ledger.nowMs += gapMs;
          const check = aCheck(limit, { cost });
          if (kind === 'take' && ledger.take(limit, cost).allowed) passed.push({ atMs: ledger.nowMs, cost });
          if (kind === 'reserve' && ledger.settle('reserve', `${index}`, check)[0]?.allowed === true) {
            open.push({ id: `${index}`, check, lapsesAtMs: ledger.nowMs + RESERVATION_MS });
          }
          const next = kind === 'commit' || kind === 'release' ? open.shift() : undefined;
          if (next === undefined || next.lapsesAtMs <= ledger.nowMs) continue;
          if (kind === 'commit') passed.push({ atMs: ledger.nowMs, cost: next.check.cost });
          ledger.settle(kind === 'commit' ? 'commit' : 'release', next.id, next.check);
          const units = passed.reduce((sum, one) => sum + (ledger.nowMs - one.atMs < 1_000 ? one.cost : 0), 0);
          expect(units).toBeLessThanOrEqual(limit.rate);
        }
      }),
    );
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

  it('begins anew between slots and units', () => {
    const slots = { algorithm: 'concurrency', rate: 2 } as const;
    const ledger = new VirtualLedger();
    ledger.take(WINDOW, 5);
    expect(ledger.take(slots, 1, 's1')).toMatchObject({ allowed: true, remaining: 1 });
    expect(ledger.take(WINDOW)).toMatchObject({ allowed: true, remaining: 4 });
  });
});

describe('a clock set back', () => {
  it('gives nothing away and holds nobody longer than the state says, in this process and after a restart', () => {
    const setBack = fc.integer({ min: 1, max: 90_000_000 });
    fc.assert(
      fc.property(unitLimits, setBack, fc.boolean(), (limit, backMs, restarts) => {
        const ledger = new VirtualLedger();
        ledger.nowMs += 100_000_000;
        ledger.take(limit, largestCost(limit));
        ledger.nowMs -= backMs;
        if (restarts) ledger.restart();
        const { allowed, retryAfterMs } = ledger.take(limit);
        expect(allowed).toBe(false);
        const periodMs = 'periodMs' in limit ? limit.periodMs : limit.per === 'day' ? 90_000_000 : 32 * 86_400_000;
        expect(retryAfterMs).toBeLessThanOrEqual(2 * periodMs);
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
