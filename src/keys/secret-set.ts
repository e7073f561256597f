/**
 * API keys that lie in Kubernetes Secrets, as AES `APIKey` Filters read them: every value of a Secret's
 * data is one key. The namespace KEYS gets each as a name under a pepper and, as its value, the Secrets
 * that contain it; the values themselves go nowhere else.
 */
import type { Json } from '../model/route-model.ts';
import { secretSetName } from '../model/secret-states.ts';
import { fromBase64 } from '../model/bytes.ts';
import { secretKeyName } from './key-names.ts';
import { isObject, parseRecord } from './record-fields.ts';

/** Where a key was found: `set` names the Secret (secretSetName()), `entry` the name in its data. */
export type SecretKeyPlace = { readonly set: string; readonly entry: string };

/** `places` empty: no Secret contains the key any more. */
export type SecretKeyRecord = { readonly v: 1; readonly places: readonly SecretKeyPlace[] };

/** The parts of a Kubernetes Secret that count; `data` holds base64. */
export type SecretObject = {
  /** Absent or null: of the one and unnamed. */
  readonly cluster?: string | null;
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
};

export type SecretKeyProblem = SecretKeyPlace & { readonly reason: string };
export type SecretRecords = {
  /** By name in KEYS. */
  readonly records: ReadonlyMap<string, SecretKeyRecord>;
  /** Entries that are no usable key, without their values. */
  readonly problems: readonly SecretKeyProblem[];
};

/** Longer ones are refused at the edge too. In characters. */
export const MAX_SECRET_KEY_LENGTH = 1_024;

export function recordsOfSecret(secret: SecretObject, pepper: CryptoKey): Promise<SecretRecords> {
  return recordsOfSecrets([secret], pepper);
}

/** Records of all Secrets together: a key that lies in several has one record that names them all. */
export async function recordsOfSecrets(secrets: readonly SecretObject[], pepper: CryptoKey): Promise<SecretRecords> {
  const places = new Map<string, SecretKeyPlace[]>();
  const problems: SecretKeyProblem[] = [];
  for (const secret of secrets) {
    const set = setOf(secret);
    for (const [entry, encoded] of Object.entries(secret.data)) {
      const place = { set, entry };
      const found = keyOf(encoded);
      if ('reason' in found) {
        problems.push({ ...place, reason: found.reason });
        continue;
      }
      const keyName = await secretKeyName(found.key, pepper);
      places.set(keyName, [...(places.get(keyName) ?? []), place]);
    }
  }
  const records = [...places].map(([keyName, list]) => [keyName, { v: 1, places: list.toSorted(byPlace) }] as const);
  return { records: new Map(records), problems };
}

/** What can be said of a Secret without a pepper: whether anything in it is a key, and what is none. */
export function judgeSecret(secret: SecretObject): {
  readonly isUsable: boolean;
  readonly problems: readonly SecretKeyProblem[];
} {
  const set = setOf(secret);
  const entries = Object.entries(secret.data).map(([entry, encoded]) => ({ entry, found: keyOf(encoded) }));
  return {
    isUsable: entries.some(({ found }) => 'key' in found),
    problems: entries.flatMap(({ entry, found }) => ('reason' in found ? [{ set, entry, reason: found.reason }] : [])),
  };
}

function setOf({ cluster = null, namespace, name }: SecretObject): string {
  return secretSetName({ cluster, namespace, name });
}

/** Strict: a value that no request header can carry would be a key that never works. */
function keyOf(encoded: string): { readonly key: string } | { readonly reason: string } {
  const bytes = fromBase64(encoded.replaceAll(/\s/g, ''));
  if (bytes === null) return { reason: 'it is not base64' };
  const key = String.fromCharCode(...bytes.subarray(0, MAX_SECRET_KEY_LENGTH + 1));
  if (key === '') return { reason: 'it is empty' };
  if (key.length > MAX_SECRET_KEY_LENGTH) return { reason: `it is longer than ${MAX_SECRET_KEY_LENGTH} characters` };
  if (/[\r\n]$/.test(key)) return { reason: 'it ends with a line break, which no header can carry' };
  if (!/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(key)) return { reason: 'no request header can carry it' };
  return { key };
}

export function encodeSecretKeyRecord(record: SecretKeyRecord): string {
  return JSON.stringify(record);
}

/** null: not a record that this version understands, whole and exactly. */
export function decodeSecretKeyRecord(text: string): SecretKeyRecord | null {
  const places = parseRecord(text, ['v', 'places'])?.['places'];
  if (!Array.isArray(places)) return null;
  const decoded = places.flatMap((place: Json) => {
    if (!isObject(place) || Object.keys(place).length !== 2) return [];
    const { set, entry } = place;
    return typeof set === 'string' && typeof entry === 'string' ? [{ set, entry }] : [];
  });
  return decoded.length === places.length ? { v: 1, places: decoded } : null;
}

/** Order of places in a record. */
export function byPlace(a: SecretKeyPlace, b: SecretKeyPlace): number {
  const [left, right] = [`${a.set}/${a.entry}`, `${b.set}/${b.entry}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
