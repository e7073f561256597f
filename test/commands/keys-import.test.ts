import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findUser } from '../../src/keys/manage-users.ts';
import { verifyPassword } from '../../src/keys/password-hash.ts';
import { openKeysFolder } from '../../src/stores/state-folder.ts';
import { run } from './terminal-fixture.ts';

let cwd: string;
beforeEach(() => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-import-'));
});
afterEach(() => fs.rmSync(cwd, { recursive: true, force: true }));

const sha = (password: string): string => `{SHA}${createHash('sha1').update(password).digest('base64')}`;
const BCRYPT = '$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC';

type Imported = {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly users: readonly string[];
  readonly codes: readonly string[];
};

async function importFrom(text: string, ...more: readonly string[]): Promise<Imported> {
  const argv = ['keys', 'import', '--htpasswd', '-', '--to', 'dir:state', '--json', ...more];
  const { code, stdout, stderr } = await run(argv, { cwd, stdin: text });
  const said = (stdout === '' ? { users: [], findings: [] } : JSON.parse(stdout)) as {
    readonly users: readonly { readonly user: string }[];
    readonly findings: readonly { readonly code: string }[];
  };
  return {
    code,
    stdout,
    stderr,
    users: said.users.map(({ user }) => user),
    codes: said.findings.map((one) => one.code),
  };
}

async function accepts(user: string, password: string): Promise<boolean> {
  const found = await findUser(await openKeysFolder(path.join(cwd, 'state')), user);
  return found !== null && verifyPassword(password, found.password);
}

describe('keys import', () => {
  it('takes {SHA} over with a warning, and refuses bcrypt by name; neither hash nor password is shown', async () => {
    const { code, users, codes, stdout, stderr } = await importFrom(`ann:${sha('ann-secret')}\nbob:${BCRYPT}\n`);
    expect({ code, users, codes }).toEqual({
      code: 3,
      users: ['ann'],
      codes: ['htpasswd-entry-unusable', 'htpasswd-sha1'],
    });
    expect(stdout).toContain('bcrypt');
    for (const text of [sha('ann-secret'), BCRYPT, 'ann-secret']) expect(stdout + stderr).not.toContain(text);
    expect([await accepts('ann', 'ann-secret'), await accepts('ann', 'other')]).toEqual([true, false]);
    expect(await accepts('bob', 'x')).toBe(false);
  });

  it('reads a file, and ends with 1 when nobody can be taken over', async () => {
    fs.writeFileSync(path.join(cwd, 'users'), `ann:${sha('one')}\n`);
    const good = await run(['keys', 'import', '--htpasswd', 'users', '--to', 'dir:state'], { cwd });
    expect(good).toMatchObject({ code: 0 });
    expect(good.stdout).toContain('ann');
    expect((await importFrom(`bob:${BCRYPT}`)).code).toBe(1);
  });

  it.each<[string, (content: string) => string]>([
    [
      'auth',
      (content) =>
        JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, stringData: { auth: content } }),
    ],
    [
      'users',
      (content) =>
        `apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ndata:\n  users: ${Buffer.from(content).toString('base64')}\n`,
    ],
    [
      'auth of a list',
      (content) =>
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'List',
          items: [
            {
              apiVersion: 'v1',
              kind: 'Secret',
              metadata: { name: 'a' },
              data: { auth: Buffer.from(content).toString('base64') },
            },
          ],
        }),
    ],
  ])('reads a Secret with %s', async (_, manifest) => {
    const { code, users } = await importFrom(manifest(`ann:${sha('one')}\nann:${sha('two')}\n`));
    expect({ code, users }).toEqual({ code: 0, users: ['ann'] });
    expect([await accepts('ann', 'one'), await accepts('ann', 'two')]).toEqual([true, false]);
  });

  it('says that a Secret holds no users, or that it is broken, without its text', async () => {
    const none = await importFrom(
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, stringData: { other: 'hidden' } }),
    );
    expect([none.code, none.codes]).toEqual([1, ['htpasswd-missing']]);
    const broken = await importFrom(
      'apiVersion: v1\nkind: Secret\nmetadata: { name: a }\ndata: { auth: "hidden\n x: [',
    );
    expect([broken.code, broken.codes]).toEqual([1, ['yaml-invalid']]);
    expect(none.stdout + broken.stdout).not.toContain('hidden');
  });

  it('keeps who was revoked or has a better password; imported ones get the new one and keep their plan', async () => {
    await importFrom(`ann:${sha('one')}\nbob:${sha('one')}\n`);
    await run(['keys', 'revoke', '--basic', 'bob', '--to', 'dir:state'], { cwd });
    await run(['keys', 'create', '--basic', 'cid', '--password', '-', '--to', 'dir:state'], {
      cwd,
      stdin: 'good-one\n',
    });
    const again = await importFrom(['ann', 'bob', 'cid'].map((user) => `${user}:${sha('two')}`).join('\n'));
    expect([again.code, again.users]).toEqual([0, ['ann']]);
    expect(again.codes.filter((code) => code === 'htpasswd-user-kept')).toHaveLength(2);
    expect([await accepts('ann', 'two'), await accepts('cid', 'good-one'), await accepts('cid', 'two')]).toEqual([
      true,
      true,
      false,
    ]);
    const bob = await findUser(await openKeysFolder(path.join(cwd, 'state')), 'bob');
    expect(bob?.revokedAt).not.toBe(null);
  });

  it.each<[readonly string[], RegExp]>([
    [[], /needs --htpasswd FILE/],
    [['--htpasswd', 'x', '--consumer', 'c'], /takes no --consumer/],
    [['k1', '--htpasswd', 'x'], /Unexpected argument/],
  ])('is told what is wrong with %j before anything is opened', async (more, message) => {
    const { code, stderr } = await run(['keys', 'import', ...more, '--to', 'dir:state'], { cwd });
    expect([code, message.test(stderr)]).toEqual([2, true]);
    expect(fs.existsSync(path.join(cwd, 'state'))).toBe(false);
  });

  it('says in one line that there is no such file, no text, or nobody in it', async () => {
    const missing = await run(['keys', 'import', '--htpasswd', 'nowhere', '--to', 'dir:state'], { cwd });
    expect(missing.stderr).toMatch(/^portolan: nowhere cannot be read: [^\n]+\n$/);
    expect((await importFrom('# nobody\n')).stderr).toBe('portolan: standard input names no user\n');
    fs.writeFileSync(path.join(cwd, 'binary'), Buffer.from([0xff, 0xfe, 0x00]));
    const binary = await run(['keys', 'import', '--htpasswd', 'binary', '--to', 'dir:state'], { cwd });
    expect(binary.stderr).toBe('portolan: binary is not UTF-8 text\n');
  });
});
