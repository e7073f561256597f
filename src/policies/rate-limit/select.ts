/** Which counters a request uses: shared by the handler and by `explain`. */
import type { RateLimitCheck, RequestFacts } from '../contract.ts';
import type { CompiledLimit, CompiledRateLimit } from './compiled.ts';
import { matchesGlob } from '../glob.ts';

export function selectLimits(config: CompiledRateLimit, path: string): readonly CompiledLimit[] {
  return config.limits.filter(({ pattern }) => pattern === undefined || matchesGlob(pattern, path));
}

export function toCheck(limit: CompiledLimit, facts: Pick<RequestFacts, 'clientIp'>): RateLimitCheck {
  const { rate, periodMs, burst } = limit;
  return { key: limit.keyPrefix + facts.clientIp, rate, periodMs, burst };
}
