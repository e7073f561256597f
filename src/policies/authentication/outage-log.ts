/** One line per kind of outage and while, however many requests meet it. */
import type { PolicyRuntime } from '../contract.ts';

const INTERVAL_MS = 10_000;

export class OutageLog {
  readonly #runtime: Pick<PolicyRuntime, 'log' | 'now'>;
  readonly #lines = new Map<string, { loggedAtMs: number; suppressed: number }>();

  constructor(runtime: Pick<PolicyRuntime, 'log' | 'now'>) {
    this.#runtime = runtime;
  }

  /** `reason` must hold nothing that a client sent. */
  report(event: string, reason: string): void {
    const now = this.#runtime.now();
    const line = this.#lines.get(event);
    // A clock set back must not silence the log, hence the absolute difference.
    if (line !== undefined && Math.abs(now - line.loggedAtMs) < INTERVAL_MS) {
      line.suppressed += 1;
      return;
    }
    this.#runtime.log(event, { reason, suppressed: line?.suppressed ?? 0 });
    this.#lines.set(event, { loggedAtMs: now, suppressed: 0 });
  }
}
