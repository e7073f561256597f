import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packedRoutes, ShapePool } from '../../src/gateway/route-list.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';

/** Text with everything that JSON escapes, that separates packed leaves, and that reads like a position. */
const text = fc.string({
  unit: fc.constantFrom('a', '0', '1', '/', '.', '"', '\\', '\n', '\u0001', ',', ':', '[', 'é'),
});

const routes: fc.Arbitrary<readonly CompiledRoute[]> = fc.array(
  fc
    .record({ id: text, name: text, namespace: text, path: text, body: text })
    .map(({ id, name, namespace, path, body }) => ({
      id,
      source: { kind: 'Mapping', namespace, name },
      // The same text in several places, as names and paths are.
      matches: [{ rank: [path.length, path, name], path: { kind: 'prefix', value: path } }],
      action: { kind: 'respond', status: 200, body },
      policies: [{ name: 'cors', config: { origins: [body, name] }, source: { kind: 'Mapping', namespace, name } }],
      timeouts: { requestMs: 3000, idleMs: 0 },
    })),
  { maxLength: 12 },
);

const ROUTE: CompiledRoute = {
  id: 'route',
  source: { kind: 'Mapping', namespace: 'default', name: 'route' },
  matches: [{ rank: [1, '/a/1'], path: { kind: 'prefix', value: '/a/1' } }],
  action: { kind: 'respond', status: 200 },
  timeouts: { requestMs: 3000, idleMs: 0 },
};

function withBody(id: string, length: number): CompiledRoute {
  return { ...ROUTE, id, action: { kind: 'respond', status: 200, body: 'x'.repeat(length) } };
}

describe('packedRoutes', () => {
  it('gives back what was packed', () => {
    fc.assert(
      fc.property(routes, routes, (first, second) => {
        const pool = new ShapePool();
        for (const packed of [first, second]) {
          const list = packedRoutes(packed, pool);
          for (const [index, route] of packed.entries()) expect(list.at(index)).toEqual(route);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the routes of two lists apart, and those in use parsed', () => {
    const pool = new ShapePool();
    const lists = ['route/a', 'route/b'].map((id) => packedRoutes([{ ...ROUTE, id }], pool));
    for (const [index, id] of ['route/a', 'route/b'].entries()) {
      const route = lists[index]?.at(0);
      expect(route).toEqual({ ...ROUTE, id });
      expect(lists[index]?.at(0)).toBe(route);
    }
  });

  it('bounds what stays parsed by its size, not by its number', () => {
    const list = packedRoutes(
      Array.from({ length: 100 }, (_, index) => withBody(`route/${index}`, 100_000)),
      new ShapePool(),
    );
    const first = list.at(0);
    expect(list.at(0)).toBe(first);
    for (let index = 1; index < 100; index += 1) list.at(index);
    expect(list.at(0)).not.toBe(first);
    expect(list.at(0)).toEqual(first);
  });

  it('keeps a thousand routes of common size parsed', () => {
    const list = packedRoutes(
      Array.from({ length: 1000 }, (_, index) => withBody(`route/${index}`, 1000)),
      new ShapePool(),
    );
    const first = list.at(0);
    for (let index = 1; index < 1000; index += 1) list.at(index);
    expect(list.at(0)).toBe(first);
  });

  it('says so when there is no such route', () => {
    expect(() => packedRoutes([], new ShapePool()).at(0)).toThrow('does not have');
  });
});
