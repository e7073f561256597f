/**
 * Equality of plain data (what JSON can hold, and undefined). Objects compare by their own keys in any
 * order. Allocates nothing: a rebuild compares every route with the one of the build before.
 */
export function isDeepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && areItemsEqual(a, b);
  return isRecord(a) && isRecord(b) && arePropertiesEqual(a, b);
}

function areItemsEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (!isDeepEqual(a[index], b[index])) return false;
  return true;
}

/** Plain data inherits nothing that can be enumerated, so `in` sees the own keys. */
function arePropertiesEqual(left: PlainRecord, right: PlainRecord): boolean {
  let keys = 0;
  for (const key in left) {
    if (!(key in right) || !isDeepEqual(left[key], right[key])) return false;
    keys += 1;
  }
  for (const _ in right) keys -= 1;
  return keys === 0;
}

type PlainRecord = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is PlainRecord {
  return typeof value === 'object' && value !== null;
}
