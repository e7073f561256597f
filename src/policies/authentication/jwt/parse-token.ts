/** Text of a token → its parts, without believing any of them. */
import type { Json } from '../../../model/route-model.ts';
import { parseStrictObject, type JsonObject } from './strict-json.ts';

/** Characters. Nothing of a longer token is decoded. */
export const MAX_TOKEN_LENGTH = 8_192;

/** A signed text, whatever it says. */
export type ParsedJws = {
  readonly text: string;
  readonly alg: string;
  readonly kid: string | null;
  readonly header: JsonObject;
  readonly payload: Uint8Array;
  /** Encoded, as in the text. */
  readonly signature: string;
};

export type ParsedToken = Omit<ParsedJws, 'payload'> & { readonly claims: JsonObject };

/** JWS compact form (RFC 7515 §7.1): JWE, JSON forms and tokens without signature are something else. */
const GRAMMAR = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)$/;

/** null: no signed token that could be judged. At most MAX_TOKEN_LENGTH characters. */
export function parseToken(text: string): ParsedToken | null {
  const jws = parseJws(text);
  if (jws === null) return null;
  const { payload, ...rest } = jws;
  const claims = parseStrictObject(payload);
  return claims === null ? null : { ...rest, claims };
}

/** null: not in canonical compact form, or a header that leaves open how it is to be read. */
export function parseJws(text: string): ParsedJws | null {
  const [, headerText, payloadText, signature] = GRAMMAR.exec(text) ?? [];
  if (headerText === undefined || payloadText === undefined || signature === undefined) return null;
  if (![headerText, payloadText, signature].every(isCanonical)) return null;
  const header = parseStrictObject(decodeBase64Url(headerText));
  if (header === null) return null;
  const alg = memberOf(header, 'alg');
  const kid = memberOf(header, 'kid');
  if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string')) return null;
  if (UNUSABLE.some((name) => Object.hasOwn(header, name))) return null;
  return { text, alg, kid: kid ?? null, header, payload: decodeBase64Url(payloadText), signature };
}

/**
 * `crit` names extensions that must be understood, and none is (RFC 7515 §4.1.11); `b64` changes what is
 * signed (RFC 7797) and `zip` what it means. `jwk`, `jku`, `x5u`, `x5c` are not looked at: the token does
 * not choose its key.
 */
const UNUSABLE = ['crit', 'b64', 'zip'] as const;

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
