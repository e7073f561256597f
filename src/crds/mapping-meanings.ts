/**
 * What each field of a Mapping means, for `kubectl explain`. What becomes of it here is added from the
 * coverage table, which also holds most defaults.
 */
import type { CommonField } from '../resources/ambassador/coverage.ts';
import type { MappingField } from '../resources/ambassador/mapping-shape.ts';

export const commonMeanings: Readonly<Record<CommonField, string>> = {
  ambassador_id: 'Installations that this resource is for: a list of names, or one name.',
  ambassadorId: 'Installations that this resource is for: a list of names, or one name.',
};

const bookkeeping = 'How a field was written in v2. Not for people.';
const headerTest = 'Header name to the value it must have, compared exactly; `true` asks only that it is there.';
const addedHeaders = 'Header name to the value that is set, as text or as a mapping with `value` and `append`.';

export const mappingMeanings: Readonly<Record<MappingField | CommonField, string>> = {
  ...commonMeanings,
  prefix:
    'What the path of a request must begin with. With `prefix_exact` the whole path, with `prefix_regex` a regular expression for it.',
  prefix_regex: '`prefix` is a regular expression (RE2) that the whole path must match. Default false.',
  prefix_exact: '`prefix` is the whole path. Default false.',
  case_sensitive: 'Whether upper and lower case of the path differ. Default true.',
  hostname:
    'Hostname that the request must be for: exact, or with one `*` at its start or end. Default: every hostname of the Hosts that select the Mapping.',
  host: 'Old name of `hostname`, without `*`; with `host_regex` a regular expression.',
  host_regex: '`host` is a regular expression (RE2) that the whole hostname must match. Default false.',
  headers: `${headerTest} All of them must match.`,
  regex_headers: 'Header name to a regular expression (RE2) that its whole value must match.',
  query_parameters: 'Name of a query parameter to the value it must have; `true` asks only that it is there.',
  regex_query_parameters: 'Name of a query parameter to a regular expression (RE2) that its whole value must match.',
  method: 'HTTP method, in capitals. Default: every method.',
  method_regex: '`method` is a regular expression (RE2), for example `GET|HEAD`. Default false.',
  precedence: 'Mappings with a higher precedence are tried first, whatever they match. Default 0.',
  service:
    'Where requests go: `[scheme://]name[.namespace][:port]`. With `host_redirect` the host that the client is sent to.',
  rewrite:
    'What the matched `prefix` is replaced with before the request is passed on. Default `/`; empty text leaves the path as it is.',
  regex_rewrite: 'Replaces every match in the path before the request is passed on; takes the place of `rewrite`.',
  host_rewrite: 'The `Host` that the service sees. Default: the client’s.',
  auto_host_rewrite: 'The service sees its own name as `Host`. Default false.',
  add_linkerd_headers:
    'Adds `l5d-dst-override` with the name of the service. Default: what the Module says, else false.',
  resolver: 'How the service is found. Default: what the Module says, else `kubernetes-service`.',
  tls: 'Name of the TLSContext for the connection to the service, or true or false.',
  grpc: 'The service speaks gRPC over HTTP/2. Default false.',
  timeout_ms:
    'Milliseconds from the end of the request to the end of the response; then the client gets 504. The Module’s `cluster_request_timeout_ms` is the default of all Mappings.',
  idle_timeout_ms: 'Milliseconds that a request or response may stand still.',
  connect_timeout_ms: 'Milliseconds for connecting to the service.',
  cluster_timeout_ms: 'Old name of a time limit.',
  cluster_idle_timeout_ms: 'Milliseconds after which an unused connection to the service is closed.',
  cluster_max_connection_lifetime_ms: 'Milliseconds after which a connection to the service is closed.',
  keepalive: 'TCP keep-alive of connections to the service.',
  retry_policy: 'When and how often a failed request is tried again. Takes the place of the Module’s.',
  circuit_breakers: 'How much may be under way to the service at a time.',
  load_balancer: 'How requests are shared out among the endpoints of the service.',
  health_checks: 'How the endpoints of the service are probed.',
  v3HealthChecks: bookkeeping,
  outlier_detection: 'Endpoints that fail are left out for a while.',
  priority: 'Class of the requests, `default` or `high`, which circuit breakers count apart.',
  add_request_headers: `Headers of the request to the service. ${addedHeaders} Default: what the Module says.`,
  add_response_headers: `Headers of the response to the client. ${addedHeaders} Default: what the Module says.`,
  remove_request_headers:
    'Headers that the service does not see: a list of names, or one name. Default: what the Module says.',
  remove_response_headers:
    'Headers that the client does not see: a list of names, or one name. Default: what the Module says.',
  host_redirect: 'The client is redirected to the host that `service` names. Default false.',
  path_redirect: 'Path that the client is redirected to. Needs `host_redirect`; beats `prefix_redirect`.',
  prefix_redirect: 'What `prefix` is replaced with in the redirect. Needs `host_redirect`; beats `regex_redirect`.',
  regex_redirect: 'Replaces every match in the path of the redirect. Needs `host_redirect`.',
  redirect_response_code: 'Status of the redirect: 301, 302, 303, 307 or 308. Default 301.',
  cors: 'Which other sites may read answers in a browser (cross-origin resource sharing). Takes the place of the Module’s as a whole.',
  weight:
    'Percent of the requests that this Mapping takes, 0 to 100, of those that it shares with Mappings of the same match. Default: an equal part of what the others leave.',
  shadow:
    'Requests of the other Mappings of the same match are copied to this service, and its answers dropped. Default false.',
  bypass_auth: 'Requests are not authenticated. Default false.',
  auth_context_extensions: 'Further facts for the authentication service.',
  labels: 'Labels of a request for the rate-limit service, by domain.',
  rate_limits: 'How many requests one client may make. Above: 429.',
  allow_upgrade: 'Protocols that a connection may change to: a list, or one name.',
  use_websocket: 'WebSockets may be opened. Default false.',
  error_response_overrides: 'Other bodies for error answers. Takes the place of the Module’s.',
  bypass_error_response_overrides: 'Error answers keep their body, whatever the Module says. Default false.',
  cluster_tag: 'Keeps this Mapping’s connections apart from those of others with the same service.',
  stats_name: 'Name of the service in metrics.',
  v3StatsName: bookkeeping,
  dns_type: 'How the name of the service is looked up: `strict_dns` (default) or `logical_dns`.',
  respect_dns_ttl: 'The name of the service is looked up again when its TTL is over. Default false.',
  enable_ipv4: 'IPv4 addresses of the service are used. Default: what the Module says, else true.',
  enable_ipv6: 'IPv6 addresses of the service are used. Default: what the Module says, else false.',
  docs: 'Where the description of this API is.',
  envoy_override: 'Raw configuration of Envoy.',
  modules: 'Obsolete.',
  v2BoolHeaders: bookkeeping,
  v2BoolQueryParameters: bookkeeping,
  v2ExplicitTLS: bookkeeping,
};

