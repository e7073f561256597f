/**
 * Radix tree over path values, flattened into typed arrays.
 *
 * A lookup walks the request's path once and yields, for every value that is a prefix of it, the
 * entries stored there: its cost follows the path's length, not the number of routes. Exact values
 * are a third list per node that counts only where the path ends; a regex sits at the literal text it
 * is known to start with. Flat arrays because 100,000 routes as node objects would not fit the heap.
 */

export type PathKey = {
  /** `segments`: without its trailing slash, so `/` is the empty string. */
  readonly kind: 'exact' | 'prefix' | 'segments';
  readonly value: string;
  readonly entry: number;
};

/** Receives ranges of `list`; entries in a range ascend. */
export type RangeVisitor = (list: Int32Array, start: number, end: number) => void;

const LISTS_PER_NODE = 3;
const EXACT = 0;
const PREFIX = 1;
const SEGMENTS = 2;
const KIND_INDEX = { exact: EXACT, prefix: PREFIX, segments: SEGMENTS } as const;
const SLASH = 0x2f;

export class PathIndex {
  readonly #values: readonly string[];
  /** Per node: which value holds its label, and where the label ends in it. It starts where the parent's ends. */
  readonly #labelValue: Int32Array;
  readonly #labelEnd: Int32Array;
  readonly #firstChild: Int32Array;
  readonly #childCount: Int32Array;
  /** First character of the label; children of one node ascend by it. */
  readonly #firstUnit: Uint16Array;
  /** `#lists[listStart[node * 3 + kind]]` up to the next start. */
  readonly #listStart: Int32Array;
  readonly #lists: Int32Array;

  constructor(keys: readonly PathKey[]) {
    const byValue = Map.groupBy(keys, ({ value }) => value);
    this.#values = [...byValue.keys()].toSorted(compareUnits);
    const shape = buildShape(this.#values);
    this.#labelValue = Int32Array.from(shape.labelValue);
    this.#labelEnd = Int32Array.from(shape.labelEnd);
    this.#firstChild = Int32Array.from(shape.firstChild);
    this.#childCount = Int32Array.from(shape.childCount);
    this.#firstUnit = Uint16Array.from(shape.firstUnit);
    const nodes = shape.labelEnd.length;
    this.#listStart = new Int32Array(nodes * LISTS_PER_NODE + 1);
    this.#lists = new Int32Array(keys.length);
    let filled = 0;
    for (let node = 0; node < nodes; node += 1) {
      const terminal = shape.terminal[node] ?? -1;
      const here = terminal < 0 ? [] : (byValue.get(this.#values[terminal] ?? '') ?? []);
      for (let kind = 0; kind < LISTS_PER_NODE; kind += 1) {
        this.#listStart[node * LISTS_PER_NODE + kind] = filled;
        const entries = here.filter((key) => KIND_INDEX[key.kind] === kind).map(({ entry }) => entry);
        for (const entry of entries.toSorted((a, b) => a - b)) {
          this.#lists[filled] = entry;
          filled += 1;
        }
      }
    }
    this.#listStart[nodes * LISTS_PER_NODE] = filled;
  }

  /** Every entry whose value is a prefix of `path` by its kind's rule. */
  visit(path: string, visitor: RangeVisitor): void {
    let node = this.#labelEnd.length === 0 ? -1 : 0;
    let position = 0;
    while (node >= 0) {
      const end = this.#labelEnd[node] ?? 0;
      if (end > path.length || !this.#labelHolds(node, path, position, end)) return;
      position = end;
      const atEnd = position === path.length;
      this.#visitList(node, PREFIX, visitor);
      if (atEnd) this.#visitList(node, EXACT, visitor);
      if (atEnd || path.charCodeAt(position) === SLASH) this.#visitList(node, SEGMENTS, visitor);
      node = atEnd ? -1 : this.#childFor(node, path.charCodeAt(position));
    }
  }

  #labelHolds(node: number, path: string, from: number, end: number): boolean {
    const value = this.#values[this.#labelValue[node] ?? 0] ?? '';
    for (let index = from; index < end; index += 1) {
      if (value.charCodeAt(index) !== path.charCodeAt(index)) return false;
    }
    return true;
  }

  #visitList(node: number, kind: number, visitor: RangeVisitor): void {
    const at = node * LISTS_PER_NODE + kind;
    const start = this.#listStart[at] ?? 0;
    const end = this.#listStart[at + 1] ?? 0;
    if (end > start) visitor(this.#lists, start, end);
  }

  #childFor(node: number, unit: number): number {
    let low = this.#firstChild[node] ?? 0;
    let high = low + (this.#childCount[node] ?? 0);
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = this.#firstUnit[middle] ?? 0;
      if (found === unit) return middle;
      if (found < unit) low = middle + 1;
      else high = middle;
    }
    return -1;
  }
}

type Shape = {
  readonly labelValue: number[];
  readonly labelEnd: number[];
  readonly firstChild: number[];
  readonly childCount: number[];
  readonly firstUnit: number[];
  /** Value that ends at this node, or -1. */
  readonly terminal: number[];
};

/** Breadth first, so that the children of a node are neighbours. `values` are distinct and ascend. */
function buildShape(values: readonly string[]): Shape {
  const shape: Shape = { labelValue: [], labelEnd: [], firstChild: [], childCount: [], firstUnit: [], terminal: [] };
  const ranges: { readonly low: number; readonly high: number; readonly depth: number }[] = [];
  if (values.length > 0) ranges.push({ low: 0, high: values.length, depth: 0 });
  for (let node = 0; node < ranges.length; node += 1) {
    const { low, high, depth } = ranges[node] ?? { low: 0, high: 0, depth: 0 };
    // The first and the last of a sorted range share what all of it shares.
    const first = values[low] ?? '';
    const end = commonLength(first, values[high - 1] ?? '');
    shape.labelValue.push(low);
    shape.labelEnd.push(end);
    shape.firstUnit.push(first.length > depth ? first.charCodeAt(depth) : 0);
    shape.terminal.push(first.length === end ? low : -1);
    shape.firstChild.push(ranges.length);
    let start = first.length === end ? low + 1 : low;
    let children = 0;
    while (start < high) {
      const unit = (values[start] ?? '').charCodeAt(end);
      let stop = start + 1;
      while (stop < high && (values[stop] ?? '').charCodeAt(end) === unit) stop += 1;
      ranges.push({ low: start, high: stop, depth: end });
      children += 1;
      start = stop;
    }
    shape.childCount.push(children);
  }
  return shape;
}

function commonLength(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let length = 0;
  while (length < shorter && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}

function compareUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
