/**
 * A short, synchronous, non-cryptographic hash for names inside a program (table ids, binding names).
 *
 * Not for integrity and not against an adversary: whoever uses it must detect a collision and resolve
 * it. Content hashes of stored values are SHA-256, see encode.ts.
 */

const FNV_PRIME = 0x01000193;

/** 16 hexadecimal digits: two 32-bit FNV-1a streams over the UTF-16 units, from different offsets, mixed at the end. */
export function stableHash(text: string): string {
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    first = Math.imul(first ^ unit, FNV_PRIME);
    second = Math.imul(second ^ ((unit << 5) | (unit >>> 11)), 0x85ebca6b);
  }
  return hex(mix(first ^ (second >>> 7))) + hex(mix(second ^ Math.imul(first, FNV_PRIME)));
}

/** Final avalanche of MurmurHash3: every input bit reaches every output bit. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
