/** Users of Basic authentication in the namespace KEYS. */
import { createBasicUser, decodeBasicUser, encodeBasicUser, type BasicUser, type NewBasicUser } from './basic-user.ts';
import { basicUserName, KEY_NAME_PREFIXES } from './key-names.ts';
import { readMany, type KeyStore } from './key-store.ts';

/** Writes the user anew, with this password; one that was revoked is good again. */
export async function putUser(store: KeyStore, fields: NewBasicUser, password: string): Promise<BasicUser> {
  const user = await createBasicUser(fields, password);
  await writeUser(store, user);
  return user;
}

/** null: there is no such user. */
export async function findUser(store: KeyStore, name: string): Promise<BasicUser | null> {
  const text = await store.get(await basicUserName(name));
  const user = text === null ? null : decodeBasicUser(text);
  return user?.user === name ? user : null;
}

/** By name. */
export async function listUsers(store: KeyStore): Promise<readonly BasicUser[]> {
  const names = (await store.list(KEY_NAME_PREFIXES.basic)).map(({ key }) => key);
  const users = [...(await readMany(store, names)).values()].flatMap((text) => decodeBasicUser(text) ?? []);
  return users.toSorted(({ user: a }, { user: b }) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Overwrites; the time of an earlier revocation stays. */
export async function revokeUser(store: KeyStore, user: BasicUser, nowMs: number): Promise<BasicUser> {
  if (user.revokedAt !== null) return user;
  const revoked = { ...user, revokedAt: new Date(nowMs).toISOString() };
  await writeUser(store, revoked);
  return revoked;
}

async function writeUser(store: KeyStore, user: BasicUser): Promise<void> {
  await store.putMany([{ key: await basicUserName(user.user), value: encodeBasicUser(user) }]);
}
