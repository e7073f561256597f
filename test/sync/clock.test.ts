import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/sync/clock.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('the system clock tells the time, and does not go back when the machine is set back', () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(60_000);
  const before = systemClock.nowMs();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
  expect(systemClock.nowMs()).toBeGreaterThanOrEqual(before);
  expect(systemClock.nowMs() - before).toBeLessThan(60_000);
});

it('a sleep ends early, without an error, when aborted', async () => {
  const stop = new AbortController();
  const sleeping = systemClock.sleep(3_600_000, stop.signal);
  stop.abort();
  await sleeping;
  await systemClock.sleep(3_600_000, stop.signal);
});
