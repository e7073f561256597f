/** Slices, their publisher and what it says, over a store in memory. */
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { BuildCache } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { SourcePublisher } from '../../src/follow/source-publisher.ts';
import type { StoredOutcome, StoredSlice } from '../../src/program/slice-form.ts';
import { inCluster, type ClusterSnapshot, type OwnObject } from '../../src/sync/cluster-snapshot.ts';
import type { ApiCall, KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import type { StatusPorts } from '../../src/sync/object-statuses.ts';
import { ResourceEvents } from '../../src/sync/resource-events.ts';
import { SliceOutcomes } from '../../src/sync/slice-outcomes.ts';
import { RENEW_MS, SliceRun, type SliceRunOptions } from '../../src/sync/slice-run.ts';
import { SILENT_MS, SliceWatch } from '../../src/sync/slice-watch.ts';
import { StatusWriter } from '../../src/sync/status-writer.ts';
import { SyncRun, type SyncPass } from '../../src/sync/sync-run.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { MemoryStore } from '../program/memory-store.ts';
import { VirtualTime } from './virtual-time.ts';

const CONFIG = parseConfig(
  {
    clusters: {
      west: { template: 'http://{service}.{namespace}.west.test:{port}' },
      east: { template: 'http://{service}.{namespace}.east.test:{port}' },
      south: { template: 'http://{service}.{namespace}.south.test:{port}' },
    },
  },
  () => undefined,
  'routes.config.ts',
);

type Content = Readonly<Record<string, string>>;

/** Name → spec; `unreadable` is no spec at all. */
function snapshot(cluster: string, content: Content): ClusterSnapshot {
  const text = Object.entries(content)
    .map(([name, spec]) => {
      const written = spec === 'unreadable' ? '[]' : `{ hostname: "*", ${spec} }`;
      return `---\napiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: { name: ${name}, namespace: shop, uid: ${name} }\nspec: ${written}\n`;
    })
    .join('');
  const findings: Finding[] = [];
  const objects = parseManifests([{ file: '-', text }], (one) => findings.push(one));
  const served = { group: 'getambassador.io', version: 'v3alpha1', kind: 'Mapping', plural: 'mappings', isOwn: true };
  const own = Object.keys(content).map((name): OwnObject => {
    const metadata = { name, namespace: 'shop', uid: name, generation: 1 };
    return { served, raw: { metadata }, cluster };
  });
  return { ...inCluster({ objects, findings }, cluster), own };
}

let store: MemoryStore;
let time: VirtualTime;
let problems: string[];
beforeEach(() => start());

function start(): void {
  store = new MemoryStore();
  time = new VirtualTime();
  problems = [];
}
const onProblem = (message: string): unknown => problems.push(message);

function slice(cluster: string, more: Partial<SliceRunOptions> = {}): SliceRun {
  return new SliceRun({
    cluster,
    store,
    allowMassDelete: false,
    mayAct: () => true,
    status: null,
    onProblem,
    nowMs: () => time.nowMs,
    ...more,
  });
}

class Publisher {
  readonly watch: SliceWatch;
  readonly run: SyncRun;

  constructor(allowMassDelete = false) {
    const clock = time.clock(0, () => 0.5);
    this.watch = new SliceWatch({ store, clock, pollMs: 1_000, onChange: () => undefined, onProblem });
    this.run = new SyncRun({
      publisher: new SourcePublisher({
        build: { target: 'self-hosted', unresolved: 'refuse', cache: new BuildCache() },
      }),
      store,
      announce: async () => null,
      loadConfig: async () => ({ config: CONFIG, findings: [] }),
      allowMassDelete,
      mayAct: () => true,
      status: null,
      outcomes: new SliceOutcomes(store, onProblem),
      onProblem,
    });
  }

  async pass(): Promise<SyncPass> {
    await this.watch.poll();
    return this.run.pass(this.watch.snapshot() ?? expect.fail('no slice'));
  }
}

const sliceOf = (cluster: string): StoredSlice => JSON.parse(store.values.get(`slice-${cluster}`)?.value ?? 'null');
const outcomeOf = (cluster: string): StoredOutcome =>
  JSON.parse(store.values.get(`outcome-${cluster}`)?.value ?? 'null');

/** Route id → origins. */
function served({ result }: SyncPass): Readonly<Record<string, readonly string[]>> {
  const routes = Object.values(result.program.tables).flat();
  return Object.fromEntries(
    routes.map(({ id, action }) => [id, action.kind === 'forward' ? action.backends.map(({ origin }) => origin) : []]),
  );
}

function currentTime(): Date {
  return new Date(time.nowMs);
}

function recorder(): { readonly ports: StatusPorts; readonly told: () => Readonly<Record<string, string>> } {
  const patches: ApiCall[] = [];
  const api: KubernetesApi = {
    request: async (call) => void patches.push(call),
    stream: () => expect.fail('not used'),
  };
  type Body = {
    readonly metadata: { name: string };
    readonly status: { conditions: { status: string; reason: string }[] };
  };
  return {
    ports: {
      writer: new StatusWriter(api, currentTime),
      events: new ResourceEvents(api, { identity: 'test', now: currentTime }),
      shapeOf: async () => 'conditions',
    },
    told: () => {
      const bodies = patches.splice(0).flatMap(({ path, body }) => (path.endsWith('/status') ? [body as Body] : []));
      return Object.fromEntries(
        bodies.map(({ metadata, status }) => [
          metadata.name,
          status.conditions.map(({ status: is, reason }) => (is === 'True' ? is : reason)).join(' '),
        ]),
      );
    },
  };
}

const A = 'prefix: /a/, service: web';
const B = 'prefix: /b/, service: web';

describe('SliceRun', () => {
  it('writes what changed, and now and then a sign of life that mends the store', async () => {
    const run = slice('east');
    expect((await run.pass(snapshot('east', { a: A }))).report).toMatchObject({ skipped: null });
    const { content, time: written } = sliceOf('east');
    store.written.length = 0;
    time.nowMs += RENEW_MS - 1;
    expect((await run.pass(snapshot('east', { a: A }))).report).toEqual({ skipped: 'unchanged', written: [] });
    expect(store.written).toEqual([]);
    time.nowMs += 1;
    await run.pass(snapshot('east', { a: A }));
    expect(store.written).toEqual(['slice-east']);
    expect(sliceOf('east')).toMatchObject({ content });
    expect(Date.parse(sliceOf('east').time) - Date.parse(written)).toBe(RENEW_MS);

    const [bucket = ''] = sliceOf('east').buckets;
    store.values.delete(`sources-${bucket}`);
    time.nowMs += RENEW_MS;
    await run.pass(snapshot('east', { a: A }));
    expect(store.values.has(`sources-${bucket}`)).toBe(true);
  });

  it('never writes the pointer, and nothing while another leads', async () => {
    const follower = slice('east', { mayAct: () => false });
    expect(await follower.pass(snapshot('east', { a: A }))).toMatchObject({ withheld: 'another process leads' });
    expect(store.written).toEqual([]);
    await slice('east').pass(snapshot('east', { a: A }));
    expect(store.written.filter((key) => !/^(sources|slice)-/.test(key))).toEqual([]);
  });

  it('tells objects what was made of this very content, and nothing before', async () => {
    const { ports, told } = recorder();
    const run = slice('east', { status: ports });
    const publisher = new Publisher();
    await run.pass(snapshot('east', { a: A, bad: `${B}, cors: { max_age: soon }` }));
    expect(told()).toEqual({});
    await publisher.pass();
    await run.pass(snapshot('east', { a: A, bad: `${B}, cors: { max_age: soon }` }));
    expect(told()).toEqual({ a: 'True True True', bad: 'FieldInvalid True Invalid' });
    // Changed since: what is known is about another content.
    const changed = await run.pass(snapshot('east', { a: A, bad: B }));
    expect(changed.outcome).toBeNull();
    expect(told()).toEqual({});
    await publisher.pass();
    await run.pass(snapshot('east', { a: A, bad: B }));
    expect(told()).toMatchObject({ bad: 'True True True' });
  });

  it('tells a version that does not serve, and one of another installation nothing', async () => {
    const { ports, told } = recorder();
    const run = slice('east', { status: ports });
    const content = { a: B, theirs: `${A}, ambassador_id: [other]` };
    await slice('west').pass(snapshot('west', { a: A, theirs: A }));
    await run.pass(snapshot('east', content));
    await new Publisher().pass();
    await run.pass(snapshot('east', content));
    expect(told()).toEqual({ a: 'ClusterConflict True OtherCluster' });
  });

  it('goes on from what is in the store', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 50 }, (_, at) => [`m-${at}`, `prefix: /${at}/, service: web`]),
    );
    await slice('east').pass(snapshot('east', many));
    const restarted = slice('east');
    expect((await restarted.pass(snapshot('east', {}))).withheld).toMatch(/50 resources of 50 would be gone/);
    // Unreadable is not gone.
    const unreadable = Object.fromEntries(Object.keys(many).map((name) => [name, 'unreadable']));
    expect((await restarted.pass(snapshot('east', unreadable))).withheld).toBeNull();
    expect(sliceOf('east')).toMatchObject({ resources: 0 });
  });
});

