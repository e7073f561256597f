/**
 * Token bucket, as GCRA (the generic cell rate algorithm) on integers.
 *
 * The usual state is a theoretical arrival time, `now + debt`. We keep the debt itself, measured in
 * 1/rate of a millisecond: a unit adds `periodMs`, every elapsed millisecond takes away `rate`, and
 * units pass while the debt stays within `burst * periodMs`. All three are integers, so nothing is
 * ever rounded (3 per second has no exact interval in milliseconds), and with the bounds of
 * policies/rate-limit/options.ts no value passes 2^53.
 *
 * Over any stretch of t ms at most `burst + t * rate / periodMs` units pass. What is counted without
 * asking may leave a debt above the burst, which later requests wait off.
 */
import type { TokenBucket } from '../limit.ts';
import type { Algorithm, StateOf } from './algorithm.ts';

type State = StateOf<'token-bucket'>;

/** No debt grows beyond this, so that one more request's worth on top is still exact. */
const MAX_DEBT = 2 ** 52;

function debtAt(state: State | null, limit: TokenBucket, nowMs: number): number {
  if (state === null) return 0;
  const elapsedMs = nowMs - state.atMs;
  return elapsedMs <= 0 ? state.debt : Math.max(0, state.debt - elapsedMs * limit.rate);
}

function stateOf(debt: number, nowMs: number): State {
  return { algorithm: 'token-bucket', atMs: nowMs, debt: Math.min(debt, MAX_DEBT) };
}

export const tokenBucket: Algorithm<TokenBucket, State> = {
  advance(state, limit, nowMs) {
    return debtAt(state, limit, nowMs) === 0 ? null : state;
  },

  rewind(state, _limit, nowMs) {
    return state.atMs > nowMs ? stateOf(state.debt, nowMs) : state;
  },

  /**
   * Keeps the number of requests outstanding, not the time: going from 1,000 a day to 10 a second must
   * not leave a client locked out until tomorrow. So a smaller burst caps them; a debt above the old
   * burst is no part of it and stays.
   */
  adopt(state, from, limit, nowMs) {
    const outstanding = debtAt(state, from, nowMs) / from.periodMs;
    const owed = Math.max(0, outstanding - from.burst);
    const debt = Math.ceil((Math.min(outstanding, from.burst, limit.burst) + owed) * limit.periodMs);
    return debt === 0 ? null : stateOf(debt, nowMs);
  },

  waitMs(state, limit, units, nowMs) {
    if (units > limit.burst) return null;
    const excess = debtAt(state, limit, nowMs) - (limit.burst - units) * limit.periodMs;
    return excess <= 0 ? 0 : Math.ceil(excess / limit.rate);
  },

  left(state, limit, nowMs) {
    return limit.burst - Math.ceil(debtAt(state, limit, nowMs) / limit.periodMs);
  },

  resetMs(state, limit, nowMs) {
    return Math.ceil(debtAt(state, limit, nowMs) / limit.rate);
  },

  spend(state, limit, units, nowMs) {
    return stateOf(debtAt(state, limit, nowMs) + units * limit.periodMs, nowMs);
  },

  refund(state, limit, { units }, nowMs) {
    const rest = debtAt(state, limit, nowMs) - units * limit.periodMs;
    return rest <= 0 ? null : stateOf(rest, nowMs);
  },

  /** Without these units the bucket would have been full for a while: that time was lost either way. */
  refundable(state, limit, nowMs) {
    return Math.floor(debtAt(state, limit, nowMs) / limit.periodMs);
  },

  windowEndMs() {
    return Number.POSITIVE_INFINITY;
  },

  idleAtMs(state, limit) {
    return state.atMs + Math.ceil(state.debt / limit.rate);
  },
};
