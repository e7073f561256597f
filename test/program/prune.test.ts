import { describe, expect, it } from 'vitest';
import { encodeProgram } from '../../src/program/encode.ts';
import { loadProgram, loadVersion } from '../../src/program/load-program.ts';
import { pruneStore, type PruneReport } from '../../src/program/prune.ts';
import { encodeSlice, sealSlice } from '../../src/program/slices.ts';
import { publishProgram, type PublishReport } from '../../src/program/publish.ts';
import type { StoredHistory } from '../../src/program/stored-form.ts';
import { acceptedOf, mappings, programOf } from './program-fixture.ts';
import { MemoryStore } from './memory-store.ts';

const HOUR = 3_600_000;
const start = Date.parse('2026-11-01T00:00:00.000Z');
const at = (hours: number) => new Date(start + hours * HOUR).toISOString();

async function publishAt(store: MemoryStore, hours: number, prune = false): Promise<PublishReport> {
  store.now = at(hours);
  const facts = mappings(3).with(1, { name: 'mapping-000001', prefix: `/at-${hours}/`, service: 'a.b:80' });
  return publishProgram(store, await encodeProgram(programOf(facts)), {
    now: at(hours),
    sources: acceptedOf(facts),
    prune,
  });
}

const histories = (store: MemoryStore) => [...store.values.keys()].filter((key) => key.startsWith('history-'));

async function expectWhole(store: MemoryStore): Promise<void> {
  expect(await loadProgram(store)).not.toBeNull();
  for (const key of histories(store)) {
    const history = JSON.parse((await store.get(key)) ?? '') as StoredHistory;
    await loadVersion(store, history.index);
    for (const bucket of history.sources.buckets) expect(store.values.has(`sources-${bucket}`)).toBe(true);
  }
}

describe('pruneStore', () => {
  it('keeps the last 50 histories and all they name, and removes the rest after a day', async () => {
    const store = new MemoryStore();
    for (let hour = 0; hour < 60; hour += 1) await publishAt(store, hour);
    const { deleted, blocked } = await pruneStore(store, { now: at(200) });
    expect(blocked).toBeNull();
    expect(histories(store)).toHaveLength(50);
    expect(histories(store)[0]).toContain('0000000011-');
    expect(deleted.map((key) => key.split('-')[0]).filter((kind) => kind === 'shard')).toHaveLength(10);
    // 50 versions of shard, index and sources, their histories, the pointer.
    expect(store.values.size).toBe(50 * 4 + 1);
    await expectWhole(store);
    expect(await pruneStore(store, { now: at(200) })).toEqual({ deleted: [], blocked: null });
  });

  it('removes nothing younger than a day, nor what a younger history names', async () => {
    const store = new MemoryStore();
    for (let hour = 0; hour < 60; hour += 1) await publishAt(store, hour / 10);
    expect((await pruneStore(store, { now: at(20) })).deleted).toEqual([]);
    await pruneStore(store, { now: at(24.55) });
    expect(histories(store)).toHaveLength(54);
    await expectWhole(store);
  });

  it('removes what an interrupted publish left, a day later', async () => {
    const store = new MemoryStore();
    await publishAt(store, 0);
    store.failAtWrite = 8;
    await expect(publishAt(store, 1)).rejects.toThrow('gone');
    store.failAtWrite = Number.POSITIVE_INFINITY;
    const size = store.values.size;
    await pruneStore(store, { now: at(24) });
    expect(store.values.size).toBe(size);
    const { deleted } = await pruneStore(store, { now: at(26) });
    expect(deleted.map((key) => key.split('-')[0])).toEqual(['shard', 'index']);
    await expectWhole(store);
  });

  it('keeps what has no age, and keys that are not ours', async () => {
    const store = new MemoryStore();
    store.now = at(0);
    await store.put('slices-eu', 'x');
    await store.put('history-of-something', 'x');
    store.now = null;
    await store.put(`shard-${'0'.repeat(64)}`, 'x');
    for (let hour = 0; hour < 3; hour += 1) await publishAt(store, hour);
    store.now = at(0);
    await store.put(`shard-${'1'.repeat(64)}`, 'x');
    expect((await pruneStore(store, { now: at(500), keep: 1 })).deleted).toContain(`shard-${'1'.repeat(64)}`);
    expect([...store.values.keys()]).toEqual(
      expect.arrayContaining(['slices-eu', 'history-of-something', `shard-${'0'.repeat(64)}`]),
    );
  });

  it('keeps what a slice names, and removes nothing while it cannot read one', async () => {
    const store = new MemoryStore();
    store.now = at(0);
    const metadata = {
      name: 'm',
      namespace: 'n',
      labels: {},
      annotations: {},
      generation: null,
      creationTimestamp: null,
    };
    const object = { apiVersion: 'v1', kind: 'Mapping', metadata, spec: {} };
    const resources = { 'Mapping/n/m': { object, staleSince: null } };
    const { slice, values } = await encodeSlice('east', { resources, findings: [] });
    await store.putMany(values);
    const sealed = await sealSlice(slice, at(0), undefined);
    await store.put(sealed.key, sealed.value);
    await store.put('outcome-east', 'x');
    await store.put(`sources-${'2'.repeat(64)}`, 'x');
    await publishAt(store, 1);
    store.values.set('slice-west', { value: '{', writtenAt: at(0) });
    const prune = (): Promise<PruneReport> => pruneStore(store, { now: at(500), keep: 1 });
    expect(await prune()).toEqual({ deleted: [], blocked: expect.stringMatching(/slice-west/) });
    store.values.delete('slice-west');
    expect((await prune()).deleted).toEqual([`sources-${'2'.repeat(64)}`]);
    expect([...store.values.keys()]).toEqual(
      expect.arrayContaining(['slice-east', 'outcome-east', ...values.map(({ key }) => key)]),
    );
    await store.deleteMany(['slice-east']);
    expect((await prune()).deleted).toEqual(values.map(({ key }) => key));
  });

  it('removes nothing when it cannot read a history it must respect', async () => {
    const store = new MemoryStore();
    for (let hour = 0; hour < 4; hour += 1) await publishAt(store, hour);
    await store.put(histories(store)[2] ?? '', '{"format":2}');
    const size = store.values.size;
    const { deleted, blocked } = await pruneStore(store, { now: at(500), keep: 2 });
    expect(deleted).toEqual([]);
    expect(blocked).toContain('format 2');
    expect(store.values.size).toBe(size);
  });

  it('runs after each publish and cannot make it fail', async () => {
    const store = new MemoryStore();
    for (let hour = 0; hour < 51; hour += 1) await publishAt(store, hour);
    expect((await publishAt(store, 100, true)).pruned.deleted.length).toBeGreaterThan(0);
    await expectWhole(store);
    store.list = async () => {
      throw new Error('no listing today');
    };
    expect((await publishAt(store, 101, true)).pruned).toEqual({ deleted: [], blocked: 'no listing today' });
  });
});
