/**
 * The part of RE2's syntax whose meaning is the same in JavaScript once every class is written out:
 * literals, classes, groups, alternation, repeats, and anchors at the two ends.
 *
 * The reader assumes that RE2 has accepted the pattern. It never guesses: anything else (Unicode
 * classes, `\b`, `\Q`, POSIX classes, inner anchors, multi-line mode …) gives null and the pattern
 * runs on re2.
 */
import { complement, DIGIT, foldAscii, SPACE, union, WORD, type CodePoints } from './code-points.ts';

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CodePoints }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly body: RegexNode; readonly capture: boolean }
  | {
      readonly kind: 'repeat';
      readonly body: RegexNode;
      readonly min: number;
      /** null: unbounded. */
      readonly max: number | null;
      readonly lazy: boolean;
    };

export type ParsedRegex = { readonly body: RegexNode; readonly startAnchor: boolean; readonly endAnchor: boolean };

type Flags = { readonly ignoreCase: boolean; readonly dotAll: boolean };
type Reader = { readonly text: string; at: number; flags: Flags };

/** Leaves the subset. Caught in parseRegex, never seen outside this file. */
class OutsideSubset extends Error {}

/** null: outside the subset. `ignoreCase` is the pattern's initial `(?i)`. */
export function parseRegex(pattern: string, ignoreCase: boolean): ParsedRegex | null {
  const reader: Reader = { text: pattern, at: 0, flags: { ignoreCase, dotAll: false } };
  try {
    readFlagGroup(reader);
    const startAnchor = skip(reader, '^') || skip(reader, '\\A');
    const body = readChoice(reader);
    const endAnchor = skip(reader, '$') || skip(reader, '\\z');
    if (reader.at !== pattern.length) return null;
    // `^a|b$`: each anchor belongs to one alternative only.
    if ((startAnchor || endAnchor) && body.kind === 'choice') return null;
    return { body, startAnchor, endAnchor };
  } catch (error) {
    if (error instanceof OutsideSubset) return null;
    throw error;
  }
}

function readChoice(reader: Reader): RegexNode {
  const items = [readSequence(reader)];
  while (skip(reader, '|')) items.push(readSequence(reader));
  return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'choice', items };
}

function readSequence(reader: Reader): RegexNode {
  const items: RegexNode[] = [];
  for (;;) {
    const next = reader.text[reader.at];
    if (next === undefined || next === '|' || next === ')' || next === '$') break;
    if (reader.text.startsWith('\\z', reader.at)) break;
    if (readFlagGroup(reader)) continue;
    items.push(readRepeat(reader, readAtom(reader)));
  }
  return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'sequence', items };
}

function readAtom(reader: Reader): RegexNode {
  const char = takeChar(reader);
  switch (char) {
    case '(':
      return readGroup(reader);
    case '[':
      return { kind: 'set', set: readClass(reader) };
    case '.':
      return { kind: 'set', set: complement(reader.flags.dotAll ? [] : [[0x0a, 0x0a]]) };
    case '\\':
      return { kind: 'set', set: fold(reader, readEscape(reader)) };
    case '*':
    case '+':
    case '?':
    case '^':
    case '{':
      throw new OutsideSubset();
    default:
      return { kind: 'set', set: fold(reader, single(char)) };
  }
}

function readGroup(reader: Reader): RegexNode {
  const outer = reader.flags;
  let capture = true;
  if (skip(reader, '?')) {
    const name = /^P?<\w+>/.exec(reader.text.slice(reader.at));
    if (name !== null) reader.at += name[0].length;
    else {
      capture = false;
      reader.flags = readFlags(reader);
      if (!skip(reader, ':')) throw new OutsideSubset();
    }
  }
  const body = readChoice(reader);
  if (!skip(reader, ')')) throw new OutsideSubset();
  reader.flags = outer;
  return { kind: 'group', body, capture };
}

/** `(?is)`: holds until the end of the surrounding group. */
function readFlagGroup(reader: Reader): boolean {
  if (!/^\(\?[a-zA-Z]+\)/.test(reader.text.slice(reader.at, reader.at + 12))) return false;
  reader.at += 2;
  reader.flags = readFlags(reader);
  if (!skip(reader, ')')) throw new OutsideSubset();
  return true;
}

