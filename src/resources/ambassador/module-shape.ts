/** The keys of the `ambassador` Module and what each takes. The cluster's own schema does not say. */
import {
  anyList,
  anyMapping,
  anything,
  boolean,
  firstOf,
  integer,
  list,
  milliseconds,
  oneOf,
  optionalText,
  record,
  text,
  type FieldKind,
} from './fields.ts';
import { defaultLabels } from './label-shape.ts';
import { cors, headerAdditions, headerNames } from './mapping-shape.ts';
import { circuitBreakers, errorOverrides, keepalive, loadBalancer, retryPolicy } from './traffic-shape.ts';
import type { HeaderAddition } from './types.ts';

type MappingDefaults = {
  readonly add_request_headers?: Readonly<Record<string, HeaderAddition>>;
  readonly add_response_headers?: Readonly<Record<string, HeaderAddition>>;
  readonly remove_request_headers?: readonly string[];
  readonly remove_response_headers?: readonly string[];
  readonly stats_name?: string;
};
const headerDefaults = {
  add_request_headers: headerAdditions,
  add_response_headers: headerAdditions,
  remove_request_headers: headerNames,
  remove_response_headers: headerNames,
  stats_name: text,
};
const defaults = record<MappingDefaults & { readonly httpmapping?: MappingDefaults; readonly tcpmapping?: unknown }>({
  ...headerDefaults,
  httpmapping: record<MappingDefaults>(headerDefaults),
  tcpmapping: anything,
});

/** Presence counts, whatever the value: `false` switches it on in Ambassador. */
const anyValue = anything;
const anyTextOrMapping: FieldKind<unknown> = firstOf((value) => typeof value === 'string', text, anyMapping);
const probe = record<{
  readonly enabled?: boolean;
  readonly prefix?: string;
  readonly rewrite?: string;
  readonly service?: string;
}>({ enabled: boolean, prefix: text, rewrite: text, service: text });

export const moduleKeys = {
  add_linkerd_headers: boolean,
  admin_port: integer(1, 65_535),
  allow_chunked_length: boolean,
  auth_enabled: anyValue,
  buffer: anyValue,
  buffer_limit_bytes: integer(0),
  circuit_breakers: circuitBreakers,
  cluster_idle_timeout_ms: milliseconds,
  cluster_max_connection_lifetime_ms: milliseconds,
  cluster_request_timeout_ms: milliseconds,
  cors,
  debug_mode: anyValue,
  default_label_domain: text,
  default_labels: defaultLabels,
  defaults,
  diagnostics: anyMapping,
  enable_grpc_http11_bridge: anyValue,
  enable_grpc_web: anyValue,
  enable_http10: boolean,
  enable_ipv4: boolean,
  enable_ipv6: boolean,
  envoy_log_format: anyTextOrMapping,
  envoy_log_path: text,
  envoy_log_type: oneOf(['text', 'json', 'typed_json']),
  envoy_validation_timeout: integer(0),
  error_response_overrides: errorOverrides,
  forward_client_cert_details: oneOf([
    'SANITIZE',
    'FORWARD_ONLY',
    'APPEND_FORWARD',
    'SANITIZE_SET',
    'ALWAYS_FORWARD_ONLY',
  ]),
  grpc_stats: anyMapping,
  gzip: anyMapping,
  header_case_overrides: list(text),
  headers_with_underscores_action: oneOf(['ALLOW', 'REJECT_REQUEST', 'DROP_HEADER']),
  ip_allow: anyList,
  ip_deny: anyList,
  keepalive,
  listener_idle_timeout_ms: milliseconds,
  liveness_probe: probe,
  load_balancer: loadBalancer,
  lua_scripts: text,
  max_request_headers_kb: integer(1, 8_192),
  merge_slashes: boolean,
  preserve_external_request_id: boolean,
  proper_case: boolean,
  prune_unreachable_routes: boolean,
  readiness_probe: probe,
  regex_max_size: integer(1),
  regex_type: anyValue,
  reject_requests_with_escaped_slashes: boolean,
  resolver: optionalText,
  retry_policy: retryPolicy,
  runtime_flags: anyMapping,
  server_name: optionalText,
  service_port: anyValue,
  set_current_client_cert_details: anyMapping,
  statsd: anyValue,
  strip_matching_host_port: boolean,
  suppress_envoy_headers: boolean,
  use_ambassador_namespace_for_service_resolution: boolean,
  use_proxy_proto: anyValue,
  use_remote_address: boolean,
  x_forwarded_proto_redirect: anyValue,
  xff_num_trusted_hops: integer(0),
} satisfies Readonly<Record<string, FieldKind<unknown>>>;

export type ModuleKey = keyof typeof moduleKeys;

/** Keys whose value protects routes: kept even when it cannot be read, so that they are not served without. */
export const protectiveKeys: ReadonlySet<string> = new Set(['ip_allow', 'ip_deny', 'lua_scripts', 'buffer']);
