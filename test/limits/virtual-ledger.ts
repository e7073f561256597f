/** A ledger over a plain map, whose counters are stored as text, as the real store does. */
import * as fc from 'fast-check';
import type { Check, LimitAnswer } from '../../src/limits/calls.ts';
import type { Counter, CounterStore } from '../../src/limits/counter.ts';
import { Ledger } from '../../src/limits/ledger.ts';
import { type Figures, largestCost, type Limit } from '../../src/limits/limit.ts';

/** A Monday, and no multiple of any period. */
export const START_MS = 1_790_000_012_345;

export class TextStore implements CounterStore {
  readonly rows = new Map<string, string>();
  writes = 0;

  get(key: string): Counter | null {
    const row = this.rows.get(key);
    return row === undefined ? null : (JSON.parse(row) as Counter);
  }

  set(key: string, counter: Counter): void {
    this.writes += 1;
    this.rows.set(key, JSON.stringify(counter));
  }

  delete(key: string): void {
    this.writes += 1;
    this.rows.delete(key);
  }
}

export class VirtualLedger {
  readonly store = new TextStore();
  ledger = new Ledger(this.store);
  nowMs = START_MS;

  /** What the object's process forgets when it ends. */
  restart(): void {
    this.ledger = new Ledger(this.store);
  }

  take(limit: Limit, cost = 1, slot: string | null = null): Figures {
    return figuresOf(this.takeAll([aCheck(limit, { cost })], slot))[0] ?? missing();
  }

  takeAll(checks: readonly Check[], slot: string | null = null): LimitAnswer {
    return this.ledger.decide({ kind: 'take', checks, slot }, this.nowMs);
  }

  charge(limit: Limit, cost: number): Figures {
    const checks = [aCheck(limit, { cost })];
    return figuresOf(this.ledger.decide({ kind: 'charge', checks }, this.nowMs))[0] ?? missing();
  }

  settle(kind: 'reserve' | 'commit' | 'release', id: string, ...checks: readonly Check[]): readonly Figures[] {
    return figuresOf(this.ledger.decide({ kind, checks, id }, this.nowMs));
  }

  show(key = KEY): LimitAnswer['outcomes'][number] {
    return this.ledger.decide({ kind: 'show', keys: [key] }, this.nowMs).outcomes[0] ?? null;
  }

  /** The same counters and time, in a process of their own: whatever is done to it is not done here. Reservations and leases are not in it. */
  fork(laterMs = 0): VirtualLedger {
    const fork = new VirtualLedger();
    for (const [key, row] of this.store.rows) fork.store.rows.set(key, row);
    fork.nowMs = this.nowMs + laterMs;
    return fork;
  }
}

export const KEY = 'shop/api:api:0|10.0.0.1';

export function aCheck(limit: Limit, changed: Partial<Check> = {}): Check {
  return { key: KEY, limit, cost: 1, onFailure: 'open', budgetMs: 2_000, ...changed };
}

export function figuresOf(answer: LimitAnswer): readonly Figures[] {
  return answer.outcomes.map((outcome) => (outcome !== null && 'allowed' in outcome ? outcome : missing()));
}

/** Of the check's counter, whatever it costs. */
export function remainingOf(ledger: VirtualLedger, check: Check): number {
  return figuresOf(ledger.fork().takeAll([{ ...check, cost: largestCost(check.limit) + 1 }]))[0]?.remaining ?? -1;
}

function missing(): never {
  throw new Error('no figures');
}

const rates = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 9, max: 999 }));
const periods = fc.constantFrom(1_000, 60_000, 3_600_000, 86_400_000);

export const tokenBuckets = fc.record({
  algorithm: fc.constant('token-bucket' as const),
  rate: fc.oneof(rates, fc.integer({ min: 1, max: 1_000_000 })),
  periodMs: periods,
  burst: fc.oneof(rates, fc.integer({ min: 1, max: 1_000_000 })),
});
export const fixedWindows = fc.record({
  algorithm: fc.constant('fixed-window' as const),
  rate: rates,
  periodMs: periods,
});
export const slidingLogs = fc.record({
  algorithm: fc.constant('sliding-window' as const),
  rate: rates,
  periodMs: periods,
});
export const slidingCounters = fc.record({
  algorithm: fc.constant('sliding-window' as const),
  rate: fc.oneof(fc.integer({ min: 1_001, max: 1_010 }), fc.integer({ min: 1_001, max: 1_000_000 })),
  periodMs: periods,
});
export const calendars = fc.record({
  algorithm: fc.constant('calendar' as const),
  rate: rates,
  per: fc.constantFrom('day' as const, 'month' as const),
  zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'),
});
/** Everything that counts units; slots are another matter. */
export const unitLimits: fc.Arbitrary<Exclude<Limit, { algorithm: 'concurrency' }>> = fc.oneof(
  tokenBuckets,
  fixedWindows,
  slidingLogs,
  slidingCounters,
  calendars,
);

/** How long after the one before, and how much. */
export type Arrival = { readonly gapMs: number; readonly cost: number };

/** Gaps and costs around what the limit allows, so that both answers occur. */
export function arrivalsFor(limit: Limit, maxLength = 60): fc.Arbitrary<Arrival[]> {
  const periodMs = 'periodMs' in limit ? limit.periodMs : 86_400_000;
  const most = limit.algorithm === 'token-bucket' ? limit.burst : limit.rate;
  const intervalMs = Math.max(1, Math.ceil(periodMs / limit.rate));
  const gapMs = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: intervalMs * 3 }),
    fc.integer({ min: 0, max: Math.ceil(periodMs / 4) }),
    fc.integer({ min: 0, max: periodMs * 2 }),
  );
  const cost = fc.oneof(
    fc.constant(1),
    fc.integer({ min: 1, max: Math.max(1, Math.ceil(most / 5)) }),
    fc.integer({ min: 1, max: most + 1 }),
  );
  return fc.array(fc.record({ gapMs, cost }), { minLength: 1, maxLength, size: 'max' });
}

export function scenarioOf<L extends Limit>(
  limits: fc.Arbitrary<L>,
  maxLength?: number,
): fc.Arbitrary<{ limit: L; arrivals: Arrival[] }> {
  return limits.chain((limit) => arrivalsFor(limit, maxLength).map((arrivals) => ({ limit, arrivals })));
}
