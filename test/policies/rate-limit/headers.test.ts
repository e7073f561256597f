import { describe, expect, it } from 'vitest';
import type { Limit } from '../../../src/limits/limit.ts';
import type { Verdict } from '../../../src/limits/limiter.ts';
import type { HeaderStyle } from '../../../src/policies/rate-limit/compiled.ts';
import { rateLimitEarlyHandler } from '../../../src/policies/rate-limit/early-handler.ts';
import { answering, factsOf, runChain, runtimeOf } from '../chain.ts';
import { brokenLimiter, fixedLimiter } from '../memory-limiter.ts';
import { aLimit, bucket, PLACES, policyOf, toJson } from './limits.ts';

const NAMES = ['ratelimit', 'ratelimit-policy', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'];

/** The headers of an answer for which the limiter said these, one per limit. */
async function told(style: HeaderStyle | undefined, limits: readonly Limit[], verdicts: readonly Verdict[]) {
  const rateLimiter = { ...brokenLimiter(''), take: () => ({ verdicts, endSlots: null }) };
  const config = { limits: limits.map((limit, at) => aLimit(`l${at}`, limit)), ...(style && { headers: style }) };
  const { headers } = await policyOf(config, { rateLimiter })({ upstream: answering({ ratelimit: 'theirs' }) });
  return Object.fromEntries(NAMES.flatMap((name) => (headers.has(name) ? [[name, headers.get(name)]] : [])));
}

const left = (remaining: number, resetMs: number, allowed = true): Verdict => ({
  allowed,
  remaining,
  resetMs,
  retryAfterMs: allowed ? 0 : 1_000,
});

describe('draft', () => {
  it.each<[Limit, string]>([
    [bucket(100, 3_600_000, 7), 'q=100;w=3600'],
    [{ algorithm: 'fixed-window', rate: 5, periodMs: 1_000 }, 'q=5;w=1'],
    [{ algorithm: 'sliding-window', rate: 5, periodMs: 86_400_000 }, 'q=5;w=86400'],
    [{ algorithm: 'calendar', rate: 5, per: 'day', zone: 'UTC' }, 'q=5;w=86400'],
    [{ algorithm: 'calendar', rate: 5, per: 'month', zone: 'UTC' }, 'q=5'],
    [PLACES, 'q=2;qu="concurrent-requests"'],
  ])('%j', async (limit, policy) => {
    expect(await told(undefined, [limit], [left(3, 1_001)])).toEqual({
      ratelimit: 'theirs, "l0";r=3;t=2',
      'ratelimit-policy': `"l0";${policy}`,
    });
  });

  it('says nothing of what could not be asked', async () => {
    const verdicts: readonly Verdict[] = [{ undecided: 'open', why: 'late' }, left(1, 0)];
    expect(await told('draft', [bucket(2), bucket(3)], verdicts)).toEqual({
      ratelimit: 'theirs, "l1";r=1;t=0',
      'ratelimit-policy': '"l1";q=3;w=60',
    });
  });
});

describe('of one limit', () => {
  const limits = [bucket(100), bucket(10, 1_000, 20), PLACES];

  it('the one with the smallest share left, in place of an upstream’s', async () => {
    const verdicts = [left(50, 30_000), left(4, 1_600), left(1, 0)];
    expect(await told('draft-7', limits, verdicts)).toEqual({
      ratelimit: 'limit=20, remaining=4, reset=2',
      'ratelimit-policy': '10;w=1',
    });
    expect(await told('x-ratelimit', limits, verdicts)).toEqual({
      ratelimit: 'theirs',
      'x-ratelimit-limit': '20',
      'x-ratelimit-remaining': '4',
      'x-ratelimit-reset': '2',
    });
  });

  it('of equals what refused, then what takes longer', async () => {
    expect(await told('draft-7', limits, [left(0, 60_000), left(0, 900, false), left(1, 0)])).toMatchObject({
      'ratelimit-policy': '10;w=1',
    });
    expect(await told('draft-7', limits, [left(0, 60_000), left(0, 900), left(1, 0)])).toMatchObject({
      ratelimit: 'limit=100, remaining=0, reset=60',
    });
  });

  it('has no window where there is none', async () => {
    expect(await told('draft-7', [PLACES], [left(1, 0)])).toEqual({
      ratelimit: 'limit=2, remaining=1, reset=0',
      'ratelimit-policy': '2',
    });
  });

  it('compares what was counted before authentication with what was counted after it', async () => {
    const rateLimiter = fixedLimiter(left(1, 1_000));
    const early = toJson({ limits: [aLimit('early', bucket(10))], headers: 'x-ratelimit' });
    const late = toJson({ limits: [aLimit('late', bucket(2))], headers: 'x-ratelimit' });
    const policies = [
      { name: 'rate-limit-early', config: early, handler: rateLimitEarlyHandler },
      { name: 'rate-limit', config: late },
    ];
    const { headers } = await runChain({ policies, runtime: runtimeOf({ rateLimiter }) }, factsOf());
    expect(headers.get('x-ratelimit-limit')).toBe('10');
  });
});

it('none is none, but for Retry-After', async () => {
  const config = { limits: [aLimit('a', bucket(1))], headers: 'none' as const };
  const answer = await policyOf(config, { rateLimiter: fixedLimiter(left(0, 1_000, false)) })();
  expect(answer.status).toBe(429);
  expect(NAMES.filter((name) => answer.headers.has(name))).toEqual([]);
  expect(answer.headers.get('retry-after')).toMatch(/^[12]$/);
});
