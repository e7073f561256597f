/** Authored `jwt` options → what the Worker needs, and what is doubtful about them. */
import type { Json } from '../../../model/route-model.ts';
import type { LowerContext } from '../../contract.ts';
import { parseOptions, reportOption } from '../../parse-options.ts';
import type { AuthMethodLowering } from '../method.ts';
import { mediaType } from './check-claims.ts';
import type { CompiledJwt, RequiredClaim } from './compiled.ts';
import { decodeJwt } from './decode.ts';
import { injectedNames } from './injected-names.ts';
import { lowerKeys } from './keys/lower-keys.ts';
import { lowerAlgorithms } from './lower-algorithms.ts';
import { lowerErrorResponse, lowerInjected } from './lower-headers.ts';
import { lowerPlaces } from './lower-places.ts';
import { JWT_OPTION_NAMES, jwtOptionsSchema, type JwtOptions } from './options.ts';

export const jwtLowering: AuthMethodLowering = {
  name: 'jwt',
  lower(options, context) {
    const parsed = parseOptions(jwtOptionsSchema, options, { policy: 'jwt', knownKeys: JWT_OPTION_NAMES, context });
    if (parsed === null || !isBuilt(parsed, context)) return null;
    const compiled = compileJwt(parsed, context);
    if (compiled === null) return null;
    review(parsed, compiled, context);
    return compiled satisfies Json;
  },
  injectedHeaders(json) {
    return injectedNames(decodeJwt(json));
  },
  describe(json) {
    const { issuers, audiences, audienceAll, scopes } = decodeJwt(json);
    const issuer = issuers === null ? 'any issuer' : issuers.join(' or ');
    const audience = audiences === null ? '' : ` for ${audiences.join(audienceAll === true ? ' and ' : ' or ')}`;
    return `a token of ${issuer}${audience}${scopes.length === 0 ? '' : ` with the scopes ${scopes.join(' ')}`}`;
  },
};

/** What would protect more than we can: leaving it out would serve requests that the author wanted refused. */
const NOT_BUILT = {
  jti: 'refuses tokens seen before',
  cnf: 'binds tokens to a key of the client',
  introspection: 'asks the issuer about opaque tokens',
} as const;

function isBuilt(options: JwtOptions, context: LowerContext): boolean {
  let built = true;
  for (const [name, does] of Object.entries(NOT_BUILT)) {
    if (!(name in options)) continue;
    built = false;
    reportOption(context, 'error', 'jwt-not-built', {
      message: `\`${name}\` (${does}) is not built yet. The route refuses requests, because without it it would be less protected.`,
      at: [name],
      hint: `Remove \`${name}\` if the route is safe without it.`,
    });
  }
  return built;
}

function compileJwt(options: JwtOptions, context: LowerContext): CompiledJwt | null {
  const issuers = listOf(options.issuer);
  const audiences = listOf(options.audience);
  // All of them before giving up, so that every problem is reported at once.
  const algorithms = lowerAlgorithms(options, context);
  const keys = lowerKeys(keysOf(options), context, { issuer: soleIssuer(issuers) });
  const token = lowerPlaces(options, context);
  const inject = lowerInjected(options, context);
  const errorResponse = lowerErrorResponse(options, context);
  if (keys === null || algorithms === null || token === null || inject === null || errorResponse === null) return null;
  const { audienceMatch, scopes = [], typ, refuseIdTokens, planClaim, strip, realm = 'api' } = options;
  return {
    keys,
    algorithms,
    issuers,
    audiences,
    ...(audienceMatch === 'all' && { audienceAll: true as const }),
    required: requiredClaims(options, { issuers, audiences }),
    leeway: leewayOf(options),
    scopes: [...new Set(scopes)],
    ...(typ !== undefined && { types: [typ].flat().map(mediaType) }),
    ...(refuseIdTokens === true && { refuseIdTokens: true as const }),
    token,
    ...(planClaim !== undefined && { planClaim }),
    ...(strip === true && { strip: true as const }),
    realm,
    inject,
    ...(errorResponse !== undefined && { errorResponse }),
  };
}

/** null for the word `any`: not compared. */
function listOf(value: string | readonly string[]): readonly string[] | null {
  if (value === 'any') return null;
  return [...new Set([value].flat())];
}

/** Discovery reads the document of one issuer. */
function soleIssuer(issuers: readonly string[] | null): string | null {
  return issuers?.length === 1 ? (issuers[0] ?? null) : null;
}

function keysOf({
  jwksURI,
  discovery,
  jwks,
  secret,
  algorithm,
  maxStaleMs,
  insecureTLS,
}: JwtOptions): Parameters<typeof lowerKeys>[0] {
  return { jwksURI, discovery, jwks, secret, algorithm, maxStaleMs, insecureTLS };
}

/** Presence of `exp`, `iss` and `aud` is demanded like that of any other claim. */
function requiredClaims(
  { mayLack = [], requiredClaims = {} }: JwtOptions,
  { issuers, audiences }: Pick<CompiledJwt, 'issuers' | 'audiences'>,
): readonly RequiredClaim[] {
  const standard = [
    { name: 'exp', isDemanded: true },
    { name: 'iss', isDemanded: issuers !== null },
    { name: 'aud', isDemanded: audiences !== null },
  ] as const;
  const names = standard.filter(
    ({ name, isDemanded }) => isDemanded && !mayLack.includes(name) && !(name in requiredClaims),
  );
  const further = Object.entries(requiredClaims).map(([name, value]) =>
    value === true ? { name } : { name, equals: value },
  );
  return [...names.map(({ name }) => ({ name })), ...further];
}

const DEFAULT_LEEWAY_MS = 60_000;

function leewayOf({ leewayMs = DEFAULT_LEEWAY_MS }: JwtOptions): CompiledJwt['leeway'] {
  const {
    exp = 0,
    nbf = 0,
    iat = 0,
  } = typeof leewayMs === 'number' ? { exp: leewayMs, nbf: leewayMs, iat: leewayMs } : leewayMs;
  return { exp: exp / 1_000, nbf: nbf / 1_000, iat: iat / 1_000 };
}

/** Served as written; weaker than it looks. */
function review(options: JwtOptions, compiled: CompiledJwt, context: LowerContext): void {
  if (!compiled.required.some(({ name }) => name === 'exp')) {
    reportOption(context, 'warning', 'jwt-expiry-optional', {
      message: 'A token without `exp` is accepted, and is then good for ever: only exchanging the keys ends it.',
      at: ['mayLack'],
      hint: 'Demand `exp` (JWT Filter: `requireExpiresAt: true`).',
    });
  }
  const longest = Math.max(...Object.values(compiled.leeway));
  if (longest > DEFAULT_LEEWAY_MS / 1_000) {
    reportOption(context, 'warning', 'jwt-leeway-long', {
      message: `Tokens are accepted up to ${longest} s after they have expired or before they are valid. Clocks rarely differ by more than a minute.`,
      at: ['leewayMs'],
      hint: 'Write 60000 or less.',
    });
  }
  if (options.audience === 'any' && options.audienceMatch !== undefined) {
    reportOption(context, 'warning', 'jwt-audience-unused', {
      message: '`audienceMatch` has no effect, because `audience` is not compared.',
      at: ['audienceMatch'],
      hint: 'Name the audiences, or remove it.',
    });
  }
}
