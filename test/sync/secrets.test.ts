/** Secrets that Filters name, in `portolan sync` of one cluster, of several, and over slices. */
import { beforeEach, describe, expect, it } from 'vitest';
import { BuildCache } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { SourcePublisher } from '../../src/follow/source-publisher.ts';
import { POINTER_KEY } from '../../src/program/keys.ts';
import { joinSnapshots } from '../../src/sync/clusters-watch.ts';
import { SliceRun } from '../../src/sync/slice-run.ts';
import { SliceOutcomes } from '../../src/sync/slice-outcomes.ts';
import { SliceWatch } from '../../src/sync/slice-watch.ts';
import { SyncRun, type SyncRunOptions } from '../../src/sync/sync-run.ts';
import { MemoryStore } from '../program/memory-store.ts';
import { filteredRoutes, placesOf, SecretCluster, secretKeysOf } from './secret-cluster.ts';
import { VirtualTime } from './virtual-time.ts';

const CONFIG = parseConfig(
  {
    clusters: {
      west: { template: 'http://{service}.{namespace}.west.test:{port}' },
      east: { template: 'http://{service}.{namespace}.east.test:{port}' },
    },
  },
  () => undefined,
  'routes.config.ts',
);

let store: MemoryStore;
let keys: MemoryStore;
let time: VirtualTime;
let problems: string[];
beforeEach(() => {
  store = new MemoryStore();
  keys = new MemoryStore();
  time = new VirtualTime();
  problems = [];
});
const onProblem = (message: string): unknown => problems.push(message);
const nowMs = (): number => time.nowMs;

function syncRun(more: Partial<SyncRunOptions> = {}): SyncRun {
  return new SyncRun({
    publisher: new SourcePublisher({ build: { target: 'self-hosted', unresolved: 'refuse', cache: new BuildCache() } }),
    store,
    announce: async () => null,
    loadConfig: async () => ({ config: CONFIG, findings: [] }),
    allowMassDelete: false,
    mayAct: () => true,
    status: null,
    onProblem,
    ...more,
  });
}

/** What the rule of the one FilterPolicy does in the live program. */
function liveRule(): string {
  const shard = [...store.values].filter(([key]) => key.startsWith('shard-')).map(([, { value }]) => value);
  return shard.at(-1) ?? '';
}

const codes = (pass: { readonly result: { readonly findings: readonly { readonly code: string }[] } }) =>
  pass.result.findings.map(({ code }) => code).filter((code) => code.startsWith('secret'));

