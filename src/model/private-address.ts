/**
 * Addresses that lead nowhere, or somewhere else, from Cloudflare's network: private, loopback,
 * link-local, shared and reserved ranges.
 *
 * Takes the host of a parsed URL, so that every spelling of an IPv4 address (`0x7f.1`, `127.1`) has
 * become four decimal parts. Names are not looked up: a name may still resolve to such an address.
 */

/** First and last address of each range, RFC 6890 and successors. */
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

/** `hostname` as `URL.hostname` gives it: lower case, IPv6 in brackets. */
export function isPrivateHost(hostname: string): boolean {
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (name.startsWith('[')) return isPrivateIpv6(name.slice(1, -1));
  const address = parseIpv4(name);
  return address !== null && isPrivateIpv4(address);
}

function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((address, part) => address * 256 + Number(part), 0);
}

function isPrivateIpv4(address: number): boolean {
  return PRIVATE_IPV4.some(([network, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) === Math.floor((parseIpv4(network) ?? 0) / size);
  });
}

function isPrivateIpv6(text: string): boolean {
  const groups = expandIpv6(text);
  const [first = 0] = groups;
  // fc00::/7 unique local, fe80::/10 link-local and the old fec0::/10, ff00::/8 multicast.
  if ((first & 0xfe00) === 0xfc00 || (first & 0xff80) === 0xfe80 || first >= 0xff00) return true;
  const embedded = (groups[6] ?? 0) * 0x10000 + (groups[7] ?? 0);
  const leading = groups.slice(0, 6);
  // ::/96 (unspecified, loopback, IPv4-compatible) and ::ffff:0:0/96 (IPv4-mapped).
  if (leading.slice(0, 5).every((group) => group === 0) && (leading[5] === 0 || leading[5] === 0xffff)) {
    return leading[5] === 0 || isPrivateIpv4(embedded);
  }
  // 64:ff9b::/96 translates to IPv4, 2002::/16 (6to4) carries it.
  if (first === 0x64 && leading[1] === 0xff9b) return isPrivateIpv4(embedded);
  return first === 0x2002 && isPrivateIpv4((groups[1] ?? 0) * 0x10000 + (groups[2] ?? 0));
}

/** The URL parser writes IPv6 in groups of hexadecimal digits only, with at most one `::`. */
function expandIpv6(text: string): readonly number[] {
  const [head = '', tail] = text.split('::');
  const left = parseGroups(head);
  if (tail === undefined) return left;
  const right = parseGroups(tail);
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}

function parseGroups(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
