/**
 * What becomes of every field and kind: one table, read by the checks (which say it per resource) and by
 * the page docs/coverage.md.
 */
import type { UnenforcedKind } from '../resource-kinds.ts';
import type { HostField } from './host-shape.ts';
import type { ListenerField } from './listener-shape.ts';
import type { MappingField } from './mapping-shape.ts';
import type { ModuleKey } from './module-shape.ts';

export type CoverageStatus = 'carried' | 'difference' | 'no-effect-at-edge' | 'refused' | 'not-yet-enforced';

export type Coverage = {
  readonly status: CoverageStatus;
  /** One sentence: what happens instead, or what is different; for `carried`, only what is worth knowing. */
  readonly note: string;
  /** The translation reports it, because it knows more (how many routes, whether it matters). */
  readonly saidElsewhere?: true;
};

/** Fields that every kind has. */
export type CommonField = 'ambassador_id' | 'ambassadorId';

export const carried = (note = ''): Coverage => ({ status: 'carried', note });
export const difference = (note: string): Coverage => ({ status: 'difference', note });
export const noEffect = (note: string): Coverage => ({ status: 'no-effect-at-edge', note });
export const refused = (note: string): Coverage => ({ status: 'refused', note, saidElsewhere: true });
export const later = (note: string): Coverage => ({ status: 'not-yet-enforced', note });
export const elsewhere = (coverage: Coverage): Coverage => ({ ...coverage, saidElsewhere: true });

export const commonCoverage: Readonly<Record<CommonField, Coverage>> = {
  ambassador_id: carried('A resource without it belongs to `default`; `_automatic_` belongs to every installation.'),
  ambassadorId: carried('The same as `ambassador_id`.'),
};

const bookkeeping = carried('Bookkeeping of the cluster’s version conversion; it changes nothing.');
const connectionPool = noEffect(
  'Connections to services are the runtime’s, which keeps and closes them by its own rules.',
);
const addressFamily = noEffect('The runtime chooses between IPv4 and IPv6.');
const nameLookup = noEffect('The runtime looks names up and follows their TTL.');
const retries = later('A failed request is answered, not tried again.');
const breakers = later('Requests to a service are not counted, so none is turned away early.');
const balancing = later('Requests of one client are not kept on one backend.');
const errorPages = later('Error answers keep their own body.');

export const mappingCoverage: Readonly<Record<MappingField | CommonField, Coverage>> = {
  ...commonCoverage,
  prefix: carried('A raw text prefix as in Ambassador; `prefixMode: segment` compares whole segments.'),
  prefix_regex: carried('RE2 rules, whatever the runtime’s own expressions can do.'),
  prefix_exact: carried(),
  case_sensitive: carried(),
  hostname: difference('Compared in lower case and without port (`hostPort: strict` keeps it).'),
  host: carried('v1 and v2: read as `hostname`, none meaning every hostname.'),
  host_regex: carried(),
  headers: carried('`true` tests for presence.'),
  regex_headers: carried(),
  query_parameters: carried('`true` tests for presence.'),
  regex_query_parameters: carried(),
  method: carried(),
  method_regex: carried(),
  precedence: carried(),
  service: difference('Found through `clusters` of routes.config.ts; a service that is not found refuses.'),
  rewrite: difference('A path that a rewrite makes unsafe is refused.'),
  regex_rewrite: carried(),
  host_rewrite: carried('A runtime that cannot send another Host refuses.'),
  auto_host_rewrite: carried(),
  add_linkerd_headers: carried(),
  resolver: difference('Decides how the service name is qualified; endpoints are not looked up.'),
  tls: difference(
    'TLS is used toward the service; certificates are always verified. A TLSContext’s own authority and certificate are not used: `tls` of a cluster entry says them.',
  ),
  grpc: refused('gRPC needs HTTP/2 trailers, which the runtime does not pass on; the route refuses.'),
  timeout_ms: carried(
    'Default 3000; `0` switches it off. An upload that brings less than 16 KiB in this time is cut, too; a stalled answer of up to 1 KiB is not.',
  ),
  idle_timeout_ms: carried('Default five minutes; `0` switches it off.'),
  connect_timeout_ms: noEffect('The runtime has no time limit of its own for connecting; `timeout_ms` covers it.'),
  cluster_timeout_ms: noEffect('An old name that Ambassador does not read; `timeout_ms` counts.'),
  cluster_idle_timeout_ms: connectionPool,
  cluster_max_connection_lifetime_ms: connectionPool,
  keepalive: connectionPool,
  retry_policy: retries,
  circuit_breakers: breakers,
  load_balancer: balancing,
  health_checks: later('Services are not probed.'),
  v3HealthChecks: later('Services are not probed.'),
  outlier_detection: noEffect('Ambassador does not support it either.'),
  priority: noEffect('There is one class of connections.'),
  add_request_headers: carried('Values may hold `%…%` operators.'),
  add_response_headers: carried('Values may hold `%…%` operators.'),
  remove_request_headers: carried(),
  remove_response_headers: carried(),
  host_redirect: carried(),
  path_redirect: carried(),
  prefix_redirect: carried(),
  regex_redirect: carried(),
  redirect_response_code: carried('Another status than 301, 302, 303, 307 and 308 becomes 301.'),
  cors: difference('`Vary: Origin` is added; lists may be one text with commas, which v3alpha1 trims.'),
  weight: carried('Ambassador’s arithmetic; `weightsRemainder: normalize` shares what is left over.'),
  shadow: elsewhere(later('Requests are not mirrored; a shadow Mapping takes no traffic.')),
  bypass_auth: carried('Filters and AuthService alike are skipped.'),
  auth_context_extensions: elsewhere(
    noEffect('Envoy passes it over gRPC alone, which cannot be spoken; an AuthService over HTTP never gets it.'),
  ),
  labels: difference(
    'Those of the RateLimitService’s domain. `source_cluster` and `destination_cluster` have values of this gateway, because there is no Envoy to name clusters.',
  ),
  rate_limits: carried('Our own: counted per client address, IPv6 by its /64; every matching limit must allow.'),
  allow_upgrade: difference('`websocket` only; another upgrade gets 403.'),
  use_websocket: carried('The same as `allow_upgrade: [websocket]`.'),
  error_response_overrides: errorPages,
  bypass_error_response_overrides: errorPages,
  cluster_tag: noEffect('It only names Envoy clusters.'),
  stats_name: noEffect('It only names metrics of Envoy.'),
  v3StatsName: noEffect('It only names metrics of Envoy.'),
  dns_type: nameLookup,
  respect_dns_ttl: nameLookup,
  enable_ipv4: addressFamily,
  enable_ipv6: addressFamily,
  docs: noEffect('It is for the developer portal and has no part in traffic.'),
  envoy_override: noEffect('Ambassador ignores it too.'),
  modules: noEffect('Ambassador ignores it too.'),
  v2BoolHeaders: bookkeeping,
  v2BoolQueryParameters: bookkeeping,
  v2ExplicitTLS: bookkeeping,
};

