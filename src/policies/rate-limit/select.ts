/** Which counters a request uses: shared by the handler and by `explain`. */
import { counterKey } from '../../limits/calls.ts';
import type { Limit, TokenBucket } from '../../limits/limit.ts';
import type { RateLimitCheck, RequestFacts } from '../contract.ts';
import type { CompiledLimit, CompiledRateLimit } from './compiled.ts';
import { matchesGlob } from '../glob.ts';

export function selectLimits(config: CompiledRateLimit, path: string): readonly CompiledLimit[] {
  return config.limits.filter(({ pattern }) => pattern === undefined || matchesGlob(pattern, path));
}

export function toCheck(limit: CompiledLimit, facts: Pick<RequestFacts, 'clientIp'>): RateLimitCheck {
  const { rate, periodMs, burst } = bucketOf(limit.limit);
  return { key: counterKey(limit.counter, facts.clientIp), rate, periodMs, burst };
}

export function bucketOf(limit: Limit): TokenBucket {
  if (limit.algorithm === 'token-bucket') return limit;
  throw new Error(`This version cannot count by ${limit.algorithm}.`);
}
