/** Days and months of time zones: known changes of the clock, and a search minute by minute. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarWindow } from '../../src/limits/algorithms/calendar-window.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Zone, a moment, and the day around it. */
const days: readonly (readonly [zone: string, at: string, start: string, end: string, why: string])[] = [
  ['UTC', '2026-03-01T12:34:56.789Z', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z', 'an ordinary day'],
  ['Europe/Berlin', '2025-03-30T12:00:00Z', '2025-03-29T23:00:00Z', '2025-03-30T22:00:00Z', '23 hours'],
  ['Europe/Berlin', '2025-10-26T12:00:00Z', '2025-10-25T22:00:00Z', '2025-10-26T23:00:00Z', '25 hours'],
  ['Europe/Berlin', '2025-10-25T21:59:59.999Z', '2025-10-24T22:00:00Z', '2025-10-25T22:00:00Z', 'the last moment'],
  ['Europe/Berlin', '2025-10-25T22:00:00.000Z', '2025-10-25T22:00:00Z', '2025-10-26T23:00:00Z', 'the first moment'],
  ['America/New_York', '2025-03-09T12:00:00Z', '2025-03-09T05:00:00Z', '2025-03-10T04:00:00Z', '23 hours'],
  ['America/New_York', '2025-11-02T12:00:00Z', '2025-11-02T04:00:00Z', '2025-11-03T05:00:00Z', '25 hours'],
  ['Australia/Lord_Howe', '2025-04-06T03:00:00Z', '2025-04-05T13:00:00Z', '2025-04-06T13:30:00Z', '24.5 hours'],
  ['Asia/Kathmandu', '2026-01-01T00:00:00Z', '2025-12-31T18:15:00Z', '2026-01-01T18:15:00Z', 'an odd offset'],
  ['Pacific/Kiritimati', '2026-01-01T00:00:00Z', '2025-12-31T10:00:00Z', '2026-01-01T10:00:00Z', 'the farthest east'],
  ['Pacific/Pago_Pago', '2026-01-01T00:00:00Z', '2025-12-31T11:00:00Z', '2026-01-01T11:00:00Z', 'the farthest west'],
  ['Africa/Cairo', '2024-04-26T12:00:00Z', '2024-04-25T22:00:00Z', '2024-04-26T21:00:00Z', 'without a midnight'],
  ['America/Havana', '2024-11-03T12:00:00Z', '2024-11-03T04:00:00Z', '2024-11-04T05:00:00Z', 'with two midnights'],
  ['Pacific/Apia', '2011-12-29T12:00:00Z', '2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z', 'before a day left out'],
  ['Pacific/Apia', '2011-12-30T12:00:00Z', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z', 'after a day left out'],
  // At 00:01 the clock went back to 23:01 of the day before: that hour belongs to the day that had begun.
  ['America/St_Johns', '2010-11-07T02:45:00Z', '2010-11-07T02:30:00Z', '2010-11-08T03:30:00Z', 'begun twice'],
];

describe('calendar day', () => {
  it.each(days)('%s at %s is %s to %s: %s', (zone, at, start, end) => {
    const window = calendarWindow('day', zone, Date.parse(at));
    expect([window.startMs, window.endMs].map(isoOf)).toEqual([start, end].map((text) => isoOf(Date.parse(text))));
  });

  it('is what a search minute by minute finds', () => {
    const zones =
      'Europe/Berlin America/New_York Australia/Lord_Howe Africa/Cairo America/Havana America/St_Johns Asia/Beirut America/Sao_Paulo Africa/Casablanca Asia/Tehran Pacific/Apia'.split(
        ' ',
      );
    const changes = zones.flatMap((zone) => changesOf(zone).map((atMs) => ({ zone, atMs })));
    expect(changes.length).toBeGreaterThan(200);
    fc.assert(
      fc.property(fc.constantFrom(...changes), fc.integer({ min: -40, max: 40 }), ({ zone, atMs }, hours) => {
        const nowMs = atMs + hours * HOUR_MS + 17;
        expect(calendarWindow('day', zone, nowMs)).toEqual(searchDay(zone, nowMs));
      }),
      { numRuns: 80 },
    );
  });

  it('follows on the one before, whatever the clock does', () => {
    for (const zone of ['Europe/Berlin', 'Africa/Cairo', 'America/St_Johns', 'Pacific/Apia', 'America/Sao_Paulo']) {
      let window = calendarWindow('day', zone, Date.parse('2010-01-01T12:00:00Z'));
      for (let day = 0; day < 1_200; day += 1) {
        const next = calendarWindow('day', zone, window.endMs);
        expect(next.startMs).toBe(window.endMs);
        expect(next.endMs).toBeGreaterThan(next.startMs);
        window = next;
      }
    }
  });
});

describe('calendar month', () => {
  it.each([
    ['UTC', '2026-02-28T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    ['UTC', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
    ['Europe/Berlin', '2025-03-31T22:30:00Z', '2025-03-31T22:00:00Z', '2025-04-30T22:00:00Z'],
    ['Europe/Berlin', '2025-12-31T22:30:00Z', '2025-11-30T23:00:00Z', '2025-12-31T23:00:00Z'],
    ['Europe/Berlin', '2025-12-31T23:30:00Z', '2025-12-31T23:00:00Z', '2026-01-31T23:00:00Z'],
    ['America/Los_Angeles', '2025-11-01T06:59:59Z', '2025-10-01T07:00:00Z', '2025-11-01T07:00:00Z'],
  ])('of %s at %s is %s to %s', (zone, at, start, end) => {
    const window = calendarWindow('month', zone, Date.parse(at));
    expect([window.startMs, window.endMs].map(isoOf)).toEqual([start, end].map((text) => isoOf(Date.parse(text))));
  });

  it('is made of whole days', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 * 365 * 24 }), (hours) => {
        const month = calendarWindow('month', 'Europe/Berlin', hours * HOUR_MS);
        expect(calendarWindow('day', 'Europe/Berlin', month.startMs).startMs).toBe(month.startMs);
        expect(calendarWindow('day', 'Europe/Berlin', month.endMs).startMs).toBe(month.endMs);
        const days = Math.round((month.endMs - month.startMs) / (24 * HOUR_MS));
        expect(days >= 28 && days <= 31).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a zone that the runtime does not know', () => {
  it('counts in UTC', () => {
    expect(calendarWindow('day', 'Atlantis/Capital', 5 * HOUR_MS)).toEqual({ startMs: 0, endMs: 24 * HOUR_MS });
  });
});

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

const formats = new Map<string, Intl.DateTimeFormat>();

function dateOf(zone: string, atMs: number): string {
  let format = formats.get(zone);
  format ??= new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' });
  formats.set(zone, format);
  return format.format(atMs);
}

/** Begins at the first minute that shows the latest date shown so far, ends at the first that shows a later one. */
function searchDay(zone: string, nowMs: number): { startMs: number; endMs: number } {
  const minute = nowMs - (nowMs % MINUTE_MS);
  let startMs = minute - 60 * HOUR_MS;
  let date = dateOf(zone, startMs);
  let atMs = startMs;
  for (; atMs <= minute; atMs += MINUTE_MS) {
    const shown = dateOf(zone, atMs);
    if (shown <= date) continue;
    date = shown;
    startMs = atMs;
  }
  while (dateOf(zone, atMs) <= date) atMs += MINUTE_MS;
  return { startMs, endMs: atMs };
}

/** When the clock of a zone was changed from 2005 to 2025, to the hour. */
function changesOf(zone: string): number[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const offset = (atMs: number): string => format.formatToParts(atMs).at(-1)?.value ?? '';
  const changes: number[] = [];
  const stepMs = 12 * HOUR_MS;
  for (let atMs = Date.UTC(2005, 0, 1); atMs < Date.UTC(2025, 0, 1); atMs += stepMs) {
    if (offset(atMs) !== offset(atMs + stepMs)) changes.push(atMs);
  }
  return changes;
}
