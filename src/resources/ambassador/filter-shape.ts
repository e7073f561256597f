/** The fields of a Filter, of both API groups, and what each takes. */
import {
  externalCoverage,
  filterCoverage,
  gatewayExternalCoverage,
  jwtFilterCoverage,
  apiKeyFilterCoverage,
} from './auth-coverage.ts';
import { goDuration } from './duration.ts';
import {
  externalFields,
  externalSpec,
  gatewayExternalFields,
  gatewayExternalSpec,
  type ExternalSpec,
} from './external-shape.ts';
import type { FieldReader } from './field-reader.ts';
import { anything, boolean, list, nonEmptyText, oneOf, optionalText, record, text, type FieldTable } from './fields.ts';
import { headerTemplates, plainHeaderName, type HeaderTemplate } from './filter-fields.ts';
import { isRecord } from '../record.ts';
import { readSpec, specShape } from './read-spec.ts';

export type FilterType = 'JWT' | 'OAuth2' | 'APIKey' | 'External' | 'Plugin';

export type FilterSpec = { readonly group: FilterGroup } & (
  | { readonly type: 'JWT'; readonly at: string; readonly jwt: JwtFields }
  | { readonly type: 'APIKey'; readonly at: string; readonly apiKey: ApiKeyFields }
  | { readonly type: 'External'; readonly at: string; readonly external: ExternalSpec | null }
  | { readonly type: 'OAuth2' | 'Plugin'; readonly at: string }
  /** Nobody can say what it is; reported. */
  | { readonly type: null }
);

/** `edge`: v3alpha1 and older of `getambassador.io`; `gateway`: v1alpha1 of `gateway.getambassador.io`. */
export type FilterGroup = 'edge' | 'gateway';

const ALGORITHMS = [
  'none',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'HS256',
  'HS384',
  'HS512',
] as const;
export type JwtAlgorithm = (typeof ALGORITHMS)[number];

export type JwtFields = {
  readonly jwksURI?: string;
  readonly validAlgorithms?: readonly JwtAlgorithm[];
  readonly audience?: string;
  readonly audiences?: readonly string[];
  readonly requireAudienceAll?: boolean;
  readonly requireAudience?: boolean;
  readonly issuer?: string;
  readonly requireIssuer?: boolean;
  readonly requireExpiresAt?: boolean;
  readonly requireNotBefore?: boolean;
  readonly requireIssuedAt?: boolean;
  /** Milliseconds, as the two below and `maxStale`. */
  readonly leewayForExpiresAt?: number;
  readonly leewayForNotBefore?: number;
  readonly leewayForIssuedAt?: number;
  readonly maxStale?: number;
  readonly insecureTLS?: boolean;
  readonly renegotiateTLS?: string;
  readonly injectRequestHeaders?: readonly HeaderTemplate[];
  readonly errorResponse?: JwtErrorFields;
};
export type JwtErrorFields = {
  readonly realm?: string;
  readonly headers?: readonly HeaderTemplate[];
  readonly bodyTemplate?: string;
  readonly contentType?: string;
};
export type JwtField = keyof JwtFields;

export const jwtFields: FieldTable<JwtFields> = {
  jwksURI: optionalText,
  validAlgorithms: list(oneOf(ALGORITHMS)),
  audience: optionalText,
  audiences: list(nonEmptyText),
  requireAudienceAll: boolean,
  requireAudience: boolean,
  issuer: optionalText,
  requireIssuer: boolean,
  requireExpiresAt: boolean,
  requireNotBefore: boolean,
  requireIssuedAt: boolean,
  leewayForExpiresAt: goDuration,
  leewayForNotBefore: goDuration,
  leewayForIssuedAt: goDuration,
  maxStale: goDuration,
  insecureTLS: boolean,
  renegotiateTLS: oneOf(['never', 'onceAsClient', 'freelyAsClient']),
  injectRequestHeaders: headerTemplates,
  errorResponse: record<JwtErrorFields>({
    realm: optionalText,
    headers: headerTemplates,
    bodyTemplate: text,
    contentType: optionalText,
  }),
};

export type ApiKeyFields = {
  readonly httpHeader?: string;
  readonly keys?: readonly { readonly secretName: string }[];
};
export type ApiKeyField = keyof ApiKeyFields;

export const apiKeyFields: FieldTable<ApiKeyFields> = {
  httpHeader: plainHeaderName,
  keys: list(record<{ readonly secretName: string }>({ secretName: nonEmptyText }, ['secretName'])),
};