describe('sync of one cluster', () => {
  it('asks for referenced Secrets alone, by name, at every pass', async () => {
    const cluster = new SecretCluster();
    cluster.secrets.set('shop/keys', { alice: 'alice-key' }).set('shop/other', { x: 'never-read' });
    const run = syncRun({ secretKeys: secretKeysOf({ apis: new Map([[null, cluster]]), keys, nowMs }) });
    expect(codes(await run.pass(filteredRoutes(null)))).toEqual([]);
    expect(await placesOf(keys, 'alice-key')).toEqual(['shop/keys/alice']);
    // Rotated: the program stays, the keys do not.
    cluster.secrets.set('shop/keys', { alice: 'fresh-key' });
    const pass = await run.pass(filteredRoutes(null));
    expect(pass.report?.skipped).toBe('unchanged');
    expect([await placesOf(keys, 'alice-key'), await placesOf(keys, 'fresh-key')]).toEqual([[], ['shop/keys/alice']]);
    const call = { method: 'GET', path: '/api/v1/namespaces/shop/secrets/keys' };
    expect(cluster.calls).toEqual([call, call]);
    const written = [...store.values.values(), ...keys.values.values()].map(({ value }) => value).join('\n');
    expect(written).not.toMatch(/alice-key|fresh-key/);
    expect(written).not.toContain(Buffer.from('fresh-key').toString('base64'));
  });

  it.each<[number, string, RegExp]>([
    [404, 'secret-missing', /kubectl -n shop create secret generic keys/],
    [
      403,
      'secret-forbidden',
      /Role in the namespace shop with apiGroups \[""\], resources \["secrets"\], resourceNames \["keys"\], verbs \["get"\]/,
    ],
  ])('refuses with %i, says what to do, and takes the keys back', async (status, code, hint) => {
    const cluster = new SecretCluster();
    cluster.secrets.set('shop/keys', { alice: 'alice-key' });
    const run = syncRun({ secretKeys: secretKeysOf({ apis: new Map([[null, cluster]]), keys, nowMs }) });
    await run.pass(filteredRoutes(null));
    cluster.secrets.set('shop/keys', status);
    const { result } = await run.pass(filteredRoutes(null));
    const found = result.findings.filter((each) => each.code === code);
    expect(found).toMatchObject([{ severity: 'warning', source: { kind: 'Filter', name: 'f' } }]);
    expect(found[0]?.path).toBe('spec.APIKey.keys[0].secretName');
    expect(found[0]?.hint).toMatch(hint);
    expect(await placesOf(keys, 'alice-key')).toEqual([]);
    expect(liveRule()).toContain('"refuse":"Filter shop/f');
  });

  it.each<[number | 'unreachable']>([['unreachable'], [500], [429]])(
    'keeps the keys while the answer is %s, and says so',
    async (answer) => {
      const cluster = new SecretCluster();
      cluster.secrets.set('shop/keys', { alice: 'alice-key' });
      const run = syncRun({ secretKeys: secretKeysOf({ apis: new Map([[null, cluster]]), keys, nowMs, onProblem }) });
      await run.pass(filteredRoutes(null));
      cluster.secrets.set('shop/keys', answer);
      const pass = await run.pass(filteredRoutes(null));
      expect([pass.report?.skipped, codes(pass)]).toEqual(['unchanged', []]);
      expect(await placesOf(keys, 'alice-key')).toEqual(['shop/keys/alice']);
      expect(problems.join()).toContain('shop/keys cannot be read');
    },
  );

  it('does not open what was refused while nothing new is known', async () => {
    const cluster = new SecretCluster();
    const run = syncRun({ secretKeys: secretKeysOf({ apis: new Map([[null, cluster]]), keys, nowMs }) });
    expect(codes(await run.pass(filteredRoutes(null)))).toEqual(['secret-missing']);
    cluster.secrets.set('shop/keys', 'unreachable');
    expect(codes(await run.pass(filteredRoutes(null)))).toEqual(['secret-missing']);
  });

  it('publishes nothing when KEYS cannot be written, and everything once it can', async () => {
    const cluster = new SecretCluster();
    cluster.secrets.set('shop/keys', { alice: 'alice-key' });
    const run = syncRun({ secretKeys: secretKeysOf({ apis: new Map([[null, cluster]]), keys, nowMs }) });
    keys.failAtWrite = 1;
    await expect(run.pass(filteredRoutes(null))).rejects.toThrow(/nothing was published: the keys of Secrets/);
    expect(store.values.size).toBe(0);
    keys.failAtWrite = Number.POSITIVE_INFINITY;
    expect((await run.pass(filteredRoutes(null))).report?.skipped).toBe(null);
  });

  it('writes keys before the pointer and takes them back behind it', async () => {
    const order: string[] = [];
    const put = store.put.bind(store);
    store.put = async (key, value) => {
      order.push(key);
      await put(key, value);
    };
    keys.putMany = async (values) => {
      for (const { key, value } of values) {
        order.push(value.includes('[]') ? 'taken back' : 'added');
        keys.values.set(key, { value, writtenAt: keys.now });
      }
    };
    const cluster = new SecretCluster();
    cluster.secrets.set('shop/keys', { alice: 'alice-key' }).set('shop/more', { bob: 'bob-key' });
    const run = syncRun({ secretKeys: secretKeysOf({ apis: new Map([[null, cluster]]), keys, nowMs }) });
    await run.pass(filteredRoutes(null));
    order.splice(0);
    await run.pass(filteredRoutes(null, 'more'));
    const pointer = order.indexOf(POINTER_KEY);
    expect(order.indexOf('added')).toBeGreaterThanOrEqual(0);
    expect(order.indexOf('added')).toBeLessThan(pointer);
    expect(order.indexOf('taken back')).toBeGreaterThan(pointer);
  });

  it('writes nothing while another process leads', async () => {
    const cluster = new SecretCluster();
    cluster.secrets.set('shop/keys', { alice: 'alice-key' });
    const secretKeys = secretKeysOf({ apis: new Map([[null, cluster]]), keys, nowMs });
    await syncRun({ secretKeys, mayAct: () => false }).pass(filteredRoutes(null));
    expect(keys.values.size).toBe(0);
  });
});

