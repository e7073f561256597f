/**
 * Fixed window: `rate` in each window, windows begin at multiples of `periodMs` since 1970, UTC.
 *
 * Over the edge of two windows up to 2 × rate pass within a moment, and never more in any stretch of
 * `periodMs`.
 */
import type { FixedWindow } from '../limit.ts';
import type { Algorithm, StateOf } from './algorithm.ts';
import { MAX_COUNTED } from './max-counted.ts';

type State = StateOf<'fixed-window'>;

function startOf(limit: FixedWindow, nowMs: number): number {
  return nowMs - (nowMs % limit.periodMs);
}

function untilEndMs(limit: FixedWindow, nowMs: number): number {
  return limit.periodMs - (nowMs % limit.periodMs);
}

export const fixedWindow: Algorithm<FixedWindow, State> = {
  advance(state, limit, nowMs) {
    return nowMs >= state.startMs + limit.periodMs ? null : state;
  },

  rewind(state, limit, nowMs) {
    return state.startMs > nowMs ? { ...state, startMs: startOf(limit, nowMs) } : state;
  },

  adopt(state, _from, limit, nowMs) {
    return { ...state, startMs: startOf(limit, nowMs) };
  },

  waitMs(state, limit, units, nowMs) {
    if (units > limit.rate) return null;
    return (state?.used ?? 0) + units <= limit.rate ? 0 : untilEndMs(limit, nowMs);
  },

  left(state, limit) {
    return limit.rate - (state?.used ?? 0);
  },

  resetMs(state, limit, nowMs) {
    return state === null ? 0 : untilEndMs(limit, nowMs);
  },

  spend(state, limit, units, nowMs) {
    const used = Math.min((state?.used ?? 0) + units, MAX_COUNTED);
    return { algorithm: 'fixed-window', startMs: state?.startMs ?? startOf(limit, nowMs), used };
  },

  refund(state, _limit, { units }) {
    if (state === null) return null;
    const used = Math.max(0, state.used - units);
    return used === 0 ? null : { ...state, used };
  },

  refundable() {
    return Number.POSITIVE_INFINITY;
  },

  windowEndMs(state, limit) {
    return state.startMs + limit.periodMs;
  },

  idleAtMs(state, limit) {
    return state.startMs + limit.periodMs;
  },
};
