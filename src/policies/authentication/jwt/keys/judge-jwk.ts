/**
 * JWK → what it may verify, or why it may not (RFC 7517, 7518, 8037). Pure, so that the keys written
 * into a configuration are judged when it is built and fetched ones by the same rules.
 */
import { toBase64Url } from '../../../../model/bytes.ts';
import type { Json } from '../../../../model/route-model.ts';
import { rsaDefect, type RsaDefect } from './rsa-strength.ts';

export type JwkDefect =
  | RsaDefect
  | 'not-an-object'
  | 'bad-kid'
  | 'symmetric'
  | 'private'
  | 'wrong-use'
  | 'wrong-key-ops'
  | 'unsupported-type'
  | 'unsupported-curve'
  | 'unsupported-algorithm'
  | 'malformed';

/** Only the members that make up the public key: whatever else a set says must not reach the import. */
export type PublicJwk =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: string; readonly x: string };

export type JudgedJwk = {
  readonly kid: string | null;
  readonly jwk: PublicJwk;
  /** Never empty. */
  readonly algorithms: readonly string[];
};

type Members = { readonly [name: string]: Json };
type Material = Pick<JudgedJwk, 'jwk' | 'algorithms'>;

const RSA_ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
/** RFC 7518 section 6.2.1: coordinates have the full length of the field. */
const CURVES: Readonly<Record<string, { readonly bytes: number; readonly algorithm: string }>> = {
  'P-256': { bytes: 32, algorithm: 'ES256' },
  'P-384': { bytes: 48, algorithm: 'ES384' },
  'P-521': { bytes: 66, algorithm: 'ES512' },
};
/** `EdDSA` is the name of RFC 8037, `Ed25519` that of RFC 9864 for the same thing. */
const ED25519_ALGORITHMS: readonly string[] = ['EdDSA', 'Ed25519'];
/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4: a set that shows them has given its keys away. */
const PRIVATE_MEMBERS: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

export function judgeJwk(jwk: Json): JudgedJwk | JwkDefect {
  if (!isMembers(jwk)) return 'not-an-object';
  const { kty, kid = null } = jwk;
  if (kid !== null && typeof kid !== 'string') return 'bad-kid';
  // A published shared key lets everybody who can read it sign.
  if (kty === 'oct') return 'symmetric';
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) return 'private';
  const wrong = purposeDefect(jwk);
  if (wrong !== null) return wrong;
  const material = materialOf(jwk);
  if (typeof material === 'string') return material;
  const algorithms = narrowed(material.algorithms, jwk['alg']);
  return algorithms.length === 0 ? 'unsupported-algorithm' : { kid, jwk: material.jwk, algorithms };
}

/** RFC 7517 sections 4.2 and 4.3; both are optional, and either may rule verification out. */
function purposeDefect({ use, key_ops: operations }: Members): JwkDefect | null {
  if (use !== undefined && use !== 'sig') return 'wrong-use';
  if (operations === undefined) return null;
  return Array.isArray(operations) && operations.includes('verify') ? null : 'wrong-key-ops';
}

function materialOf(jwk: Members): Material | JwkDefect {
  switch (jwk['kty']) {
    case 'RSA':
      return rsaMaterial(jwk);
    case 'EC':
      return ecMaterial(jwk);
    case 'OKP':
      return okpMaterial(jwk);
    default:
      return 'unsupported-type';
  }
}

function rsaMaterial({ n, e }: Members): Material | JwkDefect {
  const modulus = trimmed(decodeBase64Url(n));
  const exponent = trimmed(decodeBase64Url(e));
  if (modulus === null || exponent === null) return 'malformed';
  const defect = rsaDefect(modulus, exponent);
  if (defect !== null) return defect;
  return {
    jwk: { kty: 'RSA', n: toBase64Url(modulus), e: toBase64Url(exponent) },
    algorithms: RSA_ALGORITHMS,
  };
}

function ecMaterial({ crv, x, y }: Members): Material | JwkDefect {
  const curve = typeof crv === 'string' && Object.hasOwn(CURVES, crv) ? CURVES[crv] : undefined;
  if (typeof crv !== 'string' || curve === undefined) return 'unsupported-curve';
  if (!isOfLength(x, curve.bytes) || !isOfLength(y, curve.bytes)) return 'malformed';
  return { jwk: { kty: 'EC', crv, x, y }, algorithms: [curve.algorithm] };
}

function okpMaterial({ crv, x }: Members): Material | JwkDefect {
  if (crv !== 'Ed25519') return 'unsupported-curve';
  return isOfLength(x, 32) ? { jwk: { kty: 'OKP', crv, x }, algorithms: ED25519_ALGORITHMS } : 'malformed';
}

function narrowed(possible: readonly string[], alg: Json | undefined): readonly string[] {
  if (alg === undefined) return possible;
  // One key, two names of one algorithm: a token may use either.
  if (alg === 'EdDSA' || alg === 'Ed25519') return possible === ED25519_ALGORITHMS ? possible : [];
  return possible.filter((name) => name === alg);
}

function isOfLength(text: Json | undefined, bytes: number): text is string {
  return decodeBase64Url(text)?.length === bytes;
}

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** null: no text, or not the one spelling that RFC 7515 appendix C gives these bytes. */
function decodeBase64Url(text: Json | undefined): Uint8Array | null {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return toBase64Url(bytes) === text ? bytes : null;
}

/** Some providers write the sign byte of their big integers; the number is the same. */
function trimmed(bytes: Uint8Array | null): Uint8Array | null {
  if (bytes === null) return null;
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? new Uint8Array() : bytes.subarray(first);
}
