import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapping, RESOLVING_CONFIG, temporaryFolder, type Folder } from './manifest-fixture.ts';
import { run, spawnCli, type Outcome } from './terminal-fixture.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  folder.write('routes.config.ts', RESOLVING_CONFIG);
});
afterEach(() => folder.remove());

const GOOD = mapping('shop', 'hostname: "*", prefix: /shop/, service: "shop:8080"');
const BROKEN = mapping('shop', 'hostname: "*", prefix: /shop/, service: "http://:80"');
const OTHER = mapping('other', 'hostname: "*", prefix: /other/, service: other');

/** As `kubectl get -o json` prints it: the items come before the kind of the list. */
function listItem(name: string): object {
  return {
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Mapping',
    metadata: { name, namespace: 'default' },
    spec: { hostname: '*', prefix: `/${name}/`, service: name },
  };
}

function inAnnotation(text: string): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: quote
  annotations:
    getambassador.io/config: |
${text.replaceAll(/^/gm, '      ')}
`;
}

type Answer = {
  readonly routes: number;
  readonly published: boolean;
  readonly reason: string | null;
  readonly written: string[];
  readonly kept: string[];
  readonly refusals: { id: string; code: string }[];
  readonly version: string | null;
  readonly sequence: number | null;
};

async function publish(
  stdin: string,
  options: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Outcome & { answer: Answer }> {
  const outcome = await run(['publish', '--to', 'dir:state', '-f', '-', '--json', ...options], {
    cwd: folder.path,
    stdin,
    env,
  });
  const answer: Answer = JSON.parse(outcome.stdout === '' ? 'null' : outcome.stdout);
  return { ...outcome, answer };
}

describe('portolan publish --to dir', () => {
  it('writes shard, index, sources, history and pointer, and nothing the second time', async () => {
    const first = await publish(GOOD);
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.answer).toMatchObject({
      to: 'dir:state',
      published: true,
      reason: null,
      sequence: 1,
      kept: [],
      resources: 1,
      routes: 1,
    });
    expect(first.answer.written.map((key) => key.replace(/-.*/, ''))).toEqual([
      'shard',
      'index',
      'sources',
      'history',
      'current',
    ]);
    for (const key of first.answer.written) expect(existsSync(join(folder.path, 'state/kv', key))).toBe(true);
    const second = await publish(GOOD);
    expect(second.answer).toMatchObject({
      published: false,
      reason: 'unchanged',
      written: [],
      sequence: 1,
      version: first.answer.version,
    });
    expect(second.code).toBe(0);
  });

  it('exits 3 when a published route refuses, and names it', async () => {
    const { code, answer } = await publish(`${BROKEN}---\n${OTHER}`);
    expect(code).toBe(3);
    expect(answer).toMatchObject({
      published: true,
      refusals: [{ id: 'Mapping/default/shop', code: 'service-invalid' }],
    });
  });

  it('keeps the last good version of a resource that broke', async () => {
    const first = await publish(`${GOOD}---\n${OTHER}`);
    const second = await publish(`${BROKEN}---\n${OTHER}`);
    expect(second.code).toBe(3);
    expect(second.answer).toMatchObject({ published: true, refusals: [], sequence: 2 });
    expect(second.answer.version).not.toBe(first.answer.version);
    const third = await publish(`${BROKEN}---\n${OTHER}`);
    expect(third.answer).toMatchObject({ reason: 'unchanged', sequence: 2 });
  });

  it('publishes nothing when a source cannot be read and published resources are missing', async () => {
    const first = await publish(`${GOOD}---\n${OTHER}`);
    const second = await publish(`${OTHER}---\n]]] not yaml\n`);
    expect(second.code).toBe(1);
    expect(second.answer).toMatchObject({
      published: false,
      written: [],
      reason: expect.stringContaining('Mapping/default/shop'),
    });
    expect((await publish(`${GOOD}---\n${OTHER}`)).answer).toMatchObject({
      reason: 'unchanged',
      version: first.answer.version,
    });
    expect((await publish(`${GOOD}---\n${OTHER}---\n]]] not yaml\n`)).code).toBe(3);
  });

  const list = JSON.stringify({ apiVersion: 'v1', items: ['shop', 'other'].map(listItem), kind: 'List' }, null, 4);

  it('publishes nothing when a list of kubectl is cut off: more than the first object is missing', async () => {
    expect((await publish(list)).code).toBe(0);
    const cut = await publish(list.slice(0, (list.length * 2) / 3));
    expect([cut.code, cut.answer.published, cut.answer.reason]).toEqual([
      1,
      false,
      expect.stringContaining('2 published resources'),
    ]);
  });

  it.each([
    ['a resource loses its name', `${OTHER}---\n${GOOD.replace('name: shop', 'nam: shop')}`],
    ['the annotation it stood in is broken', `${OTHER}---\n${inAnnotation('kind: [')}`],
    [
      'the document of that annotation is broken',
      `${OTHER}---\n${inAnnotation(GOOD).replace('name: quote', 'name: [quote')}`,
    ],
  ])('publishes nothing when %s and it is missing', async (_, text) => {
    await publish(`${GOOD}---\n${OTHER}`);
    const { code, answer } = await publish(text);
    expect([code, answer.published, answer.reason]).toEqual([
      1,
      false,
      expect.stringContaining('Mapping/default/shop'),
    ]);
  });

  it('keeps the last good version of a resource in an annotation whose text broke', async () => {
    const flat =
      'apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nname: shop\nhostname: "*"\nprefix: /shop/\nservice: shop\n';
    const first = await publish(inAnnotation(flat));
    const second = await publish(inAnnotation(flat.replace('/shop/', '[/shop/')));
    expect(first.answer).toMatchObject({ published: true, refusals: [] });
    expect(second.answer).toMatchObject({ published: true, refusals: [], routes: first.answer.routes });
  });

  it('publishes nothing when the configuration cannot be loaded', async () => {
    folder.write('routes.config.ts', 'export default {');
    const { code, answer } = await publish(GOOD);
    expect([code, answer.reason]).toEqual([1, expect.stringMatching(/routes\.config\.ts could not be loaded$/)]);
    expect(existsSync(join(folder.path, 'state/kv/current'))).toBe(false);
  });

  it('refuses an empty set unless told otherwise', async () => {
    await publish(GOOD);
    const empty = await publish('# nothing\n');
    expect(empty.code).toBe(1);
    expect(empty.answer).toMatchObject({
      published: false,
      reason: expect.stringContaining('--allow-empty'),
      sequence: 1,
    });
    expect((await publish('# nothing\n', ['--allow-empty'])).answer).toMatchObject({ published: true, sequence: 2 });
  });

  it('counts manifests as empty although the configuration has a route', async () => {
    folder.write(
      'routes.config.ts',
      RESOLVING_CONFIG.replace('{', "{ routes: [{ name: 'home', path: '/home', respond: { status: 200 } }],"),
    );
    await publish(GOOD);
    const nothing = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] });
    const empty = await publish(nothing);
    expect([empty.code, empty.answer.reason]).toEqual([1, expect.stringContaining('--allow-empty')]);
    expect((await publish(nothing, ['--allow-empty'])).answer).toMatchObject({ published: true, routes: 1 });
  });

  it('publishes nothing with --strict when there is a warning', async () => {
    const warned = mapping(
      'typo',
      'hostname: "*", prefix: /typo/, service: typo, circuit_breakers: [{ max_connections: 1 }]',
    );
    expect((await publish(warned, ['--strict'])).code).toBe(1);
    expect((await publish(warned)).answer.published).toBe(true);
  });

  it('tells a running node, and says when there is none', async () => {
    expect((await publish(GOOD)).answer).toMatchObject({ node: 'absent' });
    const asked: string[] = [];
    const node = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('{}');
    });
    await new Promise<void>((resolve) => node.listen(join(folder.path, 'state/admin.sock'), resolve));
    expect((await publish(OTHER)).answer).toMatchObject({ published: true, node: 'reloaded' });
    expect((await publish(OTHER)).answer).toMatchObject({ published: false, node: null });
    node.close();
    expect(asked).toEqual(['POST /reload']);
  });

  it('signs with the key of the environment and never prints it', async () => {
    const key = JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));
    const env = { PORTOLAN_SIGN_KEY: key };
    expect((await publish(GOOD, [], env)).answer.published).toBe(true);
    expect((await publish(GOOD, [], env)).answer.reason).toBe('unchanged');
    const bad = await publish(GOOD, [], { PORTOLAN_SIGN_KEY: 'secret-but-wrong' });
    expect(bad).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('PORTOLAN_SIGN_KEY must be') });
    expect(bad.stderr).not.toContain('secret-but-wrong');
  });

  it('prints what was written, kept and skipped for people', async () => {
    const argv = ['publish', '--to', 'dir:state', '-f', '-'];
    const first = await spawnCli(argv, { cwd: folder.path, stdin: GOOD });
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(
      /^written {2}shard-[0-9a-f]{64}\n[^]*written {2}current\nversion [0-9a-f]{12} \(publish 1\): 5 written, 0 kept, 0 pruned\n$/,
    );
    const second = await spawnCli(argv, { cwd: folder.path, stdin: GOOD });
    expect(second).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^unchanged: version [0-9a-f]{12} \(publish 1\) is live/),
    });
  });
});

describe('portolan publish --to local', () => {
  it("writes into the development server's KV", async () => {
    const argv = ['publish', '--to', 'local', '-f', '-', '--json'];
    const first = await run(argv, { cwd: folder.path, stdin: GOOD });
    expect(JSON.parse(first.stdout)).toMatchObject({ to: 'local', published: true, sequence: 1 });
    const second = await run(argv, { cwd: folder.path, stdin: GOOD });
    expect(JSON.parse(second.stdout)).toMatchObject({ published: false, reason: 'unchanged', sequence: 1 });
  });
});

describe('portolan publish', () => {
  it('names everything that Cloudflare needs and the environment lacks', async () => {
    const argv = ['publish', '--to', 'cloudflare', '-f', '-'];
    const env = { CLOUDFLARE_API_TOKEN: 'token' };
    const { code, stdout, stderr } = await run(argv, { cwd: folder.path, stdin: GOOD, env });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^portolan: .*CLOUDFLARE_ACCOUNT_ID, PORTOLAN_KV_NAMESPACE_ID in the environment.*\n$/);
  });

  it.each([
    [[], 'Say where to publish with --to local'],
    [['--to', 'mars'], 'Unknown place --to mars'],
    [['--to', 'dir:'], 'Unknown place --to dir:'],
    [['--to', 'cloudflare', '--target', 'self-hosted'], 'does not go with --target self-hosted'],
  ])('%j is a usage error', async (options, message) => {
    const outcome = await run(['publish', ...options, '-f', '-'], { cwd: folder.path, stdin: GOOD });
    expect(outcome).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(message) });
  });
});
