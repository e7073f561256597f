/** A clock for tests: nothing waits, and the same steps give the same run. */
import type { Clock } from '../../src/sync/clock.ts';

/** Time passes only in `advance`. */
export class VirtualTime {
  nowMs = 1_700_000_000_000;
  readonly #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  /** @param skewMs this machine's clock is off by so much */
  clock(skewMs: number, random: () => number): Clock {
    return {
      nowMs: () => this.nowMs + skewMs,
      random,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const wake = (): void => {
            signal?.removeEventListener('abort', wake);
            resolve();
          };
          this.#sleepers.push({ atMs: this.nowMs + ms, wake });
          signal?.addEventListener('abort', wake);
        }),
    };
  }

  /** From sleeper to sleeper, each woken at its own moment, with everything that follows from it. */
  async run(ms: number, onStep: () => void = () => undefined): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      const nextMs = Math.min(endMs, ...this.#sleepers.map(({ atMs }) => atMs));
      this.nowMs = Math.max(this.nowMs, nextMs);
      onStep();
      for (const sleeper of this.#sleepers.filter(({ atMs }) => atMs <= this.nowMs)) {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        sleeper.wake();
      }
      // Comes after all promises that wait for nothing else.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.nowMs >= endMs && !this.#sleepers.some(({ atMs }) => atMs <= endMs)) return;
    }
  }

  async advance(ms: number): Promise<void> {
    this.nowMs += ms;
    for (const sleeper of this.#sleepers.filter(({ atMs }) => atMs <= this.nowMs)) {
      this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
      sleeper.wake();
    }
    await settle();
  }
}

/** Lets everything run that waits for nothing but other work. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
