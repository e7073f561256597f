import { isObject } from './shape.ts';

/**
 * JSON with sorted keys and no white space: equal data gives equal bytes, whatever order it was
 * built in. Keys sort by UTF-16 unit; keys without a value are left out, as JSON.stringify does.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') {
    // JSON.stringify would write null, and a limit of null is another limit.
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
    return String(value);
  }
  if (typeof value === 'boolean' || value === null) return String(value);
  if (Array.isArray(value)) {
    let text = '[';
    for (const [index, item] of value.entries()) text += (index === 0 ? '' : ',') + canonicalJson(item);
    return `${text}]`;
  }
  if (!isObject(value)) throw new TypeError(`a ${typeof value} has no JSON form`);
  return canonicalObject(value);
}

function canonicalObject(value: Readonly<Record<string, unknown>>): string {
  let text = '{';
  for (const key of sortedKeys(value)) {
    const member = value[key];
    if (member === undefined) continue;
    text += `${text === '{' ? '' : ','}${quote(key)}:${canonicalJson(member)}`;
  }
  return `${text}}`;
}

/** Small objects whose keys are in order already are the common case: no sort, no copy. */
function sortedKeys(value: object): readonly string[] {
  const keys = Object.keys(value);
  for (let index = 1; index < keys.length; index += 1) {
    if ((keys[index - 1] ?? '') > (keys[index] ?? '')) return keys.toSorted();
  }
  return keys;
}

/** Characters that JSON must escape; lone surrogates included, which UTF-8 cannot hold. */
// oxlint-disable-next-line no-control-regex -- JSON forbids them in clear
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;

function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}
