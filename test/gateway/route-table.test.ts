import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMatcher, judgeCandidates } from '../../src/gateway/matcher.ts';
import { PathIndex } from '../../src/gateway/path-index.ts';
import { queryValue } from '../../src/gateway/predicates.ts';
import { RouteTable, type EntryRange } from '../../src/gateway/route-table.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import { arbitraryRequest, arbitraryRoutes } from './compiled-route-arbitrary.ts';

describe('RouteTable', () => {
  it('finds what trying every match in order finds, whole, packed, and split into parts', () => {
    fc.assert(
      fc.property(arbitraryRoutes, fc.array(arbitraryRequest, { minLength: 1, maxLength: 5 }), (routes, requests) => {
        const whole = [new RouteTable(routes, { packed: false })];
        const packed = [new RouteTable(routes, { packed: true })];
        const parts = [0, 1, 2].map(
          (part) =>
            new RouteTable(
              routes.filter((_, index) => index % 3 === part),
              { packed: part === 1 },
            ),
        );
        for (const request of requests) {
          for (const onlyInsecure of [false, true]) {
            const judged = judgeCandidates([{ routes, hostnameMiss: null }], request, request.random);
            const expected = judged.find(
              ({ miss, route }) => miss === null && (!onlyInsecure || route.insecure === 'serve'),
            );
            for (const tables of [whole, packed, parts]) {
              const found = createMatcher(tables).match(request, request.random, onlyInsecure);
              expect(found?.route.id).toBe(expected?.route.id);
              expect(found?.match).toEqual(expected?.match);
            }
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('finds only entries whose path value is a prefix, whatever the number of routes', () => {
    const routes: CompiledRoute[] = Array.from({ length: 5000 }, (_, index) => route(`/svc-${index}/`, index));
    const table = new RouteTable(routes, { packed: false });
    const found: EntryRange[] = [];
    table.find('/svc-42/a/b', found);
    expect(found.map(({ start, end }) => end - start)).toEqual([1]);
  });
});

function route(value: string, index: number): CompiledRoute {
  return {
    id: `r${index}`,
    source: { kind: 'Test', namespace: null, name: `r${index}` },
    matches: [{ rank: [0, value.length, value], path: { kind: 'prefix', value } }],
    action: { kind: 'respond', status: 200 },
    timeouts: { requestMs: 0, idleMs: 0 },
  };
}

describe('PathIndex', () => {
  it('yields each stored value that is a prefix of the path, once', () => {
    const value = fc.string({ unit: fc.constantFrom('/', 'a', 'b', 'é', '😀'), maxLength: 6 });
    const key = fc.record({ kind: fc.constantFrom('exact', 'prefix', 'segments'), value });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 30 }), value, (keys, path) => {
        const index = new PathIndex(keys.map((each, entry) => ({ ...each, entry })));
        const ranges = index.find(path);
        const found: number[] = [];
        for (let at = 0; at < ranges.length; at += 2) found.push(...index.data.subarray(ranges[at], ranges[at + 1]));
        const expected = keys.flatMap(({ kind, value }, entry) => {
          const rest = path.startsWith(value) ? path.slice(value.length) : null;
          const holds =
            rest !== null && (kind === 'prefix' || rest === '' || (kind === 'segments' && rest.startsWith('/')));
          return holds ? [entry] : [];
        });
        expect(found.toSorted((a, b) => a - b)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it('finds nothing when empty', () => {
    expect(new PathIndex([]).find('/a')).toEqual([]);
  });
});

describe('queryValue', () => {
  it.each<[string | null, string, string | null]>([
    [null, 'a', null],
    ['', 'a', null],
    ['a', 'a', ''],
    ['a=', 'a', ''],
    ['a=1&a=2', 'a', '1'],
    ['aa=1&a=2', 'a', '2'],
    ['b&a=2=3', 'a', '2=3'],
    ['a%20b=1', 'a b', null],
    ['x=1;a=2', 'a', null],
    ['A=1', 'a', null],
  ])('%j %s → %j', (query, name, expected) => expect(queryValue(query, name)).toBe(expected));
});
