/**
 * What people write in routes.config.ts. Types only: `parse.ts` checks the same facts at run time,
 * for plain JavaScript, and docs/configuration.md describes every key.
 *
 * `Upstream`, `Cluster` and `Method` carry the names declared under `upstreams`, `clusters` and
 * `authentication`, so that a route
 * naming one that does not exist is a TypeScript error.
 */
import type { ApiKeyOptions } from '../policies/authentication/api-key/options.ts';
import type { BasicOptions } from '../policies/authentication/basic/options.ts';
import type { ExternalOptions } from '../policies/authentication/external/options.ts';
import type { JwtOptions } from '../policies/authentication/jwt/options.ts';
import type { AuthorizeOptions } from '../policies/authorize/options.ts';
import type { CorsOptions } from '../policies/cors/options.ts';
import type { GeoOptions } from '../policies/geo/options.ts';
import type { IpOptions } from '../policies/ip/options.ts';
import type { RateLimitOptions } from '../policies/rate-limit/options.ts';

export type ConfigDefinition<
  Upstream extends string = string,
  Cluster extends string = string,
  Method extends string = string,
> = {
  /** How services become reachable. The one marked `default` (else the first) is meant where none is named. */
  readonly clusters?: { readonly [Name in Cluster]: ClusterDefinition };
  /** Backends with a name of their own, for routes that say `backend: { upstream: 'name' }`. */
  readonly upstreams?: { readonly [Name in Upstream]: string | ServiceDefinition<NoInfer<Cluster>> };
  /** Ways to prove an identity, for routes that say `policies: { auth: 'name' }`. */
  readonly authentication?: { readonly [Name in Method]: AuthenticationDefinition };
  readonly routes?: readonly RouteDefinition<NoInfer<Upstream>, NoInfer<Cluster>, NoInfer<Method>>[];
  readonly ambassador?: AmbassadorDefinition;
  readonly parity?: ParityDefinition;
  readonly gateway?: GatewayDefinition;
};

export type RouteDefinition<
  Upstream extends string = string,
  Cluster extends string = string,
  Method extends string = string,
> = RouteConditions & {
  /** Unique; letters, digits, `-`, `_` and `.`. The route's id is `config/NAME`. */
  readonly name: string;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly timeouts?: TimeoutsDefinition;
  /** Protocols that a client may upgrade to. Default none. */
  readonly upgrades?: readonly 'websocket'[];
  readonly policies?: PoliciesDefinition<Method>;
} & ActionDefinition<Upstream, Cluster>;

/** When the route applies: everything written must hold. */
export type RouteConditions = {
  /** Exact names, or one `*` at the very start or end. Default: every hostname that the gateway serves. */
  readonly hostnames?: readonly [string, ...string[]];
  /** A text is a prefix. */
  readonly path: string | PathDefinition;
  /** Default any. */
  readonly methods?: readonly [HttpMethod, ...HttpMethod[]];
  /** A text is the exact value, `true` mere presence. */
  readonly headers?: Readonly<Record<string, ConditionValue>>;
  /** As `headers`, over the first occurrence of each parameter; names are case-sensitive. */
  readonly query?: Readonly<Record<string, ConditionValue>>;
  /** Higher goes first, before any other consideration. Default 0. */
  readonly precedence?: number;
};

export type PathDefinition =
  | {
      readonly prefix: string;
      /** `true`: whole path elements, so `/man` does not match `/mankind`. Default: `parity.prefixMode`. */
      readonly segments?: boolean;
      readonly ignoreCase?: boolean;
      readonly exact?: never;
      readonly regex?: never;
    }
  | { readonly exact: string; readonly ignoreCase?: boolean; readonly prefix?: never; readonly regex?: never }
  /** RE2; must match the whole path. */
  | { readonly regex: string; readonly prefix?: never; readonly exact?: never };

/** Upper case, as methods are case-sensitive. */
export type HttpMethod = Uppercase<string>;
export type ConditionValue = string | true | RegexDefinition;
/** RE2; must match the whole value. */
export type RegexDefinition = { readonly regex: string };

/** Exactly one of these. */
export type ActionDefinition<Upstream extends string, Cluster extends string> =
  | (ForwardDefinition & {
      readonly backend: BackendDefinition<Upstream, Cluster>;
      readonly backends?: never;
      readonly redirect?: never;
      readonly respond?: never;
    })
  | (ForwardDefinition & {
      /** Chosen by weight. */
      readonly backends: readonly [
        WeightedBackendDefinition<Upstream, Cluster>,
        ...WeightedBackendDefinition<Upstream, Cluster>[],
      ];
      readonly backend?: never;
      readonly redirect?: never;
      readonly respond?: never;
    })
  | (NotForwarded & {
      readonly redirect: RedirectDefinition;
      readonly backend?: never;
      readonly backends?: never;
      readonly respond?: never;
    })
  | (NotForwarded & {
      readonly respond: RespondDefinition;
      readonly backend?: never;
      readonly backends?: never;
      readonly redirect?: never;
    });

