/** What becomes of every field of Filters, FilterPolicies and AuthServices; see coverage.ts. */
import {
  carried,
  commonCoverage,
  difference,
  elsewhere,
  later,
  noEffect,
  refused,
  type CommonField,
  type Coverage,
} from './coverage.ts';
import type { AuthServiceField, ExternalField, GatewayExternalField } from './external-shape.ts';
import type { FilterPolicyField, FilterRuleField } from './filter-policy-shape.ts';
import type { ApiKeyField, JwtField } from './filter-shape.ts';

const selector = carried('`ambassadorIds`, as `ambassador_id` elsewhere.');
const notBuilt = (what: string): Coverage =>
  refused(`${what} is not built: rules that name such a Filter refuse what they match, with \`policy-not-enforced\`.`);
const jwt = carried('Policy method `jwt`, with the meaning of the table below.');
const apiKey = carried('Policy method `api-key`, with the keys of the named Secrets.');
const external = carried('Policy method `external`.');
const plugin = refused('Go code cannot be run: rules that name such a Filter refuse what they match.');
const oauth2 = notBuilt('Login');

export const filterCoverage: Readonly<Record<string, Coverage>> = {
  ...commonCoverage,
  ambassadorSelector: selector,
  type: carried('v1alpha1.'),
  JWT: jwt,
  jwt,
  APIKey: apiKey,
  apikey: apiKey,
  External: external,
  external,
  OAuth2: oauth2,
  oauth2,
  Plugin: plugin,
  plugin,
};

export const jwtFilterCoverage: Readonly<Record<JwtField, Coverage>> = {
  jwksURI: difference('Must be reachable as an upstream; a key set with weak or symmetric keys is not used.'),
  validAlgorithms: difference(
    'Default RS, PS and ES. `none` makes the Filter refuse; HS is left out, because a key set must hold no secret.',
  ),
  audience: carried('An absent `aud` passes unless `requireAudience`.'),
  audiences: carried('Together with `audience`; one of them is enough unless `requireAudienceAll`.'),
  requireAudienceAll: carried(),
  requireAudience: carried(),
  issuer: carried('An absent `iss` passes unless `requireIssuer`.'),
  requireIssuer: carried(),
  requireExpiresAt: carried('Not written: a token without `exp` passes, and a warning says so.'),
  requireNotBefore: carried(),
  requireIssuedAt: carried(),
  leewayForExpiresAt: carried('Default 0.'),
  leewayForNotBefore: carried('Default 0.'),
  leewayForIssuedAt: carried('Default 0.'),
  maxStale: difference('How long keys may be used while the provider is down; at least 24 hours.'),
  insecureTLS: refused('Certificates are always verified; with `true` the Filter refuses.'),
  renegotiateTLS: noEffect('TLS 1.3 has no renegotiation, and the runtime none at all.'),
  injectRequestHeaders: difference('A client’s own header of such a name never passes, `doNotSet` or not.'),
  errorResponse: carried('Not written: Ambassador’s JSON body.'),
};

export const apiKeyFilterCoverage: Readonly<Record<ApiKeyField, Coverage>> = {
  httpHeader: carried('Default `x-api-key`.'),
  keys: carried('Secrets of the Filter’s own namespace; their values never enter the program.'),
};

const grpc = refused('gRPC cannot be spoken; with `grpc` what it protects refuses.');
const caFromSecret = difference(
  'Certificates are verified; an own authority and a certificate are `tls` of a cluster entry in routes.config.ts.',
);
const bodyDefault = carried('The same as `include_body` of 4096 bytes, partial; `include_body` goes before it.');

const shared = {
  auth_service: carried('A service name as in a Mapping.'),
  proto: grpc,
  protocol_version: noEffect('It is about gRPC.'),
  path_prefix: carried(),
  timeout_ms: carried('Default 5000, the answer’s body included.'),
  allowed_request_headers: carried('Besides those that are always sent.'),
  allowed_authorization_headers: carried('Besides those that are always copied.'),
  allow_request_body: bodyDefault,
  include_body: carried('At most 1 MiB.'),
  status_on_error: carried('Default 403.'),
  failure_mode_allow: carried('A warning says that it fails open.'),
} as const;

export const externalCoverage: Readonly<Record<ExternalField, Coverage>> = {
  ...shared,
  add_linkerd_headers: carried(),
  tls: carried('TLS whatever the scheme says.'),
  tlsConfig: caFromSecret,
};

export const gatewayExternalCoverage: Readonly<Record<GatewayExternalField, Coverage>> = {
  protocol: grpc,
  authServiceURL: carried(),
  timeout: carried('Default 5 s.'),
  statusOnError: carried('Default 403.'),
  failureModeAllow: carried('A warning says that it fails open.'),
  httpSettings: carried(),
  grpcSettings: noEffect('gRPC cannot be spoken.'),
  include_body: carried('At most 1 MiB.'),
  includeBody: carried('The same as `include_body`.'),
  tlsConfig: caFromSecret,
};

export const filterPolicyCoverage: Readonly<Record<FilterPolicyField | CommonField, Coverage>> = {
  ...commonCoverage,
  ambassadorSelector: selector,
  rules: carried('Precedence descending, then namespace and name, then list order; the first match decides.'),
};

export const filterRuleCoverage: Readonly<Record<FilterRuleField, Coverage>> = {
  host: difference('Compared in lower case with the authority and with the hostname; one of the two is enough.'),
  path: difference('Compared with the canonical path, and without case where the Mapping has none.'),
  precedence: carried('The larger goes first.'),
  filters: carried('Empty: no filters.'),
  filterRefs: carried('v1alpha1.'),
};

export const authServiceCoverage: Readonly<Record<AuthServiceField | CommonField, Coverage>> = {
  ...commonCoverage,
  ...shared,
  add_linkerd_headers: carried('Default: the Module’s.'),
  add_auth_headers: carried(),
  tls: difference('TLS is used; what a TLSContext adds is `tls` of a cluster entry in routes.config.ts.'),
  circuit_breakers: later('Requests to the service are not counted, so none is turned away early.'),
  stats_name: noEffect('It only names metrics of Envoy.'),
  v2ExplicitTLS: carried('Bookkeeping of the cluster’s version conversion; it changes nothing.'),
  v3CircuitBreakers: elsewhere(carried('Bookkeeping of the cluster’s version conversion; it changes nothing.')),
  v3StatsName: noEffect('It only names metrics of Envoy.'),
};
