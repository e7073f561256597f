import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AcceptedResources } from '../../src/program/accepted.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram } from '../../src/program/publish.ts';
import { encodeSources, loadSources } from '../../src/program/sources.ts';
import { acceptedOf, mappings, programOf } from './program-fixture.ts';
import { MemoryStore } from './memory-store.ts';

const text = fc.constantFrom('a', 'b/c', 'é', '"', '\\', '__proto__', '\u0007');
// Keys without what JSON escapes: V8 13.6 reads some of those wrongly (nodejs/node#63785), with or without us.
const key = fc.constantFrom('a', 'b/c', 'é', '𝄞', '__proto__', 'constructor', '10', '9');
const labels = fc.dictionary(key, text);
const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text), fc.dictionary(key, text));
const accepted: fc.Arbitrary<AcceptedResources> = fc.dictionary(
  key,
  fc.record({
    object: fc.record({
      apiVersion: text,
      kind: text,
      metadata: fc.record({
        name: text,
        namespace: fc.option(text),
        labels,
        annotations: labels,
        generation: fc.option(fc.nat()),
        creationTimestamp: fc.option(text),
      }),
      spec: fc.dictionary(key, value),
    }),
    staleSince: fc.option(fc.constant('2026-11-01T00:00:00.000Z')),
  }),
);

async function stored(sources: AcceptedResources): Promise<MemoryStore> {
  const store = new MemoryStore();
  await publishProgram(store, await encodeProgram(programOf(mappings(1))), {
    now: '2026-11-01T00:00:00.000Z',
    sources,
  });
  return store;
}

describe('kept resources', () => {
  it('come back as they were', async () => {
    await fc.assert(
      fc.asyncProperty(accepted, async (sources) => {
        expect(await loadSources(await stored(sources))).toEqual(JSON.parse(JSON.stringify(sources)));
      }),
      { numRuns: 100 },
    );
  });

  it('are spread over buckets, of which one resource touches one', async () => {
    const before = await encodeSources(acceptedOf(mappings(5000)));
    expect(before.buckets.length).toBeGreaterThan(4);
    const changed = mappings(5000).with(99, { name: 'mapping-000099', prefix: '/x/', service: 'y:1' });
    const after = await encodeSources(acceptedOf(changed.toReversed()));
    expect(after.buckets.filter((hash, at) => hash !== before.buckets[at])).toHaveLength(1);
    expect(after.resources).toBe(5000);
  });

  it('are read in one round trip where the store can', async () => {
    const sources = acceptedOf(mappings(2000));
    const store = await stored(sources);
    const asked: string[][] = [];
    const bulk = Object.assign(store.copy(), {
      getMany: async (keys: readonly string[]) => {
        asked.push([...keys]);
        return new Map(
          keys.flatMap((key) => (store.values.has(key) ? [[key, store.values.get(key)?.value ?? '']] : [])),
        );
      },
    });
    expect(await loadSources(bulk)).toEqual(sources);
    expect(asked).toHaveLength(1);
  });

  it('start afresh when a bucket is lost or damaged, but not when the store is out of reach', async () => {
    for (const damage of [null, '{"format":1,"resources":{}}', 'x']) {
      const store = await stored(acceptedOf(mappings(3)));
      const bucket = [...store.values.keys()].find((key) => key.startsWith('sources-')) ?? '';
      if (damage === null) await store.deleteMany([bucket]);
      else await store.put(bucket, damage);
      expect(await loadSources(store)).toEqual({});
    }
    expect(await loadSources(new MemoryStore())).toEqual({});
    const unreachable = { get: async () => Promise.reject(new Error('no route to host')) };
    await expect(loadSources(unreachable)).rejects.toThrow('no route to host');
  });
});
