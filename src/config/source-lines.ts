/**
 * Lines of a configuration's parts, found in its text.
 *
 * The configuration is data by the time it is checked, so its positions are gone; a search for the
 * names that people write gives the line in all but generated configurations. Not found: null.
 */
export type SourceLines = {
  /** Line of the route (or of one of its fields, when that can be told). */
  readonly route: (name: string, field?: string) => number | null;
  /** Line of a key such as `clusters` or of the name of a cluster. */
  readonly key: (name: string) => number | null;
};

export function findSourceLines(text: string | null): SourceLines {
  if (text === null) return { route: () => null, key: () => null };
  const lines = text.split(/\r?\n/);
  const names = lines.flatMap((line, index) =>
    [...line.matchAll(/\bname\s*:\s*(?:'([^']*)'|"([^"]*)"|`([^`]*)`)/g)].map((found) => ({
      name: found[1] ?? found[2] ?? found[3] ?? '',
      index,
    })),
  );
  const keyLine = (key: string, from: number, to: number): number | null => {
    const found = lines.slice(from, to).findIndex((line) => hasKey(line, key));
    return found === -1 ? null : from + found + 1;
  };
  return {
    route: (name, field) => {
      const at = names.findIndex((each) => each.name === name);
      const start = names[at]?.index;
      if (start === undefined) return null;
      // A field is looked for only up to the next thing that has a name, so it cannot be another route's.
      const end = names.slice(at + 1).find((each) => each.index > start)?.index ?? lines.length;
      return (field === undefined ? null : keyLine(field, start, end)) ?? start + 1;
    },
    key: (name) => keyLine(name, 0, lines.length),
  };
}

function hasKey(line: string, key: string): boolean {
  const escaped = key.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`(?:^|[\\s{,])(?:${escaped}|'${escaped}'|"${escaped}")\\s*:`).test(line);
}
