/** The clock of one forwarded request: total time, and silence of the response body where a route asks for it. */
import type { CompiledRoute } from '../../program/route-program.ts';

/** Envoy's `stream_idle_timeout`; routes that did not ask for another value have this one. */
const DEFAULT_IDLE_MS = 300_000;

export type Deadline = {
  /** Aborts the upstream request and its body; null: no limit. */
  readonly signal: AbortSignal | null;
  /** Milliseconds in all; Infinity: no limit. */
  readonly totalMs: number;
  /** Longest silence of the body to watch for; null: not watched. */
  readonly idleMs: number | null;
  /** Ends the exchange as if time were up. */
  expire(): void;
  /** Whether it was time that ended the exchange. */
  hasExpired(): boolean;
  /** Lets the exchange go on for ever (an upgraded connection). */
  clear(): void;
};

/**
 * `AbortSignal.timeout` costs no script per request, so it is used wherever the clock need not be
 * touched again. A controller of our own is needed to stop the clock (upgrades) or to cut silence.
 */
export function startDeadline(timeouts: CompiledRoute['timeouts'], isUpgrade: boolean): Deadline {
  const totalMs = Math.min(...[timeouts.requestMs, timeouts.attemptMs ?? 0].filter((ms) => ms > 0));
  const idleMs = isUpgrade ? null : watchedIdle(timeouts.idleMs, totalMs);
  if (idleMs === null && !isUpgrade) {
    const signal = totalMs === Infinity ? null : AbortSignal.timeout(totalMs);
    return { signal, totalMs, idleMs, expire: nothing, hasExpired: () => signal?.aborted ?? false, clear: nothing };
  }
  const controller = new AbortController();
  const expire = (): void => controller.abort();
  const timer = totalMs === Infinity ? undefined : setTimeout(expire, totalMs);
  return {
    signal: controller.signal,
    totalMs,
    idleMs,
    expire,
    hasExpired: () => controller.signal.aborted,
    clear: () => {
      if (timer !== undefined) clearTimeout(timer);
    },
  };
}

/** Only what is shorter than the default and would come before the total: every watched chunk passes through script. */
function watchedIdle(idleMs: number, totalMs: number): number | null {
  return idleMs > 0 && idleMs < totalMs && idleMs !== DEFAULT_IDLE_MS ? idleMs : null;
}

function nothing(): void {
  // Nothing to stop: the platform's own timer ends with the request.
}
