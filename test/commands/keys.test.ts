import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiKeyEnvironment } from '../../src/keys/api-key.ts';
import { readSecrets } from '../../src/commands/read-secrets.ts';
import { run, spawnCli } from './terminal-fixture.ts';

let cwd: string;
beforeEach(() => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-keys-'));
});
afterEach(() => fs.rmSync(cwd, { recursive: true, force: true }));

const place = ['--to', 'dir:state'];
type Shown = {
  readonly id: string;
  readonly state: string;
  readonly metadata: object;
  readonly expiresAt: string | null;
};

async function json(argv: readonly string[], stdin = ''): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(['keys', ...argv, ...place, '--json'], { cwd, stdin });
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${code} ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

const keys = async (...more: string[]) => (await json(['list', ...more]))['keys'] as readonly Shown[];

describe('keys', () => {
  it('create prints the key once, with exactly the documented members', async () => {
    const created = await json([
      'create',
      '-c',
      'alice',
      ...'--plan gold --env test --expires 90d'.split(' '),
      ...'--meta team=a --meta region=eu --meta region=us --meta'.split(' '),
      'scopes=read write',
    ]);
    expect(Object.keys(created)).toEqual(['id', 'key', 'consumer', 'plan', 'env', 'createdAt', 'expiresAt']);
    expect(created).toMatchObject({ consumer: 'alice', plan: 'gold', env: 'test' });
    expect(apiKeyEnvironment(String(created['key']))).toBe('test');
    expect(Date.parse(String(created['expiresAt'])) - Date.parse(String(created['createdAt']))).toBe(90 * 86_400_000);
    const shown = await json(['show', String(created['id'])]);
    expect(shown).toMatchObject({
      state: 'active',
      metadata: { team: 'a', region: ['eu', 'us'], scopes: ['read', 'write'] },
    });
    const { stdout } = await run(['keys', 'list', ...place], { cwd });
    expect(stdout).toContain(String(created['id']));
    for (const text of [stdout, JSON.stringify(shown)]) expect(text).not.toContain(String(created['key']).slice(8, 35));
  });

  it('without --json the key is all of stdout', async () => {
    const { code, stdout, stderr } = await run(['keys', 'create', '-c', 'alice', ...place], { cwd });
    expect(code).toBe(0);
    expect(apiKeyEnvironment(stdout.trimEnd())).toBe('live');
    expect(stderr).toContain('cannot be shown again');
    expect(stderr).not.toContain(stdout.trimEnd());
  });

  it('rotate, revoke and list tell the states; list looks for a consumer', async () => {
    const { id } = await json(['create', '-c', 'alice']);
    await json(['create', '-c', 'bob']);
    const fresh = await json(['rotate', String(id), '--overlap', '2h']);
    expect(fresh['id']).not.toBe(id);
    expect(fresh).toMatchObject({ consumer: 'alice', expiresAt: null });
    await json(['revoke', String(fresh['id'])]);
    const alice = await keys('--consumer', 'alice');
    expect(alice.map(({ state }) => state).toSorted()).toEqual(['active', 'revoked']);
    expect(alice.find((key) => key.id === id)?.expiresAt).not.toBeNull();
    expect(await keys()).toHaveLength(3);
    const again = await run(['keys', 'rotate', String(fresh['id']), ...place], { cwd });
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/^portolan: the key \S+ is revoked[^\n]+\n$/);
  });

  it('users: the password comes from standard input and is nowhere afterwards', async () => {
    const made = await json(['create', '--basic', 'bob', '--password', '-', '--plan', 'gold'], 'hunter2\n');
    expect(made).toMatchObject({ user: 'bob', consumer: 'bob', plan: 'gold', state: 'active' });
    const [file = ''] = fs.readdirSync(path.join(cwd, 'state', 'keys'));
    expect(file).toMatch(/^basic-[0-9a-f]{64}$/);
    expect(fs.readFileSync(path.join(cwd, 'state', 'keys', file), 'utf8')).not.toContain('hunter2');
    expect(await json(['list'])).toMatchObject({ keys: [], users: [{ user: 'bob' }] });
    expect(await json(['revoke', '--basic', 'bob'])).toMatchObject({ state: 'revoked' });
    expect(await json(['show', '--basic', 'bob'])).toMatchObject({ state: 'revoked' });
    expect((await run(['keys', 'create', '--basic', 'al', ...place], { cwd, stdin: '' })).code).toBe(1);
  });

  it.each([
    [['keys'], 2],
    [['keys', 'make', ...place], 2],
    [['keys', 'create', ...place], 2],
    [['keys', 'create', '-c', 'a'], 2],
    [['keys', 'create', '-c', 'a', '--to', 'nowhere'], 2],
    [['keys', 'create', '-c', 'a\nb', ...place], 2],
    [['keys', 'create', '-c', 'a', '--env', 'prod', ...place], 2],
    [['keys', 'create', '-c', 'a', '--expires', '90', ...place], 2],
    [['keys', 'create', '-c', 'a', '--expires', '0d', ...place], 2],
    [['keys', 'create', '-c', 'a', '--meta', 'x', ...place], 2],
    [['keys', 'create', '-c', 'a', '--meta', `x=${'y'.repeat(5_000)}`, ...place], 2],
    [['keys', 'create', '-c', 'a', '--password', '-', ...place], 2],
    [['keys', 'create', '--basic', 'a', '--password', 'hunter2', ...place], 2],
    [['keys', 'create', '--basic', 'a:b', ...place], 2],
    [['keys', 'create', 'k0000000000000000', '-c', 'a', ...place], 2],
    [['keys', 'list', '--overlap', '1h', ...place], 2],
    [['keys', 'show', ...place], 2],
    [['keys', 'show', '../x', ...place], 2],
    [['keys', 'revoke', 'pt_live_mistyped', ...place], 2],
    [['keys', 'show', 'k0000000000000000', ...place], 1],
    [['keys', 'revoke', '--basic', 'eve', ...place], 1],
    [['keys', 'list', '--to', 'cloudflare'], 1],
    [['keys', 'list', '--to', 'dir:mistyped'], 1],
    [['keys', 'revoke', 'k29w5gapz3c7wxtnr', '--to', 'dir:mistyped'], 1],
    [['keys', 'list', '--state', 'x', ...place], 2],
  ])('%j is one line and exit code %i', async (argv, code) => {
    const outcome = await run(argv, { cwd });
    expect([outcome.code, outcome.stdout]).toEqual([code, '']);
    expect(outcome.stderr).toMatch(/^portolan: [^\n]+\n$/);
    expect(outcome.stderr).not.toContain('hunter2');
  });

  it('asks Cloudflare for a namespace of its own', async () => {
    const { stderr } = await run(['keys', 'list', '--to', 'cloudflare'], { cwd });
    expect(stderr).toContain('PORTOLAN_KEYS_NAMESPACE_ID');
    expect(stderr).not.toContain('PORTOLAN_KV_NAMESPACE_ID');
  });

  it('works as a process of its own, the password in a pipe', async () => {
    const made = await spawnCli(['keys', 'create', '--basic', 'bob', ...place, '--json'], { cwd, stdin: 'hunter2\n' });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(made.stdout)).toMatchObject({ user: 'bob' });
  });
});

describe('readSecrets', () => {
  it('takes PORTOLAN_SECRET_ variables that have a value', () => {
    const env = { PORTOLAN_SECRET_A_1: 'x', PORTOLAN_SECRET_B: '', SECRET_C: 'y', PORTOLAN_SIGN_KEY: 'z' };
    expect(readSecrets(env)).toEqual({ A_1: 'x' });
  });

  it('refuses names that no configuration can write, without the value', () => {
    for (const name of ['', 'a', '1', 'A-B', 'A"'])
      expect(() => readSecrets({ [`PORTOLAN_SECRET_${name}`]: 'hunter2' })).toThrow(/^(?!.*hunter2).*is no name/);
  });
});
