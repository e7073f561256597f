import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { supersedes } from '../../src/program/decode.ts';
import { canonicalJson } from '../../src/program/canonical-json.ts';
import { EncodeCache } from '../../src/program/encode-cache.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { loadProgram } from '../../src/program/load-program.ts';
import { loadSources, publishProgram, type PublishOptions, type PublishReport } from '../../src/program/publish.ts';
import { acceptedOf, mappings, programOf, type MappingFacts } from './program-fixture.ts';
import { MemoryStore } from './memory-store.ts';

const now = '2026-11-01T00:00:00.000Z';

async function publish(
  store: MemoryStore,
  facts: readonly MappingFacts[],
  options: Partial<PublishOptions> = {},
): Promise<PublishReport> {
  return publishProgram(store, await encodeProgram(programOf(facts)), { now, sources: acceptedOf(facts), ...options });
}

const kindOf = (key: string) => key.split('-')[0];
const small = mappings(5);
const changed = small.with(2, { name: 'mapping-000002', prefix: '/elsewhere/', service: 'service-2.shop:8080' });

/** What a store should give back, as text: comparing thousands of objects member by member takes seconds. */
function textsOf(facts: readonly MappingFacts[]): { program: string; sources: string } {
  return { program: canonicalJson(programOf(facts)), sources: canonicalJson(acceptedOf(facts)) };
}

