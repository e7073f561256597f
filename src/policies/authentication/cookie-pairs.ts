/** Parts of a Cookie header (RFC 6265 §5.4), by the letter: what another reader would read differently is not ours to guess. */

/** What stands before the first `=`; all of it where there is none. */
export function cookieName(pair: string): string {
  const equals = pair.indexOf('=');
  return trimmed(equals === -1 ? pair : pair.slice(0, equals));
}

/** Without spaces and tabs around it; other white space is part of a text. No regex: a long run of spaces would cost its square. */
export function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
