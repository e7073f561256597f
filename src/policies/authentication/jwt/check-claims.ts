/** What a token says about itself, against the configuration. */
import type { Json } from '../../../model/route-model.ts';
import { canonicalJson } from '../../../program/canonical-json.ts';
import type { CompiledJwt } from './compiled.ts';
import { memberOf, type ParsedToken } from './parse-token.ts';
import type { JsonObject } from './strict-json.ts';

/** For error templates alone; answers do not tell them apart. */
export type TokenProblem =
  | 'malformed'
  | 'unverifiable'
  | 'signature'
  | 'audience'
  | 'expired'
  | 'issued-at'
  | 'issuer'
  | 'not-yet'
  | 'claims';

/** Seconds since 1970 between which the token is good, clock differences included. */
export type ValidTime = { readonly from: number; readonly until: number };

/** null: nothing against it but perhaps the time, which `timeProblem` judges. */
export function claimsProblem({ header, claims }: ParsedToken, config: CompiledJwt): TokenProblem | null {
  if (!isIssuer(memberOf(claims, 'iss'), config)) return 'issuer';
  if (!isAudience(memberOf(claims, 'aud'), config)) return 'audience';
  for (const { name, equals } of config.required) {
    const value = memberOf(claims, name);
    if (value === undefined || value === null) return 'claims';
    if (equals !== undefined && canonicalJson(value) !== canonicalJson(equals)) return 'claims';
  }
  if (config.types !== undefined && !isType(memberOf(header, 'typ'), config.types)) return 'claims';
  if (config.refuseIdTokens === true && ID_TOKEN_CLAIMS.some((name) => Object.hasOwn(claims, name))) return 'claims';
  return null;
}

/** OpenID Connect Core §2, §3.3.2.11: an access token has none of them. */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash'] as const;

/** An absent claim passes here; `required` demands those that must be there. */
function isIssuer(iss: Json | undefined, { issuers }: CompiledJwt): boolean {
  if (iss === undefined) return true;
  return typeof iss === 'string' && (issuers === null || issuers.includes(iss));
}

/** RFC 7519 §4.1.3: a text, or a list of texts. */
function isAudience(aud: Json | undefined, { audiences, audienceAll }: CompiledJwt): boolean {
  if (aud === undefined || audiences === null) return true;
  const named: readonly Json[] = Array.isArray(aud) ? aud : [aud];
  if (!named.every((item) => typeof item === 'string')) return false;
  return audienceAll === true
    ? audiences.every((audience) => named.includes(audience))
    : audiences.some((audience) => named.includes(audience));
}

function isType(typ: Json | undefined, types: readonly string[]): boolean {
  return typeof typ === 'string' && types.includes(mediaType(typ));
}

/** RFC 7515 §4.1.9: media types compare without case, `application/` may be left out. */
export function mediaType(text: string): string {
  return text.toLowerCase().replace(/^application\/(?=[^/]+$)/, '');
}

/** null: a time that is none. Absent ones do not bound. */
export function validTime(claims: JsonObject, { leeway }: CompiledJwt): ValidTime | null {
  const [exp, nbf, iat] = [memberOf(claims, 'exp'), memberOf(claims, 'nbf'), memberOf(claims, 'iat')];
  if (!isTime(exp) || !isTime(nbf) || !isTime(iat)) return null;
  return {
    from: Math.max((nbf ?? -Infinity) - leeway.nbf, (iat ?? -Infinity) - leeway.iat),
    until: (exp ?? Infinity) + leeway.exp,
  };
}

/** Largest time that dates reach; larger numbers are no time that anyone means. */
const MAX_TIME = 8_640_000_000_000;

/** NumericDate (RFC 7519 §2): a number, fractions allowed. A text that looks like one is none. */
function isTime(value: Json | undefined): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Math.abs(value) <= MAX_TIME);
}

/** Which of the times it is that `nowS` is not within. */
export function timeProblem(claims: JsonObject, { leeway }: CompiledJwt, nowS: number): TokenProblem {
  const { exp, nbf } = { exp: memberOf(claims, 'exp'), nbf: memberOf(claims, 'nbf') };
  if (typeof exp === 'number' && nowS >= exp + leeway.exp) return 'expired';
  return typeof nbf === 'number' && nowS < nbf - leeway.nbf ? 'not-yet' : 'issued-at';
}

/** `nowS` in seconds. At `exp` itself a token is over (RFC 7519 §4.1.4). */
export function isWithin({ from, until }: ValidTime, nowS: number): boolean {
  return nowS >= from && nowS < until;
}

/** Scopes of `scope` (RFC 8693 §4.2: text; a list with some providers) and of `scp`, each once. */
export function scopesOf(claims: JsonObject): readonly string[] {
  return [...new Set([...scopesIn(memberOf(claims, 'scope')), ...scopesIn(memberOf(claims, 'scp'))])];
}

function scopesIn(value: Json | undefined): readonly string[] {
  if (typeof value === 'string') return value.split(' ').filter((scope) => scope !== '');
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
