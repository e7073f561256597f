/** Text of a token → its parts, without believing any of them. */
import type { Json } from '../../../model/route-model.ts';
import { parseStrictObject, type JsonObject } from './strict-json.ts';

/** Characters. Nothing of a longer token is decoded. */
export const MAX_TOKEN_LENGTH = 8_192;

export type ParsedToken = {
  readonly text: string;
  readonly alg: string;
  readonly kid: string | null;
  readonly header: JsonObject;
  readonly claims: JsonObject;
  /** Encoded, as in the text. */
  readonly signature: string;
};

/** JWS compact form (RFC 7515 §7.1): JWE, JSON forms and tokens without signature are something else. */
const GRAMMAR = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)$/;

/** null: no signed token that could be judged. At most MAX_TOKEN_LENGTH characters. */
export function parseToken(text: string): ParsedToken | null {
  const [, headerText, claimsText, signature] = GRAMMAR.exec(text) ?? [];
  if (headerText === undefined || claimsText === undefined || signature === undefined) return null;
  if (!isCanonical(signature)) return null;
  const header = parsePart(headerText);
  if (header === null) return null;
  const { alg, kid = null } = header;
  if (typeof alg !== 'string' || (kid !== null && typeof kid !== 'string')) return null;
  // `"kid": null` is no string either.
  if (kid === null && Object.hasOwn(header, 'kid')) return null;
  if (UNUSABLE.some((name) => Object.hasOwn(header, name))) return null;
  const claims = parsePart(claimsText);
  return claims === null ? null : { text, alg, kid, header, claims, signature };
}

/**
 * `crit` names extensions that must be understood, and none is (RFC 7515 §4.1.11); `b64` changes what is
 * signed (RFC 7797) and `zip` what it means. `jwk`, `jku`, `x5u`, `x5c` are not looked at: the token does
 * not choose its key.
 */
const UNUSABLE = ['crit', 'b64', 'zip'] as const;

function parsePart(text: string): JsonObject | null {
  return isCanonical(text) ? parseStrictObject(decodeBase64Url(text)) : null;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Over characters of the grammar: no length that no bytes have, and no bits left over, which decoders drop. */
function isCanonical(text: string): boolean {
  const rest = text.length % 4;
  if (rest === 0) return true;
  const last = ALPHABET.indexOf(text.charAt(text.length - 1));
  return rest === 2 ? (last & 0b1111) === 0 : rest === 3 && (last & 0b11) === 0;
}

function decodeBase64Url(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** A member of a token's own; undefined when there is none. What objects inherit is none. */
export function memberOf(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
