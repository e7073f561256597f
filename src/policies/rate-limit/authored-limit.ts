/** Questions about authored limits that several stages ask. */
import type { RateLimitKeyPart, RateLimitOption } from './options.ts';

export function keyParts({ key = 'address' }: Pick<RateLimitOption, 'key'>): readonly RateLimitKeyPart[] {
  return isList(key) ? key : [key];
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** null: no path of a claim. Dots divide its parts; `\\.` is a dot inside one, as names of claims that are URLs have. */
export function claimPath(text: string): readonly string[] | null {
  const parts = text.split(/(?<!\\)\./).map((part) => part.replaceAll('\\.', '.'));
  return parts.includes('') ? null : parts;
}

/** The most that may come at once. */
export function quota({ rate, burst = rate }: Pick<RateLimitOption, 'rate' | 'burst'>): number {
  return burst;
}

/** Runs before authentication. */
export function isEarly({ when }: Pick<RateLimitOption, 'when'>): boolean {
  return when === 'before-auth';
}

/**
 * Whether options, checked or not, have anything for `rate-limit-early`. Where it cannot be read they
 * count as having it: that policy then refuses with the other.
 */
export function hasEarlyPart(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false;
  const { failures, fence, limits }: { failures?: unknown; fence?: unknown; limits?: unknown } = options;
  if (failures !== undefined || fence !== undefined) return true;
  return Array.isArray(limits) && limits.some((limit: unknown) => isRecord(limit) && limit['when'] === 'before-auth');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
