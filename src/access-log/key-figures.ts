/** What became of each key, in memory that the number of keys cannot make grow without end. */

/** Keys whose figures are kept; of more, the least affected are dropped. */
export const MAX_KEYS = 200_000;

export type KeyFigures = {
  readonly requests: number;
  readonly refused: number;
  /** null: never refused. */
  readonly firstRefusalMs: number | null;
  readonly lastRefusalMs: number | null;
  /** Most refusals in a row. */
  readonly longestRun: number;
};

type Tally = { -readonly [Name in keyof KeyFigures]: KeyFigures[Name] } & { run: number };

export type KeyedFigures = KeyFigures & { readonly key: string };

export class KeyTable {
  readonly #tallies = new Map<string, Tally>();
  readonly #most: number;
  #dropped = 0;

  constructor(most = MAX_KEYS) {
    this.#most = most;
  }

  /** `dropped`: keys whose figures were given up. Those that came again count anew. */
  get counts(): { readonly keys: number; readonly dropped: number } {
    return { keys: this.#tallies.size, dropped: this.#dropped };
  }

  /** Keys that were refused at least once, of those that are kept. */
  get refusedKeys(): number {
    let count = 0;
    for (const { refused } of this.#tallies.values()) if (refused > 0) count += 1;
    return count;
  }

  add(key: string, atMs: number, isRefused: boolean): void {
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      if (this.#tallies.size >= this.#most) this.#dropHalf();
      tally = { requests: 0, refused: 0, firstRefusalMs: null, lastRefusalMs: null, longestRun: 0, run: 0 };
      this.#tallies.set(key, tally);
    }
    tally.requests += 1;
    tally.run = isRefused ? tally.run + 1 : 0;
    if (!isRefused) return;
    tally.refused += 1;
    tally.firstRefusalMs ??= atMs;
    tally.lastRefusalMs = atMs;
    tally.longestRun = Math.max(tally.longestRun, tally.run);
  }

  /** Most refused first, then most requests, then by key. */
  top(count: number): readonly KeyedFigures[] {
    const least = this.#weightAt(count - 1);
    return [...this.#tallies]
      .filter(([, tally]) => weightOf(tally) >= least)
      .toSorted(([a, x], [b, y]) => weightOf(y) - weightOf(x) || (a < b ? -1 : 1))
      .slice(0, count)
      .map(([key, { requests, refused, firstRefusalMs, lastRefusalMs, longestRun }]) => ({
        key,
        requests,
        refused,
        firstRefusalMs,
        lastRefusalMs,
        longestRun,
      }));
  }

  /** The weight that this many keys are above of; -Infinity: there are not so many. */
  #weightAt(place: number): number {
    const weights = Float64Array.from(this.#tallies.values(), weightOf).toSorted();
    return weights[weights.length - 1 - place] ?? -Infinity;
  }

  /** Half of the places are free afterwards, so that this happens seldom. */
  #dropHalf(): void {
    const kept = Math.floor(this.#most / 2);
    const least = this.#weightAt(kept - 1);
    let surplus = this.#tallies.size - kept;
    for (const isEqual of [false, true]) {
      for (const [key, tally] of this.#tallies) {
        const weight = weightOf(tally);
        if (surplus === 0 || (isEqual ? weight !== least : weight >= least)) continue;
        this.#tallies.delete(key);
        this.#dropped += 1;
        surplus -= 1;
      }
    }
  }
}

/** Refusals before requests, in one number: of each more than there are lines in any log. */
function weightOf({ refused, requests }: Tally): number {
  return refused * 2 ** 27 + Math.min(requests, 2 ** 27 - 1);
}
