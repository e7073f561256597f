/** Authored form of the `rate-limit` policy: how many requests one client may make. */
import * as z from 'zod';

export type RateLimitUnit = 'second' | 'minute' | 'hour' | 'day';

export type RateLimitOptions = {
  /**
   * Owner of the counters; policies with equal scope, name and index share them. Default: the route's
   * id. Translated Mappings set `namespace/mapping`, so that a group's members count apart.
   */
  readonly scope?: string | undefined;
  /** Every limit whose pattern matches must allow the request; a refused request uses up none of them. */
  readonly limits: readonly RateLimitOption[];
};

export type RateLimitOption = {
  /** Shown to clients in `RateLimit-Policy`. */
  readonly name: string;
  /** Position among the limits of the same name, part of the counter's identity. Default: counted from 0 in list order. */
  readonly index?: number | undefined;
  /**
   * Glob on the whole canonical request path before rewriting: `*` is any run of characters, `/`
   * included; every other character, `?` too, stands for itself. Case-sensitive. Default `*`.
   */
  readonly pattern?: string | undefined;
  /** Requests per unit, 1 to 1,000,000. */
  readonly rate: number;
  readonly unit: RateLimitUnit;
  /** Requests that may come at once, 1 to 1,000,000. Default: `rate`. */
  readonly burst?: number | undefined;
};

/** Keeps every product of the limiter's arithmetic an exact integer, see objects/gcra.ts. */
const MAX_COUNT = 1_000_000;

const limitSchema: z.ZodType<RateLimitOption> = z.strictObject({
  name: z.string().min(1, 'must not be empty').max(256),
  index: z.int().min(0).max(9_999).optional(),
  pattern: z.string().min(1, 'must not be empty; `*` matches every path').max(2_048).optional(),
  rate: z.int().min(1).max(MAX_COUNT),
  unit: z.enum(['second', 'minute', 'hour', 'day']),
  burst: z.int().min(1).max(MAX_COUNT).optional(),
});

export const rateLimitOptionsSchema: z.ZodType<RateLimitOptions> = z.strictObject({
  scope: z.string().min(1, 'must not be empty').max(1_024).optional(),
  limits: z.array(limitSchema).min(1, 'needs at least one limit').max(100),
});