const EDGE_MEMBERS: readonly FilterType[] = ['JWT', 'OAuth2', 'APIKey', 'External', 'Plugin'];
const GATEWAY_MEMBERS = {
  jwt: 'JWT',
  oauth2: 'OAuth2',
  apikey: 'APIKey',
  external: 'External',
  plugin: 'Plugin',
} as const;
type GatewayMember = keyof typeof GATEWAY_MEMBERS;
const GATEWAY_TYPES: readonly GatewayMember[] = ['jwt', 'oauth2', 'apikey', 'external', 'plugin'];

/** Members are read by their own tables below. */
export const filterFields = {
  ...Object.fromEntries([...EDGE_MEMBERS, ...GATEWAY_TYPES].map((name) => [name, anything])),
  ambassadorSelector: anything,
  type: oneOf(GATEWAY_TYPES),
};

const shape = specShape(filterFields, filterCoverage);
const jwtShape = specShape(jwtFields, jwtFilterCoverage);
const apiKeyShape = specShape(apiKeyFields, apiKeyFilterCoverage);
const externalShape = specShape(externalFields, externalCoverage);
const gatewayExternalShape = specShape(gatewayExternalFields, gatewayExternalCoverage);

export function filterSpec(
  written: Readonly<Record<string, unknown>>,
  group: FilterGroup,
  reader: FieldReader,
): FilterSpec {
  const read = readSpec(written, 'spec', shape, reader);
  const chosen = group === 'edge' ? edgeMember(read, reader) : gatewayMember(read, written, reader);
  if (chosen === null) return { group, type: null };
  const { type, at, member } = chosen;
  if (type === 'OAuth2' || type === 'Plugin') return { group, type, at };
  if (!isRecord(member)) {
    reader.fail(at, 'a mapping', member);
    return { group, type: null };
  }
  if (type === 'JWT') return { group, type, at, jwt: jwtSpec(member, at, reader) };
  if (type === 'APIKey') return { group, type, at, apiKey: apiKeySpec(member, at, reader) };
  return { group, type, at, external: readExternal(member, at, group, reader) };
}

type Chosen = { readonly type: FilterType; readonly at: string; readonly member: unknown };

function edgeMember(read: Readonly<Record<string, unknown>>, reader: FieldReader): Chosen | null {
  const present = EDGE_MEMBERS.filter((name) => read[name] !== undefined);
  const [type] = present;
  const names = EDGE_MEMBERS.map((name) => `\`${name}\``).join(', ');
  if (type === undefined || present.length > 1) {
    const found = present.length > 1 ? `it has ${present.join(' and ')}` : 'it has none';
    return (
      reader.reject('spec', `A Filter has exactly one of ${names}, but ${found}.`, 'Write one Filter for each.') ?? null
    );
  }
  return { type, at: `spec.${type}`, member: read[type] };
}

function gatewayMember(
  read: Readonly<Record<string, unknown>>,
  written: Readonly<Record<string, unknown>>,
  reader: FieldReader,
): Chosen | null {
  const name = GATEWAY_TYPES.find((candidate) => candidate === read['type']);
  if (name === undefined) {
    if ((written['type'] ?? null) === null) reader.missing('spec', 'type');
    return null;
  }
  const at = `spec.${name}`;
  if (read[name] === undefined) {
    reader.missing('spec', name);
    return null;
  }
  return { type: GATEWAY_MEMBERS[name], at, member: read[name] };
}

function jwtSpec(member: Readonly<Record<string, unknown>>, at: string, reader: FieldReader): JwtFields {
  const jwt: JwtFields = readSpec(member, at, jwtShape, reader);
  if (jwt.jwksURI === undefined && jwt.validAlgorithms?.every((name) => name === 'none') !== true) {
    reader.missing(at, 'jwksURI');
  }
  if ((jwt.errorResponse?.headers?.length ?? 0) > 16) {
    reader.reject(`${at}.errorResponse.headers`, 'There may be at most 16 headers.', 'Remove some.');
  }
  return jwt;
}

function apiKeySpec(member: Readonly<Record<string, unknown>>, at: string, reader: FieldReader): ApiKeyFields {
  const apiKey: ApiKeyFields = readSpec(member, at, apiKeyShape, reader);
  if ((apiKey.keys?.length ?? 0) === 0 && !reader.invalid.some(({ path }) => path.startsWith(`${at}.keys`))) {
    reader.missing(at, 'keys');
  }
  return apiKey;
}

function readExternal(
  member: Readonly<Record<string, unknown>>,
  at: string,
  group: FilterGroup,
  reader: FieldReader,
): ExternalSpec | null {
  // The older spelling is taken in the newer group too: its meaning is certain.
  const isOlder = group === 'edge' || (member['auth_service'] ?? null) !== null;
  if (isOlder) return externalSpec(readSpec(member, at, externalShape, reader), at, reader);
  return gatewayExternalSpec(readSpec(member, at, gatewayExternalShape, reader), at, reader);
}
