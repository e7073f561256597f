/** Field paths as findings write them: `spec.limits[0].rate`, `spec.headers["x.y"]`. */

export type FieldPath = readonly (string | number)[];

const PLAIN = /^[\w:/@$-]+$/;
const STEP = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.[\]]+)/gy;

/** The path of a member; a name that would read as two steps is quoted. */
export function memberPath(parent: string, name: string): string {
  if (!PLAIN.test(name)) return `${parent}[${JSON.stringify(name)}]`;
  return parent === '' ? name : `${parent}.${name}`;
}

export function itemPath(parent: string, index: number): string {
  return `${parent}[${index}]`;
}

/** The steps of a path; what cannot be read ends it, so that the nearest known place is found. */
export function parseFieldPath(path: string): FieldPath {
  const steps: (string | number)[] = [];
  for (const [, index, quoted, plain] of path.matchAll(STEP)) {
    if (index !== undefined) steps.push(Number(index));
    else if (quoted !== undefined) steps.push(unquote(quoted));
    else if (plain !== undefined) steps.push(plain);
  }
  return steps;
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
