/** The clock of one forwarded request: total time, and silence of the response body where a route asks for it. */
import type { CompiledRoute } from '../../program/route-program.ts';

/** Envoy's `stream_idle_timeout`; routes that did not ask for another value have this one. */
const DEFAULT_IDLE_MS = 300_000;

export type Deadline = {
  /** Aborts the upstream request and its body; null: no limit. */
  readonly signal: AbortSignal | null;
  /** Longest silence of the body to watch for, in milliseconds; null: not watched. */
  readonly idleMs: number | null;
  /** Ends the exchange as if time were up. */
  expire(): void;
  /** Whether it was time that ended the exchange. */
  hasExpired(): boolean;
  /** Ends the exchange because the request's body broke off. Only for an exchange that was started as `upload`. */
  breakOff(): void;
  /** Whether it was the request's body that ended the exchange. */
  isBrokenOff(): boolean;
  /** The total begins anew. Only for an exchange that was started as `upload`. */
  restart(): void;
  /** Lets the exchange go on for ever (an upgraded connection). */
  clear(): void;
};

/**
 * `upload`: a request body that may take long; its sender restarts the clock.
 * `upgrade`: the clock stops when the connection is handed over.
 */
export type ExchangeKind = 'plain' | 'upload' | 'upgrade';

const BROKEN_OFF = 'request-body-broken';

/**
 * `AbortSignal.timeout` costs no script per request, so it is used wherever the clock need not be
 * touched again. A controller of our own is needed to stop or restart the clock or to cut silence.
 */
export function startDeadline(timeouts: CompiledRoute['timeouts'], kind: ExchangeKind): Deadline {
  const totalMs = Math.min(...[timeouts.requestMs, timeouts.attemptMs ?? 0].filter((ms) => ms > 0));
  const idleMs = kind === 'upgrade' ? null : watchedIdle(timeouts.idleMs, totalMs);
  if (idleMs === null && (kind === 'plain' || totalMs === Infinity)) {
    const signal = totalMs === Infinity ? null : AbortSignal.timeout(totalMs);
    const hasExpired = (): boolean => signal?.aborted ?? false;
    return { ...UNTOUCHABLE, signal, idleMs, hasExpired };
  }
  const controller = new AbortController();
  const { signal } = controller;
  const expire = (): void => controller.abort();
  const breakOff = (): void => controller.abort(BROKEN_OFF);
  const isBrokenOff = (): boolean => signal.reason === BROKEN_OFF;
  const hasExpired = (): boolean => signal.aborted && !isBrokenOff();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const clear = (): void => {
    if (timer !== undefined) clearTimeout(timer);
  };
  const restart = (): void => {
    clear();
    if (totalMs !== Infinity) timer = setTimeout(expire, totalMs);
  };
  restart();
  return { signal, idleMs, expire, hasExpired, breakOff, isBrokenOff, restart, clear };
}

/** Only what is shorter than the default and would come before the total: every watched chunk passes through script. */
function watchedIdle(idleMs: number, totalMs: number): number | null {
  return idleMs > 0 && idleMs < totalMs && idleMs !== DEFAULT_IDLE_MS ? idleMs : null;
}

function nothing(): void {
  // Nothing to do: the platform's own timer ends with the request, or there is none.
}

/** The platform's own timer, or none. */
const UNTOUCHABLE = { expire: nothing, breakOff: nothing, isBrokenOff: () => false, restart: nothing, clear: nothing };
