/** Addresses of clients and proxies, one text for each. */
import { formatIpv4, formatIpv6, parseAddress, parseIpv4 } from '../model/ip-address.ts';

/** Scratch of one call. */
const words = new Uint32Array(4);

/**
 * One text per address, or null when `text` is not an IP literal. IPv4-mapped IPv6 addresses become
 * IPv4: a dual-stack listener reports the same client either way.
 */
export function canonicalIp(text: string): string | null {
  // The most frequent form has one spelling.
  if (parseIpv4(text) >= 0) return text;
  const family = parseAddress(text, words);
  if (family === 0) return null;
  return family === 4 ? formatIpv4(words[0] ?? 0) : formatIpv6(words);
}

/** As `canonicalIp`, of `ip`, `ip:port`, `[ip6]` or `[ip6]:port`, as addresses appear in forwarding headers. */
export function canonicalPeer(text: string): string | null {
  const trimmed = text.trim();
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(trimmed);
  if (bracketed !== null) return bracketed[1]?.includes(':') === true ? canonicalIp(bracketed[1]) : null;
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(trimmed);
  return canonicalIp(withPort?.[1] ?? trimmed);
}
