/** Ambassador resources as users write them, as far as the oracle reads them, and what a request gets. */
export type NaiveMeta = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
};

export type NaiveMapping = {
  readonly kind: 'Mapping';
  readonly version: 'v2' | 'v3alpha1';
  readonly meta: NaiveMeta;
  readonly spec: NaiveMappingSpec;
};

export type NaiveMappingSpec = {
  readonly prefix: string;
  readonly service: string;
  readonly prefix_regex?: boolean;
  readonly prefix_exact?: boolean;
  readonly case_sensitive?: boolean;
  readonly hostname?: string;
  readonly host?: string;
  readonly host_regex?: boolean;
  /** `true` in v2: present. */
  readonly headers?: Readonly<Record<string, string | true>>;
  readonly regex_headers?: Readonly<Record<string, string>>;
  readonly query_parameters?: Readonly<Record<string, string | true>>;
  readonly regex_query_parameters?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly method_regex?: boolean;
  readonly precedence?: number;
  readonly weight?: number;
  readonly rewrite?: string;
  readonly regex_rewrite?: { readonly pattern: string; readonly substitution: string };
  readonly host_rewrite?: string;
  readonly auto_host_rewrite?: boolean;
  readonly bypass_auth?: boolean;
  readonly host_redirect?: boolean;
  readonly path_redirect?: string;
  readonly prefix_redirect?: string;
  readonly redirect_response_code?: number;
  readonly add_request_headers?: Readonly<Record<string, { readonly value: string; readonly append?: boolean }>>;
  readonly remove_request_headers?: readonly string[];
};

export type NaiveHost = {
  readonly kind: 'Host';
  readonly meta: NaiveMeta;
  readonly spec: {
    readonly hostname?: string;
    readonly mappingSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly requestPolicy?: { readonly insecure: { readonly action: 'Redirect' | 'Reject' | 'Route' } };
  };
};

export type NaiveListener = {
  readonly kind: 'Listener';
  readonly meta: NaiveMeta;
  readonly spec: {
    readonly port: number;
    readonly protocol: 'HTTP' | 'HTTPS';
    readonly securityModel: 'XFP' | 'SECURE' | 'INSECURE';
    readonly l7Depth: number;
    readonly hostBinding: {
      readonly namespace?: { readonly from: 'SELF' | 'ALL' };
      readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    };
  };
};

export type NaiveResources = {
  readonly mappings: readonly NaiveMapping[];
  readonly hosts: readonly NaiveHost[];
  /** At most one for each protocol. */
  readonly listeners: readonly NaiveListener[];
};

export type NaiveRequest = {
  readonly transport: 'http' | 'https';
  /** As sent: any case, with or without port. */
  readonly host: string;
  readonly method: string;
  readonly path: string;
  /** Without `?`; null: none. */
  readonly query: string | null;
  /** Names in lower case, each once. */
  readonly headers: Readonly<Record<string, string>>;
  /** In [0, 100). */
  readonly r: number;
};

export type NaiveAnswer =
  | { readonly kind: 'none' | 'refused' | 'unspecified' }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  | {
      readonly kind: 'forward';
      /** `namespace/name` */
      readonly mapping: string;
      /** Scheme, host, port and target toward the service. */
      readonly url: string;
      readonly host: string;
      readonly added: Readonly<Record<string, string>>;
    };
