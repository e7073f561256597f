/** A default export as plain data: what can be written as JSON and nothing else. */
import type { Json } from '../model/route-model.ts';

/** Deeper nesting than this is a mistake (or an attack on our stack). */
const MAX_DEPTH = 64;

export type DataProblem = { readonly path: string; readonly message: string };

/**
 * Copies `value`. What is not data is reported with its path and becomes null, never nothing: a policy
 * that disappeared would leave its route open. `undefined` inside an object says nothing and is left
 * out in silence. Never throws, not even for getters that do.
 */
export function toPlainData(value: unknown, problem: (problem: DataProblem) => void): Json | undefined {
  try {
    return copy(value, '', new Set(), problem);
  } catch {
    // Only a hostile proxy gets here: every ordinary read below is guarded.
    problem({ path: '', message: 'The value cannot be read: only plain data can be stored.' });
    return null;
  }
}

/** `routes` + 3 → `routes[3]`, + `path` → `routes[3].path`, + `x-a` → `routes[3].headers["x-a"]`. */
export function joinPath(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`;
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

export function formatPath(keys: readonly PropertyKey[]): string {
  let path = '';
  for (const key of keys) path = joinPath(path, typeof key === 'symbol' ? String(key) : key);
  return path;
}

function copy(
  value: unknown,
  path: string,
  ancestors: ReadonlySet<object>,
  problem: (problem: DataProblem) => void,
): Json | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    problem({ path, message: `${value} is not a number that can be stored.` });
    return null;
  }
  if (typeof value !== 'object') {
    if (value === undefined) return undefined;
    problem({ path, message: `A ${typeof value} cannot be stored: only plain data can.` });
    return null;
  }
  const refusal = objectRefusal(value, ancestors);
  if (refusal !== null) {
    problem({ path, message: refusal });
    return null;
  }
  const inside = new Set([...ancestors, value]);
  return Array.isArray(value) ? copyList(value, path, inside, problem) : copyObject(value, path, inside, problem);
}

function objectRefusal(value: object, ancestors: ReadonlySet<object>): string | null {
  if (ancestors.has(value)) return 'This object contains itself: only plain data can be stored.';
  if (ancestors.size >= MAX_DEPTH) return `Nested more than ${MAX_DEPTH} levels deep.`;
  if (Array.isArray(value)) return null;
  const prototype: unknown = safely(() => Object.getPrototypeOf(value));
  // The loader runs the file in a realm of its own, so identity with our Object.prototype proves nothing.
  const plain =
    prototype === null || (typeof prototype === 'object' && safely(() => Object.getPrototypeOf(prototype)) === null);
  return plain ? null : 'An instance of a class (Map, Date, URL, …) cannot be stored: only plain data can.';
}

function copyList(
  list: readonly unknown[],
  path: string,
  ancestors: ReadonlySet<object>,
  problem: (problem: DataProblem) => void,
): Json {
  const copied: Json[] = [];
  for (let index = 0; index < list.length; index += 1) {
    const at = joinPath(path, index);
    const item: unknown = list[index];
    if (item === undefined) problem({ path: at, message: 'There is nothing at this place of the list.' });
    // null keeps the positions of the others, so that their paths stay what the user counts.
    copied.push(copy(item, at, ancestors, problem) ?? null);
  }
  return copied;
}

function copyObject(
  object: object,
  path: string,
  ancestors: ReadonlySet<object>,
  problem: (problem: DataProblem) => void,
): Json {
  const copied: [string, Json][] = [];
  for (const key of safely(() => Object.keys(object)) ?? []) {
    const at = joinPath(path, key);
    if (key === '__proto__') {
      problem({ path: at, message: '`__proto__` cannot be a key.' });
      continue;
    }
    const item = copy(
      readKey(object, key, () => problem({ path: at, message: 'Reading it throws: only plain data can be stored.' })),
      at,
      ancestors,
      problem,
    );
    if (item !== undefined) copied.push([key, item]);
  }
  return Object.fromEntries(copied);
}

/** null when the getter throws. */
function readKey(object: object, key: string, failed: () => void): unknown {
  try {
    return Reflect.get(object, key);
  } catch {
    failed();
    return null;
  }
}

/** A proxy may throw; that reads as "nothing there". */
function safely<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
