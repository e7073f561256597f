/** Passwords as PBKDF2-SHA-256 digests (RFC 8018), with Web Crypto alone, so that Worker and CLI agree. */
import { fromBase64, toBase64 } from '../model/bytes.ts';
import type { RecordObject } from './record-fields.ts';

export type PasswordHash = {
  readonly algorithm: 'pbkdf2-sha256';
  readonly rounds: number;
  /** 16 random bytes per user, base64. */
  readonly salt: string;
  /** 32 bytes, base64. */
  readonly digest: string;
  /** `sha1`: what was hashed is the base64 text of the password's SHA-1, all that an htpasswd file knows. */
  readonly prehash: 'sha1' | null;
};

/** Cloudflare refuses more; the same everywhere, so that users can be moved. */
export const PBKDF2_ROUNDS = 100_000;
const SALT_BYTES = 16;
const DIGEST_BYTES = 32;

const encoder = new TextEncoder();

/** `password`: the password itself, or with `prehash` what stands in its place. */
export async function hashPassword(
  password: string,
  prehash: PasswordHash['prehash'] = null,
  rounds = PBKDF2_ROUNDS,
): Promise<PasswordHash> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const digest = await derive(prehash === null ? normalize(password) : password, salt, rounds);
  return { algorithm: 'pbkdf2-sha256', rounds, salt: toBase64(salt), digest: toBase64(digest), prehash };
}

/** Whether the password is the hashed one. Always one derivation, and a comparison that does not end early. */
export async function verifyPassword(password: string, hash: PasswordHash): Promise<boolean> {
  const salt = fromBase64(hash.salt) ?? new Uint8Array(SALT_BYTES);
  const expected = fromBase64(hash.digest) ?? new Uint8Array(0);
  const text = hash.prehash === 'sha1' ? await sha1Base64(password) : normalize(password);
  return equalBytes(await derive(text, salt, hash.rounds), expected);
}

/** One form for both sides, because keyboards differ (RFC 7617, section 2.1). */
function normalize(password: string): string {
  return password.normalize('NFC');
}

/** As htpasswd's `{SHA}` writes it. */
export async function sha1Base64(password: string): Promise<string> {
  return toBase64(new Uint8Array(await crypto.subtle.digest('SHA-1', encoder.encode(password))));
}

const MEMBERS = ['algorithm', 'rounds', 'salt', 'digest', 'prehash'];

/** null: not a hash that this version can check. */
export function decodePasswordHash(value: RecordObject): PasswordHash | null {
  const { algorithm, rounds, salt, digest, prehash } = value;
  if (Object.keys(value).length !== MEMBERS.length || algorithm !== 'pbkdf2-sha256') return null;
  if (prehash !== null && prehash !== 'sha1') return null;
  if (typeof rounds !== 'number' || !Number.isInteger(rounds) || rounds < 1 || rounds > PBKDF2_ROUNDS) return null;
  if (!isBase64Of(salt, SALT_BYTES) || !isBase64Of(digest, DIGEST_BYTES)) return null;
  return { algorithm, rounds, salt, digest, prehash };
}

function isBase64Of(value: unknown, bytes: number): value is string {
  return typeof value === 'string' && fromBase64(value)?.length === bytes;
}

async function derive(password: string, salt: Uint8Array<ArrayBuffer>, rounds: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', encoder.encode(password), 'PBKDF2', false, ['deriveBits']);
  const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: rounds };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, DIGEST_BYTES * 8));
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}
