/** Whether an expectation is part of what there is. */
import { isRecord } from './expectation-shape.ts';

export type Difference = {
  /** For example `upstream.headers.x-user` or `policies[0]`. */
  readonly path: string;
  readonly expected: unknown;
  /** null: there is none. */
  readonly actual: unknown;
};

/**
 * Empty: every expected thing is there. Objects: each expected key; what else there is does not matter.
 * Lists: each expected element, in the order written, others may stand between; an empty list expects an
 * empty list. null expects null or nothing. Everything else must be equal.
 */
export function differences(actual: unknown, expected: unknown, path = ''): readonly Difference[] {
  if (expected === null || expected === undefined)
    return actual === null || actual === undefined ? [] : [{ path, expected: null, actual }];
  if (Array.isArray(expected)) return listDifferences(actual, expected, path);
  if (!isRecord(expected)) return Object.is(actual, expected) ? [] : [{ path, expected, actual: actual ?? null }];
  if (!isRecord(actual)) return [{ path, expected, actual: actual ?? null }];
  return Object.entries(expected).flatMap(([key, inner]) => {
    const value = Object.hasOwn(actual, key) ? actual[key] : undefined;
    return differences(value, inner, path === '' ? key : `${path}.${key}`);
  });
}

function listDifferences(actual: unknown, expected: readonly unknown[], path: string): readonly Difference[] {
  if (!Array.isArray(actual)) return [{ path, expected, actual: actual ?? null }];
  const elements: readonly unknown[] = actual;
  if (expected.length === 0) return elements.length === 0 ? [] : [{ path, expected, actual }];
  let next = 0;
  for (const [index, element] of expected.entries()) {
    // The earliest fit leaves the most for those that follow.
    const found = elements.findIndex((each, at) => at >= next && differences(each, element).length === 0);
    if (found < 0) return [missing({ elements, next, expected, index, path })];
    next = found + 1;
  }
  return [];
}

type Missing = {
  readonly elements: readonly unknown[];
  readonly next: number;
  readonly expected: readonly unknown[];
  readonly index: number;
  readonly path: string;
};

/** Beside a single candidate the element itself says most; else the whole rest does. */
function missing({ elements, next, expected, index, path }: Missing): Difference {
  const rest = elements.slice(next);
  return { path: `${path}[${index}]`, expected: expected[index], actual: rest.length === 1 ? rest[0] : rest };
}
