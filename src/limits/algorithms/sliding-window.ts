/**
 * Sliding window: `rate` in every stretch of `periodMs`.
 *
 * Up to SLIDING_LOG_MAX by a log, exactly. Above it by two counters, of the window that runs and of the
 * one before it. The older one is weighted by how much of it the stretch still covers, as if its units
 * had come evenly. How far that may be off, P being what passed in the older window:
 * - of requests e ms into the running window no stretch that ends there holds more than
 *   `rate + P * e / periodMs`: below 2 × rate, and that only when all of P came in its last moment;
 * - when P came in its first moment, up to `P * (1 - e / periodMs)` are refused that the log would pass.
 * With even load both vanish. test/limits/algorithms-and-models.test.ts reaches the bounds.
 */
import { SLIDING_LOG_MAX, type SlidingWindow } from '../limit.ts';
import type { Algorithm, StateOf } from './algorithm.ts';
import { slidingCounters } from './sliding-counters.ts';
import { slidingLog } from './sliding-log.ts';

type State = StateOf<'sliding-log'> | StateOf<'sliding-counters'>;

function formOf(state: State | null, limit: SlidingWindow): Algorithm<SlidingWindow, State> {
  const log = state === null ? limit.rate <= SLIDING_LOG_MAX : state.algorithm === 'sliding-log';
  return log ? slidingLog : slidingCounters;
}

export const slidingWindow: Algorithm<SlidingWindow, State> = {
  advance: (state, limit, nowMs) => formOf(state, limit).advance(state, limit, nowMs),
  rewind: (state, limit, nowMs) => formOf(state, limit).rewind(state, limit, nowMs),

  adopt(state, from, limit, nowMs) {
    const old = formOf(state, limit);
    const wanted = formOf(null, limit);
    if (old === wanted) return old.adopt(state, from, limit, nowMs);
    const units = Math.min(limit.rate, from.rate - old.left(state, from, nowMs));
    return units <= 0 ? null : wanted.spend(null, limit, units, nowMs);
  },

  waitMs: (state, limit, units, nowMs) => formOf(state, limit).waitMs(state, limit, units, nowMs),
  left: (state, limit, nowMs) => formOf(state, limit).left(state, limit, nowMs),
  resetMs: (state, limit, nowMs) => formOf(state, limit).resetMs(state, limit, nowMs),
  spend: (state, limit, units, nowMs) => formOf(state, limit).spend(state, limit, units, nowMs),
  refund: (state, limit, refund, nowMs) => formOf(state, limit).refund(state, limit, refund, nowMs),
  refundable: (state, limit, nowMs) => formOf(state, limit).refundable(state, limit, nowMs),
  windowEndMs: (state, limit) => formOf(state, limit).windowEndMs(state, limit),
  idleAtMs: (state, limit) => formOf(state, limit).idleAtMs(state, limit),
};
