/**
 * Finds the route of a request among the tables that its hostname selects.
 *
 * Each table names its candidates in rank order; the tables are merged by rank while walking, and the
 * first candidate whose tests all hold wins. `random` is drawn once per request by the caller and
 * shared by every route, as Envoy's runtime fractions are.
 */
import { compareRank } from '../model/rank.ts';
import type { CompiledMatch, CompiledRoute } from '../program/route-program.ts';
import { firstMiss, type MatchFacts, type Miss } from './predicates.ts';
import type { EntryRange, MatchedRoute, SearchableTable } from './route-table.ts';

export interface Matcher {
  /**
   * The winning match, or null. With `onlyInsecureServed`, routes that do not serve insecure requests
   * are passed over as if they were absent (an insecure request under `insecureAction: reject`).
   */
  match(facts: MatchFacts, random: number, onlyInsecureServed?: boolean): MatchedRoute | null;
}

export function createMatcher(tables: readonly SearchableTable[]): Matcher {
  return {
    match: (facts, random, onlyInsecureServed = false) => {
      const ranges: EntryRange[] = [];
      for (const table of tables) table.find(facts.path, ranges);
      for (let first = firstOf(ranges); first !== null; first = firstOf(ranges)) {
        const { table } = first;
        const entry = headOf(first);
        if ((!onlyInsecureServed || table.servesInsecure(entry)) && table.holds(entry, facts, random)) {
          return table.at(entry);
        }
        first.start += 1;
      }
      return null;
    },
  };
}

/** The range whose head is tried first; null: all are used up. Ranges are few: at most three per path element and table. */
function firstOf(ranges: readonly EntryRange[]): EntryRange | null {
  let best: EntryRange | null = null;
  for (const range of ranges) {
    if (range.start < range.end && (best === null || isBefore(range, best))) best = range;
  }
  return best;
}

function headOf({ list, start, base }: EntryRange): number {
  return (list[start] ?? 0) - base;
}

function isBefore(a: EntryRange, b: EntryRange): boolean {
  const first = headOf(a);
  const second = headOf(b);
  if (a.table === b.table) return first < second;
  const order = compareRank(a.table.rank(first), b.table.rank(second));
  // A full tie over two tables: the id decides, as it does inside one, wherever the routes are stored.
  return order === 0 ? a.table.at(first).route.id < b.table.at(second).route.id : order < 0;
}

export type Candidate = {
  readonly route: CompiledRoute;
  readonly match: CompiledMatch;
  /** Why it does not match; null: it does. */
  readonly miss: Miss | null;
};

export type JudgedTable = {
  readonly routes: readonly CompiledRoute[];
  /** Set when the request's hostname does not select this table. */
  readonly hostnameMiss: Miss | null;
};

/**
 * Every match of these tables in the order in which it would be tried, with what kept it from
 * matching. For explain: linear, and independent of the index that `match` uses.
 */
export function judgeCandidates(
  tables: readonly JudgedTable[],
  facts: MatchFacts,
  random: number,
): readonly Candidate[] {
  return tables
    .flatMap(({ routes, hostnameMiss }) =>
      routes.flatMap((route) =>
        route.matches.map((match) => ({
          route,
          match,
          miss: hostnameMiss ?? firstMiss(match, route.below, facts, random),
        })),
      ),
    )
    .toSorted((a, b) => compareRank(a.match.rank, b.match.rank) || compareIds(a.route.id, b.route.id));
}

function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
