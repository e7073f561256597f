/**
 * How often an isolate may hash a password. Hashing takes tens of milliseconds in which nothing else
 * runs, so a flood of wrong passwords would stop every other request of the isolate.
 *
 * Each check gets a place in a row of equal intervals, some of which may be used at once. Nothing is
 * held while it waits, so a request that the runtime ends takes no place away.
 */
export const INTERVAL_MS = 100;
export const BURST = 8;
/** Shorter than what requests for the same credentials wait for each other. */
export const LONGEST_WAIT_MS = 1_000;

export class Pace {
  /** When the next place would be, were there no burst. */
  #nextMs = 0;

  /** Milliseconds to wait; null: too many are waiting already. */
  admit(now: number): number | null {
    // A clock that went back must not leave everybody waiting for its return.
    const longestAheadMs = (BURST - 1) * INTERVAL_MS + LONGEST_WAIT_MS;
    const next = this.#nextMs > now + longestAheadMs + INTERVAL_MS ? now : Math.max(this.#nextMs, now);
    const waitMs = Math.max(0, next - now - (BURST - 1) * INTERVAL_MS);
    if (waitMs > LONGEST_WAIT_MS) return null;
    this.#nextMs = next + INTERVAL_MS;
    return waitMs;
  }
}
