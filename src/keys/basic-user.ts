/** What the namespace KEYS holds of a user of Basic authentication. */
import { decodePasswordHash, hashPassword, type PasswordHash } from './password-hash.ts';
import { isMetadata, isName, isObject, isTime, isTimeOrNull, parseRecord, type RecordObject } from './record-fields.ts';

export type BasicUser = {
  readonly v: 1;
  /** In normalisation form C, without colon and control characters (RFC 7617, section 2). */
  readonly user: string;
  readonly consumer: string;
  readonly plan: string | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly metadata: RecordObject;
  readonly password: PasswordHash;
};

export type NewBasicUser = Pick<BasicUser, 'user' | 'consumer' | 'plan' | 'createdAt' | 'expiresAt' | 'metadata'>;

const MEMBERS = ['v', 'user', 'consumer', 'plan', 'createdAt', 'expiresAt', 'revokedAt', 'metadata', 'password'];
/** Bounds what a check costs; in UTF-16 units. */
export const MAX_PASSWORD_LENGTH = 1_024;

export async function createBasicUser(fields: NewBasicUser, password: string): Promise<BasicUser> {
  return { v: 1, ...fields, revokedAt: null, password: await hashPassword(password) };
}

/** Whether a text can be a user name: nothing that the header could not carry. */
export function isUserName(text: string): boolean {
  return isName(text) && !text.includes(':') && text === text.normalize('NFC');
}

export function isPassword(text: string): boolean {
  return text !== '' && text.length <= MAX_PASSWORD_LENGTH && !/[\p{Cc}\p{Cs}]/u.test(text);
}

export function encodeBasicUser(user: BasicUser): string {
  return JSON.stringify(user);
}

/** null: not a record that this version understands, whole and exactly. */
export function decodeBasicUser(text: string): BasicUser | null {
  const value = parseRecord(text, MEMBERS);
  if (value === null) return null;
  const { user, consumer, plan, createdAt, expiresAt, revokedAt, metadata } = value;
  if (typeof user !== 'string' || !isUserName(user) || !isName(consumer)) return null;
  if (plan === undefined || (plan !== null && !isName(plan))) return null;
  if (!isTime(createdAt) || !isTimeOrNull(expiresAt) || !isTimeOrNull(revokedAt) || !isMetadata(metadata)) return null;
  const password = isObject(value['password']) ? decodePasswordHash(value['password']) : null;
  if (password === null) return null;
  return { v: 1, user, consumer, plan, createdAt, expiresAt, revokedAt, metadata, password };
}
