/**
 * One table whose routes lie in several shards, as one thing to search.
 *
 * Each shard's table has an index of its own, because shards are taken over from version to version.
 * Asking every one of them would cost a walk per shard; one more index, over the path values of all,
 * says after a single walk which shards can hold a candidate. Most often that is one or two.
 */
import { PathIndex, type PathKey } from './path-index.ts';
import type { RouteTable, SearchableTable, TableVisitor } from './route-table.ts';

/** Up to this many parts, asking each is cheaper than the index that would say which. */
const UNINDEXED_PARTS = 3;

/** The parts of one table as few searchable tables as are worth it. */
export function joinParts(parts: readonly RouteTable[]): readonly SearchableTable[] {
  return parts.length <= UNINDEXED_PARTS ? parts : [new PartedTable(parts)];
}

class PartedTable implements SearchableTable {
  readonly #parts: readonly RouteTable[];
  /** Entries are positions in `#parts`. */
  readonly #index: PathIndex;
  readonly #foldedIndex: PathIndex | null;
  /** Parts without an index of their own are asked about every path. */
  readonly #always: Int32Array;
  /** Per part the number of the last search that came to it: several of its values may be prefixes of one path. */
  readonly #seen: Uint32Array;
  #search = 0;

  constructor(parts: readonly RouteTable[]) {
    const plain: PathKey[] = [];
    const folded: PathKey[] = [];
    const always: number[] = [];
    for (const [part, table] of parts.entries()) {
      const values = table.pathValues();
      if (values === null) always.push(part);
      // As prefixes, whatever their kind: naming a part too many costs a walk, its own index decides.
      for (const value of values?.plain ?? []) plain.push({ kind: 'prefix', value, entry: part });
      for (const value of values?.folded ?? []) folded.push({ kind: 'prefix', value, entry: part });
    }
    this.#parts = parts;
    this.#index = new PathIndex(plain);
    this.#foldedIndex = folded.length === 0 ? null : new PathIndex(folded);
    this.#always = Int32Array.from(always);
    this.#seen = new Uint32Array(parts.length);
  }

  visit(path: string, visitor: TableVisitor): void {
    this.#search = (this.#search + 1) >>> 0;
    const visitParts = (list: Int32Array, start: number, end: number): void => {
      for (let at = start; at < end; at += 1) this.#visitPart(list[at] ?? 0, path, visitor);
    };
    visitParts(this.#always, 0, this.#always.length);
    this.#index.visit(path, visitParts);
    this.#foldedIndex?.visit(path.toLowerCase(), visitParts);
  }

  #visitPart(part: number, path: string, visitor: TableVisitor): void {
    if (this.#seen[part] === this.#search) return;
    this.#seen[part] = this.#search;
    this.#parts[part]?.visit(path, visitor);
  }
}
