/**
 * Making, finding, rotating and revoking API keys in the namespace KEYS.
 *
 * A record is found by its id through a pointer of its own (`keyid-<id>`), because a namespace has no
 * second index; a list reads every record. A revoked key keeps its record: where a deletion has not
 * arrived yet the key would still be good, and a revocation that has arrived stays.
 */
import { generateApiKey, type KeyEnvironment } from './api-key.ts';
import {
  decodeApiKeyRecord,
  decodeKeyPointer,
  encodeApiKeyRecord,
  encodeKeyPointer,
  type ApiKeyRecord,
} from './api-key-record.ts';
import { apiKeyName, generateKeyId, keyIdName, KEY_NAME_PREFIXES } from './key-names.ts';
import { readMany, type KeyStore } from './key-store.ts';
import { isGood } from './record-fields.ts';

/** A record this long after its expiry says nothing that matters any more. */
export const KEPT_AFTER_EXPIRY_MS = 30 * 86_400_000;

export type NewKey = Pick<ApiKeyRecord, 'consumer' | 'plan' | 'metadata'> & {
  readonly env: KeyEnvironment;
  /** null: the key does not expire. */
  readonly lifetimeMs: number | null;
};

/** `key` is seen here and never again. */
export type CreatedKey = { readonly key: string; readonly record: ApiKeyRecord };
export type StoredKey = { readonly name: string; readonly record: ApiKeyRecord };
export type KeyState = 'active' | 'expired' | 'revoked';

export async function createKey(store: KeyStore, fields: NewKey, nowMs: number): Promise<CreatedKey> {
  const { consumer, plan, env, metadata, lifetimeMs } = fields;
  const key = generateApiKey(env);
  const expiresAt = lifetimeMs === null ? null : isoTime(nowMs + lifetimeMs);
  const times = { createdAt: isoTime(nowMs), expiresAt, revokedAt: null };
  const record: ApiKeyRecord = { v: 1, id: generateKeyId(), consumer, plan, env, ...times, metadata };
  await write(store, { name: await apiKeyName(key), record }, true);
  return { key, record };
}

/** null: there is no key with this id. */
export async function findKey(store: KeyStore, id: string): Promise<StoredKey | null> {
  const pointer = await store.get(keyIdName(id));
  const name = pointer === null ? null : decodeKeyPointer(pointer);
  if (name !== null) {
    const text = await store.get(name);
    const record = text === null ? null : decodeApiKeyRecord(text);
    if (record !== null && record.id === id) return { name, record };
  }
  // The pointer was lost, or its key was written and then the connection broke off: the record decides.
  const { keys } = await listKeys(store);
  return keys.find(({ record }) => record.id === id) ?? null;
}

/** Oldest first. `unreadable`: names of values that are no record of this version. */
export async function listKeys(
  store: KeyStore,
): Promise<{ readonly keys: readonly StoredKey[]; readonly unreadable: readonly string[] }> {
  const names = (await store.list(KEY_NAME_PREFIXES.apiKey)).map(({ key }) => key);
  const keys: StoredKey[] = [];
  const unreadable: string[] = [];
  for (const [name, text] of await readMany(store, names)) {
    const record = decodeApiKeyRecord(text);
    if (record === null) unreadable.push(name);
    else keys.push({ name, record });
  }
  return { keys: keys.toSorted(byAge), unreadable };
}

/** Overwrites; a key that is revoked already keeps the time of its revocation. */
export async function revokeKey(store: KeyStore, { name, record }: StoredKey, nowMs: number): Promise<ApiKeyRecord> {
  if (record.revokedAt !== null) return record;
  const revoked = { ...record, revokedAt: isoTime(nowMs) };
  await write(store, { name, record: revoked }, false);
  return revoked;
}

/**
 * A new key for the same consumer, with the same plan, environment, metadata and length of life. The
 * old one stays good for `overlapMs`, and never for longer than it would have; 0 revokes it at once.
 *
 * Throws TypeError when the old key is not good any more: there is nothing to take over.
 */
export async function rotateKey(
  store: KeyStore,
  old: StoredKey,
  overlapMs: number,
  nowMs: number,
): Promise<{ readonly created: CreatedKey; readonly old: ApiKeyRecord }> {
  const { consumer, plan, env, createdAt, expiresAt, metadata } = old.record;
  if (keyState(old.record, nowMs) !== 'active') throw new TypeError('only a good key can be rotated');
  const lifetimeMs = expiresAt === null ? null : Date.parse(expiresAt) - Date.parse(createdAt);
  // The new one first: whatever fails afterwards leaves two good keys, not none.
  const created = await createKey(store, { consumer, plan, env, metadata, lifetimeMs }, nowMs);
  if (overlapMs === 0) return { created, old: await revokeKey(store, old, nowMs) };
  // Somebody may have revoked it meanwhile, and that must not be undone.
  const text = await store.get(old.name);
  const current = (text === null ? null : decodeApiKeyRecord(text)) ?? old.record;
  if (current.revokedAt !== null) return { created, old: current };
  const endMs = Math.min(nowMs + overlapMs, expiresAt === null ? Infinity : Date.parse(expiresAt));
  const ending = { ...current, expiresAt: isoTime(endMs) };
  await write(store, { name: old.name, record: ending }, false);
  return { created, old: ending };
}

/** Deletes records whose expiry is 30 days past, with their pointers. Returns what is left. Keys without an expiry stay. */
export async function pruneKeys(
  store: KeyStore,
  keys: readonly StoredKey[],
  nowMs: number,
): Promise<{ readonly kept: readonly StoredKey[]; readonly pruned: number }> {
  const old = keys.filter(({ record }) => isForgotten(record, nowMs));
  if (old.length === 0) return { kept: keys, pruned: 0 };
  await store.deleteMany(old.flatMap(({ name, record }) => [name, keyIdName(record.id)]));
  return { kept: keys.filter((key) => !old.includes(key)), pruned: old.length };
}

function isForgotten({ expiresAt }: ApiKeyRecord, nowMs: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) + KEPT_AFTER_EXPIRY_MS <= nowMs;
}

export function keyState(record: Pick<ApiKeyRecord, 'expiresAt' | 'revokedAt'>, nowMs: number): KeyState {
  if (record.revokedAt !== null) return 'revoked';
  return isGood(record, nowMs) ? 'active' : 'expired';
}

async function write(store: KeyStore, { name, record }: StoredKey, isNew: boolean): Promise<void> {
  const pointer = { key: keyIdName(record.id), value: encodeKeyPointer(name) };
  await store.putMany([{ key: name, value: encodeApiKeyRecord(record) }, ...(isNew ? [pointer] : [])]);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function byAge({ record: a }: StoredKey, { record: b }: StoredKey): number {
  const [left, right] = [a.createdAt + a.id, b.createdAt + b.id];
  return left < right ? -1 : left > right ? 1 : 0;
}
