/** Authored form of rate limits: how much whoever calls may do. */
import type { HeaderStyle, MissingPart } from './compiled.ts';

export type RateLimitUnit = 'second' | 'minute' | 'hour' | 'day' | 'month';

export type RateLimitOptions = {
  /**
   * Owner of the counters; policies with equal scope, name and index share them. Default: the route's
   * id. Translated Mappings set `namespace/mapping`, so that a group's members count apart.
   */
  readonly scope?: string | undefined;
  /** Every limit that concerns the request must allow it; a refused request uses up none of them. */
  readonly limits?: readonly RateLimitOption[] | undefined;
  /** Lists of limits: of each list only the first one that concerns the request. */
  readonly groups?: readonly (readonly RateLimitOption[])[] | undefined;
  /** Limits by the name of the caller's plan, beside `limits`. An empty list: nothing but `limits`. */
  readonly plans?: Readonly<Record<string, readonly RateLimitOption[]>> | undefined;
  /** Claim that names the plan, with dots between the parts; `\\.` is a dot inside one. Default: the plan of the consumer (of its key record). */
  readonly planClaim?: string | undefined;
  /** For callers of no plan or an unknown one. Default: they are refused with 403 `unknown-plan`. */
  readonly defaultPlan?: string | undefined;
  /** How many refused credentials one address may show. Default: no limit. */
  readonly failures?: { readonly rate: number; readonly unit: RateLimitUnit } | undefined;
  /** Fields that tell clients what is left. Default `draft`. */
  readonly headers?: HeaderStyle | undefined;
  /** Name of a Workers rate-limit binding that is asked first, by client address. Cloudflare only. */
  readonly fence?: string | undefined;
};

export type RateLimitOption = {
  /** Shown to clients in `RateLimit-Policy`. */
  readonly name: string;
  /** Position among the limits of the same name, part of the counter's identity. Default: counted from 0 in list order. */
  readonly index?: number | undefined;
  /** Owner of this limit's counter, in place of the policy's. */
  readonly scope?: string | undefined;
  /**
   * Glob on the whole canonical request path before rewriting: `*` is any run of characters, `/`
   * included; every other character, `?` too, stands for itself. Case-sensitive. Default `*`.
   */
  readonly pattern?: string | undefined;
  /** All must hold for the limit to concern a request. Default: none. */
  readonly if?: readonly RateLimitCondition[] | undefined;
  /** Default `token-bucket`. */
  readonly algorithm?: 'token-bucket' | 'fixed-window' | 'sliding-window' | 'calendar' | 'concurrency' | undefined;
  /** Units of cost per `unit` (a request costs 1), or requests at a time (`concurrency`). 1 to 1,000,000. */
  readonly rate: number;
  /** `month` for `calendar` only, which takes `day` or `month`; none for `concurrency`. */
  readonly unit?: RateLimitUnit | undefined;
  /** `token-bucket` only: what may come at once, 1 to 1,000,000. Default: `rate`. */
  readonly burst?: number | undefined;
  /** `calendar` only: IANA name of the time zone. Default `UTC`. */
  readonly zone?: string | undefined;
  /** Whom it counts. Default `address`. */
  readonly key?: RateLimitKeyPart | readonly RateLimitKeyPart[] | undefined;
  /** What a part of the key that a request does not have becomes. Default `address`. */
  readonly missing?: MissingPart | undefined;
  /** `before-auth`: what authentication would refuse is counted too. Keys by address, header, cookie, query, country, method, route or constant only. Default `after-auth`. */
  readonly when?: 'before-auth' | 'after-auth' | undefined;
  /** Default: `leased` for windows of 1,000 and more that are no quotas, else `exact`. */
  readonly mode?: 'exact' | 'leased' | undefined;
  /** What becomes of a request when the counter cannot be asked. Default: as the gateway's `failOpen`. */
  readonly onFailure?: 'open' | 'closed' | undefined;
  /** Longest wait for the counter, in milliseconds; 1 to 10,000. Default: 2,000 exact, 50 leased. */
  readonly timeoutMs?: number | undefined;
  /** Count and report, never refuse. Default false. */
  readonly shadow?: boolean | undefined;
  readonly cost?: RateLimitCost | undefined;
  /** Headers for requests that this limit counted; values are Go templates as in AES. */
  readonly injectRequestHeaders?: readonly RateLimitHeader[] | undefined;
  readonly injectResponseHeaders?: readonly RateLimitHeader[] | undefined;
  /** In place of the problem document; texts are Go templates as in AES. */
  readonly errorResponse?:
    | { readonly headers?: readonly RateLimitHeader[] | undefined; readonly bodyTemplate?: string | undefined }
    | undefined;
};

/** `authority` is the Host header, `path` the request's path with its query. */
export type RateLimitKeyPart =
  | 'address'
  | 'api-key'
  | 'consumer'
  | 'country'
  | 'method'
  | 'route'
  | 'authority'
  | 'path'
  | { readonly address: { readonly ipv6Bits: number } }
  /** With dots between the parts; `\\.` is a dot inside one. */
  | { readonly claim: string }
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly query: string }
  | { readonly constant: string };

/** The request has this part and, with `is`, the part has this value. */
export type RateLimitCondition = { readonly part: RateLimitKeyPart; readonly is?: string | undefined };

/** Integers from 1 to `maxCost`; anything else counts as 1. */
export type RateLimitCost = {
  /** Request header; removed before the upstream sees it, and ignored unless a policy set it or `trustClient` is true. */
  readonly header?: string | undefined;
  /** Response header. The request is admitted at its cost without it and charged the rest afterwards. */
  readonly responseHeader?: string | undefined;
  /** Default: the burst. */
  readonly maxCost?: number | undefined;
  /** Default false. */
  readonly trustClient?: boolean | undefined;
};

/** `value` is a Go template with the functions `hasKey`, `doNotSet` and `json`. */
export type RateLimitHeader = { readonly name: string; readonly value: string };