type ForwardDefinition = RewriteDefinition & {
  /** Host header for the upstream. Default: the client's own for services, the URL's own for URLs. */
  readonly hostRewrite?: string | { readonly from: 'client' | 'upstream' };
};
type NotForwarded = { readonly rewrite?: never; readonly regexRewrite?: never; readonly hostRewrite?: never };

type RewriteDefinition =
  /** Replaces the matched prefix, or the whole path of an exact or regex match. Default: path unchanged. */
  | { readonly rewrite?: string; readonly regexRewrite?: never }
  /** RE2, every occurrence in the path; `\1` is a group, `\0` the whole match. */
  | { readonly rewrite?: never; readonly regexRewrite: RegexReplacement };
export type RegexReplacement = { readonly pattern: string; readonly substitution: string };

/** A text is `name[.namespace][:port]` (namespace `default`, port 80) or a URL such as `https://api.example.com`. */
export type BackendDefinition<Upstream extends string, Cluster extends string> =
  | string
  | (ServiceDefinition<Cluster> & { readonly upstream?: never })
  | UpstreamUse<Upstream>;

export type WeightedBackendDefinition<Upstream extends string, Cluster extends string> = (
  | (ServiceDefinition<Cluster> & { readonly upstream?: never })
  | UpstreamUse<Upstream>
) & {
  /** Share of the requests relative to the sum, 0 to 1,000,000. Default 1. */
  readonly weight?: number;
};

export type UpstreamUse<Upstream extends string> = {
  /** A name declared under `upstreams`. */
  readonly upstream: Upstream;
  readonly service?: never;
  readonly scheme?: never;
  readonly clusters?: never;
};

export type ServiceDefinition<Cluster extends string> = {
  readonly service: string;
  /** How to speak to a service that is not written as a URL. Default `http`. */
  readonly scheme?: 'http' | 'https';
  /** Clusters that have it, in order of preference. Default: the default cluster. */
  readonly clusters?: readonly [Cluster, ...Cluster[]];
};

export type RedirectDefinition = {
  /** Default 302, which no browser remembers. */
  readonly status?: 301 | 302 | 303 | 307 | 308;
  /** Default: the request's own. */
  readonly scheme?: 'http' | 'https';
  /** Host with optional port. Default: the request's own. */
  readonly host?: string;
} & (
  | { readonly path?: string; readonly prefix?: never; readonly regex?: never }
  | { readonly prefix: string; readonly path?: never; readonly regex?: never }
  | { readonly regex: RegexReplacement; readonly path?: never; readonly prefix?: never }
);

export type RespondDefinition = {
  /** 200 to 599. */
  readonly status: number;
  readonly body?: string;
  /** Default `text/plain; charset=utf-8` when there is a body. */
  readonly contentType?: string;
};

/** Removed first, then set (replaces), then added. */
export type HeaderChanges = {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string | readonly string[]>>;
  readonly remove?: readonly string[];
};

export type TimeoutsDefinition = {
  /** Whole exchange. 0: none. Default 3000. */
  readonly requestMs?: number;
  /** Longest silence on the response. 0: none. Default 300,000. */
  readonly idleMs?: number;
  /** One attempt. Default: as the whole exchange. */
  readonly attemptMs?: number;
};

export type PoliciesDefinition<Method extends string = string> = {
  readonly cors?: CorsOptions;
  /** A text is the name of the one way that counts. */
  readonly auth?: Method | AuthDefinition<Method>;
  readonly ip?: IpOptions;
  readonly geo?: GeoOptions;
  readonly authorize?: AuthorizeOptions;
  readonly rateLimit?: RateLimitOptions;
};

/** Exactly one of these. */
export type AuthenticationDefinition =
  | { readonly jwt: JwtOptions; readonly apiKey?: never; readonly basic?: never; readonly external?: never }
  | { readonly apiKey: ApiKeyOptions; readonly jwt?: never; readonly basic?: never; readonly external?: never }
  | { readonly basic: BasicOptions; readonly jwt?: never; readonly apiKey?: never; readonly external?: never }
  | { readonly external: ExternalOptions; readonly jwt?: never; readonly apiKey?: never; readonly basic?: never };

