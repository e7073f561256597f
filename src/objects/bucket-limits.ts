/** The RateLimiter port over counters that know token buckets only. */
import type { TokenBucket } from '../limits/limit.ts';
import type { LimitCheck, RateLimiter, Reserved, Taken, Verdict } from '../limits/limiter.ts';

/** One limit on one key. GCRA: `burst` requests at once, then one every `periodMs / rate`. */
export type RateLimitCheck = {
  /** Identity of the counter; equal keys share it. At most 512 bytes: longer ones are hashed by the caller. */
  readonly key: string;
  readonly rate: number;
  readonly periodMs: number;
  readonly burst: number;
};
export type RateLimitDecision = {
  readonly allowed: boolean;
  /** Requests left right now. */
  readonly remaining: number;
  /** Until the full burst is available again. */
  readonly resetMs: number;
  /** Until one request would pass; 0 when allowed. */
  readonly retryAfterMs: number;
};
export interface BucketLimiter {
  /**
   * All or nothing: when one check refuses, none is consumed. Decisions are in the order of the checks.
   * Throws when the limiter cannot be asked.
   */
  take(checks: readonly RateLimitCheck[]): Promise<readonly RateLimitDecision[]>;
}

type BucketCheck = LimitCheck & { readonly limit: TokenBucket };

export function limitBuckets(buckets: BucketLimiter): RateLimiter {
  const take = async (checks: readonly LimitCheck[]): Promise<Taken> => {
    const known = checks.filter(isBucket);
    let why = 'This version counts token buckets only.';
    let decisions: readonly Verdict[] = [];
    try {
      decisions = known.length === 0 ? [] : await buckets.take(known.map(toBucketCheck));
    } catch (error) {
      why = String(error);
    }
    const verdicts = checks.map((check): Verdict => {
      const decision = isBucket(check) ? decisions[known.indexOf(check)] : undefined;
      return decision ?? { undecided: check.onFailure, why };
    });
    return { verdicts, endSlots: null };
  };
  return {
    take,
    reserve: async (checks): Promise<Reserved> => {
      const { verdicts } = await take(checks);
      return { verdicts, commit: () => undefined, release: () => undefined };
    },
    charge: (checks, waitUntil) => waitUntil(take(checks)),
  };
}

function isBucket(check: LimitCheck): check is BucketCheck {
  return check.limit.algorithm === 'token-bucket';
}

function toBucketCheck({ key, limit: { rate, periodMs, burst } }: BucketCheck): RateLimitCheck {
  return { key, rate, periodMs, burst };
}
