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

/** Fields of one node: 32 bytes, so that a step of the walk touches one cache line and the label's. */
const NODE_FIELDS = 8;
const LABEL_START = 0;
const LABEL_LENGTH = 1;
const FIRST_CHILD = 2;
const CHILD_COUNT = 3;
/** Starts of the three lists in `#lists`; a list ends where the next field says. */
const PREFIX = 4;
const EXACT = 5;
const SEGMENTS = 6;
const LISTS_END = 7;
const LIST_KINDS = ['prefix', 'exact', 'segments'] as const;
const SLASH = 0x2f;

export class PathIndex {
  readonly #nodes: Int32Array;
  /** Labels of all nodes. */
  readonly #labels: Uint16Array;
  /** First character of each node's label; children of one node are neighbours and ascend by it. */
  readonly #firstUnits: Uint16Array;
  readonly #lists: Int32Array;

  constructor(keys: readonly PathKey[]) {
    const sorted = keys.toSorted(compareKeys);
    const values: string[] = [];
    /** Where the keys of each value start in `sorted`. */
    const starts: number[] = [];
    for (const [index, { value }] of sorted.entries()) {
      if (index > 0 && sorted[index - 1]?.value === value) continue;
      values.push(value);
      starts.push(index);
    }
    const shape = buildShape(values);
    this.#nodes = new Int32Array(shape.length * NODE_FIELDS);
    this.#labels = new Uint16Array(shape.reduce((sum, { end, depth }) => sum + end - depth, 0));
    this.#firstUnits = new Uint16Array(shape.length);
    this.#lists = new Int32Array(keys.length);
    const filled = { labels: 0, lists: 0 };
    for (const [node, { first, terminal, depth, end, firstChild, childCount }] of shape.entries()) {
      const at = node * NODE_FIELDS;
      this.#nodes[at + FIRST_CHILD] = firstChild;
      this.#nodes[at + CHILD_COUNT] = childCount;
      filled.labels += this.#writeLabel(node, (values[first] ?? '').slice(depth, end), filled.labels);
      const own = terminal ? sorted.slice(starts[first], starts[first + 1] ?? sorted.length) : [];
      filled.lists += this.#writeLists(at, own, filled.lists);
    }
  }

  #writeLabel(node: number, label: string, start: number): number {
    this.#firstUnits[node] = label === '' ? 0 : label.charCodeAt(0);
    this.#nodes[node * NODE_FIELDS + LABEL_START] = start;
    this.#nodes[node * NODE_FIELDS + LABEL_LENGTH] = label.length;
    for (let index = 0; index < label.length; index += 1) this.#labels[start + index] = label.charCodeAt(index);
    return label.length;
  }

  /** `own` is sorted by kind and entry. */
  #writeLists(at: number, own: readonly PathKey[], start: number): number {
    let next = 0;
    for (const [offset, kind] of LIST_KINDS.entries()) {
      this.#nodes[at + PREFIX + offset] = start + next;
      for (; own[next]?.kind === kind; next += 1) this.#lists[start + next] = own[next]?.entry ?? 0;
    }
    this.#nodes[at + LISTS_END] = start + next;
    return next;
  }

  /** Every entry whose value is a prefix of `path` by its kind's rule. */
  visit(path: string, visitor: RangeVisitor): void {
    const nodes = this.#nodes;
    let node = nodes.length === 0 ? -1 : 0;
    let position = 0;
    while (node >= 0) {
      const at = node * NODE_FIELDS;
      position = this.#matchLabel(at, path, position);
      if (position < 0) return;
      const atEnd = position === path.length;
      this.#visitList(at + PREFIX, visitor);
      if (atEnd) this.#visitList(at + EXACT, visitor);
      if (atEnd || path.charCodeAt(position) === SLASH) this.#visitList(at + SEGMENTS, visitor);
      node = atEnd ? -1 : this.#childFor(at, path.charCodeAt(position));
    }
  }

  /** Every value that has entries. */
  values(): string[] {
    const values: string[] = [];
    const pending: { readonly node: number; readonly before: string }[] =
      this.#nodes.length === 0 ? [] : [{ node: 0, before: '' }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const at = next.node * NODE_FIELDS;
      const start = this.#nodes[at + LABEL_START] ?? 0;
      const label = this.#labels.subarray(start, start + (this.#nodes[at + LABEL_LENGTH] ?? 0));
      const value = next.before + String.fromCharCode(...label);
      if (this.#nodes[at + PREFIX] !== this.#nodes[at + LISTS_END]) values.push(value);
      const firstChild = this.#nodes[at + FIRST_CHILD] ?? 0;
      const childCount = this.#nodes[at + CHILD_COUNT] ?? 0;
      for (let child = 0; child < childCount; child += 1) pending.push({ node: firstChild + child, before: value });
    }
    return values;
  }

  /** The position behind the label, or -1 when the path does not go on with it. */
  #matchLabel(at: number, path: string, from: number): number {
    const start = this.#nodes[at + LABEL_START] ?? 0;
    const length = this.#nodes[at + LABEL_LENGTH] ?? 0;
    if (from + length > path.length) return -1;
    for (let index = 0; index < length; index += 1) {
      if (this.#labels[start + index] !== path.charCodeAt(from + index)) return -1;
    }
    return from + length;
  }

  #visitList(field: number, visitor: RangeVisitor): void {
    const start = this.#nodes[field] ?? 0;
    const end = this.#nodes[field + 1] ?? 0;
    if (end > start) visitor(this.#lists, start, end);
  }

  #childFor(at: number, unit: number): number {
    let low = this.#nodes[at + FIRST_CHILD] ?? 0;
    let high = low + (this.#nodes[at + CHILD_COUNT] ?? 0);
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = this.#firstUnits[middle] ?? 0;
      if (found === unit) return middle;
      if (found < unit) low = middle + 1;
      else high = middle;
    }
    return -1;
  }
}

type ShapeNode = {
  /** Position of the first value below this node; its characters from `depth` to `end` are the label. */
  readonly first: number;
  readonly depth: number;
  readonly end: number;
  /** That value ends here. */
  readonly terminal: boolean;
  readonly firstChild: number;
  readonly childCount: number;
};

/** Breadth first, so that the children of a node are neighbours. `values` are distinct and ascend. */
function buildShape(values: readonly string[]): readonly ShapeNode[] {
  const shape: ShapeNode[] = [];
  const ranges: { readonly low: number; readonly high: number; readonly depth: number }[] = [];
  if (values.length > 0) ranges.push({ low: 0, high: values.length, depth: 0 });
  for (let node = 0; node < ranges.length; node += 1) {
    const { low, high, depth } = ranges[node] ?? { low: 0, high: 0, depth: 0 };
    // The first and the last of a sorted range share what all of it shares.
    const value = values[low] ?? '';
    const end = commonLength(value, values[high - 1] ?? '');
    const terminal = value.length === end;
    const firstChild = ranges.length;
    let start = terminal ? low + 1 : low;
    while (start < high) {
      const unit = (values[start] ?? '').charCodeAt(end);
      let stop = start + 1;
      while (stop < high && (values[stop] ?? '').charCodeAt(end) === unit) stop += 1;
      ranges.push({ low: start, high: stop, depth: end });
      start = stop;
    }
    shape.push({ first: low, depth, end, terminal, firstChild, childCount: ranges.length - firstChild });
  }
  return shape;
}

function commonLength(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let length = 0;
  while (length < shorter && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}

function compareKeys(a: PathKey, b: PathKey): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.kind === b.kind ? a.entry - b.entry : LIST_KINDS.indexOf(a.kind) - LIST_KINDS.indexOf(b.kind);
}