describe('publishProgram', () => {
  it('writes shards, index, sources, history and the pointer, in this order', async () => {
    const store = new MemoryStore();
    const report = await publish(store, mappings(3000));
    const order = ['shard', 'index', 'sources', 'history', 'current'];
    const kinds = report.written.map(kindOf);
    expect([...new Set(kinds)]).toEqual(order);
    expect(kinds).toEqual(kinds.toSorted((a, b) => order.indexOf(a ?? '') - order.indexOf(b ?? '')));
    expect(store.written).toEqual(report.written);
    expect(report).toMatchObject({ skipped: null, sequence: 1, kept: [], routes: 3000, resources: 3000 });
    expect((await loadProgram(store))?.program).toEqual(programOf(mappings(3000)));
    expect((await loadProgram(store))?.pointer).toMatchObject({ version: report.version, sequence: 1, time: now });
  });

  it('writes nothing when nothing changed', async () => {
    const store = new MemoryStore();
    const first = await publish(store, small);
    const again = await publish(store, small.toReversed(), { now: '2026-11-02T00:00:00.000Z' });
    expect(again).toMatchObject({ skipped: 'unchanged', written: [], sequence: 1, version: first.version });
    expect(again.kept.toSorted()).toEqual(first.written.slice(0, -2).toSorted());
    expect(store.written).toEqual(first.written);
  });

  it('writes at most 5 values when one Mapping of 10,000 changes', async () => {
    const facts = mappings(10_000);
    const store = new MemoryStore();
    const sourcesCache = new EncodeCache();
    await publish(store, facts, { sourcesCache });
    const other = facts.with(7000, {
      name: 'mapping-007000',
      prefix: '/service-7000/api/',
      service: 'service-3.shop:8080',
    });
    const report = await publish(store, other, { sourcesCache });
    expect(report.written.map(kindOf)).toEqual(['shard', 'index', 'sources', 'history', 'current']);
    expect(report.kept.length).toBeGreaterThan(20);
    expect(await loadSources(store)).toEqual(acceptedOf(other));
  });

  it('publishes when only the kept resources changed', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    const [key, resource] = Object.entries(acceptedOf(small))[0] ?? [];
    const sources = {
      ...acceptedOf(small),
      ...(key !== undefined && resource !== undefined && { [key]: { ...resource, staleSince: now } }),
    };
    const report = await publish(store, small, { sources });
    expect(report.written.map(kindOf)).toEqual(['sources', 'history', 'current']);
    expect(report.sequence).toBe(2);
    expect(await loadSources(store)).toEqual(sources);
  });

  it('publishes an empty program only when told to', async () => {
    const store = new MemoryStore();
    expect(await publish(store, [])).toMatchObject({ skipped: 'empty', written: [], version: null, sequence: 0 });
    await publish(store, small);
    const before = new Map(store.values);
    expect(await publish(store, [])).toMatchObject({ skipped: 'empty', written: [], sequence: 1 });
    expect(store.values).toEqual(before);
    expect(await publish(store, [], { allowEmpty: true })).toMatchObject({ skipped: null, sequence: 2 });
    expect((await loadProgram(store))?.program.upstreams).toEqual([]);
  });

  it('never asks for an immutable key before it wrote it', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    await publish(store, changed);
    const written = new Set<string>();
    const fresh = new MemoryStore();
    fresh.put = async (key, value) => {
      written.add(key);
      fresh.values.set(key, { value, writtenAt: now });
    };
    fresh.get = async (key) => {
      if (key !== 'current') expect(written).toContain(key);
      return fresh.values.get(key)?.value ?? null;
    };
    await publish(fresh, small);
    await publish(fresh, changed);
    expect(written.size).toBeGreaterThan(6);
  });

  it('shows a reader the old version or the new one, wherever it is interrupted', async () => {
    const before = mappings(1500);
    const after = before.map((fact, index) => (index % 100 === 0 ? { ...fact, prefix: `/moved${fact.prefix}` } : fact));
    const old = textsOf(before);
    const fresh = textsOf(after);
    const store = new MemoryStore();
    await publish(store, before);
    const total = (await publish(store.copy(), after)).written.length;
    expect(total).toBeGreaterThan(7);
    for (let step = 1; step <= total; step += 1) {
      const broken = store.copy();
      broken.failAtWrite = step;
      await expect(publish(broken, after)).rejects.toThrow('the store is gone');
      expect(canonicalJson((await loadProgram(broken))?.program)).toBe(old.program);
      expect(canonicalJson(await loadSources(broken))).toBe(old.sources);

      broken.failAtWrite = Number.POSITIVE_INFINITY;
      expect(await publish(broken, after)).toMatchObject({ skipped: null, sequence: 2 });
      expect(canonicalJson((await loadProgram(broken))?.program)).toBe(fresh.program);
      expect(canonicalJson(await loadSources(broken))).toBe(fresh.sources);
    }
  });

  it('leaves an empty store without a pointer when the first publish is interrupted', async () => {
    for (let step = 1; step <= 5; step += 1) {
      const store = new MemoryStore();
      store.failAtWrite = step;
      await expect(publish(store, small)).rejects.toThrow('the store is gone');
      expect(await loadProgram(store)).toBeNull();
    }
  });

  it('does not switch the pointer when the store gives back something else', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    const get = store.get.bind(store);
    store.get = async (key) => (key.startsWith('index-') ? 'cut' : get(key));
    await expect(publish(store, changed)).rejects.toThrow('does not give back index-');
    store.get = get;
    expect((await loadProgram(store))?.program).toEqual(programOf(small));
  });

  it('refuses to overwrite another publisher', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    const put = store.put.bind(store);
    store.put = async (key, value) => {
      await put(key, value);
      if (key.startsWith('history-'))
        await put('current', (await store.get('current'))?.replace('"sequence":1', '"sequence":9') ?? '');
    };
    await expect(publish(store, changed)).rejects.toThrow('someone else published');
    store.put = put;
    expect(JSON.parse((await store.get('current')) ?? '')).toMatchObject({ sequence: 9 });

    await expect(publish(new MemoryStore(), small, { expectSequence: 3 })).rejects.toThrow('publish 0 is live, not 3');
    expect(await publish(new MemoryStore(), small, { expectSequence: 0 })).toMatchObject({ sequence: 1 });
  });

  it('leaves every pointer whole when two publish the same routes at once and the first is late', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    const put = store.put.bind(store);
    let late: string | null = null;
    store.put = async (key, value) => {
      if (key === 'current' && late === null) late = value;
      else await put(key, value);
    };
    await publish(store, changed);
    await publish(store, changed, { now: '2026-11-01T00:05:00.000Z', sources: acceptedOf(small) });
    expect(await loadSources(store)).toEqual(acceptedOf(small));
    await put('current', late ?? '');
    expect(await loadSources(store)).toEqual(acceptedOf(changed));
  });

  it('replaces a pointer that was written late, over newer ones, by one that readers of those take up', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    const late = (await store.get('current')) ?? '';
    await publish(store, changed);
    await publish(store, mappings(7));
    const newest = (await loadProgram(store))?.pointer;
    await store.put('current', late);
    const report = await publish(store, small, { after: 3, now: '2020-01-01T00:00:00.000Z' });
    expect(report).toMatchObject({ skipped: null, sequence: 4 });
    const pointer = (await loadProgram(store))?.pointer;
    if (pointer === undefined || newest === undefined) throw new Error('nothing is live');
    expect(supersedes(pointer, newest)).toBe(true);
    expect(await publish(store, small, { after: 4 })).toMatchObject({ skipped: 'unchanged' });
  });

  it('heals a store: damaged pointer, damaged history, lost values', async () => {
    for (const damage of ['{"format":9}', 'nonsense', '']) {
      const store = new MemoryStore();
      await publish(store, small);
      await publish(store, changed);
      await store.put('current', damage);
      const report = await publish(store, changed);
      expect(report).toMatchObject({ skipped: null, sequence: 3, kept: [] });
      expect((await loadProgram(store))?.program).toEqual(programOf(changed));
    }
    const store = new MemoryStore();
    const { written } = await publish(store, small);
    const history = written.find((key) => key.startsWith('history-')) ?? '';
    await store.put(history, `${await store.get(history)} `);
    expect(await loadSources(store)).toEqual({});
    expect(await publish(store, small)).toMatchObject({ skipped: null, kept: [], sequence: 2 });

    await store.deleteMany(written.filter((key) => key.startsWith('shard-')));
    expect(await publish(store, small)).toMatchObject({ skipped: 'unchanged' });
    expect(await publish(store, small, { rewrite: true })).toMatchObject({ skipped: null, kept: [] });
    expect((await loadProgram(store))?.program).toEqual(programOf(small));
  });

  it('heals a pointer whose time is no date', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    const text = store.values.get('current')?.value ?? '';
    store.values.set('current', { value: text.replace('2026-11-01', '2026-91-01'), writtenAt: null });
    const report = await publish(store, changed);
    expect(report).toMatchObject({ skipped: null, sequence: 2 });
    expect((await loadProgram(store))?.program).toEqual(programOf(changed));
  });

  it('gives pointers growing times even when the clock goes back', async () => {
    const store = new MemoryStore();
    await publish(store, small);
    await publish(store, changed, { now: '2020-01-01T00:00:00.000Z' });
    expect((await loadProgram(store))?.pointer.time).toBe('2026-11-01T00:00:00.001Z');
  });

  it('signs, trusts only what is signed, and signs what was not', async () => {
    const { publicKey, privateKey } = await generateKeyPair('Ed25519', { extractable: true });
    const verifyKey = await exportJWK(publicKey);
    const signKey = await exportJWK(privateKey);
    const store = new MemoryStore();
    await publish(store, small);
    await expect(loadProgram(store, { verifyKey })).rejects.toThrow('no signature');
    expect(await loadSources(store, { verifyKey })).toEqual({});

    expect(await publish(store, small, { signKey })).toMatchObject({ skipped: null, kept: [], sequence: 2 });
    expect((await loadProgram(store, { verifyKey }))?.program).toEqual(programOf(small));
    expect(await loadSources(store, { verifyKey })).toEqual(acceptedOf(small));
    expect(await publish(store, small, { signKey })).toMatchObject({ skipped: 'unchanged' });
    expect(canonicalJson(JSON.parse((await store.get('current')) ?? ''))).not.toContain(signKey.d ?? 'absent');

    // Whoever can write to the store but has no key cannot smuggle resources in through the history.
    const history = [...store.values.keys()].findLast((key) => key.startsWith('history-')) ?? '';
    await store.put(history, ((await store.get(history)) ?? '').replace('"resources":5', '"resources":6'));
    expect(await loadSources(store, { verifyKey })).toEqual({});
  });
});
