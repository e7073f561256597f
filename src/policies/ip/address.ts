/**
 * IP literals as numbers, read without allocating: a list of ranges is asked for every request.
 *
 * IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) is IPv4: a dual-stack listener reports the same client either
 * way. No other form of IPv6 that carries an IPv4 address is, because none of them names the peer.
 */

/** Four words of 32 bits, most significant first; IPv4 uses the first one only. */
export type AddressWords = Uint32Array;

const COLON = 58;
const DOT = 46;
/** Scratch of one call: parsing is synchronous. */
const groups = new Uint16Array(8);

/** Writes the address into `words` and says its family; 0: no IP literal (zones, octal and short forms included). */
export function parseAddress(text: string, words: AddressWords): 0 | 4 | 6 {
  if (!text.includes(':')) {
    const quad = parseQuad(text, 0);
    if (quad < 0) return 0;
    words[0] = quad;
    return 4;
  }
  if (!parseGroups(text)) return 0;
  for (let word = 0; word < 4; word += 1) words[word] = group(word * 2) * 65_536 + group(word * 2 + 1);
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return 6;
  words[0] = words[3] ?? 0;
  return 4;
}

function group(index: number): number {
  return groups[index] ?? 0;
}

/** Four decimal bytes without leading zeros, from `start` to the end; -1: anything else. */
function parseQuad(text: string, start: number): number {
  let value = 0;
  let at = start;
  for (let part = 0; part < 4; part += 1) {
    if (part > 0 && text.charCodeAt(at++) !== DOT) return -1;
    const first = at;
    let byte = 0;
    for (let digit = decimal(text, at); digit >= 0; digit = decimal(text, at)) {
      // A leading zero would be octal to some readers.
      if (at > first && byte === 0) return -1;
      byte = byte * 10 + digit;
      if (byte > 255) return -1;
      at += 1;
    }
    if (at === first) return -1;
    value = value * 256 + byte;
  }
  return at === text.length ? value : -1;
}

/** Fills `groups` (RFC 4291 §2.2). */
function parseGroups(text: string): boolean {
  const end = text.length;
  let count = 0;
  /** Groups before `::`; -1: none so far. */
  let gap = -1;
  let at = 0;
  if (text.startsWith('::')) {
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (count === 8) return false;
    const start = at;
    let value = 0;
    for (let digit = hexadecimal(text, at); digit >= 0; digit = hexadecimal(text, at)) {
      value = value * 16 + digit;
      at += 1;
    }
    if (text.charCodeAt(at) === DOT) {
      const quad = parseQuad(text, start);
      if (quad < 0 || count > 6) return false;
      groups[count++] = quad >>> 16;
      groups[count++] = quad & 0xffff;
      break;
    }
    if (at === start || at - start > 4) return false;
    groups[count++] = value;
    if (at === end) break;
    if (text.charCodeAt(at++) !== COLON || at === end) return false;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gap >= 0) return false;
    gap = count;
    at += 1;
  }
  if (gap < 0) return count === 8;
  // "::" stands for at least one group.
  if (count > 7) return false;
  const tail = count - gap;
  groups.copyWithin(8 - tail, gap, count);
  groups.fill(0, gap, 8 - tail);
  return true;
}

function decimal(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

function hexadecimal(text: string, at: number): number {
  const digit = decimal(text, at);
  if (digit >= 0) return digit;
  // Lower case of an ASCII letter; what becomes one of a–f by it is a–f or A–F.
  const letter = (text.charCodeAt(at) | 32) - 97;
  return letter >= 0 && letter <= 5 ? letter + 10 : -1;
}
