/** Many changes at once are one: acts after a quiet moment, but never later than a bound. */
import type { Clock } from './clock.ts';

const QUIET_MS = 50;
const LATEST_MS = 1_000;

export class Debounce {
  readonly #clock: Clock;
  #firstMs: number | null = null;
  #lastMs = 0;
  #wake: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something changed. */
  touch(): void {
    this.#lastMs = this.#clock.nowMs();
    this.#firstMs ??= this.#lastMs;
    this.#wake?.();
    this.#wake = null;
  }

  /** Resolves when there are changes and it is time to act, or when aborted. */
  async due(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#firstMs === null) {
        await new Promise<void>((resolve) => {
          // The signal lives as long as the process: what listens to it must not pile up.
          const end = (): void => {
            signal.removeEventListener('abort', end);
            resolve();
          };
          this.#wake = end;
          signal.addEventListener('abort', end);
        });
        continue;
      }
      const now = this.#clock.nowMs();
      const waitMs = Math.min(this.#lastMs + QUIET_MS, this.#firstMs + LATEST_MS) - now;
      if (waitMs <= 0) break;
      await this.#clock.sleep(waitMs, signal);
    }
    this.#firstMs = null;
  }
}
