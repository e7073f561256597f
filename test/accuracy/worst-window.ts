/** The most that passed in any stretch of a given length. */

export type Passing = { readonly atMs: number; readonly cost: number };

/** As a multiple of `rate`; a stretch holds its first millisecond and not its last. */
export function worstWindow(passings: readonly Passing[], periodMs: number, rate: number): number {
  const sorted = passings.toSorted((a, b) => a.atMs - b.atMs);
  let first = 0;
  let inside = 0;
  let most = 0;
  for (const { atMs, cost } of sorted) {
    inside += cost;
    for (let oldest = sorted[first]; oldest !== undefined && oldest.atMs <= atMs - periodMs; oldest = sorted[first]) {
      inside -= oldest.cost;
      first += 1;
    }
    most = Math.max(most, inside);
  }
  return most / rate;
}
