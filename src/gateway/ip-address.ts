/** IP literals: strict parsing and one spelling for each address, so that keys and comparisons agree. */

/** Four decimal bytes without leading zeros; null: anything else, the shorthand and octal forms of inet_aton included. */
export function parseIpv4(text: string): readonly number[] | null {
  if (text.length < 7 || text.length > 15) return null;
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes: number[] = [];
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part)) return null;
    const byte = Number(part);
    if (byte > 255) return null;
    bytes.push(byte);
  }
  return bytes;
}

/** Eight 16-bit groups of an IPv6 address without brackets (RFC 4291 §2.2). Zone identifiers are refused. */
export function parseIpv6(text: string): readonly number[] | null {
  if (text.length < 2 || text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === null || tail === null) return null;
  if (halves.length === 1) return head.length === 8 ? head : null;
  // "::" stands for at least one group.
  const missing = 8 - head.length - tail.length;
  if (missing < 1) return null;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const bytes = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : null;
      if (bytes === null) return null;
      const [a = 0, b = 0, c = 0, d = 0] = bytes;
      groups.push(a * 256 + b, c * 256 + d);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
export function formatIpv6(groups: readonly number[]): string {
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end += 1;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
    if (end > start) start = end;
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestStart < 0) return hex.join(':');
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`;
}

/**
 * One text per address, or null when `text` is not an IP literal. IPv4-mapped IPv6 addresses become
 * IPv4: a dual-stack listener reports the same client either way.
 */
export function canonicalIp(text: string): string | null {
  if (parseIpv4(text) !== null) return text;
  const groups = parseIpv6(text);
  if (groups === null) return null;
  const [a, b, c, d, e, mark, high = 0, low = 0] = groups;
  if (a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && mark === 0xffff) {
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  return formatIpv6(groups);
}

/** As `canonicalIp`, of `ip`, `ip:port`, `[ip6]` or `[ip6]:port`, as addresses appear in forwarding headers. */
export function canonicalPeer(text: string): string | null {
  const trimmed = text.trim();
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(trimmed);
  if (bracketed !== null) return parseIpv6(bracketed[1] ?? '') === null ? null : canonicalIp(bracketed[1] ?? '');
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(trimmed);
  return canonicalIp(withPort?.[1] ?? trimmed);
}

export function isLoopback(canonical: string): boolean {
  return canonical === '::1' || canonical.startsWith('127.');
}
