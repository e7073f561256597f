/** One table of the program, ready to be searched: its matches in rank order and an index over their paths. */
import { compareRank } from '../model/rank.ts';
import type { RankKey } from '../model/route-model.ts';
import type { CompiledMatch, CompiledPath, CompiledRoute } from '../program/route-program.ts';
import { PathIndex, type PathKey } from './path-index.ts';
import {
  headerHolds,
  methodHolds,
  pathHolds,
  queryHolds,
  withoutTrailingSlash,
  type MatchFacts,
} from './predicates.ts';
import { literalPrefix } from './regex.ts';
import { packedRoutes, plainRoutes, ShapePool, type RouteList } from './route-list.ts';

export type MatchedRoute = { readonly route: CompiledRoute; readonly match: CompiledMatch };

export type RouteTableOptions = {
  /** Keep routes as JSON text until asked for: slower first use, a third of the memory. */
  readonly packed: boolean;
  /** Shared by tables that live and die together. Default: one of its own. */
  readonly shapes?: ShapePool;
};

/** Up to this many matches, testing each path is cheaper, in time and memory, than an index. */
const UNINDEXED = 8;

/** What is left to test when the path index has named an entry; null: nothing. */
type EntryTests = Pick<CompiledMatch, 'method' | 'headers' | 'query'> & {
  /** Set for regexes and in tables without an index. */
  readonly path: CompiledPath | null;
  readonly below: number;
};

/** Entries of a table in rank order: from `start`, which the matcher moves on, to before `end` in `list`, less `base`. */
export type EntryRange = {
  readonly table: RouteTable;
  readonly list: Int32Array;
  readonly base: number;
  start: number;
  readonly end: number;
};

export interface SearchableTable {
  /** Adds ranges of entries that may match this path; every entry that does is in exactly one of them. */
  find(path: string, found: EntryRange[]): void;
}

export class RouteTable implements SearchableTable {
  /** Entries are positions in rank order; each stands for one match of one route. */
  readonly size: number;
  readonly #routes: RouteList;
  /** Per entry the position of its route and of its match there. */
  readonly #owners: Int32Array;
  readonly #tests: readonly (EntryTests | null)[];
  readonly #servesInsecure: Uint8Array;
  readonly #index: PathIndex | null;
  readonly #foldedIndex: PathIndex | null;
  /** Every entry, when there is no index. */
  readonly #all: Int32Array | null;

  constructor(routes: readonly CompiledRoute[], options: RouteTableOptions) {
    const entries = rankedEntries(routes);
    this.size = entries.length;
    const indexed = entries.length > UNINDEXED;
    this.#owners = Int32Array.from(entries.flatMap(({ route, match }) => [route, match]));
    const compiled = entries.map(({ route, compiled }) => ({ compiled, owner: routes[route] }));
    this.#servesInsecure = Uint8Array.from(compiled, ({ owner }) => (owner?.insecure === 'serve' ? 1 : 0));
    this.#tests = compiled.map(({ compiled, owner }) => testsOf(compiled, owner?.below, indexed));
    const keys = indexed ? entries.map(({ compiled }, entry) => keyOf(compiled.path, entry)) : [];
    this.#index = indexOf(keys.filter(({ folded }) => !folded));
    this.#foldedIndex = indexOf(keys.filter(({ folded }) => folded));
    this.#all = indexed ? null : Int32Array.from(entries, (_, entry) => entry);
    this.#routes =
      options.packed && indexed ? packedRoutes(routes, options.shapes ?? new ShapePool()) : plainRoutes(routes);
  }

  find(path: string, found: EntryRange[]): void {
    if (this.#all !== null) found.push({ table: this, list: this.#all, base: 0, start: 0, end: this.#all.length });
    if (this.#index !== null) this.#findIn(this.#index, path, found);
    if (this.#foldedIndex !== null) this.#findIn(this.#foldedIndex, path.toLowerCase(), found);
  }

  #findIn(index: PathIndex, path: string, found: EntryRange[]): void {
    const ranges = index.find(path);
    for (let at = 0; at < ranges.length; at += 2) {
      found.push({ table: this, list: index.data, base: 0, start: ranges[at] ?? 0, end: ranges[at + 1] ?? 0 });
    }
  }

  /** Without an index, any path may match any entry. */
  isIndexed(): boolean {
    return this.#all === null;
  }

  /** What its index was made of. */
  pathKeys(): readonly PathKey[] {
    return this.#index?.keys() ?? [];
  }

  /** The same of paths that ignore case, in lower case. */
  foldedPathKeys(): readonly PathKey[] {
    return this.#foldedIndex?.keys() ?? [];
  }

  /** Whether the tests that the index has not answered hold. */
  holds(entry: number, facts: MatchFacts, random: number): boolean {
    const tests = this.#tests[entry];
    if (tests === null || tests === undefined) return true;
    if (tests.path !== null && !pathHolds(tests.path, facts.path)) return false;
    if (!methodHolds(tests.method, facts.method)) return false;
    for (const test of tests.headers ?? []) if (!headerHolds(test, facts)) return false;
    for (const test of tests.query ?? []) if (!queryHolds(test, facts)) return false;
    return random < tests.below;
  }

  servesInsecure(entry: number): boolean {
    return this.#servesInsecure[entry] === 1;
  }

  at(entry: number): MatchedRoute {
    const route = this.#routes.at(this.#owners[2 * entry] ?? 0);
    const match = route.matches[this.#owners[2 * entry + 1] ?? 0];
    if (match === undefined) throw new Error('A table was asked for a match that its route does not have.');
    return { route, match };
  }

  rank(entry: number): RankKey {
    return this.at(entry).match.rank;
  }
}

type RankedEntry = { readonly route: number; readonly match: number; readonly compiled: CompiledMatch };

function rankedEntries(routes: readonly CompiledRoute[]): readonly RankedEntry[] {
  const entries = routes.flatMap(({ matches }, route) =>
    matches.map((compiled, match) => ({ route, match, compiled })),
  );
  // Stable: on a full tie the order of route ids, then of matches, decides.
  return entries.toSorted((a, b) => compareRank(a.compiled.rank, b.compiled.rank));
}

function testsOf(match: CompiledMatch, below: number | undefined, indexed: boolean): EntryTests | null {
  const path = !indexed || match.path.kind === 'regex' ? match.path : null;
  const { method, headers, query } = match;
  if (path === null && method === undefined && headers === undefined && query === undefined && below === undefined) {
    return null;
  }
  return {
    path,
    below: below ?? Infinity,
    ...(method !== undefined && { method }),
    ...(headers !== undefined && { headers }),
    ...(query !== undefined && { query }),
  };
}

function keyOf(path: CompiledPath, entry: number): PathKey & { readonly folded: boolean } {
  if (path.kind === 'regex') return { kind: 'prefix', value: literalPrefix(path.regex), entry, folded: false };
  const folded = path.ignoreCase === true;
  const cased = folded ? path.value.toLowerCase() : path.value;
  return { kind: path.kind, value: path.kind === 'segments' ? withoutTrailingSlash(cased) : cased, entry, folded };
}

function indexOf(keys: readonly PathKey[]): PathIndex | null {
  return keys.length === 0 ? null : new PathIndex(keys);
}