describe('SliceWatch', () => {
  it('gives the same objects while they are the same', async () => {
    const run = slice('east');
    await run.pass(snapshot('east', { a: A, b: B }));
    const { watch } = new Publisher();
    expect(await watch.poll()).toBe(true);
    const before = watch.snapshot()?.objects;
    expect(await watch.poll()).toBe(false);
    await run.pass(snapshot('east', { a: A, b: 'prefix: /c/, service: web' }));
    expect(await watch.poll()).toBe(true);
    const after = watch.snapshot()?.objects;
    expect(after?.map((object, at) => object === before?.[at])).toEqual([true, false]);
  });

  it('warns once of a cluster that says nothing any more, and keeps what it held', async () => {
    await slice('east').pass(snapshot('east', { a: A }));
    const { watch } = new Publisher();
    await watch.poll();
    time.nowMs += SILENT_MS;
    await watch.poll();
    await watch.poll();
    expect(problems).toEqual([expect.stringMatching(/^cluster east has said nothing for 30 min/)]);
    expect(watch.snapshot()?.objects).toHaveLength(1);
    expect(watch.ages()).toEqual(new Map([['east', SILENT_MS / 1000]]));
    await slice('east').pass(snapshot('east', { a: A }));
    await watch.poll();
    time.nowMs += SILENT_MS;
    await watch.poll();
    expect(problems).toHaveLength(2);
  });

  it('keeps what it knows when a slice is damaged, when its values are late, and when the store fails', async () => {
    await slice('east').pass(snapshot('east', { a: A }));
    const { watch } = new Publisher();
    await watch.poll();
    const sound = sliceOf('east');
    await store.put('slice-east', '{');
    expect(await watch.poll()).toBe(false);
    await store.put('slice-east', JSON.stringify({ ...sound, content: '0'.repeat(64), buckets: ['0'.repeat(64)] }));
    expect(await watch.poll()).toBe(false);
    expect(watch.snapshot()?.objects).toHaveLength(1);
    expect(problems).toHaveLength(2);
    store.list = () => Promise.reject(new Error('down'));
    await expect(watch.poll()).rejects.toThrow('down');
    expect(watch.snapshot()?.objects).toHaveLength(1);
  });

  it('does not believe a listing that lags', async () => {
    await slice('east').pass(snapshot('east', { a: A }));
    const { watch } = new Publisher();
    await watch.poll();
    store.list = () => Promise.resolve([]);
    await watch.poll();
    expect(watch.snapshot()?.objects).toHaveLength(1);
    await store.deleteMany(['slice-east']);
    await watch.poll();
    expect(watch.snapshot()).toBeNull();
  });
});

