/** The counters of a store as they are now, by the limits that are asked for. */
import type { Algorithm } from './algorithms/algorithm.ts';
import { algorithmOf, sameLimit } from './algorithms/algorithm-of.ts';
import type { Counter, CounterState, CounterStore } from './counter.ts';
import { largestCost, type Limit } from './limit.ts';

export class Counters {
  readonly #store: CounterStore;

  constructor(store: CounterStore) {
    this.#store = store;
  }

  get(key: string): Counter | null {
    return this.#store.get(key);
  }

  /**
   * The counter's state by this limit, now. Only reads, but that a changed limit is adopted and a clock
   * set back is noticed once: from then on time counts by the new one.
   */
  load(key: string, limit: Limit, nowMs: number): CounterState | null {
    const counter = this.#store.get(key);
    if (counter === null) return null;
    const { state, limit: from } = counter;
    const algorithm = algorithmOf(from);
    const rewound = algorithm.rewind(state, from, nowMs);
    const advanced = algorithm.advance(rewound, from, nowMs);
    const same = sameLimit(from, limit);
    if (same && rewound === state) return advanced;
    const adopted = same || advanced === null ? advanced : adopt(advanced, from, limit, nowMs);
    this.save(key, limit, adopted);
    return adopted;
  }

  save(key: string, limit: Limit, state: CounterState | null): void {
    if (state === null) this.#store.delete(key);
    else this.#store.set(key, { limit, state });
  }

  delete(key: string): void {
    this.#store.delete(key);
  }
}

/** Another way of counting begins with what is outstanding by the old one. Slots are no such units. */
function adopt(state: CounterState, from: Limit, limit: Limit, nowMs: number): CounterState | null {
  const old: Algorithm = algorithmOf(from);
  if (from.algorithm === limit.algorithm) return old.adopt(state, from, limit, nowMs);
  if (from.algorithm === 'concurrency' || limit.algorithm === 'concurrency') return null;
  const outstanding = largestCost(from) - old.left(state, from, nowMs);
  const units = Math.min(outstanding, largestCost(limit));
  return units <= 0 ? null : algorithmOf(limit).spend(null, limit, units, nowMs);
}
