/** Several clusters through a state folder: one `sync --slice` each and one `sync --publisher`, without a cluster. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredOutcome, StoredSlice } from '../../src/program/slice-form.ts';
import { mapping, temporaryFolder, type Folder } from './manifest-fixture.ts';
import { run, type Outcome } from './terminal-fixture.ts';

let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  folder.write(
    'routes.config.ts',
    `export default { clusters: {
      east: { template: 'http://{service}.{namespace}.east.test:{port}' },
      west: { template: 'http://{service}.{namespace}.west.test:{port}' },
    } };`,
  );
});
afterEach(() => folder.remove());

const aMapping = (name: string, more = ''): string =>
  `---\n${mapping(name, `hostname: "*", prefix: /${name}/, service: ${name}${more}`)}`;
const many = (count: number): string => Array.from({ length: count }, (_, index) => aMapping(`m-${index}`)).join('');

function slice(cluster: string, manifests: string, ...options: string[]): Promise<Outcome> {
  const argv = ['sync', '--once', '--slice', cluster, '-f', '-', '--to', 'dir:state', ...options];
  return run(argv, { cwd: folder.path, stdin: manifests });
}

type Answer = {
  published: boolean;
  reason: string | null;
  routes: number;
  findings: { code: string; message: string }[];
};

async function publish(...options: string[]): Promise<Outcome & { answer: Answer }> {
  const outcome = await run(['sync', '--once', '--publisher', '--to', 'dir:state', '--json', ...options], {
    cwd: folder.path,
  });
  return { ...outcome, answer: outcome.stdout === '' ? null : JSON.parse(outcome.stdout) };
}

const fileOf = (key: string): string => join(folder.path, 'state', 'kv', key);
const textOf = (key: string): string => readFileSync(fileOf(key), 'utf8');
const sliceOf = (cluster: string): StoredSlice => JSON.parse(textOf(`slice-${cluster}`));
const outcomeOf = (cluster: string): StoredOutcome => JSON.parse(textOf(`outcome-${cluster}`));
const keys = (): readonly string[] => readdirSync(join(folder.path, 'state', 'kv'));

/** Route id → origins, of the live version. */
function live(): Readonly<Record<string, readonly string[]>> {
  const routes = keys()
    .filter((key) => key.startsWith('shard-') && indexText().includes(key.slice(6)))
    .flatMap((key) => Object.values((JSON.parse(textOf(key)) as Shard).tables).flat());
  return Object.fromEntries(routes.map(({ id, action }) => [id, (action.backends ?? []).map(({ origin }) => origin)]));
}
type Shard = { tables: Record<string, LiveRoute[]> };
type LiveRoute = { id: string; action: { backends?: { origin: string }[] } };
const indexText = (): string => textOf(`index-${(JSON.parse(textOf('current')) as { index: string }).index}`);

