/**
 * RouteModel: what the routes mean, whatever they were written in.
 *
 * Translators (Ambassador resources, routes.config.ts, later the Gateway API) produce it, the
 * compiler ranks, merges and lowers it. Plain data: no Kubernetes type, no function, no secret.
 * The table in ARCHITECTURE.md says which field of a Mapping or an HTTPRoute becomes which node.
 */
import type { SourceRef } from '../diagnostics/finding.ts';

/** JSON as it crosses process boundaries. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Every node that a user can ask "why?" about carries where it was written. */
export type Provenance = SourceRef & {
  /** Field path of the node inside its object; null for the object itself. */
  readonly path: string | null;
};

export type RouteModel = {
  readonly domains: readonly DomainModel[];
  readonly routes: readonly RouteModelRoute[];
  readonly settings: GatewaySettings;
  readonly clusters: readonly ClusterModel[];
};

/**
 * A virtual host (Ambassador Host, Gateway API listener). A request belongs to exactly one
 * domain, chosen by hostname before any route is looked at; there is no second try in another.
 */
export type DomainModel = {
  /** Unique, stable: `Host/ns/name`, or `default` for the domain of unclaimed hostnames. */
  readonly id: string;
  readonly hostname: HostPattern;
  readonly source: Provenance | null;
  /** How a request that arrived in clear or over TLS is judged; null: this transport is not served. */
  readonly security: { readonly http: SecurityModel | null; readonly https: SecurityModel | null };
  /** What happens to a request judged insecure, on a path that has a route. */
  readonly insecureAction: InsecureAction;
  /** Set when the whole domain must refuse (an unusable or unenforceable Host). */
  readonly refuse: RefuseAction | null;
};

/** `forwarded-proto`: secure when the trusted scheme (see GatewaySettings.trustedHops) is `https`. */
export type SecurityModel = 'secure' | 'insecure' | 'forwarded-proto';
export type InsecureAction = 'route' | 'redirect' | 'reject';

/**
 * `*`, an exact name, or one `*` at the very start or very end standing for one or more
 * characters (dots included). Lower case. May end in `:port` (only compared with `hostPort: strict`).
 */
export type HostPattern = string;

/**
 * A user regex with RE2 semantics; compiled by compile/regex.ts. In a match it must match the whole
 * text, in a rewrite it is searched for.
 */
export type RegexModel = {
  readonly pattern: string;
  /** Largest RE2 program accepted (Module `regex_max_size`); absent: 200. */
  readonly maxProgramSize?: number;
  readonly at?: FieldPosition;
};

/** Where a value was written, for findings that only the compiler can make. Never part of the program. */
export type FieldPosition = { readonly path: string; readonly line: number | null };

export type RouteModelRoute = {
  /** Unique and stable: `Mapping/ns/name`, `HTTPRoute/ns/name/rule-0`, `config/name`. */
  readonly id: string;
  readonly source: Provenance;
  /** Domains (by id) this route is attached to. Empty: the route is dead, and a finding says so. */
  readonly domains: readonly string[];
  /** OR-ed. Each match is ranked on its own. */
  readonly matches: readonly RouteMatch[];
  /**
   * Envoy's runtime fraction: the route matches only while r < below, where r in [0, 100) is drawn
   * once per request and shared by every route. null: always. Canary groups of Mappings use this;
   * weighted backends of one rule use `ForwardAction.backends`.
   */
  readonly share: { readonly below: number } | null;
  /** Routes of one canary group share this name; used by explain, diff and the dashboard. */
  readonly group: string | null;
  readonly action: RouteAction;
  /** In any order: the compiler sorts by policies/order.ts. */
  readonly policies: readonly PolicyUse[];
  /** Applied when the request is forwarded: after every policy has seen the original headers. */
  readonly requestHeaders: HeaderMutations;
  /** Applied to every answer of this route, our own included. */
  readonly responseHeaders: HeaderMutations;
  readonly timeouts: RouteTimeouts;
  /** Lower-case protocol tokens a client may upgrade to. */
  readonly upgrades: readonly string[];
  /** `serve`: an insecure request is served whatever the domain's action says (ACME challenges). */
  readonly insecure: 'as-domain' | 'serve';
  /** ISO time since which an older, accepted version of this resource is served in place of a broken one. */
  readonly staleSince: string | null;
};

export type RouteMatch = {
  /** Further restriction inside the domain; null: any hostname of the domain. */
  readonly hostname: HostPattern | { readonly regex: RegexModel } | null;
  readonly path: PathMatch;
  /** Exact, case-sensitive; or a full-match regex. null: any. */
  readonly method: string | { readonly regex: RegexModel } | null;
  /** All must hold. Names lower case. Duplicated headers are joined with `,` before matching, as Envoy does. */
  readonly headers: readonly ValueMatch[];
  /** All must hold; the first occurrence of a repeated parameter counts. Names case-sensitive. */
  readonly query: readonly ValueMatch[];
  readonly rank: RankKey;
};

