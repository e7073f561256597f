/**
 * Order of route matches inside one domain. The matcher, the compiler, explain and the test oracle
 * all use this one function, so that "which route wins" has a single definition.
 */
import type { RankKey, RankTerm } from './route-model.ts';

/**
 * Negative when `a` is tried before `b`, positive when after, 0 on a full tie.
 *
 * Keys are compared element by element; the larger element comes first. Elements of different types
 * order as string > number > `{ascending}`, and a key that extends another comes first. Together these
 * give variable-length parts their meaning: in `[…, 'x-a-1', {ascending}]` against `[…, {ascending}]`
 * the string stands against the tie-break and wins, so a longer list of strings beats the shorter one
 * it extends, and a tie-break decides only between keys that are otherwise equal.
 *
 * Two `{ascending}` elements: the smaller one comes first, numbers before strings.
 */
export function compareRank(a: RankKey, b: RankKey): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    // Both indexes are inside their arrays; the checks satisfy the compiler only.
    const left = a[index];
    const right = b[index];
    if (left === right || left === undefined || right === undefined) continue;
    const order = compareTerms(left, right);
    if (order !== 0) return order;
  }
  return b.length - a.length;
}

function compareTerms(a: RankTerm, b: RankTerm): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a;
  if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(b, a);
  if (typeof a === 'object' && typeof b === 'object') return compareAscending(a.ascending, b.ascending);
  return typeOrder(b) - typeOrder(a);
}

function compareAscending(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(a, b);
  return typeof a === 'number' ? -1 : 1;
}

function typeOrder(term: RankTerm): number {
  if (typeof term === 'string') return 2;
  return typeof term === 'number' ? 1 : 0;
}

/**
 * Code-point order, which is what sorting by UTF-8 bytes (Envoy, Go) or by Python's str gives.
 * JavaScript's `<` compares UTF-16 units and puts U+E000–U+FFFF after the astral characters.
 */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return unitOrder(left) - unitOrder(right);
  }
  return a.length - b.length;
}

/** Moves surrogates above the rest of the basic plane, so that unit order equals code-point order. */
function unitOrder(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
