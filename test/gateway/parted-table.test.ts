import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMatcher } from '../../src/gateway/matcher.ts';
import { joinParts } from '../../src/gateway/parted-table.ts';
import { PathIndex } from '../../src/gateway/path-index.ts';
import { RouteTable, type EntryRange } from '../../src/gateway/route-table.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import { arbitraryRequest, arbitraryRoutes } from './compiled-route-arbitrary.ts';

function split(routes: readonly CompiledRoute[], count: number): readonly RouteTable[] {
  return Array.from(
    { length: count },
    (_, part) =>
      new RouteTable(
        routes.filter((_, index) => index % count === part),
        { packed: part % 2 === 1 },
      ),
  );
}

describe('joinParts', () => {
  it('finds in parts what the whole table finds', () => {
    let matched = 0;
    fc.assert(
      fc.property(
        // Several copies with paths of their own make parts that are large enough for an index.
        arbitraryRoutes.map((routes) =>
          ['', '/a', '/B', '/c%20d'].flatMap((prefix) => routes.map(under(prefix))).toSorted(byId),
        ),
        fc.array(arbitraryRequest, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(4, 5, 7),
        (routes, requests, count) => {
          const whole = createMatcher([new RouteTable(routes, { packed: false })]);
          const joined = createMatcher(joinParts(split(routes, count)));
          for (const request of requests) {
            const expected = whole.match(request, request.random);
            const found = joined.match(request, request.random);
            expect(found?.route.id).toBe(expected?.route.id);
            expect(found?.match).toEqual(expected?.match);
            if (found !== null) matched += 1;
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(matched).toBeGreaterThan(50);
  });

  it('names one entry of many parts for a path that one knows', () => {
    const routes = Array.from({ length: 4000 }, (_, index) => plain(`/svc-${index}/`, index));
    const joined = joinParts(split(routes, 64));
    expect(joined).toHaveLength(1);
    const found: EntryRange[] = [];
    joined[0]?.find('/svc-42/a/b', found);
    expect(
      found.map(({ table, list, base, start, end }) => [table.at((list[start] ?? 0) - base).route.id, end - start]),
    ).toEqual([['r42', 1]]);
  });
});

describe('PathIndex.keys', () => {
  it('gives back the keys it was made of', () => {
    const value = fc.string({ maxLength: 6, unit: fc.constantFrom('/', 'a', 'b', 'é') });
    const key = fc.record({ kind: fc.constantFrom('exact', 'prefix', 'segments'), value });
    fc.assert(
      fc.property(fc.array(key), (keys) => {
        const made = keys.map((each, entry) => ({ ...each, entry }));
        const given = new PathIndex(made).keys();
        expect(given.toSorted((a, b) => a.entry - b.entry)).toEqual(made);
      }),
    );
  });
});

function under(prefix: string): (route: CompiledRoute) => CompiledRoute {
  return (route) => ({
    ...route,
    id: `${route.id}${prefix}`,
    matches: route.matches.map((match) =>
      match.path.kind === 'regex' ? match : { ...match, path: { ...match.path, value: prefix + match.path.value } },
    ),
  });
}

/** As in a table. */
function byId(a: CompiledRoute, b: CompiledRoute): number {
  return a.id < b.id ? -1 : 1;
}

function plain(value: string, index: number): CompiledRoute {
  return {
    id: `r${index}`,
    source: { kind: 'Mapping', namespace: 'default', name: `r${index}` },
    matches: [{ rank: [value.length, value], path: { kind: 'prefix', value } }],
    action: { kind: 'respond', status: 200 },
    timeouts: { requestMs: 0, idleMs: 0 },
  };
}