const pattern = 'Regular expression (RE2).';
const substitution = 'What a match is replaced with; `\\1` stands for the first group.';
const addition = {
  value: 'The value. Default: empty.',
  append: 'Whether a value that is already there stays beside it. Default true.',
  v2Representation: bookkeeping,
};
const healthCheck = {
  timeout: 'Time for one probe, for example `3s`.',
  interval: 'Time between probes, for example `5s`.',
  healthy_threshold: 'Good probes until an endpoint is used again. Default 1.',
  unhealthy_threshold: 'Bad probes until an endpoint is left out. Default 2.',
  health_check: 'The probe: either `http` or `grpc`.',
  'health_check.http': 'A GET request.',
  'health_check.http.path': 'Path of the request.',
  'health_check.http.hostname': 'The `Host` of the request.',
  'health_check.http.add_request_headers': 'Headers that are set on the request.',
  'health_check.http.remove_request_headers': 'Headers that the request does not have.',
  'health_check.http.expected_statuses': 'Statuses of a good answer. Default: 200.',
  'health_check.http.expected_statuses[].min': 'First status of a range.',
  'health_check.http.expected_statuses[].max': 'Last status of a range.',
  'health_check.grpc': 'A call of the gRPC health service.',
  'health_check.grpc.upstream_name': 'Name of the gRPC service.',
  'health_check.grpc.authority': 'The `:authority` of the call.',
};

const fixedLabelKey = 'Key of the label, which cannot be chosen.';

