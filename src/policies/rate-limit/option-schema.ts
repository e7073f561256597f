/** What rate-limit options may look like, member by member; check-limit.ts says how members fit together. */
import * as z from 'zod';
import { claimPath } from './authored-limit.ts';
import { checkLimit, checkPolicy } from './check-limit.ts';
import type {
  RateLimitCondition,
  RateLimitCost,
  RateLimitHeader,
  RateLimitKeyPart,
  RateLimitOption,
  RateLimitOptions,
} from './options.ts';

/** Keeps every product of the limiter's arithmetic an exact integer, see limits/algorithms/. */
const MAX_COUNT = 1_000_000;
const MAX_TIMEOUT_MS = 10_000;
const MAX_PARTS = 16;

const filled = (max: number) => z.string().min(1, 'must not be empty').max(max);
const count = z.int().min(1).max(MAX_COUNT);
const unit = z.enum(['second', 'minute', 'hour', 'day', 'month']);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
const headerName = z.string().regex(TOKEN, 'must be a header name');
/** No cookie is ever sent under another name (RFC 6265 §4.1.1). */
const cookieName = z.string().regex(TOKEN, 'must be the name of a cookie');
const scope = filled(1_024);
const claim = filled(256).refine((text) => claimPath(text) !== null, 'must not have an empty part between its dots');

const partForms = [
  z.enum(['address', 'api-key', 'consumer', 'country', 'method', 'route', 'authority', 'path']),
  z.strictObject({ address: z.strictObject({ ipv6Bits: z.int().min(1).max(128) }) }),
  z.strictObject({ claim }),
  z.strictObject({ header: headerName }),
  z.strictObject({ cookie: cookieName }),
  z.strictObject({ query: filled(256) }),
  z.strictObject({ constant: z.string().max(1_024) }),
] as const;
const A_PART = 'must be a part of a key, such as "address" or { header: "x-tenant" }';
const part: z.ZodType<RateLimitKeyPart> = z.union(partForms, { error: A_PART });

const condition: z.ZodType<RateLimitCondition> = z.strictObject({ part, is: z.string().max(4_096).optional() });

const cost: z.ZodType<RateLimitCost> = z.strictObject({
  header: headerName.optional(),
  responseHeader: headerName.optional(),
  maxCost: count.optional(),
  trustClient: z.boolean().optional(),
});

const headers: z.ZodType<readonly RateLimitHeader[]> = z
  .array(z.strictObject({ name: headerName, value: z.string().max(8_192) }))
  .max(50);

const limit: z.ZodType<RateLimitOption> = z
  .strictObject({
    name: filled(256),
    index: z.int().min(0).max(9_999).optional(),
    scope: scope.optional(),
    pattern: z.string().min(1, 'must not be empty; `*` matches every path').max(2_048).optional(),
    if: z.array(condition).max(50).optional(),
    algorithm: z.enum(['token-bucket', 'fixed-window', 'sliding-window', 'calendar', 'concurrency']).optional(),
    rate: count,
    unit: unit.optional(),
    burst: count.optional(),
    zone: filled(64).optional(),
    key: z
      // Every form by itself: of a union inside a union nobody could say which form was meant.
      .union([...partForms, z.array(part).min(1, 'needs at least one part').max(MAX_PARTS)], {
        error: `${A_PART}, or a list of at most ${MAX_PARTS}`,
      })
      .optional(),
    missing: z.enum(['address', 'skip', 'refuse']).optional(),
    when: z.enum(['before-auth', 'after-auth']).optional(),
    mode: z.enum(['exact', 'leased']).optional(),
    onFailure: z.enum(['open', 'closed']).optional(),
    timeoutMs: z.int().min(1).max(MAX_TIMEOUT_MS).optional(),
    shadow: z.boolean().optional(),
    cost: cost.optional(),
    injectRequestHeaders: headers.optional(),
    injectResponseHeaders: headers.optional(),
    errorResponse: z
      .strictObject({ headers: headers.optional(), bodyTemplate: z.string().max(65_536).optional() })
      .optional(),
  })
  .superRefine((value, context) => {
    for (const { message, at } of checkLimit(value)) context.addIssue({ code: 'custom', message, path: [...at] });
  });

const filledList = z.array(limit).min(1, 'needs at least one limit');
const list = filledList.max(100);

export const rateLimitOptionsSchema: z.ZodType<RateLimitOptions> = z
  .strictObject({
    scope: scope.optional(),
    limits: list.optional(),
    // RateLimits of Edge Stack may have one for each customer.
    groups: z.array(filledList.max(10_000)).max(100).optional(),
    // A plan without limits is one that nothing limits.
    plans: z.record(filled(256), z.array(limit).max(100)).optional(),
    planClaim: claim.optional(),
    defaultPlan: filled(256).optional(),
    failures: z.strictObject({ rate: count, unit: unit.exclude(['month']) }).optional(),
    headers: z.enum(['draft', 'draft-7', 'x-ratelimit', 'none']).optional(),
    fence: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be the name of a binding')
      .optional(),
  })
  .superRefine((value, context) => {
    for (const { message, at } of checkPolicy(value)) context.addIssue({ code: 'custom', message, path: [...at] });
  });

export const KNOWN_OPTIONS: readonly string[] = [
  'scope limits groups plans planClaim defaultPlan failures headers fence',
  'name index pattern if algorithm rate unit burst zone key missing when mode onFailure timeoutMs shadow cost',
  'injectRequestHeaders injectResponseHeaders errorResponse',
  'header responseHeader maxCost trustClient part is bodyTemplate value',
].flatMap((names) => names.split(' '));
