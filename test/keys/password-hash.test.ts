import { pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hashPassword, PBKDF2_ROUNDS, verifyPassword } from '../../src/keys/password-hash.ts';
import { usersOfHtpasswd } from '../../src/keys/htpasswd.ts';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');

describe('passwords', () => {
  it('are PBKDF2-SHA-256 as another implementation computes it', async () => {
    const hash = await hashPassword('correct horse');
    expect(hash.rounds).toBe(PBKDF2_ROUNDS);
    const expected = pbkdf2Sync('correct horse', Buffer.from(hash.salt, 'base64'), hash.rounds, 32, 'sha256');
    expect(hash.digest).toBe(expected.toString('base64'));
  });

  it('are right only as they are', async () => {
    const hash = await hashPassword('pässword', null, 1_000);
    expect(await verifyPassword('pässword', hash)).toBe(true);
    // The same letters, composed otherwise.
    expect(await verifyPassword('pa\u0308ssword', hash)).toBe(true);
    for (const wrong of ['passwort', 'pässword ', 'PÄSSWORD', 'p'])
      expect(await verifyPassword(wrong, hash)).toBe(false);
  });

  it('have a salt each', async () => {
    const [one, two] = [await hashPassword('same', null, 10), await hashPassword('same', null, 10)];
    expect(one.salt).not.toBe(two.salt);
    expect(one.digest).not.toBe(two.digest);
  });
});

describe('usersOfHtpasswd', () => {
  // `htpasswd -s`: SHA-1 of "hunter2".
  const sha = '{SHA}87u9ZqY9S/F0eUBXjsPQEDUw4h0=';

  it('takes {SHA} over with a warning, and the password works', async () => {
    const { users, findings } = await usersOfHtpasswd(`# people\nbob:${sha}\r\n\nbob:{SHA}ignored`, NOW);
    expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toContain('warning htpasswd-sha1');
    const [bob] = users;
    expect(users).toHaveLength(1);
    expect(bob).toMatchObject({ user: 'bob', consumer: 'bob', createdAt: '2026-01-01T00:00:00.000Z' });
    if (bob === undefined) throw new Error('no user');
    expect(bob.password.prehash).toBe('sha1');
    expect(await verifyPassword('hunter2', bob.password)).toBe(true);
    expect(await verifyPassword('hunter3', bob.password)).toBe(false);
    // What a thief of the file has is no password.
    expect(await verifyPassword(sha.slice(5), bob.password)).toBe(false);
    expect(JSON.stringify(users)).not.toContain(sha.slice(5));
  });

  it.each([
    ['bob:$2y$05$abcdefghijklmnopqrstuv', 'bcrypt'],
    ['bob:$2b$05$abcdefghijklmnopqrstuv', 'bcrypt'],
    ['bob:$apr1$r31....$HqJZimcKQFAMYayBlzkrA/', 'apr1'],
    ['bob:$6$salt$hash', 'SHA-crypt'],
    ['bob:hunter2', 'plain text'],
    ['bob:{SHA}short', 'not whole'],
    ['bob', 'user:hash'],
    [':x', 'user:hash'],
  ])('leaves %j out and says why', async (line, why) => {
    const { users, findings } = await usersOfHtpasswd(line, NOW);
    expect(users).toEqual([]);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ severity: 'error', code: 'htpasswd-entry-unusable' });
    expect(findings[0]?.message).toContain(why);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });
});
