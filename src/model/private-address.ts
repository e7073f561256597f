/**
 * Addresses that lead nowhere, or somewhere else, from Cloudflare's network: private, loopback,
 * link-local, shared and reserved ranges.
 *
 * Takes the host of a parsed URL, so that every spelling of an IPv4 address (`0x7f.1`, `127.1`) has
 * become four decimal parts. Names are not looked up: a name may still resolve to such an address.
 */
import { parseIpv4, parseIpv6, type AddressWords } from './ip-address.ts';

/** First address and length of each range, RFC 6890 and successors. */
const PRIVATE_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
];

/** Scratch of one call. */
const words = new Uint32Array(4);

/** `hostname` as `URL.hostname` gives it: lower case, IPv6 in brackets. */
export function isPrivateHost(hostname: string): boolean {
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (name.startsWith('[')) return parseIpv6(name.slice(1, -1), words) && isPrivateIpv6(words);
  const address = parseIpv4(name);
  return address >= 0 && isPrivateIpv4(address);
}

function isPrivateIpv4(address: number): boolean {
  return PRIVATE_IPV4.some(([network, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) === Math.floor(parseIpv4(network) / size);
  });
}

function isPrivateIpv6([a = 0, b = 0, c = 0, d = 0]: AddressWords): boolean {
  const first = a >>> 16;
  // fc00::/7 unique local, fe80::/10 link-local and the old fec0::/10, ff00::/8 multicast.
  if ((first & 0xfe00) === 0xfc00 || (first & 0xff80) === 0xfe80 || first >= 0xff00) return true;
  // ::/96 (unspecified, loopback, IPv4-compatible) and ::ffff:0:0/96 (IPv4-mapped).
  if (a === 0 && b === 0 && (c === 0 || c === 0xffff)) return c === 0 || isPrivateIpv4(d);
  // 64:ff9b::/96 translates to IPv4, 2002::/16 (6to4) carries it.
  if (a === 0x64_ff9b) return isPrivateIpv4(d);
  return first === 0x2002 && isPrivateIpv4((a & 0xffff) * 0x10000 + (b >>> 16));
}
