/** One JSON document → plain data with lines. The text is scanned again only where a line is asked for. */
import type { FieldPath } from './field-path.ts';
import { createLineIndex } from './line-index.ts';
import type { DocumentProblem, ReadDocument } from './read-document.ts';

/** null when the text is not JSON. */
export function readJson(text: string, firstLine: number): ReadDocument | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const lineAt = createLineIndex(text, firstLine);
  const find = createFinder(text);
  return {
    value,
    problems: duplicateKeys(text, lineAt),
    lineOf: (path) => lineAt(find(path).place),
    memberLines: () => NO_LINES,
    rangeOf: (path) => {
      const { at, complete } = find(path);
      return complete ? [at, skipValue(text, at)] : null;
    },
    release: () => {},
  };
}

/** A scan of one object is cheap enough to be made at every question. */
const NO_LINES: ReadonlyMap<string, number> = new Map();

/** `place`: where a reader looks for it (a member's key). `at`: where the value starts. */
type Found = { readonly place: number; readonly at: number; readonly complete: boolean };

/** Remembers where the items of a list object start: a cluster's export has thousands. */
function createFinder(text: string): (path: FieldPath) => Found {
  const lists = new Map<string, readonly number[]>();
  const root = skipSpace(text, 0);
  const walk = (start: number, path: FieldPath): Found => {
    let found: Found = { place: start, at: start, complete: true };
    for (const step of path) {
      const next = typeof step === 'string' ? findMember(text, found.at, step) : findItem(text, found.at, step);
      if (next === null) return { ...found, complete: false };
      found = { ...next, complete: true };
    }
    return found;
  };
  return (path) => {
    const [list, index, ...rest] = path;
    if (typeof list !== 'string' || typeof index !== 'number') return walk(root, path);
    let starts = lists.get(list);
    if (starts === undefined) {
      starts = itemStarts(text, walk(root, [list]).at);
      lists.set(list, starts);
    }
    const start = starts[index];
    return start === undefined ? walk(root, path) : walk(start, rest);
  };
}

type Step = { readonly place: number; readonly at: number };

function findMember(text: string, object: number, name: string): Step | null {
  if (text[object] !== '{') return null;
  let at = skipSpace(text, object + 1);
  while (text[at] === '"') {
    const end = skipString(text, at);
    const value = skipSpace(text, skipSpace(text, end) + 1);
    if (stringAt(text, at, end) === name) return { place: at, at: value };
    at = skipSpace(text, skipValue(text, value));
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return null;
}

function findItem(text: string, list: number, index: number): Step | null {
  const start = text[list] === '[' ? itemStarts(text, list)[index] : undefined;
  return start === undefined ? null : { place: start, at: start };
}

function itemStarts(text: string, list: number): readonly number[] {
  const starts: number[] = [];
  if (text[list] !== '[') return starts;
  let at = skipSpace(text, list + 1);
  while (at < text.length && text[at] !== ']') {
    starts.push(at);
    at = skipSpace(text, skipValue(text, at));
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return starts;
}

/** Two members of one name: which of them counts differs between readers, so neither may. */
function duplicateKeys(text: string, lineAt: (offset: number) => number): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = skipString(text, at);
      const names = open.at(-1);
      if (names && text[skipSpace(text, end)] === ':') {
        const key = stringAt(text, at, end);
        if (names.has(key)) {
          const message = `\`${key}\` is written twice in one object`;
          problems.push({ code: 'yaml-duplicate-key', message, line: lineAt(at), offset: at });
        }
        names.add(key);
      }
      at = end - 1;
    }
  }
  return problems;
}

function stringAt(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1);
  return raw.includes('\\') ? String(JSON.parse(text.slice(start, end))) : raw;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** The offset behind the string that starts at `start`. */
function skipString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at !== -1 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at === -1 ? text.length : at + 1;
}

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/** The offset behind the value that starts at `start`. */
function skipValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = skipString(text, at) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    else if (depth > 0) continue;
    else if (character === ',' || text.charCodeAt(at) <= 0x20) return at;
    else continue;
    if (depth <= 0) return depth < 0 ? at : at + 1;
  }
  return text.length;
}
