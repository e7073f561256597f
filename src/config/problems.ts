/** zod issues in our words: what is wrong, where, and how to cure it. */
import * as z from 'zod';
import { nearest } from '../diagnostics/nearest.ts';
import type { Json } from '../model/route-model.ts';

/** A mistake inside one part of the configuration; `at` is the path inside that part. */
export type Problem = {
  readonly code: 'config-invalid' | 'config-unknown-key';
  readonly at: readonly PropertyKey[];
  readonly message: string;
  readonly hint: string | null;
};

type Issue = z.core.$ZodIssue;

export function problem(at: readonly PropertyKey[], message: string, hint: string | null = null): Problem {
  return { code: 'config-invalid', at, message, hint };
}

/** Every mistake of a value that `schema` refused, in the order in which zod found them. */
export function problemsOf(error: z.ZodError, schema: z.ZodType, value: Json): readonly Problem[] {
  return error.issues.flatMap((issue) => toProblems(issue, issue.path, schema, value));
}

export function unknownKey(at: readonly PropertyKey[], key: string, known: readonly string[]): Problem {
  const near = nearest(key, known);
  return {
    code: 'config-unknown-key',
    at: [...at, key],
    message: `There is no key \`${key}\` here, so what it says would have no effect.`,
    hint: near === null ? `Known keys: ${known.join(', ')}.` : `Did you mean \`${near}\`?`,
  };
}

function toProblems(issue: Issue, at: readonly PropertyKey[], schema: z.ZodType, value: Json): readonly Problem[] {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(schema, at);
      return issue.keys.map((key) => unknownKey(at, key, known));
    }
    case 'invalid_union':
      return unionProblems(issue, at, schema, value);
    case 'invalid_key': {
      const inner = issue.issues[0];
      return [problem(at, inner === undefined ? issue.message : inner.message)];
    }
    case 'invalid_type':
      return [wrongType(at, issue.expected, value)];
    case 'invalid_value':
      return [wrongValue(at, issue.values.map(String), value)];
    case 'too_small':
      return [problem(at, `${nameOf(at)} must be at least ${String(issue.minimum)}${unitOf(issue.origin)}.`)];
    case 'too_big':
      return [problem(at, `${nameOf(at)} must be at most ${String(issue.maximum)}${unitOf(issue.origin)}.`)];
    default:
      return [problem(at, issue.message)];
  }
}

/** The branch that the author most likely meant: the one whose mistakes lie deepest. */
function unionProblems(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  at: readonly PropertyKey[],
  schema: z.ZodType,
  value: Json,
): readonly Problem[] {
  const meant = issue.errors.find((branch) => branch.length > 0 && branch.every((inner) => !isForeignType(inner)));
  if (meant !== undefined) {
    return meant.flatMap((inner) => toProblems(inner, [...at, ...inner.path], schema, value));
  }
  const found = valueAt(value, at);
  if (found === undefined) return [wrongType(at, 'value', value)];
  const accepted = issue.errors.flatMap((branch) => branch.flatMap(acceptedBy));
  return [problem(at, `${nameOf(at)} must be ${[...new Set(accepted)].join(' or ')}, not ${labelOf(found)}.`)];
}

/** The value is of a kind that this branch never was about. */
function isForeignType(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

function acceptedBy(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_type') return [TYPE_LABELS[issue.expected] ?? issue.expected];
  return issue.code === 'invalid_value' ? issue.values.map((value) => `\`${String(value)}\``) : [];
}

function wrongType(at: readonly PropertyKey[], expected: string, value: Json): Problem {
  const found = valueAt(value, at);
  const label = TYPE_LABELS[expected] ?? expected;
  if (found === undefined) return problem(at, `${nameOf(at)} is missing.`);
  return problem(at, `${nameOf(at)} must be ${label}, not ${labelOf(found)}.`);
}

function wrongValue(at: readonly PropertyKey[], accepted: readonly string[], value: Json): Problem {
  const found = valueAt(value, at);
  const list = accepted.map((each) => `\`${each}\``).join(', ');
  if (found === undefined) return problem(at, `${nameOf(at)} is missing.`, `One of ${list}.`);
  const near = typeof found === 'string' ? nearest(found, accepted) : null;
  const hint = near === null ? null : `Did you mean \`${near}\`?`;
  return problem(at, `${nameOf(at)} must be one of ${list}, not ${labelOf(found)}.`, hint);
}

const TYPE_LABELS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  value: 'a value',
};

function labelOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string'
    ? `the text \`${value.length > 60 ? `${value.slice(0, 60)}…` : value}\``
    : `\`${value}\``;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' || origin === 'set' ? ' entries long' : '';
}

/** Subject of a sentence. */
function nameOf(at: readonly PropertyKey[]): string {
  const last = at.at(-1);
  if (last === undefined) return 'This';
  return typeof last === 'number' ? `\`${String(at.at(-2) ?? '')}[${last}]\`` : `\`${String(last)}\``;
}

export function valueAt(value: Json, at: readonly PropertyKey[]): Json | undefined {
  let found: Json | undefined = value;
  for (const key of at) {
    if (found === null || typeof found !== 'object' || typeof key === 'symbol') return undefined;
    found = Object.hasOwn(found, key) ? Reflect.get(found, key) : undefined;
  }
  return found;
}

/** Keys of the object schema at a path. A union contributes all its objects. */
function knownKeys(schema: z.ZodType, at: readonly PropertyKey[]): readonly string[] {
  let level: readonly z.core.$ZodType[] = [schema];
  for (const key of at) level = level.flatMap(unwrap).flatMap((each) => childOf(each, key));
  return level.flatMap(unwrap).flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : []));
}

function unwrap(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodExactOptional || schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return unwrap(schema.unwrap());
  }
  return schema instanceof z.ZodUnion ? schema.options.flatMap(unwrap) : [schema];
}

function childOf(schema: z.core.$ZodType, key: PropertyKey): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodArray) return [schema.element];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  if (!(schema instanceof z.ZodObject)) return [];
  const child: z.core.$ZodType | undefined = schema.shape[String(key)];
  return child === undefined ? [] : [child];
}
