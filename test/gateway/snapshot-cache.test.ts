import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { compileModel } from '../../src/compile/compile-model.ts';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import { createMemoryView } from '../../src/gateway/program-view.ts';
import { ShardCache } from '../../src/gateway/shard-cache.ts';
import { createStoredView } from '../../src/gateway/stored-view.ts';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';
import { encodedValues, encodeProgram } from '../../src/program/encode.ts';
import type { CompiledRoute, RouteProgram } from '../../src/program/route-program.ts';
import type { Pointer } from '../../src/program/stored-form.ts';
import { arbitraryFacts, arbitraryModel } from '../oracle/model-arbitrary.ts';
import { harness, program, routeOf, type FakeStore } from './snapshot-fixture.ts';

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'fine';
  } catch (error) {
    return error instanceof GatewayError ? `${error.status} ${error.code}` : String(error);
  }
}

describe('SnapshotCache', () => {
  it('answers 503 only while there never was a program', async () => {
    const { store, request, clock, logged } = harness();
    expect(await codeOf(request())).toBe('503 no-program');
    expect(await codeOf(request())).toBe('503 no-program');
    expect(store.reads).toEqual(['current']);
    await store.publish(program({ a: '/a' }));
    clock.now += 1000;
    expect(await routeOf(await request(), 'a.test', '/a/x')).toBe('Mapping/default//a');
    expect(logged).toEqual(['program-rejected missing', 'program-loaded']);
  });

  it('one load for many first requests', async () => {
    const { store, request } = harness();
    await store.publish(program({ a: '/a' }));
    await Promise.all([request(), request(), request()]);
    expect(store.reads.filter((key) => key === 'current')).toHaveLength(1);
  });

  it('follows the pointer in the background, never on the way of a request', async () => {
    const { store, cache, clock, request } = harness();
    const first = await store.publish(program({ a: '/a' }));
    await request();
    const second = await store.publish(program({ a: '/b' }));
    expect((await request()).version).toBe(first.version);
    clock.now += 1000;
    const background: Promise<unknown>[] = [];
    const view = cache.current((work) => background.push(work));
    expect(view instanceof Promise ? 'waits' : view.version).toBe(first.version);
    expect(cache.current((work) => background.push(work))).toBe(view);
    expect(background).toHaveLength(1);
    await Promise.all(background);
    expect((await request()).version).toBe(second.version);
  });

  it('reload looks at once', async () => {
    const { store, cache } = harness();
    expect(await cache.reload()).toEqual({ version: null });
    const { version } = await store.publish(program({ a: '/a' }));
    expect(await cache.reload()).toEqual({ version });
    expect(cache.status()).toMatchObject({ version, sequence: 1, rejected: null, pointerAgeMs: 0 });
  });

  it.each<[string, (store: FakeStore, pointer: Pointer) => void]>([
    ['not-json', ({ values }) => values.set('current', '{"format":1,')],
    ['unknown-format', ({ values }, pointer) => values.set('current', JSON.stringify({ ...pointer, format: 99 }))],
    ['malformed', ({ values }, pointer) => values.set('current', JSON.stringify({ ...pointer, sequence: 'x' }))],
    ['missing', ({ values }) => values.delete('current')],
    ['missing', ({ values }, { index }) => values.delete(`index-${index}`)],
    [
      'hash-mismatch',
      ({ values }, { index }) => values.set(`index-${index}`, values.get(`index-${index}`)?.slice(1) ?? ''),
    ],
    ['hash-mismatch', ({ values }) => mapShards(values, flip)],
    ['hash-mismatch', ({ values }) => mapShards(values, (text) => text.slice(0, -5))],
    ['missing', ({ values }) => mapShards(values, () => null)],
    ['store-unavailable', (store) => (store.down = true)],
  ])('keeps the last good program: %s', async (reason, damage) => {
    const { store, cache, logged, request } = harness();
    const first = await store.publish(program({ a: '/a' }));
    expect(await routeOf(await request(), 'a.test', '/a')).not.toBeNull();
    const pointer = await store.publish(program({ a: '/b' }));
    damage(store, pointer);
    expect(await cache.reload()).toEqual({ version: first.version });
    await cache.reload();
    expect(logged).toEqual(['program-loaded', `program-rejected ${reason}`]);
    expect(cache.status().rejected).toContain(reason);
    expect(await routeOf(await request(), 'a.test', '/a')).not.toBeNull();
    store.down = false;
    const third = await store.publish(program({ a: '/c' }));
    expect(await cache.reload()).toEqual({ version: third.version });
    expect(cache.status().rejected).toBeNull();
  });

  it('is not moved by an older pointer, and is by a rollback', async () => {
    const { store, cache } = harness();
    const first = await store.publish(program({ a: '/a' }));
    const second = await store.publish(program({ a: '/b' }));
    await cache.reload();
    store.values.set('current', JSON.stringify(first));
    expect(await cache.reload()).toEqual({ version: second.version });
    const rollback = await store.publish(program({ a: '/a' }));
    expect(rollback.version).toBe(first.version);
    expect(await cache.reload()).toEqual({ version: first.version });
  });

  it('a request keeps the version it began with', async () => {
    const { store, cache, request } = harness();
    await store.publish(program({ a: '/a', b: '/a' }));
    const old = await request();
    await store.publish(program({ a: '/b', b: '/b' }));
    await cache.reload();
    // A host that the old view had not looked at: its shard must still be the old version's.
    expect(await routeOf(old, 'b.test', '/a')).not.toBeNull();
    expect(await routeOf(old, 'b.test', '/b')).toBeNull();
  });

  it('a shard that cannot be loaded is a 503 for its hosts only, and is tried again', async () => {
    const { store, cache } = harness();
    await store.publish(program({ a: '/a' }));
    await cache.reload();
    const view = await cache.current(() => undefined);
    store.down = true;
    expect(await codeOf(routeOf(view, 'a.test', '/a'))).toBe('503 program-incomplete');
    expect(await view.find('unknown.test', 'unknown.test')).toBeNull();
    store.down = false;
    expect(await routeOf(view, 'a.test', '/a')).not.toBeNull();
  });

  it('takes unchanged shards over without reading them again', async () => {
    const { store, cache, request } = harness();
    const same = program({ a: '/a' });
    await store.publish(same);
    await routeOf(await request(), 'a.test', '/a');
    const before = store.reads.length;
    await store.publish({ ...same, settings: { ...DEFAULT_SETTINGS, serverHeader: 'x' } });
    await cache.reload();
    expect(store.reads.slice(before).map((key) => key.replace(/-.*/, ''))).toEqual(['current', 'index']);
    expect(await routeOf(await request(), 'a.test', '/a')).not.toBeNull();
  });
});

