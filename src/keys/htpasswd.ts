/** Users of an htpasswd file. Only what can be checked at the edge without weakening it is taken over. */
import { finding, type Finding } from '../diagnostics/finding.ts';
import { fromBase64 } from '../model/bytes.ts';
import { isUserName, type BasicUser } from './basic-user.ts';
import { hashPassword } from './password-hash.ts';

export type HtpasswdUsers = { readonly users: readonly BasicUser[]; readonly findings: readonly Finding[] };

const SHA1_BYTES = 20;

/**
 * `{SHA}` entries are accepted with a warning: what is stored is PBKDF2 over the SHA-1, so a user costs
 * what every other costs and the namespace holds nothing weaker. Other schemes are refused by name,
 * because Web Crypto has none of them.
 *
 * @param now when the users were made, milliseconds since 1970
 */
export async function usersOfHtpasswd(text: string, now: number): Promise<HtpasswdUsers> {
  const users = new Map<string, BasicUser>();
  const findings: Finding[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const number = index + 1;
    const colon = line.indexOf(':');
    const user = line.slice(0, Math.max(colon, 0));
    const hash = line.slice(colon + 1).trim();
    const problem = colon < 1 || !isUserName(user) ? 'it is not `user:hash`' : problemOf(hash);
    if (problem !== null) {
      findings.push(refused(number, problem));
      continue;
    }
    // As Apache does, the first line of a user counts.
    if (users.has(user)) continue;
    findings.push(weak(number));
    users.set(user, await userOf(user, hash.slice('{SHA}'.length), now));
  }
  return { users: [...users.values()], findings };
}

async function userOf(user: string, sha1: string, now: number): Promise<BasicUser> {
  const fields = { consumer: user, plan: null, expiresAt: null, revokedAt: null, metadata: {} };
  const createdAt = new Date(now).toISOString();
  return { v: 1, user, ...fields, createdAt, password: await hashPassword(sha1, 'sha1') };
}

/** null: an entry that can be taken over. */
function problemOf(hash: string): string | null {
  if (hash.startsWith('{SHA}')) {
    return fromBase64(hash.slice('{SHA}'.length))?.length === SHA1_BYTES ? null : 'its {SHA} digest is not whole';
  }
  if (/^\$2[abxy]?\$/.test(hash)) return 'bcrypt cannot be checked at the edge';
  if (hash.startsWith('$apr1$')) return 'Apache’s MD5 (apr1) cannot be checked at the edge';
  if (/^\$[56]\$/.test(hash)) return 'SHA-crypt cannot be checked at the edge';
  return 'crypt(3) and plain text are not accepted';
}

// Neither the user nor the hash is quoted: the line is part of a Secret.
function refused(line: number, why: string): Finding {
  return finding('error', 'htpasswd-entry-unusable', `Line ${line} of the htpasswd text is left out: ${why}.`, {
    path: null,
    hint: 'Set the password again with `portolan keys create --basic USER`, which keeps it as PBKDF2.',
  });
}

function weak(line: number): Finding {
  return finding(
    'warning',
    'htpasswd-sha1',
    `Line ${line} of the htpasswd text is an unsalted SHA-1: whoever has the file finds common passwords at once.`,
    { path: null, hint: 'Set the password again with `portolan keys create --basic USER`, which keeps it as PBKDF2.' },
  );
}
