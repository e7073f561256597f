/** How the counters of a ledger stand at one moment, less what is reserved of them. */
import { algorithmOf } from './algorithms/algorithm-of.ts';
import { LEASE_MS } from './calls.ts';
import type { CounterState, CounterStore } from './counter.ts';
import { Counters } from './counters.ts';
import { Leases } from './leases.ts';
import type { Figures, Limit } from './limit.ts';
import { Reservations } from './reservations.ts';

/** A clock set back by less than this stands still until it has caught up; by more, it is believed. */
const CLOCK_SLACK_MS = 1_000;

export class Standing {
  readonly counters: Counters;
  readonly reservations = new Reservations();
  readonly leases = new Leases();
  #nowMs = 0;

  constructor(store: CounterStore) {
    this.counters = new Counters(store);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  tell(nowMs: number): void {
    if (nowMs >= this.#nowMs) this.#nowMs = nowMs;
    else if (nowMs <= this.#nowMs - CLOCK_SLACK_MS) {
      this.#nowMs = nowMs;
      this.reservations.rewind(nowMs);
      this.leases.rewind(nowMs, LEASE_MS);
    }
    this.reservations.lapse(this.#nowMs);
  }

  load(key: string, limit: Limit): CounterState | null {
    const state = this.counters.load(key, limit, this.#nowMs);
    if (this.leases.hasAny(key)) {
      this.leases.noteRefundable(key, limit, algorithmOf(limit).refundable(state, limit, this.#nowMs));
    }
    return state;
  }

  /** Until `units` would pass if nothing else happens, so that reservations lapse; null: never. */
  waitMs(key: string, limit: Limit, state: CounterState | null, units: number): number | null {
    const algorithm = algorithmOf(limit);
    let held = this.reservations.heldOf(key);
    let waitMs = algorithm.waitMs(state, limit, units + held, this.#nowMs);
    if (held === 0 || waitMs === 0 || limit.algorithm === 'concurrency') return waitMs;
    for (const hold of this.reservations.holdsOf(key)) {
      const lapsesInMs = hold.lapsesAtMs - this.#nowMs;
      if (waitMs !== null && waitMs <= lapsesInMs) return waitMs;
      held -= hold.units;
      waitMs = algorithm.waitMs(state, limit, units + held, this.#nowMs);
      if (waitMs !== null) waitMs = Math.max(waitMs, lapsesInMs);
    }
    return waitMs;
  }

  /** The most units that would pass now. */
  left(key: string, limit: Limit, state: CounterState | null): number {
    const left = algorithmOf(limit).left(state, limit, this.#nowMs);
    return Math.max(0, left - this.reservations.heldOf(key));
  }

  figures(key: string, limit: Limit, state: CounterState | null, waitMs: number | null): Figures {
    const resetMs = algorithmOf(limit).resetMs(state, limit, this.#nowMs);
    return { allowed: waitMs === 0, remaining: this.left(key, limit, state), resetMs, retryAfterMs: waitMs };
  }

  /** Of a counter that nobody asks anything of: as if for one unit more. */
  peek(key: string, limit: Limit): Figures {
    const state = this.load(key, limit);
    return this.figures(key, limit, state, this.waitMs(key, limit, state, 1));
  }
}
