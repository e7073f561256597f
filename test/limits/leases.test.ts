/** Units handed out to holders: never more than the limit allows, never more than the share that may be out. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarWindow } from '../../src/limits/algorithms/calendar-window.ts';
import { LEASE_MS, LEASED_SHARE, type Lease } from '../../src/limits/calls.ts';
import type { Figures, Limit } from '../../src/limits/limit.ts';
import { countersShare, fixedShare, logShare, NaiveBucket, NaiveWindow } from './naive-models.ts';
import { aCheck, figuresOf, VirtualLedger } from './virtual-ledger.ts';

const BUCKET = { algorithm: 'token-bucket', rate: 1_000, periodMs: 1_000, burst: 1_000 } as const;
const WINDOW = { algorithm: 'fixed-window', rate: 1_000, periodMs: 60_000 } as const;

type Asked = Lease & { readonly figures: Figures };

function lease(ledger: VirtualLedger, limit: Limit, holder: string, wanted: number, unspent = 0): Asked {
  const answer = ledger.ledger.decide(
    { kind: 'lease', checks: [aCheck(limit)], holder, wanted, unspent },
    ledger.nowMs,
  );
  const [figures] = figuresOf(answer);
  if (answer.lease === undefined || figures === undefined) throw new Error('no lease');
  return { ...answer.lease, figures };
}

function modelOf(limit: Limit, nowMs: number): NaiveBucket | NaiveWindow {
  if (limit.algorithm === 'token-bucket') return new NaiveBucket(limit, nowMs);
  if (limit.algorithm === 'fixed-window') return new NaiveWindow(limit.rate, fixedShare(limit.periodMs));
  if (limit.algorithm === 'sliding-window') {
    return new NaiveWindow(limit.rate, (limit.rate <= 1_000 ? logShare : countersShare)(limit.periodMs));
  }
  if (limit.algorithm === 'concurrency') throw new Error('no units');
  const startOf = (atMs: number): number => calendarWindow(limit.per, limit.zone, atMs).startMs;
  return new NaiveWindow(limit.rate, (atMs, at) => [startOf(atMs) === startOf(at) ? 1n : 0n, 1n]);
}

const limits: fc.Arbitrary<Limit> = fc.oneof(
  fc.record({
    algorithm: fc.constant('token-bucket' as const),
    rate: fc.integer({ min: 100, max: 2_000 }),
    periodMs: fc.constantFrom(1_000, 60_000),
    burst: fc.integer({ min: 20, max: 2_000 }),
  }),
  fc.record({
    algorithm: fc.constantFrom('fixed-window' as const, 'sliding-window' as const),
    rate: fc.integer({ min: 100, max: 2_000 }),
    periodMs: fc.constantFrom(1_000, 60_000),
  }),
  fc.constant({ algorithm: 'calendar' as const, rate: 500, per: 'day' as const, zone: 'Asia/Tokyo' }),
);

const steps = fc.array(
  fc.record({
    gapMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 700 })),
    kind: fc.constantFrom('lease' as const, 'lease' as const, 'lease' as const, 'take' as const),
    holder: fc.constantFrom('a', 'b', 'c', 'd'),
    wanted: fc.integer({ min: 0, max: 200 }),
    /** How much of the lease before was used. */
    used: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 80, size: 'max' },
);

