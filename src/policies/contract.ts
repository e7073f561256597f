/**
 * What a policy is.
 *
 * A policy is one folder: `options.ts` (authored form and its zod schema), `compiled.ts` (the JSON
 * that crosses to the Worker, types only), `lower.ts` (authored → compiled, build time) and
 * `handler.ts` (compiled → Hono middleware, request time). It is named in three explicit lists:
 * order.ts, lowerings.ts, handlers.ts. This file is imported by both sides and holds types only.
 */
import type { Context, MiddlewareHandler } from 'hono';
import type { Report } from '../diagnostics/finding.ts';
import type { Json, Provenance } from '../model/route-model.ts';
import type { CompiledRoute } from '../program/route-program.ts';

/** Facts about a request, computed once and frozen. Policies decide on these, never on `c.req`. */
export type RequestFacts = {
  readonly requestId: string;
  readonly method: string;
  /** Effective scheme after the trusted-hop rule. */
  readonly scheme: 'http' | 'https';
  /** Lower case, without port and without trailing dot; IPv6 in brackets. */
  readonly hostname: string;
  /** Host header as received (lower case), port kept. */
  readonly authority: string;
  /** The one canonical path: matched, judged by policies and forwarded. */
  readonly path: string;
  /** Raw query without `?`; null when the target has none. */
  readonly query: string | null;
  /** Client address by the one rule of gateway/client-address.ts; IPv6 in canonical text form. */
  readonly clientIp: string;
  /** Request headers after sanitising; read only. */
  readonly headers: Headers;
};

export type GatewayVariables = {
  facts: RequestFacts;
  route: CompiledRoute;
  configVersion: string;
  /** One per request, made by policies/outgoing-headers.ts before the chain starts. */
  outgoing: OutgoingHeaders;
};

/**
 * Response headers that a policy wants on whatever answer leaves: the upstream's, one of our own, or
 * an error. A policy must use this instead of `c.header()` after `next()`, because a GatewayError
 * thrown further down skips that code, and a 429 without its CORS headers is unreadable to a browser.
 *
 * The gateway calls `applyOutgoing` (policies/outgoing-headers.ts) exactly once per answer, last of
 * all: after the upstream's headers, after the error mapping and after the route's `responseHeaders`,
 * as Envoy's filters do. Calls are recorded and replayed in order. Names are case-insensitive.
 */
export interface OutgoingHeaders {
  /** Replaces every earlier value, the upstream's included. */
  set(name: string, value: string): void;
  /** Adds one member to a comma-separated header unless it is there already (case ignored); `set-cookie` gets a line of its own. */
  append(name: string, value: string): void;
  /** Removes the header, the upstream's included. */
  delete(name: string): void;
  /** Lets a browser's script read this header, should CORS let the request's origin in. Without CORS: no effect. */
  expose(name: string): void;
}
/** Hono environment of the gateway. Bindings never appear here: they arrive as ports in PolicyRuntime. */
export type GatewayEnv = { Variables: GatewayVariables };
export type GatewayContext = Context<GatewayEnv>;

export type LowerContext = {
  readonly routeId: string;
  readonly source: Provenance;
  readonly report: Report;
};

export type PolicyExplanation = {
  readonly input: Json;
  readonly note: string | null;
  /** Set when the policy answers this request itself, always and without asking anyone: its status. */
  readonly answersWith?: number;
};

/** Build-time half of a policy. */
export interface PolicyLowering {
  readonly name: string;
  /**
   * Authored options → compiled JSON. Bad options are reported with their field path; null then makes
   * the route refuse with `policy-invalid`, because a route without its policy would be less protected.
   */
  lower(options: unknown, context: LowerContext): Json | null;
  /** For `explain`: what this policy would look at for this request, and one sentence about it. Pure, offline. */
  explain(config: Json, facts: RequestFacts): PolicyExplanation;
}

/** Ports that policies may use at request time; worker.ts supplies them. */
export type PolicyRuntime = {
  readonly rateLimiter: RateLimiter;
  /** `never`: a limiter that cannot be asked refuses the request with 503 instead of letting it pass. */
  readonly failOpen: 'as-upstream' | 'never';
  /** One structured line: `event` is kebab-case and stable, `fields` hold no secret. Never throws. */
  readonly log: (event: string, fields: Readonly<Record<string, Json>>) => void;
};

/**
 * Request-time half of a policy. `create` runs once per loaded route, not per request; it throws when
 * the payload is not one it understands, and the route must then refuse.
 */
export interface PolicyHandler {
  readonly name: string;
  create(config: Json, runtime: PolicyRuntime): MiddlewareHandler<GatewayEnv>;
}

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
export interface RateLimiter {
  /**
   * All or nothing: when one check refuses, none is consumed. Decisions are in the order of the checks.
   * Throws when the limiter cannot be asked.
   */
  take(checks: readonly RateLimitCheck[]): Promise<readonly RateLimitDecision[]>;
}
