/**
 * IP literals as numbers, read without allocating, because addresses are looked at for every request; and
 * one spelling for each address, so that keys and comparisons agree.
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
    const quad = parseIpv4(text);
    if (quad < 0) return 0;
    words[0] = quad;
    return 4;
  }
  if (!parseIpv6(text, words)) return 0;
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return 6;
  words[0] = words[3] ?? 0;
  return 4;
}

/** Four decimal bytes without leading zeros; -1: anything else, the shorthand and octal forms of inet_aton included. */
export function parseIpv4(text: string): number {
  return parseQuad(text, 0);
}

/** An address without brackets and zone; one that is IPv4-mapped stays as it is. */
export function parseIpv6(text: string, words: AddressWords): boolean {
  if (!parseGroups(text)) return false;
  for (let word = 0; word < 4; word += 1) words[word] = group(word * 2) * 65_536 + group(word * 2 + 1);
  return true;
}

export function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
export function formatIpv6(words: AddressWords): string {
  let gap = -1;
  let gapLength = 1;
  for (let start = 0; start < 8; start += 1) {
    let end = start;
    while (end < 8 && groupOf(words, end) === 0) end += 1;
    if (end - start > gapLength) {
      gap = start;
      gapLength = end - start;
    }
    if (end > start) start = end;
  }
  let text = gap === 0 ? ':' : '';
  for (let index = 0; index < 8; index += 1) {
    if (index === gap) {
      text += ':';
      index += gapLength - 1;
    } else {
      text += groupOf(words, index).toString(16);
      if (index < 7) text += ':';
    }
  }
  return text;
}

/** 16 bits of IPv6, 0 the most significant of 8. */
export function groupOf(words: AddressWords, index: number): number {
  const word = words[index >>> 1] ?? 0;
  return index % 2 === 0 ? word >>> 16 : word & 0xffff;
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
