/** The fields of a Mapping and what each takes. */
import { commaList, convertLegacySpecifier } from './convert.ts';
import { isRecord } from '../record.ts';
import {
  anyMapping,
  anything,
  boolean,
  dictionary,
  firstOf,
  integer,
  list,
  milliseconds,
  nonEmptyText,
  oneOf,
  optionalText,
  record,
  text,
  textList,
  textOrBoolean,
  type FieldKind,
  type FieldTable,
} from './fields.ts';
import type { CorsSpec, HeaderAddition, MappingSpec, RateLimitSpec, RegexSubstitution } from './types.ts';
import {
  circuitBreakers,
  healthChecks,
  keepalive,
  loadBalancer,
  retryPolicy,
  errorOverrides,
} from './traffic-shape.ts';

/** Names of HTTP; a leading colon is Envoy's for method, path and the like. */
const HEADER_NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

function headerNameProblem(name: string): string | null {
  return HEADER_NAME.test(name) ? null : 'named like an HTTP header';
}

/** A line break in a value would end the header and start another. */
const headerValue: FieldKind<string> = (value, path, reader) => {
  const read = text(value, path, reader);
  if (read === undefined || !CONTROL.test(read)) return read;
  return reader.reject(path, `\`${path}\` holds a control character, which no header may.`, 'Remove the line break.');
};

const headerName: FieldKind<string> = (value, path, reader) =>
  typeof value === 'string' && HEADER_NAME.test(value) ? value : reader.fail(path, 'the name of an HTTP header', value);

export const headerNames: FieldKind<readonly string[]> = firstOf(
  (value) => typeof value === 'string',
  (value, path, reader) => {
    const name = headerName(value, path, reader);
    return name === undefined ? undefined : [name];
  },
  list(headerName),
);

/** `true`: present, whatever the value. */
const condition: FieldKind<string | true> = (value, path, reader) =>
  value === true ? true : text(value, path, reader);

const additionFields = record<{ value: string; append?: boolean; v2Representation?: unknown }>(
  { value: headerValue, append: boolean, v2Representation: anything },
  ['value'],
);

/** A bare text is the old form; nothing at all is an empty value there. */
const addition: FieldKind<HeaderAddition> = (value, path, reader) => {
  if (value === null && reader.legacy) return { value: '', append: true };
  if (!isRecord(value)) {
    const read = headerValue(value, path, reader);
    return read === undefined ? undefined : { value: read, append: true };
  }
  const read = additionFields(value, path, reader);
  return read === undefined ? undefined : { value: read.value, append: read.append ?? true };
};

export const headerAdditions: FieldKind<Readonly<Record<string, HeaderAddition>>> = dictionary(
  addition,
  headerNameProblem,
);

/** Seconds as text; a bare number is taken as well. */
const maxAge: FieldKind<string> = (value, path, reader) => {
  const seconds = typeof value === 'number' ? String(value) : value;
  if (typeof seconds === 'string' && /^\s*\d+\s*$/.test(seconds)) return seconds.trim();
  return reader.fail(path, 'a number of seconds as text', value, 'For example `"600"`.');
};

type CorsFields = CorsSpec & { readonly v2CommaSeparatedOrigins?: unknown };
const corsFields = record<CorsFields>({
  origins: commaList,
  methods: commaList,
  headers: commaList,
  exposed_headers: commaList,
  credentials: boolean,
  max_age: maxAge,
  v2CommaSeparatedOrigins: anything,
});

export const cors: FieldKind<CorsSpec> = (value, path, reader) => {
  const read = corsFields(value, path, reader);
  if (read === undefined) return undefined;
  const { v2CommaSeparatedOrigins: _, ...spec } = read;
  if (isRecord(value) && (value['origins'] ?? null) !== null) return spec;
  reader.say(path, {
    severity: 'warning',
    code: 'cors-without-origins',
    message: 'Without `origins` this lets no other site in, whatever else it says.',
    hint: 'Add `origins`; `"*"` lets every site in.',
  });
  return { ...spec, origins: [] };
};

type Limit = RateLimitSpec['limits'][number];

const limitFields = record<Omit<Limit, 'pattern'> & { readonly pattern?: string }>(
  {
    pattern: nonEmptyText,
    rate: integer(1),
    unit: oneOf(['second', 'minute', 'hour', 'day'], { ignoreCase: true }),
  },
  ['rate', 'unit'],
);

