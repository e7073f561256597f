/** Checks that records of the namespace KEYS share. A record that is not exactly right is none: fails closed. */
import type { Json } from '../model/route-model.ts';

export type RecordObject = { readonly [name: string]: Json };

/** Longest record that is looked at, in characters. */
const MAX_RECORD_CHARACTERS = 16_384;
const MAX_METADATA_CHARACTERS = 4_096;

/** An object with exactly these members and `v` 1; null otherwise. */
export function parseRecord(text: string, members: readonly string[]): RecordObject | null {
  if (text.length > MAX_RECORD_CHARACTERS) return null;
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || value['v'] !== 1) return null;
  const names = Object.keys(value);
  return names.length === members.length && members.every((name) => Object.hasOwn(value, name)) ? value : null;
}

export function isObject(value: Json | undefined): value is RecordObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As `Date.prototype.toISOString` writes it, to the millisecond. */
export function isTime(value: Json | undefined): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return false;
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === value;
}

export function isTimeOrNull(value: Json | undefined): value is string | null {
  return value === null || isTime(value);
}

/** Names of consumers, plans and users: they appear in headers and logs, so no control characters. */
export function isName(value: Json | undefined): value is string {
  return typeof value === 'string' && /^[^\p{Cc}\p{Cs}]{1,256}$/u.test(value);
}

export function isMetadata(value: Json | undefined): value is RecordObject {
  return isObject(value) && JSON.stringify(value).length <= MAX_METADATA_CHARACTERS;
}

/** The scopes that a key was given: `metadata.scopes` when that is a list of texts, else none. */
export function scopesOf(metadata: RecordObject): readonly string[] {
  const { scopes } = metadata;
  if (!Array.isArray(scopes)) return [];
  return scopes.every((scope) => typeof scope === 'string') ? scopes : [];
}

/** What both kinds of credential have: when they stop. */
export type Validity = { readonly expiresAt: string | null; readonly revokedAt: string | null };

/** At its very expiry a credential is no longer good. A revocation in the future counts at once: clocks differ. */
export function isGood({ expiresAt, revokedAt }: Validity, nowMs: number): boolean {
  return revokedAt === null && (expiresAt === null || nowMs < Date.parse(expiresAt));
}
