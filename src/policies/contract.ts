/**
 * What a policy is.
 *
 * A policy is one folder: `options.ts` (authored form and its zod schema), `compiled.ts` (the JSON
 * that crosses to the Worker, types only), `lower.ts` (authored → compiled, build time) and
 * `handler.ts` (compiled → decision, request time). It is named in three explicit lists:
 * order.ts, lowerings.ts, handlers.ts. This file is imported by both sides and holds types only.
 */
import type { Report } from '../diagnostics/finding.ts';
import type { Figures, Limit } from '../limits/limit.ts';
import type { RateLimiter } from '../limits/limiter.ts';
import type { Json, Provenance, RegexModel, ServiceRef } from '../model/route-model.ts';
import type { CompiledRegex, CompiledRoute, UpstreamTransport } from '../program/route-program.ts';

/** Facts about a request, computed once and frozen. Policies decide on these, never on the runtime's request. */
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
  /** The TCP peer, whatever forwarding headers say; IPv6 in canonical text form. */
  readonly peerIp: string;
  /** Where the platform places the client; null where no platform says it (self-hosting). */
  readonly place: PlaceFacts | null;
  /**
   * Request headers after sanitising. Authentication changes them (it removes credentials and adds what
   * it found out), and rate limits do (they remove costs and add what they counted, which leads to no
   * other route); whoever runs later sees, and the upstream gets, the result.
   */
  readonly headers: Headers;
};

/** Facts of the platform about the client address; null where it does not know. */
export type PlaceFacts = {
  /** ISO 3166-1 alpha-2, upper case; also `T1` for Tor. */
  readonly country: string | null;
  /** Two letters: AF AN AS EU NA OC SA. */
  readonly continent: string | null;
  /** ISO 3166-2 without the country, for example `BY`. */
  readonly region: string | null;
  /** Autonomous system number. */
  readonly asn: number | null;
};

/**
 * Who is calling, as authentication found it. Authorisation, rate limits, header templates and the log
 * read this and nothing else about identity.
 */
export type Consumer = {
  /** Unique within its kind: `sub` of a token (with its issuer in `issuer`), consumer of a key, user name. `anonymous` when nothing was shown. */
  readonly id: string;
  readonly kind: 'anonymous' | 'jwt' | 'api-key' | 'basic' | 'external' | 'oidc';
  /** `iss` of a token; null for other kinds. */
  readonly issuer: string | null;
  /** Names an entry of the configured plans; null: none. */
  readonly plan: string | null;
  readonly scopes: readonly string[];
  /** Verified claims of a token, metadata of a key. */
  readonly claims: { readonly [name: string]: Json };
};

/** The body of the request, of which a policy may look at the start without taking it from the upstream. */
export interface RequestBody {
  /** The first bytes, at most `maxBytes`; `isWhole` when there are no more. Resolves with nothing for no body. */
  peek(maxBytes: number): Promise<{ readonly bytes: Uint8Array; readonly isWhole: boolean }>;
}

/** What limits know of a request by now. */
export type Counting = {
  /**
   * Keys of counters that the request was counted by before authentication, and fences that it passed: a
   * second look at the routes may lead to one with the same limits, and they must not count it again.
   */
  readonly passed: Set<string>;
  /** What it said to cost, by header: they were taken out, because they are meant for this gateway alone. */
  readonly costs: Map<string, string>;
  /** The limit that clients were told of, in styles that know one. */
  told: { readonly limit: Limit; readonly figures: Figures } | null;
};

/**
 * One request on its way through the policies of its route: what is known of it by now, and where a policy
 * leaves what it found out. Made by gateway/policy-request.ts.
 */
