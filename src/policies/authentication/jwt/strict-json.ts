/**
 * JSON of a token: one object, no member twice, bounded nesting. JSON.parse takes the last of two
 * members with one name and another reader may take the first, so such a text means two things.
 */
import type { Json } from '../../../model/route-model.ts';

export type JsonObject = { readonly [name: string]: Json };

const MAX_DEPTH = 32;
// Fatal and without removing a byte order mark: what is no clean UTF-8 is no JSON (RFC 8259 §8.1).
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** null: not such a text. */
export function parseStrictObject(bytes: Uint8Array): JsonObject | null {
  try {
    const text = UTF_8.decode(bytes);
    const value: unknown = JSON.parse(text);
    return isObject(value) && hasShape(text) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string with what follows it up to the colon of a member, or one sign of structure. */
const SIGNIFICANT = /"((?:[^"\\]|\\.)*)"([ \t\r\n]*:)?|[{}[\]]/gs;

/** Over text that JSON.parse accepted: every string in it ends, so that this takes one pass. */
function hasShape(text: string): boolean {
  /** Names of the objects that are open; null for a list. */
  const open: (Set<string> | null)[] = [];
  for (const [sign, content = '', colon] of text.matchAll(SIGNIFICANT)) {
    if (sign === '{' || sign === '[') {
      if (open.length >= MAX_DEPTH) return false;
      open.push(sign === '{' ? new Set() : null);
    } else if (sign === '}' || sign === ']') open.pop();
    else if (colon !== undefined && !addName(open.at(-1), content)) return false;
  }
  return true;
}

/** False: the name was there. Escapes are undone first, since `"\u0061"` is `"a"`. */
function addName(names: Set<string> | null | undefined, content: string): boolean {
  if (names === null || names === undefined) return false;
  const name = content.includes('\\') ? String(JSON.parse(`"${content}"`)) : content;
  if (names.has(name)) return false;
  names.add(name);
  return true;
}