describe('sync of several clusters', () => {
  it('keeps Secrets of one name apart and takes those of the Filter’s own clusters', async () => {
    const [west, east] = [new SecretCluster(), new SecretCluster()];
    west.secrets.set('shop/keys', { alice: 'west-key' });
    east.secrets.set('shop/keys', { alice: 'east-key' });
    const apis = new Map([
      ['west', west],
      ['east', east],
    ]);
    const run = syncRun({ secretKeys: secretKeysOf({ apis, keys, nowMs }) });
    await run.pass(joinSnapshots([filteredRoutes('west'), filteredRoutes('east')]));
    expect(liveRule()).toContain('["east/shop/keys","west/shop/keys"]');
    expect(await placesOf(keys, 'west-key')).toEqual(['west/shop/keys/alice']);
    // Without one of them its keys are gone, and those of the other stay.
    west.secrets.delete('shop/keys');
    const pass = await run.pass(joinSnapshots([filteredRoutes('west'), filteredRoutes('east')]));
    expect(codes(pass)).toEqual(['secret-missing']);
    expect(liveRule()).toContain('["east/shop/keys"]');
    expect([await placesOf(keys, 'west-key'), await placesOf(keys, 'east-key')]).toEqual([
      [],
      ['east/shop/keys/alice'],
    ]);
  });

  it('leaves the keys of a cluster that cannot be listed', async () => {
    const [west, east] = [new SecretCluster(), new SecretCluster()];
    west.secrets.set('shop/keys', { alice: 'west-key' });
    east.secrets.set('shop/keys', { alice: 'east-key' });
    const apis = new Map([
      ['west', west],
      ['east', east],
    ]);
    const run = syncRun({ secretKeys: secretKeysOf({ apis, keys, nowMs }) });
    await run.pass(joinSnapshots([filteredRoutes('west'), filteredRoutes('east')]));
    const live = liveRule();
    const asked = west.calls.length;
    await run.pass(joinSnapshots([filteredRoutes('east')], ['west']));
    expect([liveRule(), west.calls.length]).toEqual([live, asked]);
    expect(await placesOf(keys, 'west-key')).toEqual(['west/shop/keys/alice']);
  });
});

function slice(cluster: string, api: SecretCluster): SliceRun {
  return new SliceRun({
    cluster,
    store,
    allowMassDelete: false,
    mayAct: () => true,
    status: null,
    onProblem,
    nowMs,
    secretKeys: secretKeysOf({ apis: new Map([[cluster, api]]), keys, nowMs }),
  });
}

function publisher(): { readonly watch: SliceWatch; readonly run: SyncRun } {
  return {
    watch: new SliceWatch({
      store,
      clock: time.clock(0, () => 0.5),
      pollMs: 1_000,
      onChange: () => undefined,
      onProblem,
    }),
    run: syncRun({ outcomes: new SliceOutcomes(store, onProblem) }),
  };
}

describe('slices', () => {
  it('carry names and states; the one who reads the cluster writes the keys', async () => {
    const west = new SecretCluster();
    west.secrets.set('shop/keys', { alice: 'west-key' });
    const writer = slice('west', west);
    const { watch, run } = publisher();
    await writer.pass(filteredRoutes('west'));
    expect(JSON.parse(store.values.get('slice-west')?.value ?? '')).toMatchObject({
      secrets: { 'shop/keys': 'usable' },
    });
    await watch.poll();
    expect(codes(await run.pass(watch.snapshot() ?? expect.fail('no slice')))).toEqual([]);
    expect(liveRule()).toContain('["west/shop/keys"]');
    expect(await placesOf(keys, 'west-key')).toEqual(['west/shop/keys/alice']);
    expect([...store.values.values()].map(({ value }) => value).join('\n')).not.toMatch(/west-key|d2VzdC1rZXk/);
    // Rotated: the slice says the same.
    west.secrets.set('shop/keys', { alice: 'next-key' });
    expect((await writer.pass(filteredRoutes('west'))).report?.skipped).toBe('unchanged');
    expect([await placesOf(keys, 'west-key'), await placesOf(keys, 'next-key')]).toEqual([
      [],
      ['west/shop/keys/alice'],
    ]);
    west.secrets.delete('shop/keys');
    await writer.pass(filteredRoutes('west'));
    expect(await watch.poll()).toBe(true);
    expect(codes(await run.pass(watch.snapshot() ?? expect.fail('no slice')))).toEqual(['secret-missing']);
    expect(liveRule()).toContain('"refuse":"Filter shop/f');
  });

  it('of an earlier version say nothing of Secrets: their Filters refuse', async () => {
    const writer = new SliceRun({
      cluster: 'west',
      store,
      allowMassDelete: false,
      mayAct: () => true,
      status: null,
      onProblem,
      nowMs,
    });
    const { watch, run } = publisher();
    await writer.pass(filteredRoutes('west'));
    expect(store.values.get('slice-west')?.value).not.toContain('"secrets"');
    await watch.poll();
    expect(codes(await run.pass(watch.snapshot() ?? expect.fail('no slice')))).toEqual(['secret-missing']);
  });

  it('keep the keys of a deleted Filter until the publisher has published without it', async () => {
    const west = new SecretCluster();
    west.secrets.set('shop/keys', { alice: 'west-key' });
    const writer = slice('west', west);
    const { watch, run } = publisher();
    const publish = async (): Promise<void> => {
      await watch.poll();
      await run.pass(watch.snapshot() ?? expect.fail('no slice'));
    };
    await writer.pass(filteredRoutes('west'));
    await publish();
    const { objects, ...rest } = filteredRoutes('west');
    const without = { ...rest, objects: objects.filter(({ kind }) => kind === 'Mapping') };
    await writer.pass(without);
    expect(await placesOf(keys, 'west-key')).toEqual(['west/shop/keys/alice']);
    await publish();
    await writer.pass(without);
    expect(await placesOf(keys, 'west-key')).toEqual([]);
  });
});
