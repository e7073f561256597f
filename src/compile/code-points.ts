/** Sets of code points as sorted, disjoint, inclusive ranges: what one step of a regex can consume. */

export type CodePoints = readonly (readonly [number, number])[];

export const MAX_CODE_POINT = 0x10ffff;
export const DIGIT: CodePoints = [[0x30, 0x39]];
export const WORD: CodePoints = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
/** RE2's `\s`, which is narrower than JavaScript's: no vertical tab, nothing outside ASCII. */
export const SPACE: CodePoints = [
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
];

export function union(...sets: readonly CodePoints[]): CodePoints {
  const ranges = sets.flat().toSorted((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [low, high] of ranges) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}

export function complement(set: CodePoints): CodePoints {
  const ranges: [number, number][] = [];
  let next = 0;
  for (const [low, high] of set) {
    if (low > next) ranges.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= MAX_CODE_POINT) ranges.push([next, MAX_CODE_POINT]);
  return ranges;
}

export function areDisjoint(a: CodePoints, b: CodePoints): boolean {
  let left = 0;
  let right = 0;
  for (;;) {
    const one = a[left];
    const other = b[right];
    if (one === undefined || other === undefined) return true;
    if (one[1] < other[0]) left += 1;
    else if (other[1] < one[0]) right += 1;
    else return false;
  }
}

/**
 * Adds the other case of every letter, as RE2's `(?i)` does: ASCII pairs, and the two characters
 * outside ASCII that fold into it (U+017F long s, U+212A Kelvin sign). null when the set holds
 * anything else outside ASCII: its folding is Unicode's, and we leave that to re2.
 */
export function foldAscii(set: CodePoints): CodePoints | null {
  if ((set.at(-1)?.[1] ?? 0) > 0x7f) return null;
  const folded: [number, number][] = [];
  for (const [low, high] of set) {
    addShifted(folded, Math.max(low, 0x41), Math.min(high, 0x5a), 0x20);
    addShifted(folded, Math.max(low, 0x61), Math.min(high, 0x7a), -0x20);
    for (const [letter, extra] of [
      [0x53, 0x017f],
      [0x73, 0x017f],
      [0x4b, 0x212a],
      [0x6b, 0x212a],
    ] as const) {
      if (low <= letter && letter <= high) folded.push([extra, extra]);
    }
  }
  return union(set, folded);
}

function addShifted(into: [number, number][], low: number, high: number, shift: number): void {
  if (low <= high) into.push([low + shift, high + shift]);
}