export type PathMatch = {
  /**
   * `prefix`: plain string prefix (Ambassador). `segments`: whole path elements (Gateway API PathPrefix).
   * `regex`: full match.
   */
  readonly kind: 'exact' | 'prefix' | 'segments' | 'regex';
  readonly value: string;
  /** Not for `regex`, whose text says it itself with `(?i)`. */
  readonly caseSensitive: boolean;
  /** For `regex`, as in RegexModel. */
  readonly maxProgramSize?: number;
  readonly at?: FieldPosition;
};

export type ValueMatch = {
  readonly name: string;
  /** `present` needs the name only. */
  readonly test:
    | { readonly kind: 'exact'; readonly value: string }
    | { readonly kind: 'regex'; readonly regex: RegexModel }
    | { readonly kind: 'present' };
};

/**
 * Order among the matches of one domain: compared element by element, larger first; a list that
 * extends another comes first. `{ascending}` turns one element round. Each translator writes the
 * key its specification asks for, so that the compiler knows no source. The first element is the
 * merge tier (see ARCHITECTURE.md, "Merge order").
 */
export type RankKey = readonly RankTerm[];
export type RankTerm = number | string | { readonly ascending: number | string };

export type RouteAction = ForwardAction | RedirectAction | RespondAction | RefuseAction;

export type ForwardAction = {
  readonly kind: 'forward';
  /** One, or several chosen by weight. Sum 0: every request gets 500 `no-backend`. */
  readonly backends: readonly WeightedBackend[];
};

export type WeightedBackend = {
  readonly weight: number;
  readonly service: ServiceRef;
  /**
   * The service of each of `service.clusters` is a backend of its own, with this weight each, and not
   * only that of the first which has it: the same resource lives in all of them. Absent: false.
   */
  readonly perCluster?: true;
  readonly rewrite: PathRewrite | null;
  readonly host: HostRewrite | null;
  /** For this backend only, after the route's own mutations (HTTPRoute backendRef filters). */
  readonly requestHeaders: HeaderMutations;
  readonly responseHeaders: HeaderMutations;
  /** Set when this backend cannot be used: its share of requests gets this answer (HTTPRoute's rule for a bad backendRef). */
  readonly refuse?: RefuseAction;
};

/** A service as named by the resource, already qualified by its source's rules; not yet reachable. */
export type ServiceRef = {
  /** As the user wrote it, for messages. */
  readonly text: string;
  readonly scheme: 'http' | 'https';
  /** Service name, DNS name or IP literal (IPv6 without brackets). Lower case. */
  readonly host: string;
  /** Set when `host` names a Kubernetes service; null for IP literals, external hosts and localhost. */
  readonly service: { readonly name: string; readonly namespace: string } | null;
  readonly port: number;
  /** Clusters that have this service, in order of preference; empty: all of them, in the model's order. */
  readonly clusters: readonly string[];
  readonly at?: FieldPosition;
};

export type PathRewrite =
  /** Replaces the first `length` characters of the canonical path (Ambassador: no slash clean-up). */
  | { readonly kind: 'prefix'; readonly length: number; readonly value: string }
  /** Element-wise (Gateway API ReplacePrefixMatch). */
  | { readonly kind: 'segments'; readonly prefix: string; readonly value: string }
  | { readonly kind: 'full'; readonly value: string }
  /** RE2 replace-all; `\1` groups, `\0` whole; no match leaves the path unchanged. */
  | { readonly kind: 'regex'; readonly regex: RegexModel; readonly substitution: string };

/** `upstream`: Host becomes the upstream's own name (auto_host_rewrite). null in the model: the client's Host. */
export type HostRewrite = { readonly kind: 'literal'; readonly value: string } | { readonly kind: 'upstream' };

export type RedirectAction = {
  readonly kind: 'redirect';
  readonly status: 301 | 302 | 303 | 307 | 308;
  /** null: the request's own. */
  readonly scheme: 'http' | 'https' | null;
  /** Host with optional port; null: the request's own. */
  readonly authority: string | null;
  /** With `authority` null: the request's own host, this port (HTTPRoute). The scheme's default port is not written. */
  readonly port?: number;
  /** null: kept. The query is always kept. */
  readonly path: PathRewrite | null;
};

export type RespondAction = {
  readonly kind: 'respond';
  readonly status: number;
  readonly body: string | null;
  readonly contentType: string | null;
};

/** Serving would be wrong or unsafe: the request gets `status` and `code`, and no broader route answers for it. */
export type RefuseAction = {
  readonly kind: 'refuse';
  readonly status: number;
  readonly code: string;
  readonly message: string;
};

/** One policy on one route. `options` are the policy's authored options (policies/<name>/options.ts). */
export type PolicyUse = {
  readonly policy: string;
  readonly options: Json;
  readonly source: Provenance;
  /** Options that other objects wrote. */
  readonly parts?: readonly PolicyPart[];
};