describe('a new publisher that finds a slice damaged', () => {
  it('knows the version that did not serve, and serves it when the other is deleted', async () => {
    await slice('west').pass(snapshot('west', { a: A, b: B }));
    await slice('east').pass(snapshot('east', { a: `${A}, timeout_ms: 1000` }));
    await new Publisher().pass();
    await store.put('slice-east', '{');
    await slice('west').pass(snapshot('west', { b: B }));
    const pass = await new Publisher().pass();
    expect(served(pass)['Mapping/shop/a']).toEqual(['http://web.shop.east.test']);
    expect(served(await new Publisher().pass())).toEqual(served(pass));
  });
});

describe('outcomes', () => {
  it('are written when they change, and say why nothing is live', async () => {
    await slice('east').pass(snapshot('east', { a: A }));
    const publisher = new Publisher();
    await publisher.pass();
    expect(outcomeOf('east')).toEqual({
      format: 1,
      kind: 'outcome',
      cluster: 'east',
      slice: sliceOf('east').content,
      withheld: null,
      resources: {},
    });
    store.written.length = 0;
    await publisher.pass();
    await slice('west').pass(snapshot('west', { b: B }));
    await publisher.pass();
    expect(store.written.filter((key) => key.startsWith('outcome-'))).toEqual(['outcome-west']);
  });
});

