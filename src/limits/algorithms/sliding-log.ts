/** Sliding window by a log of what passed: exact, `rate` in every stretch of `periodMs`. */
import { SLIDING_LOG_MAX, type SlidingWindow } from '../limit.ts';
import type { Algorithm, StateOf } from './algorithm.ts';
import { MAX_COUNTED } from './max-counted.ts';

type State = StateOf<'sliding-log'>;
type Passed = State['passed'];

function used(state: State | null): number {
  if (state === null) return 0;
  let units = 0;
  for (const [, cost] of state.passed) units += cost;
  return units;
}

function lastMs(state: State): number {
  return state.passed.at(-1)?.[0] ?? 0;
}

function stateOf(passed: Passed): State {
  return { algorithm: 'sliding-log', passed };
}

export const slidingLog: Algorithm<SlidingWindow, State> = {
  advance(state, limit, nowMs) {
    const { passed } = state;
    let gone = 0;
    while (gone < passed.length && (passed[gone]?.[0] ?? 0) + limit.periodMs <= nowMs) gone += 1;
    if (gone === passed.length) return null;
    return gone === 0 ? state : stateOf(passed.slice(gone));
  },

  rewind(state, _limit, nowMs) {
    if (lastMs(state) <= nowMs) return state;
    const passed = state.passed.filter(([atMs]) => atMs < nowMs);
    let units = 0;
    for (const [atMs, cost] of state.passed) if (atMs >= nowMs) units += cost;
    return stateOf([...passed, [nowMs, units]]);
  },

  adopt(state, _from, limit, nowMs) {
    return slidingLog.advance(state, limit, nowMs);
  },

  waitMs(state, limit, units, nowMs) {
    if (units > limit.rate) return null;
    let excess = used(state) + units - limit.rate;
    if (excess <= 0 || state === null) return 0;
    for (const [atMs, cost] of state.passed) {
      excess -= cost;
      if (excess <= 0) return atMs + limit.periodMs - nowMs;
    }
    return 0;
  },

  left(state, limit) {
    return limit.rate - used(state);
  },

  resetMs(state, limit, nowMs) {
    return state === null ? 0 : lastMs(state) + limit.periodMs - nowMs;
  },

  spend(state, _limit, units, nowMs) {
    if (state === null) return stateOf([[nowMs, Math.min(units, MAX_COUNTED)]]);
    const passed = state.passed.slice();
    const last = passed.at(-1);
    if (last !== undefined && last[0] >= nowMs) passed[passed.length - 1] = [last[0], addUp(last[1], units)];
    else passed.push([nowMs, Math.min(units, MAX_COUNTED)]);
    // Only what was counted without asking comes this far. The oldest then counts a little longer.
    if (passed.length > SLIDING_LOG_MAX) {
      const [first, second] = passed;
      if (first !== undefined && second !== undefined) passed.splice(0, 2, [second[0], addUp(first[1], second[1])]);
    }
    return stateOf(passed);
  },

  refund(state, _limit, { units, spentAtMs }) {
    if (state === null) return null;
    const index = state.passed.findIndex(([atMs]) => atMs === spentAtMs);
    const cost = state.passed[index]?.[1];
    if (cost === undefined) return state;
    const rest = cost - Math.min(units, cost);
    const passed = state.passed.slice();
    passed.splice(index, 1, ...(rest === 0 ? [] : [[spentAtMs, rest] as const]));
    return passed.length === 0 ? null : stateOf(passed);
  },

  refundable() {
    return Number.POSITIVE_INFINITY;
  },

  windowEndMs() {
    return Number.POSITIVE_INFINITY;
  },

  idleAtMs(state, limit) {
    return lastMs(state) + limit.periodMs;
  },
};

function addUp(cost: number, units: number): number {
  return Math.min(cost + units, MAX_COUNTED);
}
