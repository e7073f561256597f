/** Parameters of a query as rules see them. */

/**
 * The first occurrence of each name, names and values decoded as a form's (WHATWG URL §5.1), `+` as a
 * space; a broken escape stays as it was sent. A name without `=` has the empty value.
 */
export function readQuery(query: string | null): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  if (query === null) return parameters;
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? '' : decode(part.slice(equals + 1)));
  }
  return parameters;
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
