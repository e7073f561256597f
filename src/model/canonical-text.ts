/** Path texts of configurations in the one spelling that request paths have when they are compared. */

/**
 * Escapes get upper-case digits, those of unreserved characters are decoded, and everything that a path
 * cannot hold is escaped; `?` and `#` stay. null: no path is spelled so (a dot segment, an incomplete escape).
 */
export function canonicalText(text: string): string | null {
  const upper = text.replaceAll(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase());
  if (/\/\.\.?\/|%(?![0-9A-F]{2})/.test(upper)) return null;
  return upper
    .replaceAll(/%(?:2[DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/g, (escape) => decodeURIComponent(escape))
    .replaceAll(/[^\u0021-\u007e]|["<>^`{}]/gu, (char) => encodeURIComponent(char.toWellFormed()));
}

/** The glob in that spelling; null: it matches no request path. `*` stands for any run of characters. */
export function canonicalPathGlob(glob: string): string | null {
  return /^[/*][^?#]*$/.test(glob) ? canonicalText(glob) : null;
}
