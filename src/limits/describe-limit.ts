/** A limit in words, the same in `explain`, in `limits` and in findings. */
import type { Limit } from './limit.ts';

const PERIODS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1_000, 'second'],
];

/** `50 per hour, burst 50` · `fixed window: 100 per minute` · `1,000 per month (Europe/Berlin)` · `3 at a time`. */
export function describeLimit(limit: Limit): string {
  const rate = formatCount(limit.rate);
  if (limit.algorithm === 'concurrency') return `${rate} at a time`;
  if (limit.algorithm === 'calendar') return `${rate} per ${limit.per} (${limit.zone})`;
  const pace = `${rate} per ${describePeriod(limit.periodMs)}`;
  if (limit.algorithm === 'token-bucket') return `${pace}, burst ${formatCount(limit.burst)}`;
  return `${limit.algorithm === 'fixed-window' ? 'fixed' : 'sliding'} window: ${pace}`;
}

/** In the largest unit that says it exactly: `hour`, `90 seconds`, `250 ms`. */
export function describePeriod(periodMs: number): string {
  for (const [ms, name] of PERIODS) {
    if (periodMs < ms || periodMs % ms !== 0) continue;
    return periodMs === ms ? name : `${formatCount(periodMs / ms)} ${name}s`;
  }
  return `${formatCount(periodMs)} ms`;
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