/** Names declared under `authentication`. */
export type AuthDefinition<Method extends string> = {
  /** A request without any credential passes as the consumer `anonymous`; a bad one never does. Default false. */
  readonly optional?: boolean;
  /** Look for the route again when authentication changed headers. Default true. */
  readonly recomputeRoute?: boolean;
} & (
  | { readonly method: Method; readonly anyOf?: never; readonly allOf?: never }
  | { readonly anyOf: readonly [Method, ...Method[]]; readonly method?: never; readonly allOf?: never }
  | { readonly allOf: readonly [Method, ...Method[]]; readonly method?: never; readonly anyOf?: never }
);

/** Tried in this order: `services`, `template`, `ingress`. */
export type ClusterDefinition = {
  /** At most one cluster. */
  readonly default?: true;
  /** `name[.namespace][:port]` → origin URL. `tls` here stands in place of the cluster's. */
  readonly services?: Readonly<Record<string, string | { readonly url: string; readonly tls?: TlsDefinition }>>;
  /** Origin URL with `{service}`, `{namespace}`, `{port}` and `{scheme}`, which is the service's own. */
  readonly template?: string;
  readonly ingress?: IngressDefinition;
  /** For everything in this cluster that is reached by https. Self-hosting and `dev` only. */
  readonly tls?: TlsDefinition;
  /** `vpc_services` binding of the Worker through which this cluster is reached on Cloudflare. */
  readonly vpcService?: string;
  /** `true`: `portolan dev` answers for this cluster's services with echo backends. Default false. */
  readonly echoInDev?: boolean;
};

/** Paths of PEM files, relative to the working directory of the process that serves. */
export type TlsDefinition = {
  /** Name to ask for and to find in the certificate. Default: the host of the URL. */
  readonly serverName?: string;
  /** The only authorities that are believed. Default: those that browsers trust. */
  readonly ca?: string;
  /** The gateway's own certificate, for upstreams that ask for one; `chain` begins with it. Default: none. */
  readonly certificate?: { readonly chain: string; readonly key: string };
};

export type IngressDefinition =
  | { readonly url: string; readonly mode: 'client-host' | 'service-host'; readonly header?: never }
  /** `header` defaults to `x-portolan-service`. */
  | { readonly url: string; readonly mode: 'service-header'; readonly header?: string };

/** About the installation whose resources are served; options of the command line go before these. */
export type AmbassadorDefinition = {
  /** AMBASSADOR_ID. Default `default`. */
  readonly id?: string;
  /** Namespace that Ambassador runs in. Default `default`. */
  readonly namespace?: string;
  /** Kinds (or `Module.key`) whose missing enforcement is accepted. Default none. */
  readonly allowUnenforced?: readonly string[];
  /** The label selector rule of Ambassador before 3.2. Default false. */
  readonly looseLabelSelectors?: boolean;
};

/** Where serving as Ambassador does and serving safely differ; see docs/configuration.md. */
export type ParityDefinition = {
  readonly hostPort?: 'strip' | 'strict';
  readonly rejectStatus?: 404 | 400;
  readonly redirectUnmatched?: boolean;
  readonly prefixMode?: 'raw' | 'segment';
  readonly rewriteDoubleSlash?: 'keep' | 'collapse';
  readonly strictClaims?: boolean;
  readonly failOpen?: 'as-upstream' | 'never';
  readonly escapedSlashes?: 'reject' | 'keep';
  readonly pathParams?: 'reject' | 'strip-in-dot-segments' | 'keep';
  readonly dotSegments?: 'reject' | 'normalize';
  readonly mergeSlashes?: boolean;
  readonly weightsRemainder?: 'fallthrough' | 'normalize';
  readonly unattached?: 'serve' | 'drop';
};

export type GatewayDefinition = {
  /** Proxies in front whose forwarding headers are believed. Default 0. */
  readonly trustedHops?: number;
  readonly headersWithUnderscores?: 'drop' | 'allow' | 'reject';
  /** Whether a `Cookie` value in which the runtime joined several lines is taken apart again. Default `rejoin`. */
  readonly cookieLines?: 'rejoin' | 'keep';
  /** 1 KB is 1024 bytes. Default 60. */
  readonly maxRequestHeadersKb?: number;
  /** Default 8192. */
  readonly maxTargetBytes?: number;
  readonly preserveRequestId?: boolean;
  /** `server` header of every answer; null keeps the upstream's. */
  readonly serverHeader?: string | null;
  readonly suppressEnvoyHeaders?: boolean;
  readonly exposeConfigVersion?: boolean;
};
