/** Upstream id → name of the service binding that reaches it. */
import { stableHash } from './stable-hash.ts';

const LONGEST_READABLE = 40;

/**
 * Only A–Z, 0–9 and `_`, at most 64 characters. The readable part is lossy, so the hash of the whole
 * id follows: two upstreams never share a binding, and a program of any version names the same one.
 */
export function bindingName(upstreamId: string): string {
  const readable = upstreamId
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, LONGEST_READABLE);
  return `UP_${readable}_${stableHash(upstreamId).toUpperCase()}`;
}
