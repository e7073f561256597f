/**
 * Names of the values of the namespace KEYS. Flat and free of anything secret: a name is a digest of
 * the credential, so whoever reads the namespace learns no key, and the edge needs one `get` per key.
 *
 * `apikey-<sha256 of the key>`, `keyid-<id>` (where to find a key by its id), `basic-<sha256 of the
 * user name>`, `aeskey-<HMAC-SHA-256 of the key>` (keys of Kubernetes Secrets).
 */
import { toHex } from '../model/bytes.ts';
import { sha256 } from '../model/sha256.ts';

const encoder = new TextEncoder();

/** As `list` uses them. */
export const KEY_NAME_PREFIXES = { apiKey: 'apikey-', keyId: 'keyid-', basic: 'basic-', secretKey: 'aeskey-' } as const;

/** 160 random bits need no salt. */
export async function apiKeyName(key: string): Promise<string> {
  return KEY_NAME_PREFIXES.apiKey + (await sha256(key));
}

export async function basicUserName(user: string): Promise<string> {
  return KEY_NAME_PREFIXES.basic + (await sha256(user));
}

/** Keys that people chose may be guessed from a plain digest; under a pepper that is not in the namespace they cannot. */
export async function secretKeyName(key: string, pepper: CryptoKey): Promise<string> {
  const digest = await crypto.subtle.sign('HMAC', pepper, encoder.encode(key));
  return KEY_NAME_PREFIXES.secretKey + toHex(new Uint8Array(digest));
}

export function keyIdName(id: string): string {
  return KEY_NAME_PREFIXES.keyId + id;
}

/** Throws TypeError when the text is too short to keep guessed keys from being confirmed. */
export function importPepper(text: string): Promise<CryptoKey> {
  if (text.length < MIN_PEPPER_CHARACTERS)
    throw new TypeError(`the pepper has fewer than ${MIN_PEPPER_CHARACTERS} characters`);
  return crypto.subtle.importKey('raw', encoder.encode(text), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}
const MIN_PEPPER_CHARACTERS = 32;

/** `k` and 16 Crockford base32 characters, 80 random bits; lower case, because names may be files of a folder that ignores case. */
export function generateKeyId(): string {
  let id = 'k';
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) id += CROCKFORD.charAt(byte % CROCKFORD.length);
  return id;
}
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

export function isKeyId(text: string): boolean {
  return /^k[0-9a-hjkmnp-tv-z]{16}$/.test(text);
}

/** Whether the text can be a name of this layout: what a store may turn into a file name. */
export function isKeyName(name: string): boolean {
  if (name.startsWith(KEY_NAME_PREFIXES.keyId)) return isKeyId(name.slice(KEY_NAME_PREFIXES.keyId.length));
  return /^(?:apikey|basic|aeskey)-[0-9a-f]{64}$/.test(name);
}