const platformTls = noEffect(
  'TLS ends on the platform; the Host is served whether or not there is a certificate here.',
);

export const hostCoverage: Readonly<Record<HostField | CommonField, Coverage>> = {
  ...commonCoverage,
  hostname: difference('Compared in lower case and without port (`hostPort: strict` keeps it).'),
  mappingSelector: carried('`matchLabels` only; `matchExpressions` is ignored, as in Ambassador.'),
  selector: carried('The old name of `mappingSelector`.'),
  requestPolicy: carried('`Redirect`, `Reject` (404; `rejectStatus: 400` follows the documentation) and `Route`.'),
  tlsSecret: platformTls,
  tlsContext: noEffect('TLS ends on the platform. A client-certificate requirement makes the Host refuse.'),
  tls: noEffect('TLS ends on the platform. A client-certificate requirement makes the Host refuse.'),
  acmeProvider: noEffect('Certificates are the platform’s.'),
  previewUrl: elsewhere(noEffect('Ambassador ignores it too.')),
};

export const listenerCoverage: Readonly<Record<ListenerField | CommonField, Coverage>> = {
  ...commonCoverage,
  port: difference('The edge has one port for http and one for https; only the rules of the Listener are taken over.'),
  protocol: carried(),
  protocolStack: carried('`PROXY`, `UDP` and plain `TCP` have no counterpart at the edge.'),
  securityModel: carried(),
  l7Depth: difference('The largest of all Listeners counts, because there is one way in.'),
  hostBinding: carried('`SELF` and `ALL`; `SELECTOR` is not valid in Ambassador either.'),
  statsPrefix: noEffect('It only names metrics of Envoy.'),
  http2MaxConcurrentStreams: noEffect('The platform decides it.'),
  internal_address_config: noEffect('No client counts as internal: none may set internal headers.'),
};

const accessLog = noEffect('Envoy’s access log does not exist here.');
const gone = noEffect('It has had no effect since Ambassador 2.');
const headerCase = noEffect('The runtime writes header names in lower case.');
const clientCertificates = later('What is known of a client certificate is not passed to services.');