describe('a lease', () => {
  it('with all others and what is taken never makes more than the limit allows', () => {
    let refunds = 0;
    fc.assert(
      fc.property(limits, steps, (limit, list) => {
        const ledger = new VirtualLedger();
        const spent: { atMs: number; cost: number }[] = [];
        const open = new Map<string, { at: number; granted: number; untilMs: number }>();
        for (const { gapMs, kind, holder, wanted, used } of list) {
          ledger.nowMs += gapMs;
          if (kind === 'take') {
            const cost = 1 + Math.floor(used * 40);
            if (ledger.take(limit, cost).allowed) spent.push({ atMs: ledger.nowMs, cost });
            continue;
          }
          const before = open.get(holder);
          open.delete(holder);
          const unspent = before === undefined ? 0 : before.granted - Math.floor(before.granted * used);
          if (before !== undefined && before.untilMs > ledger.nowMs && unspent > 0) {
            refunds += 1;
            spent[before.at] = { atMs: spent[before.at]?.atMs ?? 0, cost: before.granted - unspent };
          }
          const { granted, validMs } = lease(ledger, limit, holder, wanted, unspent);
          if (granted === 0) continue;
          open.set(holder, { at: spent.length, granted, untilMs: ledger.nowMs + validMs });
          spent.push({ atMs: ledger.nowMs, cost: granted });
        }
        const model = modelOf(limit, spent[0]?.atMs ?? 0);
        for (const { atMs, cost } of spent) if (cost > 0) expect(model.take(atMs, cost)).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(refunds).toBeGreaterThan(1_000);
  });

  it('with all others is never more than the share that may be out, and valid no longer than its window', () => {
    fc.assert(
      fc.property(limits, steps, (limit, list) => {
        const ledger = new VirtualLedger();
        const open = new Map<string, { granted: number; untilMs: number }>();
        for (const { gapMs, holder, wanted } of list) {
          ledger.nowMs += gapMs;
          const { granted, validMs, deniedMs, figures } = lease(ledger, limit, holder, wanted);
          open.delete(holder);
          if (granted > 0) open.set(holder, { granted, untilMs: ledger.nowMs + validMs });
          let out = 0;
          for (const one of open.values()) if (one.untilMs > ledger.nowMs) out += one.granted;
          const smallest = limit.algorithm === 'token-bucket' ? Math.min(limit.rate, limit.burst) : limit.rate;
          expect(out).toBeLessThanOrEqual(LEASED_SHARE * smallest);
          expect(granted).toBeLessThanOrEqual(wanted);
          expect(validMs).toBeLessThanOrEqual(LEASE_MS);
          if (limit.algorithm === 'fixed-window' && granted > 0) {
            expect(validMs).toBeLessThanOrEqual(limit.periodMs - (ledger.nowMs % limit.periodMs));
          }
          // What is denied for a while is not there, and what is not denied can be asked for one by one.
          if (wanted === 0) expect(deniedMs).toBe(0);
          else if (granted > 0) expect(deniedMs === 0 || figures.remaining === 0).toBe(true);
          else expect(deniedMs === 0).toBe(figures.allowed);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('takes no more than half of what may still be out', () => {
    const ledger = new VirtualLedger();
    const granted = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(
      (holder) => lease(ledger, BUCKET, holder, 500).granted,
    );
    expect(granted).toEqual([25, 13, 6, 3, 2, 1, 0, 0]);
    // Nothing left to hand out, though there is enough: one by one.
    expect(lease(ledger, BUCKET, 'h', 500)).toMatchObject({ granted: 0, deniedMs: 0, figures: { allowed: true } });
  });

  it('is shared evenly by greedy holders after a few rounds', () => {
    const ledger = new VirtualLedger();
    const holders = ['a', 'b', 'c', 'd'];
    let granted: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      granted = holders.map((holder) => lease(ledger, BUCKET, holder, 500).granted);
      ledger.nowMs += 100;
    }
    expect(Math.max(...granted) - Math.min(...granted)).toBeLessThanOrEqual(1);
    expect(Math.min(...granted)).toBeGreaterThanOrEqual(9);
  });

  it('gives unspent units back while it is valid, and is void afterwards', () => {
    const ledger = new VirtualLedger();
    expect(lease(ledger, WINDOW, 'a', 20)).toMatchObject({ granted: 20, validMs: LEASE_MS });
    ledger.nowMs += LEASE_MS - 1;
    expect(lease(ledger, WINDOW, 'a', 0, 15).figures.remaining).toBe(995);
    expect(lease(ledger, WINDOW, 'a', 0, 15).figures.remaining).toBe(995);
    lease(ledger, WINDOW, 'a', 20);
    ledger.nowMs += LEASE_MS;
    expect(lease(ledger, WINDOW, 'a', 0, 20).figures.remaining).toBe(975);
  });

  it('gives back no more than was granted, and nothing to who was granted nothing', () => {
    const ledger = new VirtualLedger();
    lease(ledger, WINDOW, 'a', 20);
    expect(lease(ledger, WINDOW, 'b', 0, 20).figures.remaining).toBe(980);
    expect(lease(ledger, WINDOW, 'a', 0, 1_000).figures.remaining).toBe(1_000);
  });

  it('gives nothing back to a window that followed, a restarted process or a changed limit', () => {
    const ledger = new VirtualLedger();
    ledger.nowMs += 60_000 - (ledger.nowMs % 60_000) - 10;
    expect(lease(ledger, WINDOW, 'a', 20).validMs).toBe(10);
    ledger.nowMs += 10;
    ledger.take(WINDOW, 30);
    expect(lease(ledger, WINDOW, 'a', 0, 20).figures.remaining).toBe(970);
    lease(ledger, WINDOW, 'a', 20);
    ledger.restart();
    expect(lease(ledger, WINDOW, 'a', 0, 20).figures.remaining).toBe(950);
    lease(ledger, WINDOW, 'a', 20);
    const changed = { ...WINDOW, rate: 2_000 };
    ledger.take(changed, 1);
    expect(lease(ledger, changed, 'a', 0, 20).figures.remaining).toBe(1_929);
  });

  it('gives nothing back after the clock was set back', () => {
    const ledger = new VirtualLedger();
    lease(ledger, WINDOW, 'a', 20);
    ledger.nowMs -= 5_000;
    expect(lease(ledger, WINDOW, 'a', 0, 20).figures.remaining).toBe(980);
  });

  it('makes room for others at the moment it is void', () => {
    const ledger = new VirtualLedger();
    lease(ledger, WINDOW, 'a', 50);
    ledger.nowMs += LEASE_MS - 1;
    expect(lease(ledger, WINDOW, 'b', 50).granted).toBe(13);
    ledger.nowMs += 1;
    expect(lease(ledger, WINDOW, 'b', 50).granted).toBe(25);
  });

  it('is taken out of a log where it was put in', () => {
    const limit = { algorithm: 'sliding-window', rate: 1_000, periodMs: 1_000 } as const;
    const ledger = new VirtualLedger();
    ledger.take(limit, 100);
    ledger.nowMs += 500;
    lease(ledger, limit, 'a', 20);
    ledger.nowMs += 499;
    expect(lease(ledger, limit, 'a', 0, 20).figures.remaining).toBe(900);
    ledger.nowMs += 1;
    expect(lease(ledger, limit, 'a', 0).figures).toMatchObject({ remaining: 1_000, resetMs: 0 });
  });

  it('leaves out what would have run over meanwhile', () => {
    const ledger = new VirtualLedger();
    // Two leases of a full bucket; 30 units' time passes, of which 30 would have run over without them.
    expect(lease(ledger, BUCKET, 'a', 20).granted + lease(ledger, BUCKET, 'b', 15).granted).toBe(35);
    ledger.nowMs += 30;
    ledger.take(BUCKET, 100);
    expect(lease(ledger, BUCKET, 'a', 0, 20).figures.remaining).toBe(900);
    expect(lease(ledger, BUCKET, 'b', 0, 15).figures.remaining).toBe(900);
  });
});

describe('a denied lease', () => {
  it('waits for one unit where that takes long, and for a batch, but not long, where it does not', () => {
    const perHour = { ...BUCKET, periodMs: 3_600_000 };
    const perSecond = { ...BUCKET };
    const perTenSeconds = { ...BUCKET, periodMs: 10_000 };
    for (const [limit, deniedMs] of [
      [perHour, 3_600],
      [perTenSeconds, 100],
      [perSecond, 25],
    ] as const) {
      const ledger = new VirtualLedger();
      ledger.take(limit, 1_000);
      expect(lease(ledger, limit, 'a', 500)).toMatchObject({ granted: 0, validMs: 0, deniedMs });
      ledger.nowMs += deniedMs;
      expect(lease(ledger, limit, 'a', 500).granted).toBeGreaterThan(0);
    }
  });

  it('is told with the last units, so that nobody has to ask for the next one', () => {
    const ledger = new VirtualLedger();
    ledger.take(BUCKET, 990);
    expect(lease(ledger, BUCKET, 'a', 25)).toMatchObject({ granted: 10, deniedMs: 25 });
    const enough = new VirtualLedger();
    enough.take(BUCKET, 970);
    expect(lease(enough, BUCKET, 'a', 25)).toMatchObject({ granted: 25, deniedMs: 0 });
  });

  it('waits off a debt, and for the next window', () => {
    const ledger = new VirtualLedger();
    ledger.charge(BUCKET, 1_500);
    expect(lease(ledger, BUCKET, 'a', 10).deniedMs).toBe(501);
    const other = new VirtualLedger();
    other.take(WINDOW, 1_000);
    expect(lease(other, WINDOW, 'a', 10).deniedMs).toBe(60_000 - (other.nowMs % 60_000));
  });

  it('loses nothing to what nobody may ask for meanwhile', () => {
    const ledger = new VirtualLedger();
    const fromMs = ledger.nowMs;
    let granted = 0;
    while (ledger.nowMs < fromMs + 20_000) {
      const { granted: units, deniedMs } = lease(ledger, BUCKET, 'a', 500);
      granted += units;
      ledger.nowMs += Math.max(1, deniedMs);
    }
    expect(granted).toBeGreaterThan(0.99 * (BUCKET.burst + 20 * BUCKET.rate));
    expect(granted).toBeLessThanOrEqual(BUCKET.burst + 20 * BUCKET.rate);
  });
});
