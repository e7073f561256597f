/**
 * RouteProgram: the contract between the compiler (Node) and the Worker (workerd).
 *
 * Pure data, deterministic: the same input in any order gives equal bytes. It holds no clock, no
 * findings and no file or line, so that moving a document inside a file changes nothing. A policy's
 * payload is opaque JSON here; only its own handler reads it. Optional keys are left out when they
 * say nothing, because every byte is loaded by every isolate.
 *
 * Stored form: program/encode.ts (shards, index, pointer). Bump FORMAT_VERSION on any change an
 * older Worker could misread; readers refuse versions they do not know.
 */
import type {
  GatewaySettings,
  HeaderMutations,
  HostPattern,
  InsecureAction,
  Json,
  RankKey,
  SecurityModel,
  UpstreamTls,
} from '../model/route-model.ts';

export const FORMAT_VERSION = 1;

export type ProgramSettings = GatewaySettings & {
  /** Request headers that policies write, lower case, sorted: no client may send them. Absent: none. */
  readonly injectedHeaders?: readonly string[];
};

export type RouteProgram = {
  readonly format: typeof FORMAT_VERSION;
  readonly settings: ProgramSettings;
  /** Sorted by id. */
  readonly domains: readonly CompiledDomain[];
  /** By table id; routes sorted by route id. */
  readonly tables: Readonly<Record<string, readonly CompiledRoute[]>>;
  /** Every upstream any route names, sorted by id: what a supervisor must bind before it serves this program. */
  readonly upstreams: readonly CompiledUpstream[];
};

export type CompiledSource = {
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly cluster?: string;
};

export type CompiledDomain = {
  readonly id: string;
  readonly hostname: HostPattern;
  readonly source?: CompiledSource;
  readonly security: { readonly http: SecurityModel | null; readonly https: SecurityModel | null };
  readonly insecureAction: InsecureAction;
  readonly refuse?: CompiledRefuse;
  /** Tables whose hostname restriction can hold in this domain, sorted by id. */
  readonly tables: readonly TableRef[];
};

/**
 * A table is the set of route matches that share the same domains and the same hostname
 * restriction, so a request needs only the tables its hostname selects. Tables are merged by rank.
 */
export type TableRef = { readonly id: string; readonly hostname: CompiledHostname };
export type CompiledHostname = HostPattern | { readonly regex: CompiledRegex } | null;

export type CompiledRoute = {
  /** Route id of the model; unique inside a table. */
  readonly id: string;
  readonly source: CompiledSource;
  readonly matches: readonly CompiledMatch[];
  readonly below?: number;
  readonly group?: string;
  readonly action: CompiledAction;
  /** In chain order. */
  readonly policies?: readonly CompiledPolicy[];
  readonly requestHeaders?: HeaderMutations;
  readonly responseHeaders?: HeaderMutations;
  readonly timeouts: { readonly requestMs: number; readonly idleMs: number; readonly attemptMs?: number };
  readonly upgrades?: readonly string[];
  readonly insecure?: 'serve';
  readonly staleSince?: string;
};

export type CompiledMatch = {
  readonly rank: RankKey;
  readonly path: CompiledPath;
  readonly method?: string | CompiledRegex;
  readonly headers?: readonly CompiledValueMatch[];
  readonly query?: readonly CompiledValueMatch[];
};

export type CompiledPath =
  | { readonly kind: 'exact' | 'prefix' | 'segments'; readonly value: string; readonly ignoreCase?: true }
  | { readonly kind: 'regex'; readonly regex: CompiledRegex };

/** No `value` and no `regex`: the name must be present. */
export type CompiledValueMatch = { readonly name: string; readonly value?: string; readonly regex?: CompiledRegex };

/**
 * A user's RE2 pattern with the engine the compiler chose. `js`: translated, proven free of
 * super-linear backtracking; `source`/`flags` are for RegExp and hold the anchors. `re2`: `source` is
 * the pattern as written, for re2js; `full` then says that it must match the whole text (`matches`),
 * absent that it is searched for.
 */
export type CompiledRegex = {
  readonly engine: 'js' | 're2';
  readonly source: string;
  readonly flags?: string;
  readonly full?: true;
};

export type CompiledAction = CompiledForward | CompiledRedirect | CompiledRespond | CompiledRefuse;

export type CompiledForward = { readonly kind: 'forward'; readonly backends: readonly CompiledBackend[] };

export type CompiledBackend = {
  readonly weight: number;
  /** Id of a CompiledUpstream. */
  readonly upstream: string;
  /** Scheme, host and port to connect to, for example `http://backend-service.default:8080`. No path. */
  readonly origin: string;
  readonly via: UpstreamTransport;
  readonly rewrite?: CompiledRewrite;
  /** Host header to send; absent: the client's own, port included. */
  readonly host?: string;
  readonly requestHeaders?: HeaderMutations;
  readonly responseHeaders?: HeaderMutations;
  /**
   * Requests that draw this backend get this answer; `upstream` and `origin` are then empty and no
   * CompiledUpstream is named. When every backend of a route refuses, the whole action is a refusal.
   */
  readonly refuse?: CompiledRefuse;
};

/**
 * `binding`: through the service binding of this upstream (Host is free). `vpc`: through the named
 * `vpc_services` binding (Host is free). `fetch`: plain fetch; Host is the origin's and the wanted
 * one travels in `x-forwarded-host`.
 */
export type UpstreamTransport =
  | { readonly kind: 'binding' }
  | { readonly kind: 'vpc'; readonly binding: string }
  | { readonly kind: 'fetch' };

export type CompiledUpstream = {
  /** Stable, derived from origin and transport, safe as a binding name after `bindingName()`. */
  readonly id: string;
  readonly origin: string;
  readonly via: UpstreamTransport;
  /** `echo`: nothing in the configuration resolves this service; `dev` starts an echo backend for it. */
  readonly resolvedBy: 'services' | 'template' | 'ingress' | 'literal' | 'vpc' | 'echo';
  /** The service as `name.namespace:port`, or the host as written. */
  readonly service: string;
  /** Only with `https` and a `binding`: what is not as for any public server. Part of the id. */
  readonly tls?: UpstreamTls;
};

export type CompiledRewrite =
  | { readonly kind: 'prefix'; readonly length: number; readonly value: string }
  | { readonly kind: 'segments'; readonly prefix: string; readonly value: string }
  | { readonly kind: 'full'; readonly value: string }
  | { readonly kind: 'regex'; readonly regex: CompiledRegex; readonly substitution: string };

export type CompiledRedirect = {
  readonly kind: 'redirect';
  readonly status: number;
  readonly scheme?: 'http' | 'https';
  readonly authority?: string;
  /** Without `authority`: the request's own host, this port; the scheme's default port is not written. */
  readonly port?: number;
  readonly path?: CompiledRewrite;
};
export type CompiledRespond = {
  readonly kind: 'respond';
  readonly status: number;
  readonly body?: string;
  readonly contentType?: string;
};
export type CompiledRefuse = {
  readonly kind: 'refuse';
  readonly status: number;
  readonly code: string;
  readonly message: string;
};

export type CompiledPolicy = { readonly name: string; readonly config: Json; readonly source: CompiledSource };
