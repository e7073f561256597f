/** What the Worker gets of the policies `rate-limit-early` and `rate-limit`. */
import type { Limit } from '../../limits/limit.ts';
import type { Template } from '../go-template/template.ts';

export type CompiledRateLimit = {
  /** Each of them that concerns the request must allow it. */
  readonly limits: readonly CompiledLimit[];
  /** Of each group only the first limit that concerns the request. */
  readonly groups?: readonly (readonly CompiledLimit[])[];
  readonly plans?: CompiledPlans;
  /** Counts refused credentials; `rate-limit-early` only. */
  readonly failures?: CompiledLimit;
  /** A rate-limit binding of the Worker, asked with the client address before anything else; `rate-limit-early` only. */
  readonly fence?: string;
  /** Absent: `draft`. */
  readonly headers?: HeaderStyle;
};

/** Which fields tell clients what is left: the IETF draft as of its version 11, its version 7, `X-RateLimit-*`, none. */
export type HeaderStyle = 'draft' | 'draft-7' | 'x-ratelimit' | 'none';

export type CompiledPlans = {
  readonly byName: { readonly [plan: string]: readonly CompiledLimit[] };
  /** Path of the claim that names the plan; absent: the plan of the consumer. */
  readonly claim?: readonly string[];
  /** For a caller of no plan or an unknown one; absent: such a caller is refused. */
  readonly default?: string;
};

export type CompiledLimit = {
  /** Name shown to clients: unique inside the policy, printable ASCII without quote and backslash. */
  readonly label: string;
  /** The limit's part of the counter's identity; see limits/calls.ts `counterKey`. */
  readonly counter: string;
  readonly limit: Limit;
  /** Compiled glob, see glob.ts; absent: every path. */
  readonly pattern?: readonly string[];
  /** All must hold, or the limit does not concern the request. */
  readonly if?: readonly CompiledCondition[];
  /** Whom it counts; absent: the client address, IPv6 as /64. */
  readonly key?: readonly CompiledKeyPart[];
  /** What a part that the request does not have becomes; absent: `address`. */
  readonly missing?: MissingPart;
  /** Absent: `exact`. */
  readonly mode?: 'leased';
  readonly shadow?: true;
  /** Absent: the gateway's `failOpen` decides. */
  readonly onFailure?: 'open' | 'closed';
  /** Longest wait for the counter; absent: 2,000 for exact, 50 for leased. */
  readonly budgetMs?: number;
  readonly cost?: CompiledCost;
  readonly inject?: CompiledInjections;
  /** Of an answer that this limit refused. */
  readonly errorResponse?: CompiledErrorResponse;
};

/** The client address instead; the limit does not count this request; the request is refused with 400. */
export type MissingPart = 'address' | 'skip' | 'refuse';

export type CompiledKeyPart =
  /** `ipv6Bits`: how much of an IPv6 address counts; absent: 64. */
  | { readonly from: 'address'; readonly ipv6Bits?: number }
  | { readonly from: 'api-key' | 'consumer' | 'country' | 'method' | 'route' | 'authority' | 'path' }
  | { readonly from: 'header' | 'cookie' | 'query'; readonly name: string }
  | { readonly from: 'claim'; readonly path: readonly string[] }
  | { readonly from: 'constant'; readonly value: string };

/** The part is there and, with `is`, has this value. */
export type CompiledCondition = { readonly part: CompiledKeyPart; readonly is?: string };

export type CompiledCost = {
  /** Request header that says the cost; taken from every client, unless `fromClient`. */
  readonly header?: string;
  readonly fromClient?: true;
  /** Response header that says it; beyond 1 it is charged afterwards. */
  readonly responseHeader?: string;
  readonly maxCost: number;
};

/** Go templates as in AES, see policies/go-template. */
export type TemplatedHeader = { readonly name: string; readonly value: Template };
export type CompiledInjections = {
  readonly request: readonly TemplatedHeader[];
  readonly response: readonly TemplatedHeader[];
};
export type CompiledErrorResponse = { readonly headers: readonly TemplatedHeader[]; readonly body: Template };
