/** What is kept of one counter, and where. */
import type { Limit } from './limit.ts';

/** Plain data: it is stored as JSON. The limit is the one that the state was last measured by; a changed one adopts it. */
export type Counter = { readonly limit: Limit; readonly state: CounterState };

export type CounterState =
  /** Debt in 1/rate of a millisecond, as it was at `atMs`. */
  | { readonly algorithm: 'token-bucket'; readonly atMs: number; readonly debt: number }
  | { readonly algorithm: 'fixed-window'; readonly startMs: number; readonly used: number }
  /** Oldest first, by the millisecond. */
  | { readonly algorithm: 'sliding-log'; readonly passed: readonly (readonly [atMs: number, cost: number])[] }
  | {
      readonly algorithm: 'sliding-counters';
      readonly startMs: number;
      readonly current: number;
      readonly previous: number;
    }
  | { readonly algorithm: 'calendar'; readonly startMs: number; readonly endMs: number; readonly used: number }
  | { readonly algorithm: 'concurrency'; readonly slots: readonly (readonly [id: string, freeAtMs: number])[] };

/** The counters of one object. Synchronous: a decision is never interrupted. */
export interface CounterStore {
  get(key: string): Counter | null;
  set(key: string, counter: Counter): void;
  delete(key: string): void;
}