export interface PolicyContext {
  /** Authentication may put others in their place: a credential in the query does not go on. */
  facts: RequestFacts;
  readonly route: CompiledRoute;
  readonly outgoing: OutgoingHeaders;
  /** Set by authentication; null: no policy asked who is calling. */
  consumer: Consumer | null;
  readonly body: RequestBody;
  /** A policy changed request headers: the route is looked for once more, see gateway/run-policies.ts. */
  rematch: boolean;
  /** The request showed credentials, and authentication refused them. Only its policies set it: an upstream's 401 says nothing about ours. */
  refusedCredentials: boolean;
  /** What the limits before authentication and those after it tell each other; null: nothing yet. */
  counting: Counting | null;
  /** Identities of filter rules that the request passed and that changed its headers; null: none. */
  passedFilters: Set<string> | null;
  /** `work` runs once, when every policy that may refuse or change credentials has let the request pass or one has refused it. It must not throw. */
  afterAuthentication(work: () => void): void;
  /** `work` gets the headers of the answer that the route makes; not of a refusal. It must not throw. */
  onAnswer(work: (headers: Headers) => void): void;
  /** `work` runs once, when the answer is over: its last byte has gone, either side broke off, or its WebSocket closed. It must not throw. */
  atEnd(work: () => void): void;
  /** Keeps work alive after the answer: refreshing a key set ahead of need, for example. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/**
 * Response headers that a policy wants on whatever answer leaves: the upstream's, one of our own, or
 * an error: a 429 without its CORS headers is unreadable to a browser.
 *
 * The gateway writes them (policies/outgoing-headers.ts) exactly once per answer, last of
 * all: after the upstream's headers, after the error mapping and after the route's `responseHeaders`,
 * as Envoy's filters do. Calls are recorded and replayed in order. Names are case-insensitive.
 */
export interface OutgoingHeaders {
  /** Replaces every earlier value, the upstream's included. */
  set(name: string, value: string): void;
  /** Adds one member to a comma-separated header unless it is there already (case ignored); `set-cookie` gets a line of its own. */
  append(name: string, value: string): void;
  /** Adds the value to a list, whatever is there already: for members that nobody else writes. Nothing is looked at, so it is the cheapest. */
  add(name: string, value: string): void;
  /** Removes the header, the upstream's included. */
  delete(name: string): void;
  /** Lets a browser's script read this header, should CORS let the request's origin in. Without CORS: no effect. */
  expose(name: string): void;
}
export type LowerContext = {
  readonly routeId: string;
  readonly source: Provenance;
  readonly report: Report;
  readonly target: 'self-hosted' | 'cloudflare';
  /** Proxies in front whose headers are believed (`gateway.trustedHops`). */
  readonly trustedHops: number;
  /** A service that the policy itself will ask. It becomes one of the program's upstreams. */
  readonly upstream: (service: ServiceRef) => PolicyTarget | LowerProblem;
  /** `full`: must match the whole text; else it is searched for. */
  readonly regex: (model: RegexModel, full: boolean) => CompiledRegex | LowerProblem;
};

/** Parts of a finding; `code` tells it from a result. */
export type LowerProblem = { readonly code: string; readonly message: string; readonly hint: string | null };

/** Where a policy sends requests of its own; see CompiledBackend for the members. */
export type PolicyTarget = {
  readonly upstream: string;
  readonly origin: string;
  readonly via: UpstreamTransport;
};

export type PolicyExplanation = {
  readonly input: Json;
  /** What it makes of it, in one sentence; further lines list what the sentence speaks of. */
  readonly note: string | null;
  /** False: nothing in it concerns this request. `later`: nobody can say before the request is made. Default true. */
  readonly decides?: boolean | 'later';
};

/** A caller whom authentication found, and the time of the request. */
export type KnownCaller = { readonly consumer: Consumer | null; readonly nowMs: number };

/** Two uses of one `counter` must count by one `limit`: each would reset what the other counts. */
export type UsedCounter = { readonly counter: string; readonly limit: string };

/** Build-time half of a policy. */
export interface PolicyLowering {
  readonly name: string;
  /** Nothing of the route has a part in what comes out: what several routes use as one object is lowered once. */
  readonly isOfNoRoute?: true;
  /**
   * Authored options → compiled JSON. Bad options are reported with their field path; null then makes
   * the route refuse with `policy-invalid`, because a route without its policy would be less protected.
   */
  lower(options: unknown, context: LowerContext): Json | null;
  /** Request headers that this configuration writes, lower case; see AuthMethodLowering.injectedHeaders. Default none. */
  injectedHeaders?(config: Json): readonly string[];
  /** Request headers of which this configuration takes the client's word, lower case: what any policy writes is no client's any more. Default none. */
  clientHeaders?(config: Json): readonly string[];
  /** Counters that requests of this configuration use, and what each is counted by. Default none. */
  counters?(config: Json): readonly UsedCounter[];
  /** For `explain`: what this policy would look at for this request, and one sentence about it. Pure, offline. `caller`: when it is known. */
  explain(
    config: Json,
    facts: RequestFacts,
    caller?: KnownCaller,
    routeId?: string,
  ): PolicyExplanation | Promise<PolicyExplanation>;
}

/** Ports that the process gives to policies; worker.ts supplies them. */
export type PolicyPorts = {
  readonly rateLimiter: RateLimiter;
  /** A rate-limit binding of the Worker by its name; null: it has none of that name. */
  readonly fence: (name: string) => Fence | null;
  /** One structured line: `event` is kebab-case and stable, `fields` hold no secret. Never throws. */
  readonly log: (event: string, fields: Readonly<Record<string, Json>>) => void;
  /** Plain fetch of a public https address: only for addresses that nobody wrote into the configuration. null: not in this process. */
  readonly askPublic: ((url: string, init: RequestInit) => Promise<Response>) | null;
  /** The namespace of API keys and users; null value: there is no such key. Throws when it cannot be asked. */
  readonly keys: { get(name: string): Promise<string | null> };
  /** A secret by the name of its variable; null: not set. */
  readonly secret: (name: string) => string | null;
  /** Shared by the isolates of one place (Cache API); a cache, so anything may be missing. Never rejects. */
  readonly shared: SharedTexts | null;
};

/** What policies may use at request time; gateway/policy-runtime.ts makes it. */
export type PolicyRuntime = PolicyPorts & {
  /** `never`: a limiter that cannot be asked refuses the request with 503 instead of letting it pass. */
  readonly failOpen: 'as-upstream' | 'never';
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * Asks a target. `path` begins with `/` and may hold a query; redirects are not followed. Throws when
   * the process has no way to it or it cannot be reached.
   */
  readonly ask: (target: PolicyTarget, path: string, init: RequestInit) => Promise<Response>;
  /** For a match (`full`) or a search, as the regex was compiled. */
  readonly regex: (regex: CompiledRegex, text: string) => boolean;
};

/** A rate-limit binding: approximate, of one place, and nothing must be asked over a network. Rejects when it fails. */
export interface Fence {
  limit(about: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

export interface SharedTexts {
  get(name: string): Promise<string | null>;
  put(name: string, text: string, seconds: number): Promise<void>;
}

/** An answer in place of the route's; null: the request passes. */
export type PolicyOutcome = Response | null | Promise<Response | null>;

/**
 * Decides about one request. Throws GatewayError, or rejects with it, to refuse. A plain value where nothing
 * has to be waited for spares the request a turn of the event loop.
 */
export type Policy = (context: PolicyContext) => PolicyOutcome;

/**
 * Request-time half of a policy. `create` runs once per loaded route, not per request; it throws when
 * the payload is not one it understands, and the route must then refuse.
 */
export interface PolicyHandler {
  readonly name: string;
  create(config: Json, runtime: PolicyRuntime): Policy;
}
