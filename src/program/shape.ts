/**
 * Shape checks for stored values, without a schema library: they run in every isolate.
 *
 * A check is tied to the type it guards, so that a field added to the type and forgotten here does
 * not compile. Unknown keys are allowed: a newer publisher of the same format may add some.
 */

/** Returns what is wrong, with the path to it; null when the value fits. */
export type Check<T> = {
  (value: unknown, path: string): string | null;
  /** Never set: binds the check to its type. */
  readonly guards?: (value: T) => T;
};

/** Optional keys take `optional(check)`, required ones a check. */
type Checks<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? Optional<Exclude<T[K], undefined>> : Check<T[K]>;
};
type Optional<T> = { readonly optional: Check<T> };
/** The member of a union that has this kind, also where one member has several kinds. */
type OfKind<T, K> = T extends { readonly kind: infer Kinds } ? (K extends Kinds ? T : never) : never;

export const string: Check<string> = (value, path) => (typeof value === 'string' ? null : `${path} is no text`);
export const boolean: Check<boolean> = (value, path) => (typeof value === 'boolean' ? null : `${path} is no boolean`);
export const number: Check<number> = (value, path) => (typeof value === 'number' ? null : `${path} is no number`);
/** Anything JSON can hold: for payloads that only their own reader understands. */
export function anything<T>(): Check<T> {
  return () => null;
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? null
      : `${path} is no whole number from ${min} to ${max}`;
}

export function matching(pattern: RegExp, what: string): Check<string> {
  return (value, path) => (typeof value === 'string' && pattern.test(value) ? null : `${path} is no ${what}`);
}

export function oneOf<const T extends string | number | boolean | null>(...values: readonly T[]): Check<T> {
  return (value, path) =>
    values.some((allowed) => allowed === value) ? null : `${path} is none of ${values.join(', ')}`;
}

export function optional<T>(check: Check<T>): Optional<T> {
  return { optional: check };
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path));
}

export function array<T>(check: Check<T>): Check<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} is no list`;
    for (let index = 0; index < value.length; index += 1) {
      const problem = check(value[index], path);
      // The index is added only on failure: building paths for thousands of good routes costs more than checking them.
      if (problem !== null) return `${path}[${index}]${problem.slice(path.length)}`;
    }
    return null;
  };
}

export function record<T>(check: Check<T>): Check<{ readonly [key: string]: T }> {
  return (value, path) => {
    if (!isObject(value)) return `${path} is no object`;
    for (const key of Object.keys(value)) {
      const problem = check(value[key], path);
      if (problem !== null) return `${path}.${key}${problem.slice(path.length)}`;
    }
    return null;
  };
}

export function object<T extends object>(checks: Checks<T>): Check<T> {
  const entries: [string, Check<unknown> | Optional<unknown>][] = Object.entries(checks);
  const members = entries.map(([key, check]) => ({
    key,
    required: typeof check === 'function',
    check: typeof check === 'function' ? check : check.optional,
  }));
  return (value, path) => {
    if (!isObject(value)) return `${path} is no object`;
    for (const { key, required, check } of members) {
      const member = Object.hasOwn(value, key) ? value[key] : undefined;
      if (member === undefined) {
        if (required) return `${path}.${key} is missing`;
        continue;
      }
      const problem = check(member, `${path}.${key}`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

/** Objects told apart by their `kind`. */
export function byKind<T extends { readonly kind: string }>(checks: {
  readonly [K in T['kind']]: Check<OfKind<T, K>>;
}): Check<T> {
  const byName = new Map<unknown, Check<unknown>>(Object.entries(checks));
  return (value, path) => {
    if (!isObject(value)) return `${path} is no object`;
    const check = byName.get(value['kind']);
    return check === undefined ? `${path}.kind is unknown` : check(value, path);
  };
}

/** The first check that accepts decides; otherwise the complaint of the last one. */
export function either<A, B>(a: Check<A>, b: Check<B>): Check<A | B> {
  return (value, path) => (a(value, path) === null ? null : b(value, path));
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Holds a value that passed `check` to a further condition. */
export function refine<T>(check: Check<T>, condition: (value: T, path: string) => string | null): Check<T> {
  return (value, path) => {
    const problem = check(value, path);
    return passed(value, check, problem) ? condition(value, path) : problem;
  };
}

/** What a check's answer says about the type of what it checked. */
export function passed<T>(_value: unknown, _check: Check<T>, problem: string | null): _value is T {
  return problem === null;
}
