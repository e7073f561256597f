/** The fields of AuthServices and External Filters, in the three spellings they have, and their one meaning. */
import type { FieldReader } from './field-reader.ts';
import {
  anyMapping,
  boolean,
  dictionary,
  integer,
  milliseconds,
  nonEmptyText,
  oneOf,
  optionalText,
  record,
  text,
  textOrBoolean,
  type FieldTable,
} from './fields.ts';
import { goDuration } from './duration.ts';
import { errorStatus, includeBody, plainHeaderNames, type BodyFields } from './filter-fields.ts';
import { circuitBreakers } from './traffic-shape.ts';

/** What asking an external service means, whatever it was written in. Absent: the method's default. */
export type ExternalSpec = {
  /** A service name, or an absolute URL when `isUrl`. */
  readonly service: string;
  readonly isUrl: boolean;
  readonly proto: 'http' | 'grpc';
  /** A text names a TLSContext. */
  readonly tls: string | boolean;
  readonly pathPrefix?: string;
  readonly timeoutMs?: number;
  readonly allowedRequestHeaders?: readonly string[];
  readonly allowedAuthorizationHeaders?: readonly string[];
  readonly addAuthHeaders?: Readonly<Record<string, string>>;
  /** AuthService: absent means what the Module says. */
  readonly addLinkerdHeaders?: boolean;
  readonly includeBody?: { readonly maxBytes: number; readonly allowPartial: boolean };
  readonly statusOnError?: number;
  readonly failureModeAllow?: boolean;
};

type SharedFields = {
  readonly auth_service?: string;
  readonly proto?: 'http' | 'grpc';
  readonly protocol_version?: string;
  readonly path_prefix?: string;
  readonly timeout_ms?: number;
  readonly allowed_request_headers?: readonly string[];
  readonly allowed_authorization_headers?: readonly string[];
  readonly add_linkerd_headers?: boolean;
  readonly allow_request_body?: boolean;
  readonly include_body?: BodyFields;
  readonly status_on_error?: { readonly code?: number };
  readonly failure_mode_allow?: boolean;
};

type AuthServiceFields = SharedFields & {
  readonly tls?: string | boolean;
  readonly add_auth_headers?: Readonly<Record<string, string>>;
  readonly circuit_breakers?: unknown;
  readonly stats_name?: string;
  readonly v2ExplicitTLS?: unknown;
  readonly v3CircuitBreakers?: unknown;
  readonly v3StatsName?: string;
};
export type AuthServiceField = keyof AuthServiceFields;

type ExternalFields = SharedFields & { readonly tls?: boolean; readonly tlsConfig?: unknown };
export type ExternalField = keyof ExternalFields;

const sharedFields: FieldTable<SharedFields> = {
  auth_service: nonEmptyText,
  proto: oneOf(['http', 'grpc'], { ignoreCase: true }),
  protocol_version: text,
  path_prefix: optionalText,
  timeout_ms: milliseconds,
  allowed_request_headers: plainHeaderNames,
  allowed_authorization_headers: plainHeaderNames,
  add_linkerd_headers: boolean,
  allow_request_body: boolean,
  include_body: includeBody,
  status_on_error: record<{ readonly code?: number }>({ code: errorStatus }),
  failure_mode_allow: boolean,
};

export const authServiceFields: FieldTable<AuthServiceFields> = {
  ...sharedFields,
  tls: textOrBoolean,
  add_auth_headers: dictionary(text),
  circuit_breakers: circuitBreakers,
  stats_name: text,
  v2ExplicitTLS: anyMapping,
  v3CircuitBreakers: circuitBreakers,
  v3StatsName: text,
};

export const externalFields: FieldTable<ExternalFields> = { ...sharedFields, tls: boolean, tlsConfig: anyMapping };

/** Ambassador's stand-in for `allow_request_body: true`. */
const DEFAULT_BODY = { maxBytes: 4096, allowPartial: true } as const;