function readFlags(reader: Reader): Flags {
  let { ignoreCase, dotAll } = reader.flags;
  for (;;) {
    if (skip(reader, 'i')) ignoreCase = true;
    else if (skip(reader, 's')) dotAll = true;
    else return { ignoreCase, dotAll };
  }
}

function readRepeat(reader: Reader, body: RegexNode): RegexNode {
  const counts = /^(?:[*+?]|\{(\d{1,4})(,(\d{0,4}))?\})(\??)/.exec(reader.text.slice(reader.at, reader.at + 16));
  if (counts === null) return body;
  reader.at += counts[0].length;
  const [min, max] = boundsOf(counts);
  // RE2 allows `a**` no more than JavaScript does; an empty body makes the engines' iteration rules differ.
  if (isNullable(body) || /[*+?{]/.test(reader.text[reader.at] ?? '')) throw new OutsideSubset();
  return { kind: 'repeat', body, min, max, lazy: counts[4] === '?' };
}

function boundsOf([whole, min, comma, max]: RegExpExecArray): readonly [number, number | null] {
  if (min === undefined) {
    if (whole.startsWith('*')) return [0, null];
    return whole.startsWith('+') ? [1, null] : [0, 1];
  }
  if (comma === undefined) return [Number(min), Number(min)];
  return [Number(min), max === undefined || max === '' ? null : Number(max)];
}

function readClass(reader: Reader): CodePoints {
  const negated = skip(reader, '^');
  const parts: CodePoints[] = [];
  let first = true;
  while (first || !skip(reader, ']')) {
    first = false;
    const low = readClassItem(reader);
    if (reader.text[reader.at] === '-' && reader.text[reader.at + 1] !== ']') {
      reader.at += 1;
      parts.push([[onlyPoint(low), onlyPoint(readClassItem(reader))]]);
    } else parts.push(low);
  }
  const set = fold(reader, union(...parts));
  return negated ? complement(set) : set;
}

function readClassItem(reader: Reader): CodePoints {
  if (reader.text.startsWith('[:', reader.at)) throw new OutsideSubset();
  const char = takeChar(reader);
  return char === '\\' ? readEscape(reader) : single(char);
}

const CLASSES: Readonly<Record<string, CodePoints>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
};
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

function readEscape(reader: Reader): CodePoints {
  const char = takeChar(reader);
  const named = CLASSES[char];
  if (named !== undefined) {
    // `(?i)\W` negates the folded class; leave that corner to re2.
    if (reader.flags.ignoreCase && char !== 'd') throw new OutsideSubset();
    return named;
  }
  const control = CONTROLS[char];
  if (control !== undefined) return [[control, control]];
  if (char === 'x') {
    const hex = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(reader.text.slice(reader.at, reader.at + 8));
    if (hex === null) throw new OutsideSubset();
    reader.at += hex[0].length;
    const point = Number.parseInt(hex[1] ?? hex[2] ?? '', 16);
    return [[point, point]];
  }
  if (!/[!-/:-@[-`{-~]/.test(char)) throw new OutsideSubset();
  return single(char);
}

function fold(reader: Reader, set: CodePoints): CodePoints {
  if (!reader.flags.ignoreCase) return set;
  const folded = foldAscii(set);
  if (folded === null) throw new OutsideSubset();
  return folded;
}

function onlyPoint(set: CodePoints): number {
  const [range, ...rest] = set;
  if (range === undefined || rest.length > 0 || range[0] !== range[1]) throw new OutsideSubset();
  return range[0];
}

function single(char: string): CodePoints {
  const point = char.codePointAt(0) ?? 0;
  return [[point, point]];
}

function takeChar(reader: Reader): string {
  const point = reader.text.codePointAt(reader.at);
  if (point === undefined) throw new OutsideSubset();
  const char = String.fromCodePoint(point);
  reader.at += char.length;
  return char;
}

function skip(reader: Reader, text: string): boolean {
  if (!reader.text.startsWith(text, reader.at)) return false;
  reader.at += text.length;
  return true;
}

/** Can the node match nothing at all? */
export function isNullable(node: RegexNode): boolean {
  switch (node.kind) {
    case 'set':
      return false;
    case 'sequence':
      return node.items.every(isNullable);
    case 'choice':
      return node.items.some(isNullable);
    case 'group':
      return isNullable(node.body);
    default:
      return node.min === 0 || isNullable(node.body);
  }
}
