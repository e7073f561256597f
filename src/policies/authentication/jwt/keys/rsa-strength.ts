/**
 * RSA public keys that verify nothing: too short, an exponent that anyone can invert, or a modulus of
 * the ROCA family (CVE-2017-15361), which can be factored. Importing a key checks none of the latter.
 */

const MIN_BITS = 2_048;
/** What a verification costs grows with the square of the length, and the provider chooses the length. */
const MAX_BITS = 8_192;
/** Longest public exponent that common implementations take. */
const MAX_EXPONENT_BYTES = 4;

export type RsaDefect = 'rsa-too-short' | 'rsa-too-long' | 'rsa-even-modulus' | 'rsa-exponent' | 'rsa-roca';

/** @param modulus big-endian, without leading zeros, as is `exponent` */
export function rsaDefect(modulus: Uint8Array, exponent: Uint8Array): RsaDefect | null {
  const bits = bitLength(modulus);
  if (bits < MIN_BITS) return 'rsa-too-short';
  if (bits > MAX_BITS) return 'rsa-too-long';
  if (isEven(modulus)) return 'rsa-even-modulus';
  if (exponent.length === 0 || exponent.length > MAX_EXPONENT_BYTES) return 'rsa-exponent';
  if (isEven(exponent) || (exponent.length === 1 && exponent[0] === 1)) return 'rsa-exponent';
  return isRoca(modulus) ? 'rsa-roca' : null;
}

function bitLength(bytes: Uint8Array): number {
  const [first = 0] = bytes;
  return first === 0 ? 0 : bytes.length * 8 - Math.clz32(first) + 24;
}

function isEven(bytes: Uint8Array): boolean {
  return ((bytes.at(-1) ?? 0) & 1) === 0;
}

/**
 * Primes of the affected library are `k·M + 65537^a mod M` with M a product of small primes, so their
 * product is a power of 65537 modulo each of these. Where every residue is a power (generators), a
 * prime says nothing and is left out. A random modulus passes all with a probability below 2^-70.
 */
const FINGERPRINT: readonly (readonly [prime: number, powers: ReadonlySet<number>])[] = smallPrimes(3, 353)
  .map((prime) => [prime, powersOf(65_537, prime)] as const)
  .filter(([prime, powers]) => powers.size < prime - 1);

function isRoca(modulus: Uint8Array): boolean {
  return FINGERPRINT.every(([prime, powers]) => powers.has(remainder(modulus, prime)));
}

function remainder(bytes: Uint8Array, divisor: number): number {
  let rest = 0;
  for (const byte of bytes) rest = (rest * 256 + byte) % divisor;
  return rest;
}

function powersOf(base: number, prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * base) % prime) powers.add(power);
  return powers;
}

function smallPrimes(from: number, to: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate <= to; candidate += 1) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes.filter((prime) => prime >= from);
}
