/**
 * One table whose routes lie in several shards, as one thing to search.
 *
 * Each shard's table has an index of its own, because shards are taken over from version to version.
 * Asking every one of them would cost a walk per shard; so one more index, over the paths of all,
 * names the entries of every part in a single walk.
 */
import { PathIndex, type PathKey } from './path-index.ts';
import type { EntryRange, RouteTable, SearchableTable } from './route-table.ts';

/** Up to this many parts, asking each is cheaper than one more index. */
const UNJOINED_PARTS = 3;

/** The parts of one table as few searchable tables as are worth it. */
export function joinParts(parts: readonly RouteTable[]): readonly SearchableTable[] {
  if (parts.length <= UNJOINED_PARTS) return parts;
  const indexed = parts.filter((part) => part.isIndexed());
  const folded = new JoinedIndex(indexed, (part) => part.foldedPathKeys());
  return [
    // Asked about every path, as each of them is in its own search.
    ...parts.filter((part) => !part.isIndexed()),
    new JoinedIndex(indexed, (part) => part.pathKeys()),
    ...(folded.isEmpty()
      ? []
      : [{ find: (path: string, found: EntryRange[]) => folded.find(path.toLowerCase(), found) }]),
  ];
}

class JoinedIndex implements SearchableTable {
  readonly #parts: readonly RouteTable[];
  /** Entry `e` of part `p` is `p * #stride + e`. Fits 32 bits: parts are shards, and even two thousand of a million entries do. */
  readonly #index: PathIndex;
  readonly #stride: number;

  constructor(parts: readonly RouteTable[], keysOf: (part: RouteTable) => readonly PathKey[]) {
    const stride = Math.max(...parts.map(({ size }) => size));
    const keys = parts.flatMap((table, part) =>
      keysOf(table).map(({ kind, value, entry }) => ({ kind, value, entry: part * stride + entry })),
    );
    this.#parts = parts;
    this.#index = new PathIndex(keys);
    this.#stride = stride;
  }

  isEmpty(): boolean {
    return this.#index.data.length === 0;
  }

  find(path: string, found: EntryRange[]): void {
    const ranges = this.#index.find(path);
    for (let at = 0; at < ranges.length; at += 2) this.#addRange(ranges[at] ?? 0, ranges[at + 1] ?? 0, found);
  }

  #addRange(start: number, end: number, found: EntryRange[]): void {
    const list = this.#index.data;
    // Entries of one part are neighbours, because entries in a range ascend.
    for (let from = start, to = start; from < end; from = to) {
      const part = Math.floor((list[from] ?? 0) / this.#stride);
      const base = part * this.#stride;
      while (to < end && (list[to] ?? 0) < base + this.#stride) to += 1;
      const table = this.#parts[part];
      if (table !== undefined) found.push({ table, list, base, start: from, end: to });
    }
  }
}
