/**
 * `%.Nf` of a float64, exactly: half to even on the number that the double really is. JavaScript's
 * toFixed rounds ties up, and writes an exponent from 1e21 on.
 */
export function formatFixed(value: number, decimals: number): string {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xf_ffff_ffff_ffffn;
  // value = mantissa · 2^exponent
  const mantissa = biased === 0 ? fraction : fraction | 0x10_0000_0000_0000n;
  const exponent = Math.max(biased, 1) - 1_075;
  const scaled = mantissa * 10n ** BigInt(decimals);
  const digits = exponent >= 0 ? scaled << BigInt(exponent) : shiftHalfEven(scaled, BigInt(-exponent));
  const text = digits.toString().padStart(decimals + 1, '0');
  return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

function shiftHalfEven(value: bigint, bits: bigint): bigint {
  const quotient = value >> bits;
  const rest = value - (quotient << bits);
  const half = 1n << (bits - 1n);
  const roundsUp = rest > half || (rest === half && (quotient & 1n) === 1n);
  return roundsUp ? quotient + 1n : quotient;
}