describe('sync --slice and --publisher', () => {
  it('make one program of what all clusters hold', async () => {
    expect(await slice('east', aMapping('both') + aMapping('left'))).toMatchObject({ code: 0, stderr: '' });
    expect(keys()).not.toContain('current');
    await slice('west', aMapping('both') + aMapping('right'));
    const { code, answer } = await publish();
    expect({ code, published: answer.published, routes: answer.routes }).toEqual({
      code: 0,
      published: true,
      routes: 3,
    });
    expect(live()).toEqual({
      'Mapping/default/both': ['http://both.default.east.test', 'http://both.default.west.test'],
      'Mapping/default/left': ['http://left.default.east.test'],
      'Mapping/default/right': ['http://right.default.west.test'],
    });
    expect((await publish()).answer).toMatchObject({ published: false, reason: 'unchanged' });
  });

  it('take a Mapping out of one cluster, and the route stays in the other', async () => {
    await slice('east', aMapping('both') + aMapping('left'));
    await slice('west', aMapping('both'));
    await publish();
    await slice('east', aMapping('left'));
    await publish();
    expect(live()['Mapping/default/both']).toEqual(['http://both.default.west.test']);
    await slice('west', aMapping('both', ', timeout_ms: 1000'));
    await slice('east', aMapping('both') + aMapping('left'));
    const { answer } = await publish();
    expect(live()['Mapping/default/both']).toEqual(['http://both.default.east.test']);
    expect(answer.findings.map(({ code }) => code)).toContain('cluster-conflict');
  });

  it('tell each cluster what became of its objects', async () => {
    await slice('east', aMapping('both') + aMapping('bad', ', cors: { max_age: soon }'));
    await slice('west', aMapping('both', ', timeout_ms: 1000'));
    await publish();
    const east = outcomeOf('east');
    expect(east).toMatchObject({ slice: sliceOf('east').content, withheld: null });
    expect(Object.keys(east.resources)).toEqual(['Mapping/default/bad']);
    expect(east.resources['Mapping/default/bad']).toMatchObject({ state: 'invalid' });
    expect(outcomeOf('west').resources['Mapping/default/both']).toMatchObject({
      state: 'overruled',
      findings: [{ code: 'cluster-conflict', about: { name: 'both' } }],
    });
  });

  it('write nothing when nothing changed, and only the changed part otherwise', async () => {
    const first = await slice('east', many(3_000));
    expect(first.stdout).toMatch(/3,000 resources, [3-9] written/);
    expect((await slice('east', many(3_000))).stdout).toMatch(/^unchanged/);
    expect((await slice('east', many(3_001))).stdout).toMatch(/3,001 resources, 2 written/);
  });

  it('refuse the loss of most resources, of a cluster and of a whole slice', async () => {
    await slice('east', many(100));
    await slice('west', many(30));
    await publish();
    const lost = await slice('east', many(10));
    expect(lost.code).toBe(1);
    expect(lost.stderr).toMatch(/The slice was not written: 90 resources of 100 would be gone/);
    expect((await publish()).answer.reason).toBe('unchanged');

    rmSync(fileOf('slice-west'));
    const { code, answer } = await publish();
    expect({ code, reason: answer.reason }).toEqual({ code: 1, reason: expect.stringMatching(/30 resources of 30/) });
    expect(outcomeOf('east').withheld).toMatch(/^30 resources of 30 would be gone/);
    expect(live()['Mapping/default/m-1']).toHaveLength(2);
    await publish('--allow-mass-delete');
    expect(live()['Mapping/default/m-1']).toEqual(['http://m-1.default.east.test']);
    expect((await slice('east', many(10), '--allow-mass-delete')).code).toBe(0);
  });

  it('keep what a damaged slice held, and say so', async () => {
    await slice('east', aMapping('a'));
    await slice('west', aMapping('b'));
    await publish();
    const before = live();
    for (const text of ['', 'null', '{"format":7,"kind":"slice"}', textOf('slice-west').slice(1)]) {
      writeFileSync(fileOf('slice-west'), text);
      const { stderr, answer } = await publish();
      expect(stderr).toMatch(/slice-west.*what cluster west held last stays/);
      expect(answer.reason).toBe('unchanged');
    }
    // A part of it is gone.
    await slice('west', aMapping('b') + aMapping('c'));
    for (const hash of sliceOf('west').buckets) rmSync(fileOf(`sources-${hash}`), { force: true });
    await publish();
    expect(live()).toEqual(before);
    // Its writer heals it.
    expect((await slice('west', aMapping('b') + aMapping('c'))).stdout).toMatch(/2 written/);
    await publish();
    expect(Object.keys(live())).toContain('Mapping/default/c');
  });

  it('take an object that cannot be read for broken, not for deleted', async () => {
    await slice('east', aMapping('a') + aMapping('b'));
    await publish();
    const unreadable = aMapping('b').replace('spec: {', 'spec: [').replace(' }\n', ' ]\n');
    const { code } = await slice('east', aMapping('a') + unreadable);
    expect(code).toBe(3);
    expect((await publish()).answer.findings.map(({ code: each }) => each)).toContain('serving-last-accepted');
    expect(Object.keys(live())).toEqual(['Mapping/default/a', 'Mapping/default/b']);
    expect(outcomeOf('east').resources['Mapping/default/b']?.state).toBe('stale');
  });

  it('never write a Secret, nor what may hold one', async () => {
    const secret = `---\napiVersion: v1\nkind: Secret\nmetadata: { name: s, namespace: default }\ndata: { key: aHVudGVyMg== }\n`;
    const filter = `---\napiVersion: getambassador.io/v3alpha1\nkind: Filter\nmetadata: { name: f, namespace: default }\nspec: { OAuth2: { secret: hunter2 } }\n`;
    const typo = filter.replaceAll('Filter', 'Filtre');
    await slice('east', aMapping('a') + secret + filter + typo);
    expect(sliceOf('east').resources).toBe(3);
    for (const key of keys()) expect(textOf(key)).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  it('with a key take only slices that were signed by it', async () => {
    const key = JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));
    const env = { PORTOLAN_SIGN_KEY: key };
    const signed = ['sync', '--once', '--slice', 'east', '-f', '-', '--to', 'dir:state'];
    await run(signed, { cwd: folder.path, stdin: aMapping('a'), env });
    const argv = ['sync', '--once', '--publisher', '--to', 'dir:state', '--json'];
    expect((await run(argv, { cwd: folder.path, env })).code).toBe(0);
    await slice('west', aMapping('forged'));
    const forged = sliceOf('east');
    writeFileSync(fileOf('slice-east'), JSON.stringify({ ...forged, buckets: sliceOf('west').buckets }));
    const { stderr } = await run(argv, { cwd: folder.path, env });
    expect(stderr).toMatch(/slice-east: is not signed by the expected key/);
    expect(stderr).toMatch(/slice-west: has no signature/);
    expect(live()).toEqual({ 'Mapping/default/a': ['http://a.default.east.test'] });
  });

  it.each([
    [['--slice', 'a', '--publisher'], /not both/],
    [['--slice', '../x', '-f', '-'], /cannot be the name of a cluster/],
    [['--slice', 'a', '--context', 'x', '--context', 'y'], /one --context/],
    [['--publisher', '-f', '-'], /reads slices/],
    [['--context', 'x=a', '--context', 'y=a'], /Two contexts are called a/],
    [['--context', 'arn:aws:eks:x', '--context', 'y'], /NAME=CLUSTER/],
    [['--slice', 'a', '-f', '-', '--watch'], /--watch follows a cluster/],
  ])('%j is a mistake', async (options, message) => {
    const { code, stderr } = await run(['sync', '--to', 'dir:state', ...options], { cwd: folder.path });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });

  it('publish nothing while there is no slice', async () => {
    const { code, stderr } = await publish();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/holds no slice/) });
    expect(keys()).toEqual([]);
  });
});
