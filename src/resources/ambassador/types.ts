/**
 * getambassador.io resources after parsing, conversion to v3alpha1 and shape validation:
 * the input of linking and translating. Field names are the CRD's own.
 */
import type { SourceRef } from '../../diagnostics/finding.ts';
import type { KnownSecrets } from '../../model/secret-states.ts';
import type { ExternalSpec } from './external-shape.ts';
import type { FilterPolicySpec } from './filter-policy-shape.ts';
import type { FilterSpec } from './filter-shape.ts';
import type { Labels } from './label-shape.ts';
import type { RateLimitObjectSpec } from './rate-limit-shape.ts';
import type { RateLimitServiceSpec } from './rate-limit-service-shape.ts';

/** A Kubernetes object as read from a manifest. `locate` maps a field path to a line. */
export type KubernetesObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string | null;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly generation: number | null;
    readonly creationTimestamp: string | null;
  };
  /** `spec` (for annotations: the top level fields). */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly source: SourceRef;
  /** Clusters that hold this object as it is here, in the order of routes.config.ts; absent: the one and unnamed. */
  readonly clusters?: readonly string[];
  /** Line of a field path such as `spec.cors.max_age`; the object's own line when unknown. */
  readonly locate: (path: string) => number | null;
};

type Resource<Kind extends string, Spec> = {
  readonly kind: Kind;
  readonly source: SourceRef;
  /** As in KubernetesObject. */
  readonly clusters?: readonly string[];
  readonly locate: (path: string) => number | null;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly creationTimestamp: string | null;
  readonly spec: Spec;
  /** Fields that are wrong in a way that must make the routes of this resource refuse. */
  readonly invalid: readonly InvalidField[];
  readonly staleSince: string | null;
};
export type InvalidField = { readonly path: string; readonly code: string; readonly message: string };

export type MappingResource = Resource<'Mapping', MappingSpec>;
export type HostResource = Resource<'Host', HostSpec>;
export type ListenerResource = Resource<'Listener', ListenerSpec>;
export type ModuleResource = Resource<'Module', ModuleSpec>;
export type FilterResource = Resource<'Filter', FilterSpec>;
export type FilterPolicyResource = Resource<'FilterPolicy', FilterPolicySpec>;
/** null: it names no service. */
export type AuthServiceResource = Resource<'AuthService', ExternalSpec | null>;
export type RateLimitResource = Resource<'RateLimit', RateLimitObjectSpec>;
export type RateLimitServiceResource = Resource<'RateLimitService', RateLimitServiceSpec>;
/** A recognised kind that is not built yet; it refuses what it would protect. */
export type UnenforcedResource = Resource<string, Readonly<Record<string, unknown>>>;

export type NormalizedResources = {
  readonly mappings: readonly MappingResource[];
  readonly hosts: readonly HostResource[];
  readonly listeners: readonly ListenerResource[];
  /** The `ambassador` Module, merged; null when there is none. */
  readonly module: ModuleResource | null;
  readonly filters: readonly FilterResource[];
  readonly filterPolicies: readonly FilterPolicyResource[];
  readonly authServices: readonly AuthServiceResource[];
  readonly rateLimits: readonly RateLimitResource[];
  readonly rateLimitServices: readonly RateLimitServiceResource[];
  readonly unenforced: readonly UnenforcedResource[];
};

export type HeaderAddition = { readonly value: string; readonly append: boolean };
export type CorsSpec = {
  readonly origins?: readonly string[];
  readonly methods?: readonly string[];
  readonly headers?: readonly string[];
  readonly exposed_headers?: readonly string[];
  readonly credentials?: boolean;
  readonly max_age?: string;
};
export type RateLimitSpec = {
  readonly name: string;
  readonly limits: readonly {
    readonly pattern: string;
    readonly rate: number;
    readonly unit: 'second' | 'minute' | 'hour' | 'day';
  }[];
};
export type RegexSubstitution = { readonly pattern: string; readonly substitution: string };

