import { describe, expect, it } from 'vitest';
import { describeLimit, describePeriod } from '../../src/limits/describe-limit.ts';

describe('describeLimit', () => {
  it('says each algorithm in words', () => {
    expect(describeLimit({ algorithm: 'token-bucket', rate: 50, periodMs: 3_600_000, burst: 50 })).toBe(
      '50 per hour, burst 50',
    );
    expect(describeLimit({ algorithm: 'fixed-window', rate: 100, periodMs: 60_000 })).toBe(
      'fixed window: 100 per minute',
    );
    expect(describeLimit({ algorithm: 'sliding-window', rate: 10_000, periodMs: 1_000 })).toBe(
      'sliding window: 10,000 per second',
    );
    expect(describeLimit({ algorithm: 'calendar', rate: 1_000, per: 'month', zone: 'Europe/Berlin' })).toBe(
      '1,000 per month (Europe/Berlin)',
    );
    expect(describeLimit({ algorithm: 'concurrency', rate: 3 })).toBe('3 at a time');
  });

  it('says periods exactly, in the largest unit that can', () => {
    const said = [86_400_000, 2_592_000_000, 90_000, 120_000, 1_000, 1_500, 250].map(describePeriod);
    expect(said).toEqual(['day', '30 days', '90 seconds', '2 minutes', 'second', '1,500 ms', '250 ms']);
  });
});
