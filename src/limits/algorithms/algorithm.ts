/** What every way of counting can say. Functions of their arguments alone; states are never changed in place. */
import type { CounterState } from '../counter.ts';
import type { Limit } from '../limit.ts';

/** The state of one kind of counter. */
export type StateOf<A extends CounterState['algorithm']> = Extract<CounterState, { readonly algorithm: A }>;

/** A state of null is a counter that was never used, or says the same as one. */
export interface Algorithm<L extends Limit = Limit, S extends CounterState = CounterState> {
  /** Time has passed: null when nothing is left of what was counted. */
  advance(state: S, limit: L, nowMs: number): S | null;
  /** A clock set back gives nothing away and holds nobody longer than the state itself says. The same state when it was not. */
  rewind(state: S, limit: L, nowMs: number): S;
  /** The limit was changed from `from`: what is outstanding stays. Of an advanced state. */
  adopt(state: S, from: L, limit: L, nowMs: number): S | null;
  /** Until `units` would pass if nothing else happens, in whole milliseconds; null: never. */
  waitMs(state: S | null, limit: L, units: number, nowMs: number): number | null;
  /** The most units that would pass now; negative when more was counted than the limit allows. */
  left(state: S | null, limit: L, nowMs: number): number;
  /** Until all of it is available again. */
  resetMs(state: S | null, limit: L, nowMs: number): number;
  /** Counts without asking. */
  spend(state: S | null, limit: L, units: number, nowMs: number): S;
  /** As if they had not been spent. */
  refund(state: S | null, limit: L, refund: Refund, nowMs: number): S | null;
  /** The most units that a refund of something spent before may take now. */
  refundable(state: S | null, limit: L, nowMs: number): number;
  /** When what is spent now is void, whoever holds it; Infinity: at no set time. */
  windowEndMs(state: S, limit: L): number;
  idleAtMs(state: S, limit: L): number;
}

/** Units spent at `spentAtMs` that nobody used, no more than `refundable` was at any time since. */
export type Refund = { readonly units: number; readonly spentAtMs: number };
