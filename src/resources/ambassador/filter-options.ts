/** One Filter → the method that does what it says, or why none can. */
import type { Report } from '../../diagnostics/finding.ts';
import type { Json } from '../../model/route-model.ts';
import type { KnownSecrets } from '../../model/secret-states.ts';
import { externalOptions, externalTarget, type ExternalContext } from './external-options.ts';
import type { ExternalSpec } from './external-shape.ts';
import type { ApiKeyFields, FilterType, JwtAlgorithm, JwtErrorFields, JwtFields } from './filter-shape.ts';
import { secretsOfFilter } from './filter-secrets.ts';
import { nameOf, provenanceAt, reportAt } from './report-at.ts';
import type { FilterResource } from './types.ts';

export type LinkedFilter = {
  readonly resource: FilterResource;
  readonly type: FilterType | null;
  /** Of `filters` in the options of the policy. */
  readonly option: Json;
  /** Why no method can do it, as a clause; null: one can. */
  readonly unusable: string | null;
};

export type FilterContext = {
  readonly place: ExternalContext;
  /** Parity switch: claims that would be checked must be there. */
  readonly strictClaims: boolean;
  readonly secrets: KnownSecrets;
};

/** What is doubtful about the Filter itself is said here, once, however many rules name it. */
export function linkFilter(resource: FilterResource, context: FilterContext, report: Report): LinkedFilter {
  const method = filterMethod(resource, context, report);
  const { type } = resource.spec;
  if (typeof method !== 'string' && 'method' in method) {
    const at = 'at' in resource.spec ? resource.spec.at : 'spec';
    return { resource, type, option: { ...method, source: provenanceAt(resource, at) }, unusable: null };
  }
  const reason = typeof method === 'string' ? method : method.unusable;
  // Of Secrets it is said already, in more words.
  if (resource.invalid.length === 0 && typeof method === 'string') {
    reportAt(report, resource, {
      severity: 'warning',
      code: 'policy-not-enforced',
      message: `This Filter cannot be enforced: ${reason}. Rules that name it refuse what they match.`,
      path: 'at' in resource.spec ? resource.spec.at : 'spec',
      hint: null,
    });
  }
  const unusable = `Filter ${nameOf(resource)} cannot be enforced: ${reason}`;
  return { resource, type, option: { unusable }, unusable };
}

type Method = { readonly method: string; readonly options: { readonly [name: string]: Json } };

/** A string is the reason, as a clause; `unusable` is one that is reported. */
function filterMethod(
  resource: FilterResource,
  context: FilterContext,
  report: Report,
): Method | string | { readonly unusable: string } {
  if (resource.invalid.length > 0) return 'it is not valid';
  const { spec } = resource;
  switch (spec.type) {
    case 'JWT':
      return jwtMethod(withClaims(spec.jwt, context), spec.at, resource, report);
    case 'APIKey':
      return apiKeyMethod(spec.apiKey, resource, { known: context.secrets, at: spec.at, report });
    case 'External':
      return spec.external === null ? 'it is not valid' : externalMethod(spec.external, context.place);
    case 'OAuth2':
      return 'OAuth2 is not built';
    case 'Plugin':
      return 'plugins in Go cannot be run';
    default:
      return 'it is not valid';
  }
}

function externalMethod(spec: ExternalSpec, context: ExternalContext): Method | string {
  if (spec.proto === 'grpc') return 'gRPC cannot be spoken to its service';
  const target = externalTarget(spec, context);
  if (typeof target === 'string') return target;
  return { method: 'external', options: externalOptions(spec, target, { ...context, addLinkerdHeaders: false }) };
}

function apiKeyMethod(
  fields: ApiKeyFields,
  resource: FilterResource,
  context: Parameters<typeof secretsOfFilter>[2],
): Method | { readonly unusable: string } {
  const { httpHeader } = fields;
  const { namespace, name } = resource;
  const secrets = secretsOfFilter(fields, resource, context);
  if ('unusable' in secrets) return secrets;
  return {
    method: 'api-key',
    options: {
      kind: 'secret-set',
      sets: secrets.sets,
      ...(httpHeader !== undefined && { header: httpHeader }),
      // The upstream sees the key, as with AES.
      forward: true,
      realm: `${name}.${namespace}`,
    },
  };
}

/** What the method does by itself, and the most that it does. */
const MIN_STALE_MS = 86_400_000;
const MAX_STALE_MS = 365 * 86_400_000;

const ASYMMETRIC: readonly JwtAlgorithm[] = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512'] as const),
];

