/** The time of one check, its answer's body included. */
export type Clock = {
  readonly signal: AbortSignal;
  readonly hasExpired: () => boolean;
  readonly stop: () => void;
};

export function startClock(timeoutMs: number): Clock {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error('timeout')), timeoutMs);
  return {
    signal: controller.signal,
    hasExpired: () => controller.signal.aborted,
    stop: () => clearTimeout(timer),
  };
}
