/** Users of an htpasswd text into the namespace KEYS. */
import { finding, type Finding } from '../diagnostics/finding.ts';
import { encodeBasicUser, type BasicUser } from './basic-user.ts';
import { usersOfHtpasswd } from './htpasswd.ts';
import { basicUserName } from './key-names.ts';
import type { KeyStore } from './key-store.ts';
import { findUser } from './manage-users.ts';

export type ImportedUsers = {
  /** As they were written. */
  readonly users: readonly BasicUser[];
  readonly findings: readonly Finding[];
};

/**
 * A user who is there already gets the password of the text, unless that would be a step back: one who was
 * revoked stays revoked, and a password that was set here is not exchanged for an unsalted SHA-1.
 */
export async function importUsers(store: KeyStore, htpasswd: string, nowMs: number): Promise<ImportedUsers> {
  const { users: read, findings } = await usersOfHtpasswd(htpasswd, nowMs);
  const users: BasicUser[] = [];
  const kept: Finding[] = [];
  for (const user of read) {
    const before = await findUser(store, user.user);
    const why = before === null ? null : reasonToKeep(before);
    if (why === null) users.push(before === null ? user : { ...before, password: user.password });
    else kept.push(keptFinding(user.user, why));
  }
  const values = await Promise.all(
    users.map(async (user) => ({ key: await basicUserName(user.user), value: encodeBasicUser(user) })),
  );
  if (values.length > 0) await store.putMany(values);
  return { users, findings: [...findings, ...kept] };
}

function reasonToKeep({ revokedAt, password }: BasicUser): string | null {
  if (revokedAt !== null) return 'was revoked';
  return password.prehash === null ? 'has a password that was set here' : null;
}

function keptFinding(user: string, why: string): Finding {
  return finding('warning', 'htpasswd-user-kept', `The user ${user} ${why} and stays as before.`, {
    hint: 'Set the password with `portolan keys create --basic USER` if the user is to have another.',
  });
}
