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
import type { MatchedRoute, RouteTable, SearchableTable } from './route-table.ts';

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
      queue.clear();
      for (const table of tables) table.visit(facts.path, queue.add);
      for (;;) {
        const range = queue.next();
        if (range < 0) return null;
        const table = queue.table(range);
        const entry = queue.entry(range);
        if ((!onlyInsecureServed || table.servesInsecure(entry)) && table.holds(entry, facts, random)) {
          return table.at(entry);
        }
        queue.advance(range);
      }
    },
  };
}

/**
 * Ranges of candidates of the request being matched. One instance, emptied for each request: matching
 * is synchronous, and a few arrays per request would be most of what matching allocates.
 */
class CandidateQueue {
  readonly #tables: RouteTable[] = [];
  readonly #lists: Int32Array[] = [];
  readonly #next: number[] = [];
  readonly #end: number[] = [];
  #count = 0;

  clear(): void {
    this.#count = 0;
    // Not kept until overwritten: they would hold a whole replaced program in memory.
    this.#tables.length = 0;
    this.#lists.length = 0;
  }

  readonly add = (table: RouteTable, list: Int32Array, start: number, end: number): void => {
    this.#tables[this.#count] = table;
    this.#lists[this.#count] = list;
    this.#next[this.#count] = start;
    this.#end[this.#count] = end;
    this.#count += 1;
  };

  /** The range whose head comes first, or -1. Ranges are few: at most three per path element and table. */
  next(): number {
    let best = -1;
    for (let range = 0; range < this.#count; range += 1) {
      if ((this.#next[range] ?? 0) >= (this.#end[range] ?? 0)) continue;
      if (best < 0 || this.#isBefore(range, best)) best = range;
    }
    return best;
  }

  table(range: number): RouteTable {
    const table = this.#tables[range];
    if (table === undefined) throw new Error('The candidate queue has no such range.');
    return table;
  }

  entry(range: number): number {
    return this.#lists[range]?.[this.#next[range] ?? 0] ?? 0;
  }

  advance(range: number): void {
    this.#next[range] = (this.#next[range] ?? 0) + 1;
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.table(a);
    const second = this.table(b);
    if (first === second) return this.entry(a) < this.entry(b);
    const order = compareRank(first.rank(this.entry(a)), second.rank(this.entry(b)));
    // A full tie over two tables: the id decides, as it does inside one, wherever the routes are stored.
    return order === 0 ? first.at(this.entry(a)).route.id < second.at(this.entry(b)).route.id : order < 0;
  }
}

const queue = new CandidateQueue();

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
