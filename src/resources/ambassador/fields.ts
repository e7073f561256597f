/**
 * Kinds of fields: each reads one value of a manifest, says what is wrong with it, and gives it in its
 * typed form. Small functions and tables instead of a schema library, because thousands of resources are
 * read at every change.
 */
import { nearest } from '../../diagnostics/nearest.ts';
import { itemPath, memberPath } from '../field-path.ts';
import { isRecord } from '../record.ts';
import type { FieldReader } from './field-reader.ts';
import { eitherSchema, freeForm, type FieldSchema } from './field-schema.ts';

/** undefined: unusable, and reported; or as good as absent. */
export type ReadField<Value> = (value: unknown, path: string, reader: FieldReader) => Value | undefined;

/** How a field is read, and what a cluster's schema says of it. */
export type FieldKind<Value> = ReadField<Value> & { readonly schema: FieldSchema };

/** `schema` may take more than `read`: see docs/crds.md. A kind that is used elsewhere as well is left as it is. */
export function withSchema<Value>(schema: FieldSchema, read: ReadField<Value>): FieldKind<Value> {
  const own: ReadField<Value> = 'schema' in read ? (value, path, reader) => read(value, path, reader) : read;
  return Object.assign(own, { schema });
}

/** One kind for every member that a mapping may have. */
export type FieldTable<Members> = { readonly [Name in keyof Members]-?: FieldKind<Exclude<Members[Name], undefined>> };

export const text: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) =>
  typeof value === 'string' ? value : reader.fail(path, 'text', value, quoteHint(value)),
);

/** Text that says nothing when it is empty, as where a field is left out when it is written to the cluster. */
export const optionalText: FieldKind<string> = withSchema(
  { type: 'string' },
  (value, path, reader) => text(value, path, reader) || undefined,
);

export const nonEmptyText: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) =>
  typeof value === 'string' && value !== ''
    ? value
    : reader.fail(path, 'text that is not empty', value, quoteHint(value)),
);

const yamlBooleans = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['no', false],
  ['off', false],
]);

/** `yes`, `on` and the like are text in YAML 1.2, but kubectl reads them as it did before: as true and false. */
export const boolean: FieldKind<boolean> = withSchema({ type: 'boolean' }, (value, path, reader) => {
  if (typeof value === 'boolean') return value;
  const read = typeof value === 'string' ? yamlBooleans.get(value.toLowerCase()) : undefined;
  if (read === undefined) return reader.fail(path, '`true` or `false`', value);
  reader.say(path, {
    severity: 'warning',
    code: 'boolean-as-text',
    message: `The text \`${String(value)}\` is read as \`${read}\`.`,
    hint: `Write \`${read}\` without quotes.`,
  });
  return read;
});

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): FieldKind<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  const expected = min === Number.MIN_SAFE_INTEGER ? 'a whole number' : `a whole number, ${range}`;
  const schema: FieldSchema = {
    type: 'integer',
    ...(min !== Number.MIN_SAFE_INTEGER && { minimum: min }),
    ...(max !== Number.MAX_SAFE_INTEGER && { maximum: max }),
  };
  return withSchema(schema, (value, path, reader) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    return reader.fail(path, expected, value, isNumeric(value) ? 'Remove the quotes.' : null);
  });
}

/** Timers of the runtime cannot count further (24 days). */
const MAX_TIMER_MS = 2_147_483_647;
export const milliseconds: FieldKind<number> = withSchema({ type: 'integer', minimum: 0 }, (value, path, reader) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_TIMER_MS) return value;
  return reader.fail(
    path,
    `a whole number of milliseconds, 0 to ${MAX_TIMER_MS}`,
    value,
    typeof value === 'string' ? 'Write milliseconds without quotes and without a unit, for example `3000`.' : null,
  );
});

/** A duration as Envoy and Go write it: `0.25s`, `1m30s`. */
export const durationText: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) =>
  typeof value === 'string' && /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(value)
    ? value
    : reader.fail(path, 'a duration such as `0.25s`', value),
);

export function oneOf<Choice extends string>(
  choices: readonly Choice[],
  { ignoreCase = false }: { readonly ignoreCase?: boolean } = {},
): FieldKind<Choice> {
  const expected = choices.map((choice) => `\`${choice}\``).join(', ');
  const schema: FieldSchema = ignoreCase
    ? { type: 'string', pattern: `^(?i:${choices.join('|')})$` }
    : { type: 'string', enum: choices };
  return withSchema(schema, (value, path, reader) => {
    const wanted = ignoreCase && typeof value === 'string' ? value.toLowerCase() : value;
    const choice = choices.find((candidate) => candidate === wanted);
    if (choice !== undefined) return choice;
    const near = typeof value === 'string' ? nearest(value, choices) : null;
    return reader.fail(path, `one of ${expected}`, value, near === null ? null : `Did you mean \`${near}\`?`);
  });
}