const aSpec = fc.constantFrom(A, B, `${A}, weight: 20`, `${B}, timeout_ms: 1000`, 'unreadable');
const content = fc.dictionary(fc.constantFrom('a', 'b', 'c'), aSpec);
const aCluster = fc.constantFrom('west', 'east', 'south');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('edit' as const), cluster: aCluster, content }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('damage' as const), cluster: aCluster }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose values' as const), cluster: aCluster }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('new publisher' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('publish' as const) }) },
);

const nameOf = (id: string): string => id.replace('Mapping/shop/', '');

function isSound(cluster: string): boolean {
  const text = store.values.get(`slice-${cluster}`)?.value ?? '';
  return text.endsWith('}') && sliceOf(cluster).buckets.every((hash) => store.values.has(`sources-${hash}`));
}

describe('any history', () => {
  it('never loses a route that some cluster still has, and ends with what all hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        start();
        let publisher = new Publisher();
        const held = new Map<string, Content>();
        /** Cluster → names that a publisher read there last: of what it never saw it can keep nothing. */
        const known = new Map<string, readonly string[]>();
        let live: readonly string[] = [];
        const publish = async (): Promise<void> => {
          await publisher.watch.poll();
          const all = publisher.watch.snapshot();
          if (all === null) return;
          for (const [cluster, some] of held) {
            const keys = all.slices?.find((one) => one.cluster === cluster)?.keys;
            if (isSound(cluster)) known.set(cluster, Object.keys(some));
            else if (keys !== undefined) known.set(cluster, keys.map(nameOf));
            else expect(all.silent).toContain(cluster);
          }
          const { withheld, result } = await publisher.run.pass(all);
          const names = Object.values(result.program.tables).flatMap((routes) => routes.map(({ id }) => nameOf(id)));
          const kept = live.filter((name) => [...known.values()].some((some) => some.includes(name)));
          expect(names).toEqual(expect.arrayContaining(kept));
          if (withheld === null) live = names;
        };
        for (const each of steps) {
          if (each.kind === 'edit') {
            held.set(each.cluster, each.content);
            await slice(each.cluster).pass(snapshot(each.cluster, each.content));
          } else if (each.kind === 'damage') {
            if (held.has(each.cluster)) await store.put(`slice-${each.cluster}`, '{"format":1');
          } else if (each.kind === 'lose values') {
            const text = store.values.get(`slice-${each.cluster}`)?.value ?? '';
            for (const [hash] of text.matchAll(/[0-9a-f]{64}/g)) store.values.delete(`sources-${hash}`);
          } else if (each.kind === 'new publisher') publisher = new Publisher();
          else await publish();
        }
        // Everybody starts again.
        for (const [cluster, some] of held) await slice(cluster).pass(snapshot(cluster, some));
        if (held.size === 0) return;
        await publish();
        const last = await publisher.pass();
        const readable = [...held].flatMap(([cluster, some]) =>
          Object.entries(some).flatMap(([name, spec]) => (spec === 'unreadable' ? [] : [{ cluster, name }])),
        );
        for (const { cluster, name } of readable) {
          const origins = served(last)[`Mapping/shop/${name}`] ?? [];
          const key = `Mapping/shop/${name}`;
          const isServedHere = origins.some((origin) => origin.includes(`.${cluster}.`));
          const state = outcomeOf(cluster).resources[key]?.state;
          expect(isServedHere).toBe(state !== 'overruled');
        }
        const fresh = new MemoryStore();
        const before = store;
        store = fresh;
        for (const [cluster, some] of held) await slice(cluster).pass(snapshot(cluster, some));
        if (![...held.values()].some((some) => Object.values(some).includes('unreadable'))) {
          const direct = await new Publisher().pass();
          expect(served(last)).toEqual(served(direct));
        }
        store = before;
      }),
      { numRuns: 150 },
    );
  });
});

