/** What a limit says. The same words stand in `routes.config.ts`, in the program, in the objects and in `explain`. */

/**
 * `rate` counts units of cost: a request costs 1 unless its limit says otherwise. All numbers are
 * integers; bounds are those of policies/rate-limit/options.ts, so that no product passes 2^53.
 */
export type Limit = TokenBucket | FixedWindow | SlidingWindow | CalendarQuota | Concurrency;

/** GCRA: `burst` at once, then `rate` per `periodMs`, evenly. Over any t ms at most `burst + t * rate / periodMs`. */
export type TokenBucket = {
  readonly algorithm: 'token-bucket';
  readonly rate: number;
  readonly periodMs: number;
  readonly burst: number;
};

/** `rate` in each window; windows begin at multiples of `periodMs` since 1970, UTC. Over the edge of two: up to 2 × rate. */
export type FixedWindow = { readonly algorithm: 'fixed-window'; readonly rate: number; readonly periodMs: number };

/**
 * `rate` in every stretch of `periodMs`. Up to SLIDING_LOG_MAX exactly, by a log of what passed; above
 * it by two counters, the older one weighted by how much of it the stretch still covers.
 */
export type SlidingWindow = { readonly algorithm: 'sliding-window'; readonly rate: number; readonly periodMs: number };

/** `rate` in each calendar day or month of an IANA time zone. */
export type CalendarQuota = {
  readonly algorithm: 'calendar';
  readonly rate: number;
  readonly per: 'day' | 'month';
  readonly zone: string;
};

/** `rate` requests at a time; each holds a slot until it ends. */
export type Concurrency = { readonly algorithm: 'concurrency'; readonly rate: number };

/** The largest `rate` of a sliding window that is counted by a true log. */
export const SLIDING_LOG_MAX = 1_000;

/** The most that one request can cost and ever pass. */
export function largestCost(limit: Limit): number {
  return limit.algorithm === 'token-bucket' ? limit.burst : limit.rate;
}

/** What one counter says of one request, or of itself. */
export type Figures = {
  readonly allowed: boolean;
  /** Left right now, after this request if it passed. Whole units, never negative. */
  readonly remaining: number;
  /** Until all of it is available again. */
  readonly resetMs: number;
  /** Until the same request would pass; 0 when allowed; null: never, it costs more than `largestCost`. */
  readonly retryAfterMs: number | null;
};
