/** Counters in memory, of those keys only whose counter says something. */
import type { Counter, CounterStore } from '../limits/counter.ts';

/** Never looks for idle counters before there are this many. */
const FIRST_SWEEP = 10_000;

/** `idleAtMs`: from when on a counter says the same as none. */
export class ForgetfulStore implements CounterStore {
  readonly #counters = new Map<string, Counter>();
  readonly #idleAtMs: (counter: Counter) => number;
  #sweepAt = FIRST_SWEEP;

  constructor(idleAtMs: (counter: Counter) => number) {
    this.#idleAtMs = idleAtMs;
  }

  get size(): number {
    return this.#counters.size;
  }

  get(key: string): Counter | null {
    return this.#counters.get(key) ?? null;
  }

  set(key: string, counter: Counter): void {
    this.#counters.set(key, counter);
  }

  delete(key: string): void {
    this.#counters.delete(key);
  }

  /** Forgets what is idle, now and then: often enough that at most half of what is kept is idle for long. */
  forget(nowMs: number): void {
    if (this.#counters.size < this.#sweepAt) return;
    for (const [key, counter] of this.#counters) if (this.#idleAtMs(counter) <= nowMs) this.#counters.delete(key);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#counters.size);
  }
}