export type PolicyPart = {
  /** Inside the options: `groups[0][1]`. */
  readonly at: string;
  readonly source: Provenance;
};

/** Removed first, then set (overwrites), then added. Names lower case, order kept. */
export type HeaderMutations = {
  readonly remove: readonly string[];
  readonly set: readonly HeaderValue[];
  readonly add: readonly HeaderValue[];
};
/** `value` may hold the Envoy operators listed in docs/headers.md (`%PROTOCOL%`, `%REQ(name)%`, …). */
export type HeaderValue = { readonly name: string; readonly value: string };

export type RouteTimeouts = {
  /** Whole exchange, request start to last response byte. 0: none. Expiry before headers: 504 `upstream-timeout`. */
  readonly requestMs: number;
  /** Longest silence on the response stream. 0: none. */
  readonly idleMs: number;
  /** One attempt, to its last byte; null: as the whole exchange. */
  readonly attemptMs: number | null;
};

/** How a service becomes something the gateway can reach. In order; the first that resolves wins. */
export type ClusterModel = {
  readonly name: string;
  /** By `service[.namespace][:port]`. */
  readonly services: Readonly<Record<string, ServiceOrigin>>;
  /** For example `https://{service}.{namespace}.example.com`; placeholders {service} {namespace} {port}. */
  readonly template: string | null;
  readonly ingress: IngressModel | null;
  /** For what `template` and `ingress` lead to over https; `services` say it themselves. Default: nothing special. */
  readonly tls?: UpstreamTls;
  /** Name of a `vpc_services` binding of the Worker (Cloudflare only). */
  readonly vpcService: string | null;
  /** `dev` starts an echo backend for every service of this cluster; elsewhere it changes nothing. Default false. */
  readonly echo?: boolean;
};

/** `tls` is left out where `url` is http. */
export type ServiceOrigin = { readonly url: string; readonly tls?: UpstreamTls };

/**
 * How the gateway proves itself to an upstream, and the upstream to it. Files are PEM, named by a path
 * relative to the working directory of the process that serves; what is in them never enters a program.
 */
export type UpstreamTls = {
  /** Asked for (SNI) and expected in the certificate. Lower case. Default: the host of the URL. */
  readonly serverName?: string;
  /** The only authorities that are believed. Default: those that browsers trust. */
  readonly ca?: string;
  /** Sent when the upstream asks for one. Default: none. */
  readonly certificate?: { readonly chain: string; readonly key: string };
};

export type IngressModel = {
  /** Origin URL of the ingress. */
  readonly url: string;
  /**
   * `client-host`: the client's Host and original path. `service-host`: Host is the service's DNS name,
   * path rewritten. `service-header`: the client's Host, path rewritten, and a header naming the service.
   */
  readonly mode: 'client-host' | 'service-host' | 'service-header';
  /** For `service-header`. Default `x-portolan-service`. */
  readonly header: string;
};

/** Gateway-wide settings. Parity switches first: see docs/parity.md. */
export type GatewaySettings = {
  readonly paths: PathSettings;
  readonly hostPort: 'strip' | 'strict';
  readonly rejectStatus: 404 | 400;
  readonly redirectUnmatched: boolean;
  readonly failOpen: 'as-upstream' | 'never';
  readonly headersWithUnderscores: 'drop' | 'allow' | 'reject';
  /**
   * Several `Cookie` lines reach a Worker joined with `, `. `rejoin` writes `; ` wherever such a comma
   * stands before `name=`: a guess, which a cookie value with a comma in it can mislead.
   */
  readonly cookieLines: 'rejoin' | 'keep';
  /** Proxies in front of us whose forwarding headers are believed, counted from the right. */
  readonly trustedHops: number;
  /** Request header bytes, names and values; above: 431. */
  readonly maxRequestHeadersBytes: number;
  /** Request target bytes; above: 414. */
  readonly maxTargetBytes: number;
  /** Keep the client's `x-request-id`. */
  readonly preserveRequestId: boolean;
  /** Value of the `server` response header; null: the upstream's own is kept. */
  readonly serverHeader: string | null;
  /** Leave out `x-envoy-*` compatibility headers. */
  readonly suppressEnvoyHeaders: boolean;
  /** Answer with `x-portolan-config-version`. */
  readonly exposeConfigVersion: boolean;
};

export type PathSettings = {
  /** `.` and `..` segments, plain or encoded, and a literal backslash. */
  readonly dotSegments: 'reject' | 'normalize';
  /** `%2f` and `%5c`. */
  readonly escapedSlashes: 'reject' | 'keep';
  /** `;` parameters on a dot segment. */
  readonly pathParams: 'reject' | 'strip-in-dot-segments' | 'keep';
  readonly mergeSlashes: boolean;
  /** `//` that a rewrite produces. */
  readonly rewriteDoubleSlash: 'keep' | 'collapse';
};