function withClaims(jwt: JwtFields, { strictClaims }: FilterContext): JwtFields {
  if (!strictClaims) return jwt;
  const { issuer, audience, audiences = [] } = jwt;
  return {
    ...jwt,
    requireExpiresAt: true,
    ...(issuer !== undefined && { requireIssuer: true }),
    ...((audience !== undefined || audiences.length > 0) && { requireAudience: true }),
  };
}

function jwtMethod(jwt: JwtFields, at: string, resource: FilterResource, report: Report): Method | string {
  const { validAlgorithms = ASYMMETRIC, jwksURI, insecureTLS = false } = jwt;
  if (validAlgorithms.includes('none')) return '`none` among `validAlgorithms` accepts what anybody can write';
  if (insecureTLS) return '`insecureTLS` would take keys from whoever answers';
  if (jwksURI === undefined) return 'it names no keys';
  const algorithms = validAlgorithms.filter((algorithm) => !algorithm.startsWith('HS'));
  if (algorithms.length < validAlgorithms.length) reportSymmetric(at, resource, report);
  if (algorithms.length === 0) return 'all its algorithms are symmetric, and a key set must hold no secret';
  return { method: 'jwt', options: jwtOptions(jwt, { jwksURI, algorithms }, resource) };
}

/** AES's meaning field by field: a claim that is not there passes unless it is required, and clocks agree. */
function jwtOptions(
  jwt: JwtFields,
  { jwksURI, algorithms }: { readonly jwksURI: string; readonly algorithms: readonly string[] },
  { name, namespace }: FilterResource,
): { readonly [name: string]: Json } {
  const { audience, audiences = [], issuer, maxStale = 0, injectRequestHeaders = [], errorResponse = {} } = jwt;
  const accepted = [...new Set([...(audience === undefined ? [] : [audience]), ...audiences])];
  const mayLack = [
    ...(jwt.requireExpiresAt === true ? [] : ['exp']),
    ...(jwt.requireIssuer === true || issuer === undefined ? [] : ['iss']),
    ...(jwt.requireAudience === true || accepted.length === 0 ? [] : ['aud']),
  ];
  const required = {
    ...(jwt.requireIssuer === true && issuer === undefined && { iss: true }),
    ...(jwt.requireAudience === true && accepted.length === 0 && { aud: true }),
    ...(jwt.requireNotBefore === true && { nbf: true }),
    ...(jwt.requireIssuedAt === true && { iat: true }),
  };
  const { leewayForExpiresAt = 0, leewayForNotBefore = 0, leewayForIssuedAt = 0 } = jwt;
  return {
    jwksURI,
    algorithms,
    // Lists, because the word `any` alone has a meaning of its own.
    issuer: issuer === undefined ? 'any' : [issuer],
    audience: accepted.length === 0 ? 'any' : accepted,
    ...(jwt.requireAudienceAll === true && accepted.length > 1 && { audienceMatch: 'all' }),
    ...(mayLack.length > 0 && { mayLack }),
    ...(Object.keys(required).length > 0 && { requiredClaims: required }),
    leewayMs: {
      exp: Math.floor(leewayForExpiresAt),
      nbf: Math.floor(leewayForNotBefore),
      iat: Math.floor(leewayForIssuedAt),
    },
    // It lengthens how long keys are used, and never shortens it.
    ...(maxStale > MIN_STALE_MS && { maxStaleMs: Math.min(Math.ceil(maxStale), MAX_STALE_MS) }),
    realm: errorResponse.realm ?? `${name}.${namespace}`,
    ...(injectRequestHeaders.length > 0 && { injectRequestHeaders }),
    errorResponse: errorOptions(errorResponse),
  };
}

function errorOptions({ headers = [], bodyTemplate, contentType }: JwtErrorFields): { readonly [name: string]: Json } {
  const all = [
    ...(contentType === undefined ? [] : [{ name: 'Content-Type', value: contentType }]),
    ...headers.map(({ name, value }) => ({ name, value })),
  ];
  return { ...(all.length > 0 && { headers: all }), ...(bodyTemplate !== undefined && { bodyTemplate }) };
}

function reportSymmetric(at: string, resource: FilterResource, report: Report): void {
  reportAt(report, resource, {
    severity: 'warning',
    code: 'jwt-symmetric-left-out',
    message:
      'Tokens with symmetric algorithms (HS256, HS384, HS512) are refused: a key set that is fetched must hold no secret.',
    path: `${at}.validAlgorithms`,
    hint: 'Leave them out, or verify such tokens with `jwt` and `secret` in routes.config.ts.',
  });
}
