import { isObject } from './shape.ts';

/**
 * JSON with sorted keys and no white space: equal data gives equal bytes, whatever order it was
 * built in. Keys sort by UTF-16 unit; keys without a value are left out, as JSON.stringify does.
 */
export function canonicalJson(value: unknown): string {
  // Pieces joined at the end: adding to one text leaves a tree of fragments that costs memory for as long as it lives.
  const pieces: string[] = [];
  write(value, pieces);
  return pieces.join('');
}

function write(value: unknown, pieces: string[]): void {
  if (typeof value === 'string') pieces.push(quote(value));
  else if (typeof value === 'number') pieces.push(numeral(value));
  else if (typeof value === 'boolean' || value === null) pieces.push(String(value));
  else if (Array.isArray(value)) writeArray(value, pieces);
  else if (isObject(value)) writeObject(value, pieces);
  else throw new TypeError(`a ${typeof value} has no JSON form`);
}

function writeArray(items: readonly unknown[], pieces: string[]): void {
  pieces.push('[');
  for (let index = 0; index < items.length; index += 1) {
    if (index > 0) pieces.push(',');
    write(items[index], pieces);
  }
  pieces.push(']');
}

function writeObject(value: Readonly<Record<string, unknown>>, pieces: string[]): void {
  pieces.push('{');
  let first = true;
  for (const key of sortedKeys(value)) {
    const member = value[key];
    if (member === undefined) continue;
    if (!first) pieces.push(',');
    first = false;
    pieces.push(quote(key), ':');
    write(member, pieces);
  }
  pieces.push('}');
}

function numeral(value: number): string {
  // JSON.stringify would write null, and a limit of null is another limit.
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
  return String(value);
}

/** Small objects whose keys are in order already are common: no sort, no copy. */
function sortedKeys(value: object): readonly string[] {
  const keys = Object.keys(value);
  for (let index = 1; index < keys.length; index += 1) {
    if ((keys[index - 1] ?? '') > (keys[index] ?? '')) return keys.toSorted();
  }
  return keys;
}

/** Characters that JSON must escape; surrogates too, because a lone one has no UTF-8. */
// oxlint-disable-next-line no-control-regex -- JSON forbids them in clear
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;

function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}