export function list<Item>(item: FieldKind<Item>): FieldKind<readonly Item[]> {
  return withSchema({ type: 'array', items: item.schema }, (value, path, reader) => {
    if (!Array.isArray(value)) return reader.fail(path, 'a list', value);
    return value.flatMap((entry: unknown, index) => {
      const read = item(entry, itemPath(path, index), reader);
      return read === undefined ? [] : [read];
    });
  });
}

const texts = list(text);
/** A list of text; one text alone is a list of one. */
export const textList: FieldKind<readonly string[]> = withSchema(
  eitherSchema(text.schema, texts.schema),
  (value, path, reader) => (typeof value === 'string' ? [value] : texts(value, path, reader)),
);

/** A mapping whose keys the user chooses. */
export function dictionary<Value>(
  kind: FieldKind<Value>,
  keyProblem: (key: string) => string | null = () => null,
): FieldKind<Readonly<Record<string, Value>>> {
  return withSchema({ type: 'object', additionalProperties: kind.schema }, (value, path, reader) => {
    if (!isRecord(value)) return reader.fail(path, 'a mapping', value);
    const entries: [string, Value][] = [];
    for (const [key, member] of Object.entries(value)) {
      const at = memberPath(path, key);
      const problem = keyProblem(key);
      const read = problem === null ? kind(member, at, reader) : reader.fail(at, problem, key);
      if (read !== undefined) entries.push([key, read]);
    }
    // Not by assignment: a key `__proto__` must stay a key.
    return Object.fromEntries(entries);
  });
}

/** A mapping with known members. Unknown ones are reported and left out; null counts as absent. */
export function record<Members extends object>(
  fields: FieldTable<Members>,
  required: readonly (keyof Members & string)[] = [],
): FieldKind<Members> {
  const table: ReadonlyMap<string, FieldKind<unknown>> = new Map(Object.entries<FieldKind<unknown>>(fields));
  return withSchema(recordSchema(table, required), (value, path, reader) => {
    if (!isRecord(value)) return reader.fail(path, 'a mapping', value);
    const read: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) {
      if (member === null || member === undefined) continue;
      const kind = table.get(key);
      if (kind === undefined) {
        reader.unknownField(memberPath(path, key), key, table.keys());
        continue;
      }
      const result = kind(member, memberPath(path, key), reader);
      if (result !== undefined) read[key] = result;
    }
    const missing = required.filter((key) => value[key] === undefined || value[key] === null);
    for (const key of missing) reader.missing(path, key);
    return isComplete(read, required) ? read : undefined;
  });
}

/** Unknown members stay in the cluster, so that what a misspelt one meant can still be told. */
function recordSchema(table: ReadonlyMap<string, FieldKind<unknown>>, required: readonly string[]): FieldSchema {
  return {
    type: 'object',
    properties: Object.fromEntries([...table].map(([name, { schema }]) => [name, schema])),
    ...(required.length > 0 && { required }),
    ...freeForm,
  };
}

/** Every member came from its own kind, and the required ones are there: that is what `Members` says. */
export function isComplete<Members extends object>(
  read: object,
  required: readonly (keyof Members & string)[],
): read is Members {
  return required.every((key) => Object.hasOwn(read, key));
}

export const anyMapping: FieldKind<Readonly<Record<string, unknown>>> = withSchema(
  { type: 'object', ...freeForm },
  (value, path, reader) => (isRecord(value) ? value : reader.fail(path, 'a mapping', value)),
);

/** Read as `anyMapping`; `members` are for who looks into a cluster's schema. */
export function mappingOf(members: Readonly<Record<string, FieldSchema>>): typeof anyMapping {
  return withSchema({ type: 'object', properties: members, ...freeForm }, anyMapping);
}

export const anyList: FieldKind<readonly unknown[]> = withSchema(
  { type: 'array', items: freeForm },
  (value, path, reader) => (Array.isArray(value) ? value : reader.fail(path, 'a list', value)),
);

export const anything: FieldKind<unknown> = withSchema(freeForm, (value) => value);

export function firstOf<A, B>(
  isFirst: (value: unknown) => boolean,
  first: FieldKind<A>,
  second: FieldKind<B>,
): FieldKind<A | B> {
  return withSchema<A | B>(eitherSchema(first.schema, second.schema), (value, path, reader) =>
    isFirst(value) ? first(value, path, reader) : second(value, path, reader),
  );
}

export const textOrBoolean: FieldKind<string | boolean> = firstOf(
  (value) => typeof value === 'boolean',
  boolean,
  optionalText,
);

function quoteHint(value: unknown): string | null {
  return typeof value === 'number' || typeof value === 'boolean' ? `Put it in quotes: \`"${value}"\`.` : null;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'string' && /^-?\d+$/.test(value);
}
