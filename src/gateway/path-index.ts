/**
 * Radix tree over path values, flattened into one typed array.
 *
 * A lookup walks the request's path once and yields, for every value that is a prefix of it, the
 * entries stored there: its cost follows the path's length, not the number of routes. Exact values
 * are a list of their own that counts only where the path ends; a regex sits at the literal text it
 * is known to start with. Flat because 100,000 routes as node objects would not fit the heap; one
 * array because then most nodes lie whole in one or two lines of the processor's cache, and what
 * favourites among many routes cost more than those among few is the lines they do not share.
 */

export type PathKey = {
  /** `segments`: without its trailing slash, so `/` is the empty string. */
  readonly kind: 'exact' | 'prefix' | 'segments';
  readonly value: string;
  readonly entry: number;
};

/**
 * A node: these fields, the first characters of its children, ascending, the children's positions,
 * the entries of the three lists, and its label, which is what every value below goes on with after the
 * character that led here. Text is packed, two characters to an element.
 */
const LABEL_LENGTH = 0;
const CHILD_COUNT = 1;
/** Lengths of the lists. */
const PREFIX = 2;
const EXACT = 3;
const SEGMENTS = 4;
const FIELDS = 5;
const LIST_KINDS = ['prefix', 'exact', 'segments'] as const;
const SLASH = 0x2f;

export class PathIndex {
  /** Holds the ranges that `find` names. */
  readonly data: Int32Array;

  constructor(keys: readonly PathKey[]) {
    const sorted = keys.toSorted(compareKeys);
    const data: number[] = [];
    const pending: Subtree[] = keys.length === 0 ? [] : [{ low: 0, high: keys.length, depth: 0, place: null }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next.place !== null) data[next.place] = data.length;
      pending.push(...writeNode(data, sorted, next).toReversed());
    }
    this.data = Int32Array.from(data);
  }

  /**
   * Every entry whose value is a prefix of `path` by its kind's rule, as ranges of `data`: start, end,
   * start, end … Entries in a range ascend.
   */
  find(path: string): readonly number[] {
    const ranges: number[] = [];
    const data = this.data;
    let at = data.length === 0 ? -1 : 0;
    let position = 0;
    while (at >= 0) {
      const childCount = data[at + CHILD_COUNT] ?? 0;
      const prefix = at + FIELDS + elementsFor(childCount) + childCount;
      const exact = prefix + (data[at + PREFIX] ?? 0);
      const segments = exact + (data[at + EXACT] ?? 0);
      const label = segments + (data[at + SEGMENTS] ?? 0);
      const labelLength = data[at + LABEL_LENGTH] ?? 0;
      if (labelLength > 0 && !hasText(data, label, labelLength, path, position)) return ranges;
      position += labelLength;
      const atEnd = position === path.length;
      if (exact > prefix) ranges.push(prefix, exact);
      if (segments > exact && atEnd) ranges.push(exact, segments);
      if (label > segments && (atEnd || path.charCodeAt(position) === SLASH)) ranges.push(segments, label);
      if (atEnd || childCount === 0) return ranges;
      at = childFor(data, at, childCount, path.charCodeAt(position));
      position += 1;
    }
    return ranges;
  }

  /** What it was made of, in no particular order. */
  keys(): PathKey[] {
    const keys: PathKey[] = [];
    const pending = this.data.length === 0 ? [] : [{ at: 0, before: '' }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { at, before } = next;
      const childCount = this.data[at + CHILD_COUNT] ?? 0;
      const places = at + FIELDS + elementsFor(childCount);
      const lists: PathKey[] = [];
      let end = places + childCount;
      for (const [offset, kind] of LIST_KINDS.entries()) {
        const start = end;
        end += this.data[at + PREFIX + offset] ?? 0;
        for (const entry of this.data.subarray(start, end)) lists.push({ kind, value: '', entry });
      }
      let value = before;
      const labelLength = this.data[at + LABEL_LENGTH] ?? 0;
      for (let index = 0; index < labelLength; index += 1) value += String.fromCharCode(unitAt(this.data, end, index));
      for (const { kind, entry } of lists) keys.push({ kind, value, entry });
      for (let child = 0; child < childCount; child += 1) {
        const led = String.fromCharCode(unitAt(this.data, at + FIELDS, child));
        pending.push({ at: this.data[places + child] ?? 0, before: value + led });
      }
    }
    return keys;
  }
}

