/** The fields of a Mapping and what each takes. */
import { commaList } from './convert.ts';
import { eitherSchema } from './field-schema.ts';
import { isRecord } from '../record.ts';
import {
  anything,
  boolean,
  dictionary,
  firstOf,
  integer,
  list,
  mappingOf,
  milliseconds,
  nonEmptyText,
  oneOf,
  optionalText,
  record,
  text,
  textList,
  textOrBoolean,
  withSchema,
  type FieldKind,
  type FieldTable,
} from './fields.ts';
import { labels } from './label-shape.ts';
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
const headerValue: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) => {
  const read = text(value, path, reader);
  if (read === undefined || !CONTROL.test(read)) return read;
  return reader.reject(path, `\`${path}\` holds a control character, which no header may.`, 'Remove the line break.');
});

const headerName: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) =>
  typeof value === 'string' && HEADER_NAME.test(value) ? value : reader.fail(path, 'the name of an HTTP header', value),
);
const oneHeaderName: FieldKind<readonly string[]> = withSchema({ type: 'string' }, (value, path, reader) => {
  const name = headerName(value, path, reader);
  return name === undefined ? undefined : [name];
});

export const headerNames: FieldKind<readonly string[]> = firstOf(
  (value) => typeof value === 'string',
  oneHeaderName,
  list(headerName),
);

/** `true`: present, whatever the value. */
const condition: FieldKind<string | true> = withSchema(
  eitherSchema(text.schema, boolean.schema),
  (value, path, reader) => (value === true ? true : text(value, path, reader)),
);

const additionMembers = { value: headerValue, append: boolean, v2Representation: anything };
type AdditionFields = { value: string; append?: boolean; v2Representation?: unknown };
const additionFields = record<AdditionFields>(additionMembers, ['value']);
/** Without `value` Ambassador adds an empty one. */
const additionSchema = eitherSchema(text.schema, record<Partial<AdditionFields>>(additionMembers).schema);

/** A bare text is the old form; nothing at all is an empty value there. */
const addition: FieldKind<HeaderAddition> = withSchema(additionSchema, (value, path, reader) => {
  if (value === null && reader.legacy) return { value: '', append: true };
  if (!isRecord(value)) {
    const read = headerValue(value, path, reader);
    return read === undefined ? undefined : { value: read, append: true };
  }
  const read = additionFields(value, path, reader);
  return read === undefined ? undefined : { value: read.value, append: read.append ?? true };
});

export const headerAdditions: FieldKind<Readonly<Record<string, HeaderAddition>>> = dictionary(
  addition,
  headerNameProblem,
);

/** Seconds as text; a bare number is taken as well. */
const maxAge: FieldKind<string> = withSchema({ 'x-kubernetes-int-or-string': true }, (value, path, reader) => {
  const seconds = typeof value === 'number' ? String(value) : value;
  if (typeof seconds === 'string' && /^\s*\d+\s*$/.test(seconds)) return seconds.trim();
  return reader.fail(path, 'a number of seconds as text', value, 'For example `"600"`.');
});

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

export const cors: FieldKind<CorsSpec> = withSchema(corsFields.schema, (value, path, reader) => {
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
});

type Limit = RateLimitSpec['limits'][number];

const limitFields = record<Omit<Limit, 'pattern'> & { readonly pattern?: string }>(
  {
    pattern: withSchema({ type: 'string', minLength: 1, maxLength: 2_048, default: '*' }, nonEmptyText),
    rate: withSchema({ type: 'integer', minimum: 1, maximum: 1_000_000 }, integer(1)),
    unit: oneOf(['second', 'minute', 'hour', 'day'], { ignoreCase: true }),
  },
  ['rate', 'unit'],
);

/** Without a pattern a limit is for every path. */
const limit: FieldKind<Limit> = withSchema(limitFields.schema, (value, path, reader) => {
  const read = limitFields(value, path, reader);
  return read === undefined ? undefined : { ...read, pattern: read.pattern ?? '*' };
});

const rateLimits = list(
  record<RateLimitSpec>(
    {
      name: withSchema({ type: 'string', minLength: 1, maxLength: 256 }, nonEmptyText),
      limits: withSchema({ type: 'array', items: limit.schema, minItems: 1, maxItems: 100 }, list(limit)),
    },
    ['name', 'limits'],
  ),
);

const substitutionMembers = { pattern: nonEmptyText, substitution: text };
/** Ambassador takes one without the other into the cluster. */
const regexSubstitution = withSchema(
  record<Partial<RegexSubstitution>>(substitutionMembers).schema,
  record<RegexSubstitution>(substitutionMembers, ['pattern', 'substitution']),
);

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
  auth_context_extensions: dictionary(text),
  labels,
  allow_upgrade: textList,
  rate_limits: rateLimits,
};

/** Fields that are only checked; the coverage table says what becomes of them. */
export const otherMappingFields = {
  bypass_error_response_overrides: boolean,
  circuit_breakers: circuitBreakers,
  cluster_idle_timeout_ms: milliseconds,
  cluster_max_connection_lifetime_ms: milliseconds,
  cluster_tag: text,
  cluster_timeout_ms: milliseconds,
  connect_timeout_ms: milliseconds,
  /** Ambassador takes any text here, and `strict_dns` for what it does not know. */
  dns_type: withSchema({ type: 'string' }, oneOf(['strict_dns', 'logical_dns'])),
  docs: mappingOf({
    path: text.schema,
    url: text.schema,
    ignored: boolean.schema,
    display_name: text.schema,
    timeout_ms: milliseconds.schema,
  }),
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