/** Without a pattern a limit is for every path. */
const limit: FieldKind<Limit> = (value, path, reader) => {
  const read = limitFields(value, path, reader);
  return read === undefined ? undefined : { ...read, pattern: read.pattern ?? '*' };
};

const rateLimits = list(record<RateLimitSpec>({ name: nonEmptyText, limits: list(limit) }, ['name', 'limits']));

const regexSubstitution = record<RegexSubstitution>({ pattern: nonEmptyText, substitution: text }, [
  'pattern',
  'substitution',
]);

const SPECIFIERS = ['source_cluster', 'destination_cluster', 'remote_address', 'request_headers', 'generic_key'];

const specifier: FieldKind<unknown> = (value, path, reader) => {
  const converted = reader.legacy ? convertLegacySpecifier(value) : value;
  const keys = isRecord(converted) ? Object.keys(converted) : [];
  if (keys.length === 1 && SPECIFIERS.includes(keys[0] ?? '')) return converted;
  const names = SPECIFIERS.map((name) => `\`${name}\``).join(', ');
  return reader.fail(path, `a mapping with exactly one of ${names}`, value);
};

const labelGroup: FieldKind<Readonly<Record<string, readonly unknown[]>>> = (value, path, reader) => {
  const read = labelGroupMembers(value, path, reader);
  if (read === undefined || Object.keys(read).length === 1) return read;
  return reader.reject(path, `\`${path}\` must have exactly one group name.`, 'Make each group an item of its own.');
};
const labelGroupMembers = dictionary(list(specifier));
const labels = dictionary(list(labelGroup));

/** Fields that the translation reads by name. */
export const typedMappingFields: FieldTable<Omit<MappingSpec, 'other'>> = {
  prefix: text,
  service: text,
  prefix_regex: boolean,
  prefix_exact: boolean,
  case_sensitive: boolean,
  hostname: optionalText,
  host: optionalText,
  host_regex: boolean,
  headers: dictionary(condition, headerNameProblem),
  regex_headers: dictionary(text, headerNameProblem),
  query_parameters: dictionary(condition),
  regex_query_parameters: dictionary(text),
  method: optionalText,
  method_regex: boolean,
  precedence: integer(Number.MIN_SAFE_INTEGER),
  rewrite: text,
  regex_rewrite: regexSubstitution,
  host_rewrite: firstOf((value) => value === '', optionalText, headerValue),
  auto_host_rewrite: boolean,
  add_linkerd_headers: boolean,
  resolver: optionalText,
  tls: textOrBoolean,
  grpc: boolean,
  timeout_ms: milliseconds,
  idle_timeout_ms: milliseconds,
  add_request_headers: headerAdditions,
  add_response_headers: headerAdditions,
  remove_request_headers: headerNames,
  remove_response_headers: headerNames,
  host_redirect: boolean,
  path_redirect: optionalText,
  prefix_redirect: optionalText,
  regex_redirect: regexSubstitution,
  redirect_response_code: integer(0),
  cors,
  weight: integer(Number.MIN_SAFE_INTEGER),
  shadow: boolean,
  bypass_auth: boolean,
  labels,
  allow_upgrade: textList,
  rate_limits: rateLimits,
};

/** Fields that are only checked; the coverage table says what becomes of them. */
export const otherMappingFields = {
  auth_context_extensions: dictionary(text),
  bypass_error_response_overrides: boolean,
  circuit_breakers: circuitBreakers,
  cluster_idle_timeout_ms: milliseconds,
  cluster_max_connection_lifetime_ms: milliseconds,
  cluster_tag: text,
  cluster_timeout_ms: milliseconds,
  connect_timeout_ms: milliseconds,
  dns_type: oneOf(['strict_dns', 'logical_dns']),
  docs: anyMapping,
  enable_ipv4: boolean,
  enable_ipv6: boolean,
  envoy_override: anything,
  error_response_overrides: errorOverrides,
  health_checks: healthChecks,
  keepalive,
  load_balancer: loadBalancer,
  modules: anything,
  outlier_detection: anything,
  priority: text,
  respect_dns_ttl: boolean,
  retry_policy: retryPolicy,
  stats_name: text,
  use_websocket: boolean,
  v2BoolHeaders: anything,
  v2BoolQueryParameters: anything,
  v2ExplicitTLS: anything,
  v3HealthChecks: healthChecks,
  v3StatsName: text,
} satisfies Readonly<Record<string, FieldKind<unknown>>>;

export type MappingField = keyof typeof typedMappingFields | keyof typeof otherMappingFields;
export type TypedMappingField = keyof typeof typedMappingFields;
