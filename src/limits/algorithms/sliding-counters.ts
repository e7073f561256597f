/** Sliding window by two counters; see sliding-window.ts for how far they may be off. */
import type { SlidingWindow } from '../limit.ts';
import type { Algorithm, StateOf } from './algorithm.ts';
import { MAX_COUNTED } from './max-counted.ts';

type State = StateOf<'sliding-counters'>;

function startOf(limit: SlidingWindow, nowMs: number): number {
  return nowMs - (nowMs % limit.periodMs);
}

function stateOf(startMs: number, current: number, previous: number): State {
  return { algorithm: 'sliding-counters', startMs, current, previous };
}

/** Estimated count times `periodMs`, an integer. */
function weight(state: State, limit: SlidingWindow, nowMs: number): number {
  return state.current * limit.periodMs + state.previous * (state.startMs + limit.periodMs - nowMs);
}

export const slidingCounters: Algorithm<SlidingWindow, State> = {
  advance(state, limit, nowMs) {
    const { periodMs } = limit;
    const age = nowMs - state.startMs;
    if (age < periodMs) return state.current + state.previous === 0 ? null : state;
    if (age >= 2 * periodMs || state.current === 0) return null;
    return stateOf(state.startMs + periodMs, 0, state.current);
  },

  rewind(state, limit, nowMs) {
    return state.startMs > nowMs ? stateOf(startOf(limit, nowMs), state.current, state.previous) : state;
  },

  adopt(state, from, limit, nowMs) {
    if (from.periodMs === limit.periodMs) return state;
    return stateOf(startOf(limit, nowMs), Math.ceil(weight(state, from, nowMs) / from.periodMs), 0);
  },

  /** The estimate only falls while nothing is counted: through the rest of this window, then through the next. */
  waitMs(state, limit, units, nowMs) {
    const { rate, periodMs } = limit;
    if (units > rate) return null;
    if (state === null) return 0;
    const { startMs, current, previous } = state;
    const room = (rate - units - current) * periodMs;
    if (room >= 0) {
      if (previous === 0) return 0;
      return Math.max(0, startMs + periodMs - Math.floor(room / previous) - nowMs);
    }
    return startMs + 2 * periodMs - Math.floor(((rate - units) * periodMs) / current) - nowMs;
  },

  left(state, limit, nowMs) {
    if (state === null) return limit.rate;
    return limit.rate - Math.ceil(weight(state, limit, nowMs) / limit.periodMs);
  },

  resetMs(state, limit, nowMs) {
    return state === null ? 0 : slidingCounters.idleAtMs(state, limit) - nowMs;
  },

  spend(state, limit, units, nowMs) {
    if (state === null) return stateOf(startOf(limit, nowMs), Math.min(units, MAX_COUNTED), 0);
    return stateOf(state.startMs, Math.min(state.current + units, MAX_COUNTED), state.previous);
  },

  refund(state, _limit, { units }) {
    if (state === null) return null;
    const current = Math.max(0, state.current - units);
    return current + state.previous === 0 ? null : stateOf(state.startMs, current, state.previous);
  },

  refundable() {
    return Number.POSITIVE_INFINITY;
  },

  windowEndMs(state, limit) {
    return state.startMs + limit.periodMs;
  },

  idleAtMs(state, limit) {
    return state.startMs + (state.current === 0 ? 1 : 2) * limit.periodMs;
  },
};
