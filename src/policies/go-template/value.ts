/** Values as Go's templates know them, and what the language asks about them. */
import type { Json } from '../../model/route-model.ts';

/**
 * `bigint` is Go's int, `number` its float64 (every number of JSON), `null` a nil inside a map or list,
 * `undefined` no value at all (a missing key).
 */
export type GoValue = undefined | null | string | boolean | bigint | number | GoList | GoMap | GoHeader | GoStruct;
export type GoList = readonly GoValue[];
export type GoMap = { readonly [key: string]: GoValue };

/** Go's http.Header: a map of lists with the method `Get`. */
export class GoHeader {
  readonly headers: Headers;

  constructor(headers: Headers) {
    this.headers = headers;
  }

  /** Keys in Go's spelling (`X-Request-Id`), sorted. */
  toMap(): GoMap {
    return Object.fromEntries([...this.headers].map(([name, value]) => [canonicalName(name), [value]]));
  }
}

/** A value with named fields: asking for another one is a mistake, unlike with a map. */
export class GoStruct {
  readonly fields: GoMap;
  /** What its JSON shows. Default: its fields. */
  readonly shown: GoMap;
  /** What it is printed as, like an error of Go; null: it cannot be printed whole. */
  readonly text: string | null;

  constructor(fields: GoMap, { shown = fields, text = null }: { shown?: GoMap; text?: string | null } = {}) {
    this.fields = fields;
    this.shown = shown;
    this.text = text;
  }
}

/** A template that went wrong while it ran; what it would have written is not used. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

export function isList(value: GoValue): value is GoList {
  return Array.isArray(value);
}

/** Maps, http.Header among them; null for anything else. */
export function mapOf(value: GoValue): GoMap | null {
  if (value instanceof GoHeader) return value.toMap();
  if (typeof value !== 'object' || value === null || isList(value) || value instanceof GoStruct) return null;
  return value;
}

/** Entry of a map; undefined when there is none. What objects inherit is none. */
export function entryOf(map: GoMap, key: string): GoValue {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Keys in the order of bytes in UTF-8, which is that of code points. */
export function sortedKeys(map: GoMap): readonly string[] {
  return Object.keys(map).toSorted(compareText);
}

/** By code point, as Go compares UTF-8. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const left = Array.from(a);
  const right = Array.from(b);
  for (const [index, character] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (character !== other) return (character.codePointAt(0) ?? 0) - (other.codePointAt(0) ?? 0);
  }
  return -1;
}

/** What `if` takes for true: anything but the zero of its type. */
export function isTrue(value: GoValue): boolean {
  if (value === undefined || value === null) return false;
  switch (typeof value) {
    case 'string':
      return value !== '';
    case 'boolean':
      return value;
    case 'bigint':
      return value !== 0n;
    case 'number':
      return value !== 0;
    default:
      if (isList(value)) return value.length > 0;
      if (value instanceof GoStruct) return true;
      return Object.keys(mapOf(value) ?? {}).length > 0;
  }
}

/** Name of the type as Go writes it in `%!d(string=x)`. */
export function typeName(value: GoValue): string {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float64';
    default:
      if (isList(value)) return '[]interface {}';
      if (value instanceof GoHeader) return 'http.Header';
      return 'map[string]interface {}';
  }
}

/** JSON of a Go value as encoding/json writes it: keys sorted, `<`, `>`, `&` escaped. */
export function toJsonText(value: GoValue, indent: string): string {
  const text = JSON.stringify(plain(value), null, indent);
  return text
    .replaceAll('<', String.raw`\u003c`)
    .replaceAll('>', String.raw`\u003e`)
    .replaceAll('&', String.raw`\u0026`)
    .replaceAll('\u2028', String.raw`\u2028`)
    .replaceAll('\u2029', String.raw`\u2029`);
}

function plain(value: GoValue): Json {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object') return value;
  if (isList(value)) return value.map(plain);
  const map = value instanceof GoStruct ? value.shown : (mapOf(value) ?? {});
  return Object.fromEntries(sortedKeys(map).map((key) => [key, plain(entryOf(map, key))]));
}

/** net/textproto's canonical form. */
function canonicalName(name: string): string {
  return name.replaceAll(/(^|-)([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}