/** As many shards as names: one table of each is as large as a shard. */
function largeProgram(names: readonly string[], path = '/a'): RouteProgram {
  const small = program(Object.fromEntries(names.map((name) => [name, path])));
  const padding = 'x'.repeat(60_000);
  const pad = (route: CompiledRoute): CompiledRoute => ({
    ...route,
    action: { kind: 'respond', status: 200, body: padding },
  });
  return {
    ...small,
    tables: Object.fromEntries(Object.entries(small.tables).map(([id, routes]) => [id, routes.map(pad)])),
  };
}

const NAMES = Array.from({ length: 40 }, (_, index) => `host${index}`);

function shardReads({ reads }: FakeStore): string[] {
  return reads.filter((key) => key.startsWith('shard-'));
}

function shardsIn({ values }: FakeStore): string[] {
  return [...values.keys()].filter((key) => key.startsWith('shard-'));
}

describe('prefetch', () => {
  it('loads every shard once', async () => {
    const { store, cache } = harness();
    await store.publish(largeProgram(NAMES));
    await cache.reload();
    await cache.prefetch();
    expect(shardsIn(store).length).toBeGreaterThan(4);
    expect(shardReads(store).toSorted()).toEqual(shardsIn(store).toSorted());
  });

  it('does not wait for shards that are there', async () => {
    const { store, cache } = harness();
    await store.publish(largeProgram(NAMES));
    await cache.reload();
    await cache.prefetch();
    const pauses = vi.spyOn(globalThis, 'setTimeout');
    try {
      await cache.prefetch();
      expect(pauses).not.toHaveBeenCalled();
    } finally {
      pauses.mockRestore();
    }
    expect(shardReads(store)).toHaveLength(shardsIn(store).length);
  });

  it('ends when its version is replaced', async () => {
    const { store, cache } = harness();
    await store.publish(largeProgram(NAMES));
    await cache.reload();
    const old = new Set(shardsIn(store));
    const prefetched = cache.prefetch();
    await store.publish(largeProgram(NAMES, '/b'));
    await cache.reload();
    await prefetched;
    expect(old.size).toBeGreaterThan(4);
    // The one that was being read when the version was replaced.
    expect(shardReads(store).filter((key) => old.has(key)).length).toBeLessThanOrEqual(1);
  });

  it('goes on behind a damaged shard, and ends when the store fails', async () => {
    const { store, cache } = harness();
    await store.publish(largeProgram(NAMES));
    await cache.reload();
    const [damaged = ''] = shardsIn(store);
    store.values.set(damaged, '{}');
    await cache.prefetch();
    expect(shardReads(store).toSorted()).toEqual(shardsIn(store).toSorted());
    await store.publish(largeProgram(NAMES, '/b'));
    await cache.reload();
    const before = shardReads(store).length;
    store.down = true;
    await cache.prefetch();
    expect(shardReads(store)).toHaveLength(before + 1);
  });
});