function thirty(name: string): Content {
  return Object.fromEntries(
    Array.from({ length: 30 }, (_, at) => [`${name}-${at}`, `prefix: /${name}${at}/, service: web`]),
  );
}

describe('two clusters of one name', () => {
  it('do not replace each other without a word', async () => {
    const [one, two] = [slice('east'), slice('east')];
    expect((await one.pass(snapshot('east', thirty('a')))).withheld).toBeNull();
    await time.advance(1_000);
    await two.pass(snapshot('east', { ...thirty('a'), ...thirty('b') }));
    expect(problems).toEqual([]);
    await time.advance(1_000);
    const pass = await one.pass(snapshot('east', thirty('c')));
    expect(problems).toEqual([expect.stringContaining('another process writes slice-east')]);
    expect(pass.withheld).toContain('60 resources of 60 would be gone');
    await time.advance(RENEW_MS);
    expect((await two.pass(snapshot('east', { ...thirty('a'), ...thirty('b') }))).withheld).toBeNull();
    expect(sliceOf('east').resources).toBe(60);
  });
});

describe('nothing at all', () => {
  it('is said once, and publishes nothing', async () => {
    const { watch } = new Publisher();
    await watch.poll();
    await watch.poll();
    expect(watch.snapshot()).toBeNull();
    expect(problems).toEqual([expect.stringContaining('the store holds no slice')]);
  });

  it('takes the last route away when it was seen to go', async () => {
    await slice('east').pass(snapshot('east', { a: 'prefix: /a/, service: web' }));
    const publisher = new Publisher();
    expect(served(await publisher.pass())).not.toEqual({});
    await slice('east').pass(snapshot('east', {}));
    const pass = await publisher.pass();
    expect([pass.withheld, pass.report?.skipped, served(pass)]).toEqual([null, null, {}]);
  });

  it('takes it away at the start only when allowed', async () => {
    await slice('east').pass(snapshot('east', { a: 'prefix: /a/, service: web' }));
    const live = (await new Publisher().pass()).report?.version;
    await slice('east').pass(snapshot('east', {}));
    const withheld = await new Publisher().pass();
    expect(withheld.withheld).toContain('--allow-mass-delete');
    expect(withheld.report?.version).toBe(live);
    const allowed = await new Publisher(true).pass();
    expect([allowed.withheld, allowed.report?.skipped, served(allowed)]).toEqual([null, null, {}]);
  });
});