/** Keys absent when not written, so that Module defaults and group flattening can tell. */
export type MappingSpec = {
  readonly prefix: string;
  readonly service: string;
  readonly prefix_regex?: boolean;
  readonly prefix_exact?: boolean;
  readonly case_sensitive?: boolean;
  readonly hostname?: string;
  readonly host?: string;
  readonly host_regex?: boolean;
  /** `true`: presence (legacy form). */
  readonly headers?: Readonly<Record<string, string | true>>;
  readonly regex_headers?: Readonly<Record<string, string>>;
  readonly query_parameters?: Readonly<Record<string, string | true>>;
  readonly regex_query_parameters?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly method_regex?: boolean;
  readonly precedence?: number;
  readonly rewrite?: string;
  readonly regex_rewrite?: RegexSubstitution;
  readonly host_rewrite?: string;
  readonly auto_host_rewrite?: boolean;
  readonly add_linkerd_headers?: boolean;
  readonly resolver?: string;
  readonly tls?: string | boolean;
  readonly grpc?: boolean;
  readonly timeout_ms?: number;
  readonly idle_timeout_ms?: number;
  readonly add_request_headers?: Readonly<Record<string, HeaderAddition>>;
  readonly add_response_headers?: Readonly<Record<string, HeaderAddition>>;
  readonly remove_request_headers?: readonly string[];
  readonly remove_response_headers?: readonly string[];
  readonly host_redirect?: boolean;
  readonly path_redirect?: string;
  readonly prefix_redirect?: string;
  readonly regex_redirect?: RegexSubstitution;
  readonly redirect_response_code?: number;
  readonly cors?: CorsSpec;
  readonly weight?: number;
  readonly shadow?: boolean;
  readonly bypass_auth?: boolean;
  readonly auth_context_extensions?: Readonly<Record<string, string>>;
  readonly labels?: Labels;
  readonly allow_upgrade?: readonly string[];
  readonly rate_limits?: readonly RateLimitSpec[];
  /** Every other accepted key, untouched: the coverage table decides what is said about it. */
  readonly other: Readonly<Record<string, unknown>>;
};

export type HostSpec = {
  /** Default `*`. */
  readonly hostname: string;
  /** null: no selector. `{}`: selects everything. */
  readonly mappingSelector: Readonly<Record<string, string>> | null;
  readonly insecureAction: 'Redirect' | 'Reject' | 'Route';
  /** A client-certificate requirement that the edge cannot honour here: the Host refuses. */
  readonly requiresClientCertificate: boolean;
};

export type ListenerSpec = {
  readonly port: number;
  /** Outermost first, for example `['TLS', 'HTTP', 'TCP']`. */
  readonly protocolStack: readonly string[];
  readonly securityModel: 'XFP' | 'SECURE' | 'INSECURE';
  readonly l7Depth: number;
  readonly hostBinding: {
    readonly namespaceFrom: 'SELF' | 'ALL';
    readonly matchLabels: Readonly<Record<string, string>> | null;
  };
};

/** `spec.config` of the `ambassador` Module; only the keys we carry are typed. */
export type ModuleSpec = { readonly config: Readonly<Record<string, unknown>> };

/** What the person running the build chose about Ambassador semantics. */
export type AmbassadorOptions = {
  /** AMBASSADOR_ID of the installation being replaced. Default `default`. */
  readonly ambassadorId: string;
  /** Namespace Ambassador itself runs in: services of Mappings there stay unqualified. Default `default`. */
  readonly ambassadorNamespace: string;
  /** Kinds whose missing enforcement is accepted (`--allow-unenforced`). */
  readonly allowUnenforced: ReadonlySet<string>;
  /** `serve`: a Mapping without hostname that no Host selects serves unclaimed hostnames. `drop`: as Ambassador. */
  readonly unattached: 'serve' | 'drop';
  readonly prefixMode: 'raw' | 'segment';
  readonly weightsRemainder: 'fallthrough' | 'normalize';
  /** `true` restores the label selector rule of Ambassador before 3.2. */
  readonly looseLabelSelectors: boolean;
  /** `strip` (default): a `:port` in a hostname is not part of it. `strict`: the full authority counts. */
  readonly hostPort?: 'strip' | 'strict';
  /** A token without `exp`, or without an `iss` or `aud` that its JWT Filter names, is refused. Default false, as Ambassador. */
  readonly strictClaims?: boolean;
  /** What is known of the Secrets that APIKey Filters name. Default nothing: such a Filter counts as usable. */
  readonly secrets?: KnownSecrets;
};
