/** Calendar quota: `rate` in each day or month of a time zone, however many hours that has. */
import type { CalendarQuota } from '../limit.ts';
import type { Algorithm, StateOf } from './algorithm.ts';
import { calendarWindow } from './calendar-window.ts';
import { MAX_COUNTED } from './max-counted.ts';

type State = StateOf<'calendar'>;

function windowOf(state: State | null, limit: CalendarQuota, nowMs: number): { startMs: number; endMs: number } {
  return state ?? calendarWindow(limit.per, limit.zone, nowMs);
}

export const calendar: Algorithm<CalendarQuota, State> = {
  advance(state, _limit, nowMs) {
    return nowMs >= state.endMs ? null : state;
  },

  rewind(state, limit, nowMs) {
    if (state.startMs <= nowMs) return state;
    return { ...state, ...calendarWindow(limit.per, limit.zone, nowMs) };
  },

  adopt(state, from, limit, nowMs) {
    if (from.per === limit.per && from.zone === limit.zone) return state;
    return { ...state, ...calendarWindow(limit.per, limit.zone, nowMs) };
  },

  waitMs(state, limit, units, nowMs) {
    if (units > limit.rate) return null;
    if ((state?.used ?? 0) + units <= limit.rate) return 0;
    return windowOf(state, limit, nowMs).endMs - nowMs;
  },

  left(state, limit) {
    return limit.rate - (state?.used ?? 0);
  },

  resetMs(state, _limit, nowMs) {
    return state === null ? 0 : state.endMs - nowMs;
  },

  spend(state, limit, units, nowMs) {
    const { startMs, endMs } = windowOf(state, limit, nowMs);
    return { algorithm: 'calendar', startMs, endMs, used: Math.min((state?.used ?? 0) + units, MAX_COUNTED) };
  },

  refund(state, _limit, { units }) {
    if (state === null) return null;
    const used = Math.max(0, state.used - units);
    return used === 0 ? null : { ...state, used };
  },

  refundable() {
    return Number.POSITIVE_INFINITY;
  },

  windowEndMs(state) {
    return state.endMs;
  },

  idleAtMs(state) {
    return state.endMs;
  },
};
