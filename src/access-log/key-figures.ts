/** What became of each key, in memory that the number of keys cannot make grow without end. */

/** Keys whose figures are kept; of more, the least affected are dropped. */
export const MAX_KEYS = 500_000;

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
    return [...this.#tallies]
      .toSorted(byWeight)
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

  #dropHalf(): void {
    const sorted = [...this.#tallies].toSorted(byWeight);
    for (const [key] of sorted.slice(Math.floor(this.#most / 2))) {
      this.#tallies.delete(key);
      this.#dropped += 1;
    }
  }
}

function byWeight([a, x]: readonly [string, Tally], [b, y]: readonly [string, Tally]): number {
  return y.refused - x.refused || y.requests - x.requests || (a < b ? -1 : 1);
}