/** null: there is no service to ask; reported. `parent`: the path of the fields. */
export function externalSpec(
  read: Partial<AuthServiceFields & ExternalFields>,
  parent: string,
  reader: FieldReader,
): ExternalSpec | null {
  const { auth_service: service, include_body: body, status_on_error: error } = read;
  if (service === undefined) {
    if (!reader.invalid.some(({ path }) => path === `${parent}.auth_service`)) reader.missing(parent, 'auth_service');
    return null;
  }
  const included =
    body === undefined
      ? read.allow_request_body === true
        ? DEFAULT_BODY
        : undefined
      : { maxBytes: body.max_bytes, allowPartial: body.allow_partial };
  return {
    service,
    isUrl: false,
    proto: read.proto ?? 'http',
    tls: read.tls ?? false,
    ...optional('pathPrefix', read.path_prefix),
    ...optional('timeoutMs', read.timeout_ms),
    ...optional('allowedRequestHeaders', read.allowed_request_headers),
    ...optional('allowedAuthorizationHeaders', read.allowed_authorization_headers),
    ...optional('addAuthHeaders', read.add_auth_headers),
    ...optional('addLinkerdHeaders', read.add_linkerd_headers),
    ...optional('includeBody', included),
    ...optional('statusOnError', error?.code),
    ...optional('failureModeAllow', read.failure_mode_allow),
  };
}

type HttpSettings = {
  readonly pathPrefix?: string;
  readonly allowedRequestHeaders?: readonly string[];
  readonly allowedAuthorizationHeaders?: readonly string[];
  readonly addLinkerdHeaders?: boolean;
};
type BodySettings = { readonly maxBytes?: number; readonly allowPartial?: boolean };
type GatewayExternalFields = {
  readonly protocol?: 'http' | 'grpc';
  readonly authServiceURL?: string;
  readonly timeout?: number;
  readonly statusOnError?: number;
  readonly failureModeAllow?: boolean;
  readonly httpSettings?: HttpSettings;
  readonly grpcSettings?: { readonly protocolVersion?: string };
  readonly include_body?: BodySettings;
  readonly includeBody?: BodySettings;
  readonly tlsConfig?: unknown;
};
export type GatewayExternalField = keyof GatewayExternalFields;

const bodySettings = record<BodySettings>({ maxBytes: integer(1), allowPartial: boolean });

/** Of `gateway.getambassador.io/v1alpha1`. */
export const gatewayExternalFields: FieldTable<GatewayExternalFields> = {
  protocol: oneOf(['http', 'grpc'], { ignoreCase: true }),
  authServiceURL: nonEmptyText,
  timeout: goDuration,
  statusOnError: errorStatus,
  failureModeAllow: boolean,
  httpSettings: record<HttpSettings>({
    pathPrefix: optionalText,
    allowedRequestHeaders: plainHeaderNames,
    allowedAuthorizationHeaders: plainHeaderNames,
    addLinkerdHeaders: boolean,
  }),
  grpcSettings: record<{ readonly protocolVersion?: string }>({ protocolVersion: text }),
  include_body: bodySettings,
  includeBody: bodySettings,
  tlsConfig: anyMapping,
};

/** null: there is no service to ask; reported. */
export function gatewayExternalSpec(
  read: Partial<GatewayExternalFields>,
  parent: string,
  reader: FieldReader,
): ExternalSpec | null {
  const { authServiceURL: service, httpSettings: http = {}, include_body: body = read.includeBody } = read;
  if (service === undefined) {
    if (!reader.invalid.some(({ path }) => path === `${parent}.authServiceURL`)) {
      reader.missing(parent, 'authServiceURL');
    }
    return null;
  }
  const included = body && {
    maxBytes: body.maxBytes ?? DEFAULT_BODY.maxBytes,
    allowPartial: body.allowPartial ?? true,
  };
  return {
    service,
    isUrl: true,
    proto: read.protocol ?? 'http',
    tls: false,
    ...optional('pathPrefix', http.pathPrefix),
    ...optional('timeoutMs', read.timeout === undefined ? undefined : Math.ceil(read.timeout)),
    ...optional('allowedRequestHeaders', http.allowedRequestHeaders),
    ...optional('allowedAuthorizationHeaders', http.allowedAuthorizationHeaders),
    ...optional('addLinkerdHeaders', http.addLinkerdHeaders),
    ...optional('includeBody', included),
    ...optional('statusOnError', read.statusOnError),
    ...optional('failureModeAllow', read.failureModeAllow),
  };
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  const member: { [K in Key]?: Value } = {};
  if (value !== undefined) member[key] = value;
  return member;
}
