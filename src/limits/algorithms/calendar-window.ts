/**
 * The calendar day or month around a moment, in a time zone.
 *
 * A window begins at the first moment whose local date is its first date or later. That holds where
 * midnight does not exist, where it comes twice (the first counts, and the clock that shows yesterday
 * again afterwards reopens nothing) and where a whole day was left out.
 */
export type CalendarWindow = { readonly startMs: number; readonly endMs: number };

/** No zone was ever further from UTC than this. */
const FARTHEST_MS = 16 * 3_600_000;

/** Local time of a zone, written as if it were UTC. */
type LocalClock = (atMs: number) => number;

const clocks = new Map<string, LocalClock>();
const latest = new Map<string, CalendarWindow>();
/** Zones come from configuration, so there are few; this is only to be sure. */
const MAX_ZONES = 1_000;

export function calendarWindow(per: 'day' | 'month', zone: string, nowMs: number): CalendarWindow {
  const name = `${per} ${zone}`;
  const known = latest.get(name);
  if (known !== undefined && known.startMs <= nowMs && nowMs < known.endMs) return known;
  if (latest.size >= MAX_ZONES) latest.clear();
  const window = findWindow(per, clockOf(zone), nowMs);
  latest.set(name, window);
  return window;
}

function findWindow(per: 'day' | 'month', clock: LocalClock, nowMs: number): CalendarWindow {
  let date = firstDate(per, clock(nowMs), 0);
  let startMs = firstMomentOf(date, clock);
  for (;;) {
    date = firstDate(per, date, 1);
    const endMs = firstMomentOf(date, clock);
    if (endMs > nowMs) return { startMs, endMs };
    startMs = endMs;
  }
}

/** The first date of the day or month, or of a later one, as its midnight in UTC. */
function firstDate(per: 'day' | 'month', localMs: number, later: number): number {
  const date = new Date(localMs);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return per === 'day' ? Date.UTC(year, month, day + later) : Date.UTC(year, month + later, 1);
}

/** It lies within FARTHEST_MS of that midnight in UTC, and with one offset the clock runs straight. */
function firstMomentOf(midnightMs: number, clock: LocalClock): number {
  const fromMs = midnightMs - FARTHEST_MS;
  const toMs = midnightMs + FARTHEST_MS;
  const before = clock(fromMs) - fromMs;
  const after = clock(toMs) - toMs;
  if (before === after) return midnightMs - before;
  const changeMs = findChange(fromMs, toMs, clock);
  return midnightMs - before < changeMs ? midnightMs - before : Math.max(changeMs, midnightMs - after);
}

/** The moment at which the offset changes; no zone changes it twice within two days. */
function findChange(fromMs: number, toMs: number, clock: LocalClock): number {
  const before = clock(fromMs) - fromMs;
  let low = fromMs;
  let high = toMs;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (clock(middle) - middle === before) low = middle;
    else high = middle;
  }
  return high;
}

function clockOf(zone: string): LocalClock {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    clock = makeClock(zone);
    if (clocks.size >= MAX_ZONES) clocks.clear();
    clocks.set(zone, clock);
  }
  return clock;
}

function makeClock(zone: string): LocalClock {
  if (zone === 'UTC') return (atMs) => atMs;
  const format = formatOf(zone);
  if (format === null) return (atMs) => atMs;
  return (atMs) => {
    const fields: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(atMs)) fields[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
    const belowSecond = ((atMs % 1_000) + 1_000) % 1_000;
    return Date.UTC(year, month - 1, day, hour, minute, second) + belowSecond;
  };
}

/**
 * null: this runtime does not know the zone, though the one that checked the configuration did. A quota
 * that begins at midnight in UTC is better than one that fails whenever it is asked.
 */
function formatOf(zone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return null;
  }
}
