/** What the namespace KEYS holds of an API key: everything but the key. */
import { KEY_ENVIRONMENTS, type KeyEnvironment } from './api-key.ts';
import { isKeyId, isKeyName } from './key-names.ts';
import { isMetadata, isName, isTime, isTimeOrNull, parseRecord, type RecordObject } from './record-fields.ts';

export type ApiKeyRecord = {
  readonly v: 1;
  /** Names the key where the key itself must not appear. */
  readonly id: string;
  /** Who is calling. */
  readonly consumer: string;
  /** Entry of the configured plans; null: none. */
  readonly plan: string | null;
  readonly env: KeyEnvironment;
  /** ISO 8601, UTC, milliseconds; so are the other times. */
  readonly createdAt: string;
  /** From then on the key is not accepted; null: never. */
  readonly expiresAt: string | null;
  /** null: not revoked. */
  readonly revokedAt: string | null;
  /** Becomes the consumer's claims; `scopes`, when a list, its scopes. */
  readonly metadata: RecordObject;
};

const MEMBERS = ['v', 'id', 'consumer', 'plan', 'env', 'createdAt', 'expiresAt', 'revokedAt', 'metadata'];

export function encodeApiKeyRecord(record: ApiKeyRecord): string {
  return JSON.stringify(record);
}

/** null: not a record that this version understands, whole and exactly. */
export function decodeApiKeyRecord(text: string): ApiKeyRecord | null {
  const value = parseRecord(text, MEMBERS);
  if (value === null) return null;
  const { id, consumer, plan, createdAt, expiresAt, revokedAt, metadata } = value;
  const env = KEY_ENVIRONMENTS.find((name) => name === value['env']);
  if (typeof id !== 'string' || !isKeyId(id) || !isName(consumer) || env === undefined) return null;
  if (plan === undefined || (plan !== null && !isName(plan))) return null;
  if (!isTime(createdAt) || !isTimeOrNull(expiresAt) || !isTimeOrNull(revokedAt) || !isMetadata(metadata)) return null;
  return { v: 1, id, consumer, plan, env, createdAt, expiresAt, revokedAt, metadata };
}

/** Value of `keyid-<id>`: where the record is. */
export function encodeKeyPointer(name: string): string {
  return JSON.stringify({ v: 1, name });
}

export function decodeKeyPointer(text: string): string | null {
  const name = parseRecord(text, ['v', 'name'])?.['name'];
  return typeof name === 'string' && isKeyName(name) ? name : null;
}
