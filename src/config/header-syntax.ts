/** Header names and values as a configuration may write them (RFC 9110 §5). */

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Between two neighbours only; the gateway owns them (RFC 9110 §7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
]);

/** A condition on a header. */
export function headerNameProblem(name: string): string | null {
  if (!TOKEN.test(name)) return 'it is not a header name';
  return name.toLowerCase() === 'host' ? 'conditions on the hostname belong under `hostnames`' : null;
}

/** A header that a route sets, adds or removes. */
export function mutableHeaderProblem(name: string): string | null {
  if (!TOKEN.test(name)) return 'it is not a header name';
  const lower = name.toLowerCase();
  if (lower === 'host') return 'the Host header is changed with `hostRewrite`';
  return HOP_BY_HOP.has(lower) ? 'it belongs to the connection, which the gateway manages' : null;
}

/** CR, LF and NUL would end the header or the message: with text from elsewhere that is header injection. */
export function headerValueProblem(value: string): string | null {
  if (/[\0\r\n]/.test(value)) return 'it holds a line break or NUL';
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? null : 'it holds a character that no header can carry';
}
