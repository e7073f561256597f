/** Percent-encoding of paths and Location values: one pass, one decode, bytes checked as UTF-8. */

export type DecodedEscapes = {
  readonly text: string;
  /** A `%2F` or `%5C` is in the text. */
  readonly escapedSlash: boolean;
  /** Noun phrase for a message; null: fine. `text` is then meaningless. */
  readonly error: string | null;
};

const PERCENT = 0x25;

/**
 * Decodes escapes of unreserved characters, writes all other escapes with upper-case digits and
 * encodes raw characters that a path may not hold (RFC 3986 §3.3; `[ ] |` stay, as browsers send them).
 * Escapes of control bytes and byte sequences that are not UTF-8 are errors.
 */
export function decodeEscapes(path: string): DecodedEscapes {
  let text = '';
  let escapedSlash = false;
  /** Continuation bytes still expected, and the allowed range of the next one. */
  const utf8 = { need: 0, low: 0x80, high: 0xbf };
  for (let index = 0; index < path.length; index += 1) {
    const unit = path.charCodeAt(index);
    if (unit === PERCENT) {
      const byte = hexByte(path, index);
      if (byte < 0) return failed('an invalid percent escape');
      index += 2;
      if (!acceptByte(utf8, byte)) return failed('percent escapes that are not UTF-8');
      if (byte < 0x20 || byte === 0x7f) return failed('an escaped control character');
      if (isUnreserved(byte)) text += String.fromCharCode(byte);
      else text += escapeOf(byte);
      if (byte === 0x2f || byte === 0x5c) escapedSlash = true;
      continue;
    }
    if (utf8.need > 0) return failed('percent escapes that are not UTF-8');
    if (unit <= 0x20 || unit === 0x7f) return failed('a control character or a space');
    if (unit < 0x80) {
      text += mustEncode(unit) ? escapeOf(unit) : path.charAt(index);
      continue;
    }
    const point = path.codePointAt(index) ?? 0;
    // U+FFFD stands where the runtime met bytes that are not UTF-8.
    if ((point >= 0xd800 && point <= 0xdfff) || point === 0xfffd) return failed('bytes that are not UTF-8');
    text += encodeURIComponent(String.fromCodePoint(point));
    if (point > 0xffff) index += 1;
  }
  return utf8.need > 0 ? failed('percent escapes that are not UTF-8') : { text, escapedSlash, error: null };
}

/** Printable ASCII stays, everything else becomes UTF-8 escapes: safe as a header value. Lone surrogates become U+FFFD. */
export function encodeForHeader(text: string): string {
  if (/^[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]*$/.test(text)) return text;
  return text.toWellFormed().replaceAll(/[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]/gu, (char) => {
    const point = char.codePointAt(0) ?? 0;
    return point < 0x80 ? escapeOf(point) : encodeURIComponent(char);
  });
}

function failed(error: string): DecodedEscapes {
  return { text: '', escapedSlash: false, error };
}

/** RFC 3629 §4: no overlong forms, no surrogates, nothing above U+10FFFF. */
function acceptByte(state: { need: number; low: number; high: number }, byte: number): boolean {
  if (state.need > 0) {
    if (byte < state.low || byte > state.high) return false;
    state.need -= 1;
    state.low = 0x80;
    state.high = 0xbf;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xc2 || byte > 0xf4) return false;
  state.need = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  if (byte === 0xe0) state.low = 0xa0;
  else if (byte === 0xf0) state.low = 0x90;
  if (byte === 0xed) state.high = 0x9f;
  else if (byte === 0xf4) state.high = 0x8f;
  return true;
}

function hexByte(text: string, percent: number): number {
  const high = hexDigit(text.charCodeAt(percent + 1));
  const low = hexDigit(text.charCodeAt(percent + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isUnreserved(byte: number): boolean {
  if (byte >= 0x30 && byte <= 0x39) return true;
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || byte === 0x2d || byte === 0x2e || byte === 0x5f || byte === 0x7e;
}

/** `"` `<` `>` `` ` `` `{` `}` `^` `#` `?`: never literal in a path. The backslash is left for the caller to judge. */
function mustEncode(unit: number): boolean {
  return '"<>`{}^#?'.includes(String.fromCharCode(unit));
}

function escapeOf(byte: number): string {
  return `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
}
