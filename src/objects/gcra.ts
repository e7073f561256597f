/**
 * GCRA (the generic cell rate algorithm) as arithmetic on integers.
 *
 * The usual state is a theoretical arrival time, `now + debt`. We keep the debt itself, measured in
 * 1/rate of a millisecond: a request adds `periodMs`, every elapsed millisecond takes away `rate`, and
 * a request passes while the debt stays within `burst * periodMs`. All three are integers, so nothing
 * is ever rounded (3 per second has no exact interval in milliseconds), and with the bounds of
 * policies/rate-limit/options.ts no value passes 2^53.
 *
 * Over any stretch of t ms at most `burst + t * rate / periodMs` requests pass, and a refused request
 * changes nothing. test/objects/gcra.test.ts pins both against naive models.
 */
import type { RateLimitCheck, RateLimitDecision } from './bucket-limits.ts';

/** What one counter remembers. `rate` and `periodMs` say what the debt was measured in. */
export type GcraState = {
  readonly atMs: number;
  readonly debt: number;
  readonly rate: number;
  readonly periodMs: number;
};

/** One limit without the name of its counter. */
export type Limit = Pick<RateLimitCheck, 'rate' | 'periodMs' | 'burst'>;

/** Debt at `nowMs` in the units of `limit`; null is a counter that was never used. */
export function debtAt(state: GcraState | null, limit: Limit, nowMs: number): number {
  if (state === null) return 0;
  // A clock set back gives nothing away and holds nobody longer than the debt itself.
  const elapsedMs = Math.max(0, nowMs - state.atMs);
  const drained = Math.max(0, state.debt - elapsedMs * state.rate);
  // A limit that was changed keeps the number of requests outstanding, not the time: going from 1,000
  // a day to 10 a second must not leave a client locked out until tomorrow.
  const debt = state.periodMs === limit.periodMs ? drained : Math.ceil((drained / state.periodMs) * limit.periodMs);
  return Math.min(debt, limit.burst * limit.periodMs);
}

/** Would one more request pass at this debt? The figures are those after it, when it would. */
export function decide(debt: number, limit: Limit): RateLimitDecision {
  const { rate, periodMs } = limit;
  const excess = debt + periodMs - limit.burst * periodMs;
  if (excess > 0) return { ...peek(debt, limit), allowed: false, retryAfterMs: Math.ceil(excess / rate) };
  return { ...peek(debt + periodMs, limit), allowed: true };
}

/** The figures of a counter that nobody asks anything of. */
export function peek(debt: number, { rate, periodMs, burst }: Limit): RateLimitDecision {
  const remaining = Math.max(0, Math.floor(burst - debt / periodMs));
  return { allowed: true, remaining, resetMs: Math.ceil(debt / rate), retryAfterMs: 0 };
}

/** The state after one request was counted on top of `debt`. */
export function spend(debt: number, { rate, periodMs, burst }: Limit, nowMs: number): GcraState {
  return { atMs: nowMs, debt: Math.min(debt + periodMs, burst * periodMs), rate, periodMs };
}

/** When the counter says the same as one that was never used, and may be forgotten. */
export function idleAtMs(state: GcraState): number {
  return state.atMs + Math.ceil(state.debt / state.rate);
}
