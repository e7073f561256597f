/** Calendar quotas ask the runtime for the clocks of time zones: workerd's must know what Node's knows. */
import { describe, expect, it } from 'vitest';
import { calendarWindow } from '../../src/limits/algorithms/calendar-window.ts';

describe('calendar windows in workerd', () => {
  it.each([
    ['day', 'Europe/Berlin', '2025-03-30T12:00:00Z', '2025-03-29T23:00:00Z', '2025-03-30T22:00:00Z'],
    ['day', 'Europe/Berlin', '2025-10-26T12:00:00Z', '2025-10-25T22:00:00Z', '2025-10-26T23:00:00Z'],
    ['day', 'Africa/Cairo', '2024-04-26T12:00:00Z', '2024-04-25T22:00:00Z', '2024-04-26T21:00:00Z'],
    ['day', 'Asia/Kathmandu', '2026-01-01T00:00:00Z', '2025-12-31T18:15:00Z', '2026-01-01T18:15:00Z'],
    ['month', 'America/Los_Angeles', '2025-11-01T06:59:59Z', '2025-10-01T07:00:00Z', '2025-11-01T07:00:00Z'],
  ] as const)('%s of %s at %s', (per, zone, at, start, end) => {
    const window = calendarWindow(per, zone, Date.parse(at));
    expect(window).toEqual({ startMs: Date.parse(start), endMs: Date.parse(end) });
  });
});
