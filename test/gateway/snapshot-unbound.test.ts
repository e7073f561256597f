/** Versions that need upstreams which this process has no binding for. */
import { describe, expect, it } from 'vitest';
import type { CompiledUpstream, RouteProgram } from '../../src/program/route-program.ts';
import { harness, program, type FakeStore, type Harness } from './snapshot-fixture.ts';

/** A program that needs these upstreams. */
function needing(ids: readonly string[]): RouteProgram {
  const upstreams = ids.map((id): CompiledUpstream => ({
    id,
    origin: `http://${id}`,
    via: { kind: 'binding' },
    resolvedBy: 'services',
    service: id,
  }));
  return { ...program({ a: `/${ids.join('')}` }), upstreams };
}

/** A process that can reach these. */
function bindingOnly(bound: readonly string[]): Harness {
  return harness({ unbound: (upstreams) => upstreams.flatMap(({ id }) => (bound.includes(id) ? [] : [id])) });
}

describe('upstreams this process cannot reach', () => {
  it('keep the program that is live', async () => {
    const { store, cache, logged } = bindingOnly(['x', 'y']);
    const first = await store.publish(needing(['x']));
    await cache.reload();
    await store.publish(needing(['x', 'z', 'w']));
    expect(await cache.reload()).toEqual({ version: first.version });
    expect(logged).toEqual(['program-loaded', 'program-rejected upstream-unbound']);
    expect(cache.status().rejected).toMatch(/^upstream-unbound: index-[0-9a-f]{64}: .*binding for w, z$/);
    const third = await store.publish(needing(['x', 'y']));
    expect(await cache.reload()).toEqual({ version: third.version });
    expect(cache.status().rejected).toBeNull();
  });

  it('name only a few of many', async () => {
    const { store, cache } = bindingOnly([]);
    await store.publish(needing([]));
    await cache.reload();
    await store.publish(needing(['a', 'b', 'c', 'd', 'e', 'f', 'g']));
    await cache.reload();
    expect(cache.status().rejected).toMatch(/binding for a, b, c, d, e and 2 more$/);
  });

  it('are served without when there is nothing else, also when their list is damaged', async () => {
    for (const damage of [false, true]) {
      const { store, cache } = bindingOnly([]);
      const { version } = await store.publish(needing(['x']), {}, 1);
      if (damage) for (const key of upstreamKeys(store)) store.values.set(key, 'x');
      expect(await cache.reload()).toEqual({ version });
    }
  });

  it('hold no further version up once they are missing anyway', async () => {
    const { store, cache } = bindingOnly(['y']);
    await store.publish(needing(['x']));
    await cache.reload();
    const second = await store.publish(needing(['x', 'y']));
    expect(await cache.reload()).toEqual({ version: second.version });
    await store.publish(needing(['x', 'y', 'z']));
    expect(await cache.reload()).toEqual({ version: second.version });
  });

  it('are found in a list of their own too, and a list that cannot be read is no reason to switch', async () => {
    const { store, cache } = bindingOnly(['x']);
    const first = await store.publish(needing(['x']), {}, 1);
    await cache.reload();
    await store.publish(needing(['x', 'z']), {}, 1);
    expect(upstreamKeys(store)).toHaveLength(2);
    expect(await cache.reload()).toEqual({ version: first.version });
    expect(cache.status().rejected).toMatch(/^upstream-unbound/);
    for (const key of upstreamKeys(store)) store.values.delete(key);
    expect(await cache.reload()).toEqual({ version: first.version });
    expect(cache.status().rejected).toMatch(/^missing/);
  });

  it('are nobody’s business without the option', async () => {
    const { store, cache } = harness();
    await store.publish(needing(['x']), {}, 1);
    await cache.reload();
    const second = await store.publish(needing(['z']), {}, 1);
    expect(await cache.reload()).toEqual({ version: second.version });
    expect(store.reads.some((key) => upstreamKeys(store).includes(key))).toBe(false);
  });
});

function upstreamKeys({ values }: FakeStore): string[] {
  return [...values].flatMap(([key, text]) => (text.includes('"kind":"upstreams"') ? [key] : []));
}
