/** How long to wait before a process that died is started again. */
const FIRST_MS = 100;
const LONGEST_MS = 10_000;
/** One that served will serve again; whoever kills it again and again must not take it away for long. */
const LONGEST_AFTER_SERVING_MS = 250;
/** One that lived this long counts as healthy: its next death begins at the shortest wait. */
const HEALTHY_MS = 10_000;

export class BackOff {
  #nextMs = FIRST_MS;

  /** Doubles with every short life from 100 ms: to 250 ms while they come to serve, to 10 s while they do not. */
  delayAfter(livedMs: number, hasServed: boolean): number {
    if (livedMs >= HEALTHY_MS) this.#nextMs = FIRST_MS;
    const longestMs = hasServed ? LONGEST_AFTER_SERVING_MS : LONGEST_MS;
    const delayMs = Math.min(longestMs, this.#nextMs);
    this.#nextMs = Math.min(longestMs, delayMs * 2);
    return delayMs;
  }
}
