/** How long to wait before a process that died is started again. */
const FIRST_MS = 100;
const LONGEST_MS = 10_000;
/** One that lived this long counts as healthy: its next death begins at the shortest wait. */
const HEALTHY_MS = 10_000;

export class BackOff {
  #nextMs = FIRST_MS;

  /** Doubles with every short life, from 100 ms to 10 s. */
  delayAfter(livedMs: number): number {
    if (livedMs >= HEALTHY_MS) this.#nextMs = FIRST_MS;
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(LONGEST_MS, delayMs * 2);
    return delayMs;
  }
}
