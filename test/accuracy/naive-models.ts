/**
 * What each algorithm promises, written from its definition and as simply as can be: nothing is packed,
 * forgotten or rounded, and nothing of src/limits/ is used but the names of its types. Slow on purpose.
 */
import type { CalendarQuota, FixedWindow, Limit, SlidingWindow, TokenBucket } from '../../src/limits/limit.ts';

export interface NaiveModel {
  /** Whether `cost` more would pass at this time. Changes nothing. */
  admits(atMs: number, cost: number): boolean;
  /** It passed. */
  count(atMs: number, cost: number): void;
}

type Passed = { readonly atMs: number; readonly cost: number };

/** The largest rate of a sliding window with a true log, as the documentation states it. */
const STATED_LOG_MAX = 1_000;
/** How long a slot stays taken after its last renewal, as the documentation states it. */
const STATED_SLOT_MS = 30_000;

export function naiveModelOf(limit: Limit): NaiveModel {
  switch (limit.algorithm) {
    case 'token-bucket':
      return arrivalCurve(limit);
    case 'fixed-window':
      return windows(limit);
    case 'sliding-window':
      return limit.rate <= STATED_LOG_MAX ? slidingLog(limit) : twoCounters(limit);
    case 'calendar':
      return calendarDays(limit);
    default:
      throw new Error('Slots have a model of their own, NaiveSlots.');
  }
}

/**
 * Token bucket by its arrival curve: of all stretches that end now, none may hold more than
 * `burst + length * rate / period`. Times `periodMs`, so that all are integers.
 */
export function arrivalCurve({ rate, periodMs, burst }: TokenBucket): NaiveModel {
  const passed: Passed[] = [];
  return {
    admits: (atMs, cost) => {
      let inside = cost;
      if (inside > burst) return false;
      for (let at = passed.length - 1; at >= 0; at -= 1) {
        const earlier = passed[at];
        if (earlier === undefined) break;
        inside += earlier.cost;
        if (inside * periodMs > burst * periodMs + (atMs - earlier.atMs) * rate) return false;
      }
      return true;
    },
    count: (atMs, cost) => void passed.push({ atMs, cost }),
  };
}

/** The same as a bucket that fills, for runs that are too long for the definition. */
export function fillingBucket({ rate, periodMs, burst }: TokenBucket): NaiveModel {
  let level = burst * periodMs;
  let levelAtMs = -Infinity;
  const levelAt = (atMs: number): number =>
    levelAtMs === -Infinity ? level : Math.min(burst * periodMs, level + (atMs - levelAtMs) * rate);
  return {
    admits: (atMs, cost) => levelAt(atMs) >= cost * periodMs,
    count: (atMs, cost) => {
      level = levelAt(atMs) - cost * periodMs;
      levelAtMs = atMs;
    },
  };
}

function windows({ rate, periodMs }: FixedWindow): NaiveModel {
  return perBox(rate, (atMs) => String(Math.floor(atMs / periodMs)));
}

/** A day or month is what the zone's wall calendar says it is. */
function calendarDays({ rate, per, zone }: CalendarQuota): NaiveModel {
  const format = new Intl.DateTimeFormat('en', {
    timeZone: zone,
    year: 'numeric',
    month: 'numeric',
    ...(per === 'day' && { day: 'numeric' }),
  });
  return perBox(rate, (atMs) => format.format(atMs));
}

function perBox(rate: number, boxAt: (atMs: number) => string): NaiveModel {
  const used = new Map<string, number>();
  return {
    admits: (atMs, cost) => (used.get(boxAt(atMs)) ?? 0) + cost <= rate,
    count: (atMs, cost) => void used.set(boxAt(atMs), (used.get(boxAt(atMs)) ?? 0) + cost),
  };
}

/** What passed exactly one period ago lies outside of the stretch that ends now. */
function slidingLog({ rate, periodMs }: SlidingWindow): NaiveModel {
  const passed: Passed[] = [];
  return {
    admits: (atMs, cost) => {
      let inside = cost;
      for (const earlier of passed) if (earlier.atMs > atMs - periodMs) inside += earlier.cost;
      return inside <= rate;
    },
    count: (atMs, cost) => void passed.push({ atMs, cost }),
  };
}

/** The window before counts by the share of it that the last period still covers. Times `periodMs`. */
function twoCounters({ rate, periodMs }: SlidingWindow): NaiveModel {
  const used = new Map<number, number>();
  return {
    admits: (atMs, cost) => {
      const window = Math.floor(atMs / periodMs);
      const coveredMs = periodMs - (atMs - window * periodMs);
      const before = used.get(window - 1) ?? 0;
      const now = used.get(window) ?? 0;
      return before * coveredMs + (now + cost) * periodMs <= rate * periodMs;
    },
    count: (atMs, cost) => {
      const window = Math.floor(atMs / periodMs);
      used.set(window, (used.get(window) ?? 0) + cost);
    },
  };
}

/** Requests at a time. */
export class NaiveSlots {
  readonly #rate: number;
  readonly #renewedAtMs = new Map<string, number>();

  constructor(rate: number) {
    this.#rate = rate;
  }

  admits(atMs: number): boolean {
    return (
      [...this.#renewedAtMs.values()].filter((renewedAtMs) => renewedAtMs + STATED_SLOT_MS > atMs).length < this.#rate
    );
  }

  renew(slot: string, atMs: number): void {
    this.#renewedAtMs.set(slot, atMs);
  }

  free(slot: string): void {
    this.#renewedAtMs.delete(slot);
  }
}

/** The first millisecond from `fromMs` on at which `cost` would pass when nothing else comes; null: none within a year. */
export function firstAdmissionMs(model: NaiveModel, fromMs: number, cost: number): number | null {
  if (model.admits(fromMs, cost)) return fromMs;
  let refusedMs = fromMs;
  let stepMs = 1;
  while (!model.admits(fromMs + stepMs, cost)) {
    refusedMs = fromMs + stepMs;
    stepMs *= 2;
    if (stepMs > 366 * 86_400_000) return null;
  }
  let admittedMs = fromMs + stepMs;
  while (admittedMs - refusedMs > 1) {
    const middleMs = Math.floor((refusedMs + admittedMs) / 2);
    if (model.admits(middleMs, cost)) admittedMs = middleMs;
    else refusedMs = middleMs;
  }
  return admittedMs;
}
