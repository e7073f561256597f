/**
 * Globs of rate limits and filter rules: `*` is any run of characters (none and `/` included), everything else stands
 * for itself. A compiled glob is the list of literal pieces between the stars, first and last possibly
 * empty; one piece alone means "no star: equal".
 */

export function compileGlob(pattern: string): readonly string[] {
  const pieces = pattern.split('*');
  // Neighbouring stars mean the same as one.
  return pieces.filter((piece, index) => piece !== '' || index === 0 || index === pieces.length - 1);
}

/** Takes the leftmost place for every piece, which is enough when only runs of any length lie between; never backtracks. */
export function matchesGlob(glob: readonly string[], text: string): boolean {
  const first = glob[0] ?? '';
  const last = glob.at(-1) ?? '';
  if (glob.length === 1) return text === first;
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let position = first.length;
  for (const piece of glob.slice(1, -1)) {
    const found = text.indexOf(piece, position);
    if (found === -1 || found + piece.length > end) return false;
    position = found + piece.length;
  }
  return true;
}
