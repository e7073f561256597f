/** Go's built-in template functions, and those that Ambassador adds. */
import { isPrint, printable, sprint, sprintf, sprintln } from './format.ts';
import {
  compareText,
  entryOf,
  isList,
  isTrue,
  mapOf,
  TemplateError,
  toJsonText,
  typeName,
  type GoValue,
} from './value.ts';

/** Throws TemplateError for what Go refuses. */
export type GoFunction = (args: readonly GoValue[]) => GoValue;

/** `and` and `or` are not here: they do not look at all of their arguments, see execute.ts. */
export const FUNCTIONS: ReadonlyMap<string, GoFunction> = new Map<string, GoFunction>([
  ['not', (args) => !isTrue(only('not', args))],
  ['eq', (args) => areEqual(args)],
  ['ne', (args) => !areEqual(exactly('ne', args, 2))],
  ['lt', (args) => isLess(exactly('lt', args, 2))],
  ['le', (args) => isLess(exactly('le', args, 2)) || areEqual(args)],
  ['gt', (args) => !(isLess(exactly('gt', args, 2)) || areEqual(args))],
  ['ge', (args) => !isLess(exactly('ge', args, 2))],
  ['len', (args) => BigInt(lengthOf(only('len', args)))],
  ['index', ([item, ...keys]) => indexOf(item, keys)],
  ['slice', ([item, ...bounds]) => sliceOf(item, bounds)],
  ['print', sprint],
  ['println', sprintln],
  ['printf', ([format, ...values]) => sprintf(textArgument('printf', format), values)],
  ['html', (args) => escapeHtml(joined(args))],
  ['js', (args) => escapeScript(joined(args))],
  ['urlquery', (args) => escapeQuery(joined(args))],
  ['hasKey', hasKey],
  ['json', json],
]);

function only(name: string, args: readonly GoValue[]): GoValue {
  return exactly(name, args, 1)[0];
}

function exactly(name: string, args: readonly GoValue[], count: number): readonly GoValue[] {
  if (args.length !== count) throw new TemplateError(`${name} takes ${count} arguments, not ${args.length}`);
  return args;
}

function textArgument(name: string, value: GoValue): string {
  if (typeof value !== 'string') throw new TemplateError(`${name} takes a text first`);
  return value;
}

/** Equal to one of the others. Values of different kinds cannot be compared, as in Go. */
function areEqual([first, ...others]: readonly GoValue[]): boolean {
  if (others.length === 0) throw new TemplateError('eq takes at least two arguments');
  return others.some((other) => isSame(first, other));
}

function isSame(a: GoValue, b: GoValue): boolean {
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  if (typeof a !== typeof b || typeof a === 'object') {
    throw new TemplateError(`${typeName(a)} and ${typeName(b)} cannot be compared`);
  }
  return a === b;
}

function isNil(value: GoValue): boolean {
  return value === undefined || value === null;
}

function isLess([a, b]: readonly GoValue[]): boolean {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b) < 0;
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b;
  if (typeof a === 'number' && typeof b === 'number') return a < b;
  throw new TemplateError('values that have no order are compared');
}

function lengthOf(value: GoValue): number {
  if (typeof value === 'string') return new TextEncoder().encode(value).length;
  if (isList(value)) return value.length;
  const map = mapOf(value);
  if (map === null) throw new TemplateError('len of a value without length');
  return Object.keys(map).length;
}

function indexOf(item: GoValue, keys: readonly GoValue[]): GoValue {
  if (isNil(item)) throw new TemplateError('index of nil');
  let value = item;
  for (const key of keys) {
    if (isNil(value)) throw new TemplateError('index of nil');
    const map = mapOf(value);
    if (map !== null) {
      if (typeof key !== 'string') throw new TemplateError('the key of a map is a text');
      // A missing entry is the zero of the elements' type; of http.Header an empty list.
      value = entryOf(map, key) ?? (map === value ? null : []);
    } else if (typeof value === 'string') value = BigInt(elementOf(new TextEncoder().encode(value), key));
    else if (isList(value)) value = elementOf(value, key);
    else throw new TemplateError('index of a value that has no elements');
  }
  return value;
}

function elementOf<T>(list: { readonly length: number; readonly [index: number]: T }, key: GoValue): T {
  const element = list[positionOf(key, list.length - 1)];
  if (element === undefined) throw new TemplateError('index out of range');
  return element;
}

function positionOf(key: GoValue, last: number): number {
  if (typeof key !== 'bigint') throw new TemplateError('a position is an integer');
  if (key < 0n || key > BigInt(last)) throw new TemplateError('index out of range');
  return Number(key);
}

function sliceOf(item: GoValue, bounds: readonly GoValue[]): GoValue {
  if (bounds.length > 2) throw new TemplateError('slice with a capacity is not supported');
  const source = typeof item === 'string' ? new TextEncoder().encode(item) : isList(item) ? item : null;
  if (source === null) throw new TemplateError('slice of a value that has no elements');
  const [from = 0, to = source.length] = bounds.map((bound) => positionOf(bound, source.length));
  if (from > to) throw new TemplateError('the bounds of slice are reversed');
  const part = source.slice(from, to);
  return part instanceof Uint8Array ? new TextDecoder().decode(part) : part;
}

/** As Go's escapers join their arguments: those without a value are written like `{{…}}` writes them. */
function joined(args: readonly GoValue[]): string {
  return sprint(args.map((value) => (isNil(value) ? printable(value) : value)));
}

const HTML: Readonly<Record<string, string>> = {
  '\0': '\ufffd',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/["'&<>\0]/g, (character) => HTML[character] ?? character);
}

const SCRIPT: Readonly<Record<string, string>> = { '\\': '\\\\', "'": String.raw`\'`, '"': String.raw`\"` };

function escapeScript(text: string): string {
  return text.replaceAll(/[\\'"<>&=]|[^ -~]/gu, (character) => {
    const known = SCRIPT[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0) ?? 0;
    // Go leaves DEL alone: it is neither below the space nor above ASCII.
    if (code === 0x7f || (code > 0x7f && isPrint(character))) return character;
    return String.raw`\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

/** url.QueryEscape. */
function escapeQuery(text: string): string {
  const escaped = encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return escaped.replaceAll('%20', '+');
}

function hasKey([map, key, ...rest]: readonly GoValue[]): GoValue {
  const entries = mapOf(map);
  if (entries === null || typeof key !== 'string' || rest.length > 0) {
    throw new TemplateError('hasKey takes a map and a key');
  }
  return Object.hasOwn(entries, key);
}

/** `json "indent" value` */
function json(args: readonly GoValue[]): GoValue {
  const [indent, value] = exactly('json', args, 2);
  if (typeof indent !== 'string') throw new TemplateError('json takes an indent and a value');
  return toJsonText(value, indent);
}
