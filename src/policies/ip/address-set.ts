/** A set of ranges that is asked for every request: two sorted tables of words, searched by halves, nothing allocated. */
import { parseAddress, type AddressWords } from '../../model/ip-address.ts';
import { minimalCidrs, parseCidr } from './cidr.ts';

/** `unreadable`: the text is no address, so nothing can be said about it. */
export type Membership = 'inside' | 'outside' | 'unreadable';

export interface AddressSet {
  find(address: string): Membership;
}

/** Scratch of one call. */
const words = new Uint32Array(4);

/** Throws for what is no range: programs hold checked ones only. */
export function createAddressSet(ranges: readonly string[]): AddressSet {
  const cidrs = minimalCidrs(
    ranges.map((range) => {
      const cidr = parseCidr(range);
      if (cidr === null) throw new Error(`\`${range}\` is no range of addresses.`);
      return cidr;
    }),
  );
  const four = cidrs.filter(({ family }) => family === 4);
  const six = cidrs.filter(({ family }) => family === 6);
  const starts4 = Uint32Array.from(four, ({ start }) => start[0] ?? 0);
  const ends4 = Uint32Array.from(four, ({ end }) => end[0] ?? 0);
  const starts6 = joinWords(six.map(({ start }) => start));
  const ends6 = joinWords(six.map(({ end }) => end));
  return {
    find: (address) => {
      const family = parseAddress(address, words);
      if (family === 0) return 'unreadable';
      return holds(family === 4 ? starts4 : starts6, family === 4 ? ends4 : ends6, family === 4 ? 1 : 4)
        ? 'inside'
        : 'outside';
    },
  };
}

function joinWords(addresses: readonly AddressWords[]): Uint32Array {
  const joined = new Uint32Array(addresses.length * 4);
  for (const [index, address] of addresses.entries()) joined.set(address, index * 4);
  return joined;
}

/** Whether the address in `words` is in the last range that begins at or before it. `size`: words per address. */
function holds(starts: Uint32Array, ends: Uint32Array, size: 1 | 4): boolean {
  let low = 0;
  let high = starts.length / size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAt(starts, middle * size, size) <= 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && compareAt(ends, (low - 1) * size, size) >= 0;
}

/** Sign of the table's address at `at` minus the one asked for. */
function compareAt(table: Uint32Array, at: number, size: 1 | 4): number {
  for (let word = 0; word < size; word += 1) {
    const difference = (table[at + word] ?? 0) - (words[word] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