/** Members of fields, by path; `[]` is an item of a list, `.*` a value of a mapping whose keys are free. */
export const mappingMemberMeanings: Readonly<Record<string, string>> = {
  ...under('regex_rewrite', { pattern, substitution }),
  ...under('regex_redirect', { pattern, substitution }),
  ...under('add_request_headers.*', addition),
  ...under('add_response_headers.*', addition),
  ...under('cors', {
    origins:
      'Sites that may read answers, such as `https://shop.example.com`; `*` is every site. A list, or one text with commas.',
    methods: 'Methods that a preflight allows. A list, or one text with commas.',
    headers: 'Request headers that a preflight allows. A list, or one text with commas.',
    exposed_headers: 'Response headers that scripts may read. A list, or one text with commas.',
    credentials: 'Whether cookies and the like may be sent. Default false.',
    max_age: 'Seconds that a browser may keep the answer to a preflight, as text (`"600"`) or as a number.',
    v2CommaSeparatedOrigins: bookkeeping,
  }),
  ...under('rate_limits[]', {
    name: 'Name that clients see in `RateLimit-Policy`, at most 256 characters.',
    limits: 'Limits, of which every one whose pattern matches must allow the request.',
    'limits[].pattern': 'Which paths count: text in which `*` stands for any characters. Default `*`, every path.',
    'limits[].rate': 'Requests per unit and client address, 1 to 1000000.',
    'limits[].unit': 'second, minute, hour or day, in upper or lower case.',
  }),
  ...under('retry_policy', {
    retry_on: 'Which failures count: one condition.',
    num_retries: 'How often. Default 1.',
    per_try_timeout: 'Time for each try, for example `0.25s`. Default: the time of the whole request.',
    retry_back_off: 'Waiting times between tries.',
    'retry_back_off.base_interval': 'First waiting time, for example `0.025s`.',
    'retry_back_off.max_interval': 'Longest waiting time. Default: ten times the first.',
  }),
  ...under('circuit_breakers[]', {
    priority: 'Which class of requests is meant. Default `default`.',
    max_connections: 'Connections. Default 1024.',
    max_pending_requests: 'Requests that wait for a connection. Default 1024.',
    max_requests: 'Requests under way. Default 1024.',
    max_retries: 'Repeated requests under way. Default 3.',
  }),
  ...under('keepalive', {
    probes: 'Unanswered probes until a connection counts as dead.',
    idle_time: 'Seconds without traffic until the first probe.',
    time: 'Seconds without traffic until the first probe: the name that Ambassador reads.',
    interval: 'Seconds between probes.',
  }),
  ...under('load_balancer', {
    policy:
      'How an endpoint is chosen; `ring_hash` and `maglev` keep requests with the same cookie, header or address on one endpoint.',
    cookie: 'The cookie that is hashed.',
    'cookie.name': 'Name of the cookie.',
    'cookie.path': 'Path of the cookie when it is set by the gateway.',
    'cookie.ttl': 'Lifetime of the cookie, for example `60s`; with it the gateway sets the cookie when there is none.',
    header: 'Name of the header that is hashed.',
    source_ip: 'The client’s address is hashed.',
  }),
  ...under('health_checks[]', healthCheck),
  ...under('v3HealthChecks[]', healthCheck),
  ...under('error_response_overrides[]', {
    on_status_code: 'Status of the answers that are meant, 400 to 599.',
    body: 'The body: exactly one of `text_format`, `json_format` and `text_format_source`.',
    'body.text_format': 'Text, which may hold `%…%` operators.',
    'body.json_format': 'Members of a JSON object; values may hold `%…%` operators.',
    'body.text_format_source': 'A file with the text.',
    'body.text_format_source.filename': 'Path of the file on the gateway.',
    'body.content_type': 'Content type of a text. Default `text/plain`.',
  }),
  ...under('labels.*[].*[]', {
    source_cluster: 'The label `source_cluster`.',
    'source_cluster.key': fixedLabelKey,
    destination_cluster: 'The label `destination_cluster`.',
    'destination_cluster.key': fixedLabelKey,
    remote_address: 'The label `remote_address`: the client’s address.',
    'remote_address.key': fixedLabelKey,
    request_headers: 'A label (`key`) with the value of a header (`header_name`).',
    'request_headers.key': 'Key of the label.',
    'request_headers.header_name': 'Name of the header, or `:method`, `:authority`, `:path`.',
    'request_headers.omit_if_not_present': 'Ignored, as in Ambassador: without the header there is no group.',
    generic_key: 'A label (`key`, default `generic_key`) with a fixed `value`.',
    'generic_key.value': 'The value.',
    'generic_key.key': 'Key of the label. Default `generic_key`.',
    'generic_key.v2Shorthand': bookkeeping,
  }),
  ...under('docs', {
    path: 'Path of the description below `prefix`.',
    url: 'Address of the description.',
    ignored: 'The portal does not show this API.',
    display_name: 'Name of the API in the portal.',
    timeout_ms: 'Milliseconds for fetching the description.',
  }),
};

function under(path: string, members: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(members).map(([name, text]) => [`${path}.${name}`, text]));
}
