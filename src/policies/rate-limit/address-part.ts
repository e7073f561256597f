/** How much of a client address counts: one household or server has a whole IPv6 network, and walks through it at will. */
import { formatIpv4, groupOf, parseAddress } from '../../model/ip-address.ts';

export const DEFAULT_IPV6_BITS = 64;

const words = new Uint32Array(4);

/**
 * The address of IPv4 (also when mapped into IPv6, RFC 4291 §2.5.5.2), the network of IPv6 with its
 * length; what is no address stands for itself. Equal for every spelling of one address.
 */
export function countedAddress(text: string, ipv6Bits: number): string {
  const family = parseAddress(text, words);
  if (family === 0) return text;
  if (family === 4) return formatIpv4(words[0] ?? 0);
  const groups: string[] = [];
  for (let index = 0; index * 16 < ipv6Bits; index += 1) {
    const unused = Math.max(0, (index + 1) * 16 - ipv6Bits);
    groups.push(((groupOf(words, index) >>> unused) << unused).toString(16));
  }
  while (groups.at(-1) === '0') groups.pop();
  return `${groups.join(':')}${groups.length < 8 ? '::' : ''}/${ipv6Bits}`;
}