export const moduleCoverage: Readonly<Record<ModuleKey, Coverage>> = {
  add_linkerd_headers: carried(),
  admin_port: noEffect('There is no Envoy to administer.'),
  allow_chunked_length: noEffect('The platform refuses requests with both lengths.'),
  auth_enabled: gone,
  buffer: refused('Bodies are not buffered and counted, so every route refuses.'),
  buffer_limit_bytes: noEffect('Bodies are streamed.'),
  circuit_breakers: breakers,
  cluster_idle_timeout_ms: connectionPool,
  cluster_max_connection_lifetime_ms: connectionPool,
  cluster_request_timeout_ms: carried('Default of `timeout_ms`.'),
  cors: carried('Default of a Mapping’s `cors`.'),
  debug_mode: gone,
  default_label_domain: carried('Default `ambassador`.'),
  default_labels: carried(
    'Before the labels of every group; a Mapping without labels gets them as its only group, for `default_label_domain` alone.',
  ),
  defaults: carried('The four header fields of `httpmapping`, or at the top level.'),
  diagnostics: noEffect('There is no diagnostics page; use `portolan routes` and `portolan explain`.'),
  enable_grpc_http11_bridge: noEffect('gRPC is not served here.'),
  enable_grpc_web: noEffect('gRPC is not served here.'),
  enable_http10: noEffect('The platform decides which versions of HTTP it speaks.'),
  enable_ipv4: addressFamily,
  enable_ipv6: addressFamily,
  envoy_log_format: accessLog,
  envoy_log_path: accessLog,
  envoy_log_type: accessLog,
  envoy_validation_timeout: noEffect('There is no Envoy configuration to validate.'),
  error_response_overrides: errorPages,
  forward_client_cert_details: clientCertificates,
  grpc_stats: noEffect('gRPC is not served here.'),
  gzip: noEffect('Compression toward clients is the platform’s.'),
  header_case_overrides: headerCase,
  headers_with_underscores_action: difference('Not written: such headers are dropped, where Ambassador passes them.'),
  ip_allow: carried('403 `ip-denied`, before authentication; with `ip_deny` beside it every route refuses.'),
  ip_deny: carried('403 `ip-denied`, before authentication; with `ip_allow` beside it every route refuses.'),
  keepalive: connectionPool,
  listener_idle_timeout_ms: noEffect('Connections of clients end on the platform.'),
  liveness_probe: noEffect('There is no pod to probe; a Mapping can serve such a path.'),
  load_balancer: balancing,
  lua_scripts: refused('Lua is not run, so every route refuses.'),
  max_request_headers_kb: carried('Above: 431.'),
  merge_slashes: carried(),
  preserve_external_request_id: carried(),
  proper_case: headerCase,
  prune_unreachable_routes: noEffect('Routes that nothing can reach are reported instead.'),
  readiness_probe: noEffect('There is no pod to probe; a Mapping can serve such a path.'),
  regex_max_size: carried('Size of the RE2 program, default 200.'),
  regex_type: gone,
  reject_requests_with_escaped_slashes: difference('Escaped slashes are refused unless routes.config.ts keeps them.'),
  resolver: difference('Decides how service names are qualified; endpoints are not looked up.'),
  retry_policy: retries,
  runtime_flags: noEffect('There is no Envoy runtime.'),
  server_name: carried('Not written: the service’s own `server` header is kept.'),
  service_port: gone,
  set_current_client_cert_details: clientCertificates,
  statsd: noEffect('UDP cannot be sent from the edge.'),
  strip_matching_host_port: difference('The port of a hostname is ignored in any case, unless `hostPort: strict`.'),
  suppress_envoy_headers: carried(),
  use_ambassador_namespace_for_service_resolution: carried(),
  use_proxy_proto: gone,
  use_remote_address: difference('Always on: a client may not choose its own address.'),
  x_forwarded_proto_redirect: gone,
  xff_num_trusted_hops: elsewhere(
    noEffect('It has had no effect since Ambassador 2; `l7Depth` of the Listener counts.'),
  ),
};

const refusesRoutes = (what: string): Coverage =>
  refused(`${what}, so the routes it covers refuse with \`policy-not-enforced\` (\`--allow-unenforced\` serves them).`);

export const kindCoverage: Readonly<Record<UnenforcedKind, Coverage>> = {
  WebApplicationFirewallPolicy: refusesRoutes('Requests are not inspected'),
  EnvoyFilterPolicy: refusesRoutes('Wasm filters are not run'),
  WebApplicationFirewall: later('It is not run; the routes of a policy that names it refuse.'),
  EnvoyFilter: later('It is not run; where an EnvoyFilterPolicy names one, routes refuse.'),
  DevPortal: later('The developer portal is not served.'),
  TracingService: later('No spans are sent; trace headers of a request pass unchanged.'),
  LogService: later('Access logs are not sent to this service.'),
  TCPMapping: later('Only HTTP reaches this gateway; serve TCP past it.'),
  TLSContext: noEffect(
    'TLS ends on the platform, and certificates of services are always verified; authorities and a certificate of the gateway are `tls` of a cluster entry. A Host that asks clients for a certificate through it refuses.',
  ),
  KubernetesServiceResolver: difference('Service names are found through `clusters` of routes.config.ts.'),
  KubernetesEndpointResolver: difference(
    'Endpoints are not looked up: the service as a whole is found through `clusters` of routes.config.ts.',
  ),
  ConsulResolver: difference(
    'Consul is not asked: the service is found by its name through `clusters` of routes.config.ts.',
  ),
  Project: noEffect('The kind is obsolete; Ambassador ignores it too.'),
  ProjectController: noEffect('The kind is obsolete; Ambassador ignores it too.'),
  ProjectRevision: noEffect('The kind is obsolete; Ambassador ignores it too.'),
};
