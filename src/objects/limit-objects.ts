/**
 * Which object a counter lives in.
 *
 * Not an object per key: on workerd that is a SQLite file per key, and a million addresses would be a
 * million files. Keys are spread over a fixed number of objects by the hash of their subject, so that
 * all counters of one client live together and are decided in one call.
 *
 * How many: one object is one thread at a time and carries about 1,000 calls a second on Cloudflare,
 * where several requests of an isolate share a call. On workerd all objects share one thread anyway;
 * more of them only mean more transactions, and `serve` has one. docs/policies/rate-limit.md has the figures.
 */
import { subjectOf } from '../limits/calls.ts';

export const DEFAULT_OBJECTS = 16;
const MOST_OBJECTS = 4_096;

/** `RATE_LIMIT_OBJECTS` of the environment. Throws when it is no number from 1 to 4,096: two processes that differ would count apart. */
export function objectCount(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_OBJECTS;
  const count = Number(text);
  if (/^\d{1,4}$/.test(text) && count >= 1 && count <= MOST_OBJECTS) return count;
  throw new Error(`RATE_LIMIT_OBJECTS is "${text}"; it takes a whole number from 1 to ${MOST_OBJECTS}.`);
}

/** The count is part of the name: with another one all counters begin anew, instead of some being counted in two places. */
export function objectName(key: string, count: number): string {
  return `limits-${count}-${hash(subjectOf(key)) % count}`;
}

/** FNV-1a over UTF-16 units, with a final mix, because the low bits alone decide. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
