/** Places held for requests that are not yet sure to count. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Check, RESERVATION_MS } from '../../src/limits/calls.ts';
import { largestCost } from '../../src/limits/limit.ts';
import { aCheck, KEY, remainingOf, unitLimits, VirtualLedger } from './virtual-ledger.ts';

const BUCKET = { algorithm: 'token-bucket', rate: 10, periodMs: 60_000, burst: 10 } as const;
const WINDOW = { algorithm: 'fixed-window', rate: 5, periodMs: 60_000 } as const;
const DAY = { algorithm: 'calendar', rate: 3, per: 'day', zone: 'Europe/Berlin' } as const;

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
