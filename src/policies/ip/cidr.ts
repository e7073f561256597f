/** Ranges of addresses as people write them: `10.0.0.0/8`, `2001:db8::/32`, one address. Build time, and once per loaded route. */
import { formatIpv4, formatIpv6, parseAddress, type AddressWords } from '../../model/ip-address.ts';

export type Cidr = {
  readonly family: 4 | 6;
  /** The first address. */
  readonly start: AddressWords;
  /** The last address. */
  readonly end: AddressWords;
  /** Of the family: 0 to 32, or 0 to 128. */
  readonly bits: number;
  /** The address written was not the first one of the range. */
  readonly hasHostBits: boolean;
};

/** null: no range. An IPv4-mapped range is an IPv4 range; `::/0` is all of IPv6 and nothing of IPv4. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const literal = slash < 0 ? text : text.slice(0, slash);
  const words = new Uint32Array(4);
  const family = parseAddress(literal, words);
  if (family === 0) return null;
  const isMapped = family === 4 && literal.includes(':');
  const width = family === 4 ? 32 : 128;
  let bits = width;
  if (slash >= 0) {
    const written = text.slice(slash + 1);
    if (!/^(?:0|[1-9]\d{0,2})$/.test(written)) return null;
    bits = Number(written) - (isMapped ? 96 : 0);
    if (bits < 0 || bits > width) return null;
  }
  const start = new Uint32Array(4);
  const end = new Uint32Array(4);
  for (let word = 0; word < width / 32; word += 1) {
    const kept = Math.min(32, Math.max(0, bits - word * 32));
    const mask = kept === 0 ? 0 : (-1 << (32 - kept)) >>> 0;
    const value = words[word] ?? 0;
    start[word] = (value & mask) >>> 0;
    end[word] = (value | ~mask) >>> 0;
  }
  const hasHostBits = start.some((word, index) => index < width / 32 && word !== words[index]);
  return { family, start, end, bits, hasHostBits };
}

/** One spelling per range, always with its length. */
export function formatCidr({ family, start, bits }: Cidr): string {
  return `${family === 4 ? formatIpv4(start[0] ?? 0) : formatIpv6(start)}/${bits}`;
}

/** In order of family and first address; of ranges that begin alike the larger first. */
export function compareCidrs(a: Cidr, b: Cidr): number {
  return a.family - b.family || compareWords(a.start, 0, b.start) || a.bits - b.bits;
}

/** Compares the four words of `a` from `at` on with those of `b`. */
export function compareWords(a: AddressWords, at: number, b: AddressWords): number {
  for (let word = 0; word < 4; word += 1) {
    const difference = (a[at + word] ?? 0) - (b[word] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Sorted, each once, without those that another one covers: ranges nest or are apart, never anything between. */
export function minimalCidrs(cidrs: readonly Cidr[]): readonly Cidr[] {
  const minimal: Cidr[] = [];
  for (const cidr of cidrs.toSorted(compareCidrs)) {
    const last = minimal.at(-1);
    if (last !== undefined && last.family === cidr.family && compareWords(last.end, 0, cidr.end) >= 0) continue;
    minimal.push(cidr);
  }
  return minimal;
}
