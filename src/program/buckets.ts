/** How things are spread over values of about equal size, so that a change touches few of them. */
import { stableHash } from './stable-hash.ts';

/** Size that a shard or a bucket of sources aims at, in characters: one KV read, cheap to rewrite. */
export const VALUE_TARGET = 262_144;

/**
 * How many buckets of about `target` hold `size`. A power of two, so that growth splits buckets in
 * two and moves nothing between the others, and so that it changes rarely.
 */
export function bucketCount(size: number, target: number): number {
  let count = 1;
  while (count * target < size) count *= 2;
  return count;
}

/** `count` is a power of two. */
export function bucketOf(name: string, count: number): number {
  return count === 1 ? 0 : bucketHash(name) % count;
}

/** 32 bits of the stable hash. */
export function bucketHash(name: string): number {
  return Number.parseInt(stableHash(name).slice(0, 8), 16);
}