function hasText(data: Int32Array, start: number, length: number, path: string, from: number): boolean {
  if (from + length > path.length) return false;
  for (let index = 0; index < length; index += 1) {
    if (unitAt(data, start, index) !== path.charCodeAt(from + index)) return false;
  }
  return true;
}

/** Position of the child that begins with this character, or -1. */
function childFor(data: Int32Array, at: number, count: number, unit: number): number {
  const units = at + FIELDS;
  let low = 0;
  let high = count;
  // Children are often a run, as digits are; where they are not, the first guess is as good as another.
  let guess = unit - unitAt(data, units, 0);
  while (low < high) {
    if (guess < low || guess >= high) guess = (low + high) >> 1;
    const found = unitAt(data, units, guess);
    if (found === unit) return data[units + elementsFor(count) + guess] ?? -1;
    if (found < unit) low = guess + 1;
    else high = guess;
  }
  return -1;
}

/** One character of packed text. */
function unitAt(data: Int32Array, start: number, index: number): number {
  const two = data[start + (index >> 1)] ?? 0;
  return (index & 1) === 0 ? two & 0xffff : two >>> 16;
}

/** Keys `low` to before `high` of the sorted ones, which share the `depth` characters that lead to them. */
type Subtree = {
  readonly low: number;
  readonly high: number;
  readonly depth: number;
  /** Where its position is to be written; null: the root. */
  readonly place: number | null;
};

/** Appends the node and returns what lies below it. */
function writeNode(data: number[], sorted: readonly PathKey[], { low, high, depth }: Subtree): readonly Subtree[] {
  const valueAt = (index: number): string => sorted[index]?.value ?? '';
  // The first and the last of a sorted range share what all of it shares.
  const value = valueAt(low);
  const end = commonLength(value, valueAt(high - 1));
  let own = low;
  while (own < high && valueAt(own).length === end) own += 1;
  const entries = sorted.slice(low, own);
  const bounds: number[] = [];
  for (let index = own; index < high; index += 1) {
    if (index === own || valueAt(index - 1).charCodeAt(end) !== valueAt(index).charCodeAt(end)) bounds.push(index);
  }
  const lengths = LIST_KINDS.map((kind) => entries.filter((key) => key.kind === kind).length);
  data.push(end - depth, bounds.length, ...lengths);
  pushText(data, bounds.map((index) => valueAt(index).charAt(end)).join(''));
  const places = data.length;
  for (const _ of bounds) data.push(0);
  for (const { entry } of entries) data.push(entry);
  pushText(data, value.slice(depth, end));
  return bounds.map((start, child) => ({
    low: start,
    high: bounds[child + 1] ?? high,
    depth: end + 1,
    place: places + child,
  }));
}

function elementsFor(characters: number): number {
  return (characters + 1) >> 1;
}

function pushText(data: number[], text: string): void {
  for (let index = 0; index < text.length; index += 2) {
    const second = index + 1 < text.length ? text.charCodeAt(index + 1) : 0;
    data.push(text.charCodeAt(index) | (second << 16));
  }
}

function commonLength(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let length = 0;
  while (length < shorter && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}

/** By value, kind and entry. */
function compareKeys(a: PathKey, b: PathKey): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.kind === b.kind ? a.entry - b.entry : LIST_KINDS.indexOf(a.kind) - LIST_KINDS.indexOf(b.kind);
}