describe('shards in memory', () => {
  it('are those of the live version and of the last one refused', async () => {
    const { store, cache, request } = harness();
    await store.publish(largeProgram(NAMES));
    const view = await request();
    for (const name of NAMES) await routeOf(view, `${name}.test`, '/a');
    const refuse = async (path: string): Promise<readonly string[]> => {
      const known = new Set(shardsIn(store));
      await store.publish(largeProgram(NAMES, path));
      const own = shardsIn(store).filter((key) => !known.has(key));
      const damaged = own.at(-1) ?? '';
      const text = store.values.get(damaged) ?? '';
      store.values.set(damaged, '{}');
      await cache.reload();
      expect(cache.status().rejected).toContain('hash-mismatch');
      store.values.set(damaged, text);
      return own;
    };
    const readsOf = (keys: readonly string[]): number => store.reads.filter((key) => keys.includes(key)).length;
    const first = await refuse('/b');
    const second = await refuse('/c');
    const readOfFirst = readsOf(first);
    expect(readOfFirst).toBeGreaterThan(1);
    await store.publish(largeProgram(NAMES, '/b'));
    await cache.reload();
    // Not remembered from when it was refused, since another was refused after it.
    expect(readsOf(first) - readOfFirst).toBe(first.length);
    expect(readsOf(second)).toBeGreaterThan(1);
  });

  it('what a refused version has loaded is not read again when it is repaired', async () => {
    const { store, cache, request } = harness();
    await store.publish(largeProgram(NAMES));
    const view = await request();
    for (const name of NAMES) await routeOf(view, `${name}.test`, '/a');
    const known = new Set(shardsIn(store));
    await store.publish(largeProgram(NAMES, '/b'));
    const own = shardsIn(store).filter((key) => !known.has(key));
    const damaged = own.at(-1) ?? '';
    const text = store.values.get(damaged) ?? '';
    store.values.set(damaged, '{}');
    await cache.reload();
    store.values.set(damaged, text);
    await cache.reload();
    expect(cache.status().rejected).toBeNull();
    expect(store.reads.filter((key) => own.includes(key))).toHaveLength(own.length + 1);
  });
});

function flip(text: string): string {
  return text.replace('/b', '/c');
}

function mapShards(values: Map<string, string>, change: (text: string) => string | null): void {
  for (const [key, text] of values) {
    if (!key.startsWith('shard-')) continue;
    const changed = change(text);
    if (changed === null) values.delete(key);
    else values.set(key, changed);
  }
}

describe('StoredView', () => {
  it('answers as the whole program in memory does, with one index level and with two', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryModel,
        fc.array(arbitraryFacts, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(1, 1_000_000),
        async (model, requests, indexLimit) => {
          const compiled = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, () => undefined);
          const encoded = await encodeProgram(compiled, { indexLimit });
          const values = new Map(encodedValues(encoded).map(({ key, value }) => [key, value]));
          const reader = { get: (key: string) => Promise.resolve(values.get(key) ?? null) };
          const pointer = { index: encoded.index, version: encoded.version } as Pointer;
          const stored = await createStoredView(reader, pointer, new ShardCache(reader));
          const memory = createMemoryView(compiled, encoded.version);
          for (const { r, headers, ...facts } of requests) {
            const expected = memory.find(facts.hostname, facts.authority);
            const found = await stored.find(facts.hostname, facts.authority);
            expect(found?.domain).toEqual(expected?.domain);
            const request = {
              ...facts,
              scheme: 'http',
              headers: new Headers(headers.map(([n, v]) => [n, v])),
            } as const;
            expect(found?.matcher.match(request, r)?.route).toEqual(expected?.matcher.match(request, r)?.route);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
