/** One limit of a RateLimit → authored options of the policy `rate-limit`, but for key and conditions. */
import type { Report } from '../../diagnostics/finding.ts';
import type { RateLimitCondition, RateLimitKeyPart, RateLimitOption } from '../../policies/rate-limit/options.ts';
import { MAX_RATE, type LimitCount, type LimitSpec } from './rate-limit-shape.ts';
import { usableTimeoutMs, type ActiveService } from './rate-limit-services.ts';
import { reportAt } from './report-at.ts';
import type { RateLimitResource } from './types.ts';

/** What the policy takes, as JSON: nothing is there that says nothing. */
type Written<T> = T extends object ? { readonly [Name in keyof T]: Written<Exclude<T[Name], undefined>> } : T;
export type WrittenLimit = Written<RateLimitOption>;
export type WrittenKeyPart = Written<RateLimitKeyPart>;
export type WrittenCondition = Written<RateLimitCondition>;

/** null: it cannot be read. Whatever Mapping meets it, the counter is the same. */
export function limitOption(
  resource: RateLimitResource,
  limit: LimitSpec,
  service: Pick<ActiveService, 'denies' | 'timeoutMs'>,
): WrittenLimit | null {
  const { count, logOnly } = limit;
  if (count === null) return null;
  const { injectRequestHeaders, injectResponseHeaders, errorResponse } = count;
  return {
    name: limitName(resource, limit),
    index: indexAmongNamesakes(resource, limit),
    scope: counterScope(resource),
    ...algorithm(count),
    ...(logOnly && { shadow: true }),
    ...(service.denies && { onFailure: 'closed' as const }),
    ...(service.timeoutMs !== null && { timeoutMs: usableTimeoutMs(service.timeoutMs) }),
    ...(injectRequestHeaders.length > 0 && { injectRequestHeaders }),
    ...(injectResponseHeaders.length > 0 && { injectResponseHeaders }),
    ...(errorResponse !== null && { errorResponse }),
  };
}

/** As Ambassador names one without a name. */
function limitName({ name, namespace }: RateLimitResource, { name: written, index }: LimitSpec): string {
  return written ?? `${name}.${namespace}-${index}`;
}

/** Names tell counters apart, so that a limit keeps its counters when another is put before it. */
function indexAmongNamesakes(resource: RateLimitResource, limit: LimitSpec): number {
  const name = limitName(resource, limit);
  return resource.spec.limits.filter((other) => other.index < limit.index && limitName(resource, other) === name)
    .length;
}

/** Owner of the counters. A version of one cluster alone counts apart. */
function counterScope({ namespace, name, spec, source }: RateLimitResource): string {
  const cluster = source.cluster === undefined ? '' : ` of ${source.cluster}`;
  return `RateLimit/${spec.domain}/${namespace}/${name}${cluster}`;
}

function algorithm({
  rate,
  unit,
  burstFactor,
}: LimitCount): Pick<WrittenLimit, 'algorithm' | 'rate' | 'unit' | 'burst'> {
  if (burstFactor === 0) return { algorithm: 'fixed-window', rate, unit };
  return { algorithm: 'token-bucket', rate, unit, burst: Math.min(rate * burstFactor, MAX_RATE) };
}

export function reportRollover(resource: RateLimitResource, { at, count }: LimitSpec, report: Report): void {
  if (count === null || count.burstFactor === 0) return;
  const { rate, burstFactor, unit } = count;
  const wanted = rate * burstFactor;
  const burst = Math.min(wanted, MAX_RATE);
  const cut = burst < wanted ? ` (the largest there is; ${wanted} was meant)` : '';
  reportAt(report, resource, {
    severity: burst < wanted ? 'warning' : 'info',
    code: 'rate-limit-rollover',
    message: `A bucket of ${burst}${cut} that fills by ${rate} per ${unit} stands for \`burstFactor\`. Ambassador lets what ${burstFactor} windows left unused roll over, and only with AES_RATELIMIT_PREVIEW.`,
    path: `${at}.burstFactor`,
    hint: null,
  });
}
