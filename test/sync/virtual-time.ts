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
          this.#sleepers.push({ atMs: this.nowMs + ms, wake: resolve });
          signal?.addEventListener('abort', () => resolve(), { once: true });
        }),
    };
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
