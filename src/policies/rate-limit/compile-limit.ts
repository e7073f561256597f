/** One authored limit → what the Worker gets, without the members that say what is said anyway. */
import { LEASABLE_FROM, LEASED_FROM } from '../../limits/calls.ts';
import { largestCost, type Limit } from '../../limits/limit.ts';
import { compileGlob } from '../glob.ts';
import { claimPath, keyParts, quota } from './authored-limit.ts';
import type { CompiledCost, CompiledKeyPart, CompiledLimit } from './compiled.ts';
import type { RateLimitCost, RateLimitKeyPart, RateLimitOption, RateLimitUnit } from './options.ts';
import { countedAddress } from './address-part.ts';

const PERIOD_MS: Readonly<Record<Exclude<RateLimitUnit, 'month'>, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** The IPv6 prefix that a client usually owns whole. */
const DEFAULT_IPV6_BITS = 64;

/** `counter` and `label`: the limit's identity, see identify-limits.ts. */
export function compileLimit(option: RateLimitOption, counter: string, label: string): CompiledLimit {
  const limit = limitOf(option);
  const { pattern = '*', missing, onFailure, shadow, timeoutMs, cost } = option;
  const glob = compileGlob(pattern);
  const everything = glob.length > 1 && glob.every((piece) => piece === '');
  const key = keyParts(option).map(compilePart);
  const conditions = (option.if ?? []).map(({ part, is }) => ({
    part: compilePart(part),
    ...(is !== undefined && { is: comparedValue(part, is) }),
  }));
  return {
    label,
    counter,
    limit,
    ...(!everything && { pattern: glob }),
    ...(conditions.length > 0 && { if: conditions }),
    ...(!isPlainAddress(key) && { key }),
    ...(missing !== undefined && missing !== 'address' && { missing }),
    ...(isLeased(option, limit) && { mode: 'leased' }),
    ...(shadow === true && { shadow }),
    ...(onFailure !== undefined && { onFailure }),
    ...(timeoutMs !== undefined && { budgetMs: timeoutMs }),
    ...(cost !== undefined && { cost: compileCost(cost, quota(option)) }),
  };
}

/** As requests have it: an address has many spellings. */
function comparedValue(part: RateLimitKeyPart, is: string): string {
  const compiled = compilePart(part);
  return compiled.from === 'address' ? countedAddress(is, compiled.ipv6Bits ?? DEFAULT_IPV6_BITS) : is;
}

export function limitOf({ algorithm = 'token-bucket', rate, unit = 'second', burst, zone }: RateLimitOption): Limit {
  if (algorithm === 'concurrency') return { algorithm, rate };
  if (algorithm === 'calendar')
    return { algorithm, rate, per: unit === 'month' ? 'month' : 'day', zone: zone ?? 'UTC' };
  if (unit === 'month') throw new Error('Only a calendar quota is per month; the options were not checked.');
  const periodMs = PERIOD_MS[unit];
  return algorithm === 'token-bucket'
    ? { algorithm, rate, periodMs, burst: burst ?? rate }
    : { algorithm, rate, periodMs };
}

/** What is handed out in batches. Below LEASABLE_FROM a batch would be a large share of the limit, whatever is written. */
export function isLeased({ mode }: Pick<RateLimitOption, 'mode'>, limit: Limit): boolean {
  if (limit.algorithm === 'concurrency' || mode === 'exact') return false;
  const size = Math.min(limit.rate, largestCost(limit));
  if (mode === 'leased') return size >= LEASABLE_FROM;
  return limit.algorithm !== 'calendar' && size >= LEASED_FROM;
}

function compilePart(part: RateLimitKeyPart): CompiledKeyPart {
  if (typeof part === 'string') return { from: part };
  if ('address' in part) {
    const { ipv6Bits } = part.address;
    return ipv6Bits === DEFAULT_IPV6_BITS ? { from: 'address' } : { from: 'address', ipv6Bits };
  }
  if ('claim' in part) return { from: 'claim', path: claimPath(part.claim) ?? [] };
  if ('header' in part) return { from: 'header', name: part.header.toLowerCase() };
  if ('cookie' in part) return { from: 'cookie', name: part.cookie };
  if ('query' in part) return { from: 'query', name: part.query };
  return { from: 'constant', value: part.constant };
}

function isPlainAddress(key: readonly CompiledKeyPart[]): boolean {
  const [part, ...others] = key;
  return others.length === 0 && part?.from === 'address' && part.ipv6Bits === undefined;
}

function compileCost({ header, responseHeader, maxCost, trustClient }: RateLimitCost, most: number): CompiledCost {
  return {
    ...(header !== undefined && { header: header.toLowerCase() }),
    ...(trustClient === true && { fromClient: true }),
    ...(responseHeader !== undefined && { responseHeader: responseHeader.toLowerCase() }),
    maxCost: maxCost ?? most,
  };
}
