/** The table of a kind's fields as a schema with descriptions. */
import type { Coverage, CoverageStatus } from '../resources/ambassador/coverage.ts';
import { freeForm, type FieldSchema } from '../resources/ambassador/field-schema.ts';
import type { FieldKind } from '../resources/ambassador/fields.ts';

export type DescribedFields = {
  readonly kinds: Readonly<Record<string, Pick<FieldKind<unknown>, 'schema'>>>;
  readonly coverage: Readonly<Record<string, Coverage>>;
  readonly meanings: Readonly<Record<string, string>>;
  /** Of members of fields, by path. */
  readonly memberMeanings: Readonly<Record<string, string>>;
};

/** Properties in the order of their names. Unknown members stay in the cluster; the check names them. */
export function fieldsSchema({ kinds, coverage, meanings, memberMeanings }: DescribedFields): FieldSchema {
  const properties = sortedEntries(kinds).map(([name, { schema }]): [string, FieldSchema] => {
    const description = [meanings[name], coverageWords(coverage[name])].filter(Boolean).join(' ');
    return [name, { description, ...withMembers(schema, name, memberMeanings) }];
  });
  return { type: 'object', properties: Object.fromEntries(properties), ...freeForm };
}

/**
 * Names and descriptions only. For a node that Ambassador's own definition leaves free: a value that it
 * stored must not be turned away.
 */
export function untypedFields(schema: FieldSchema): FieldSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, { description }]): [string, FieldSchema] => [
    name,
    { ...(description !== undefined && { description }), ...freeForm },
  ]);
  return { ...schema, properties: Object.fromEntries(properties) };
}

const STATUS_WORDS: Readonly<Record<CoverageStatus, string>> = {
  carried: '',
  difference: 'Different here: ',
  'no-effect-at-edge': 'No effect at the edge: ',
  refused: 'Refused: ',
  'not-yet-enforced': 'Not yet enforced: ',
};

function coverageWords(covered: Coverage | undefined): string {
  if (covered === undefined || covered.note === '') return '';
  return `${STATUS_WORDS[covered.status]}${covered.note}`;
}

function withMembers(schema: FieldSchema, path: string, meanings: Readonly<Record<string, string>>): FieldSchema {
  const { items, properties, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...(items !== undefined && { items: withMembers(items, `${path}[]`, meanings) }),
    ...(additionalProperties !== undefined && {
      additionalProperties: withMembers(additionalProperties, `${path}.*`, meanings),
    }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        sortedEntries(properties).map(([name, member]) => {
          const at = `${path}.${name}`;
          const description = meanings[at];
          return [name, { ...(description !== undefined && { description }), ...withMembers(member, at, meanings) }];
        }),
      ),
    }),
  };
}

function sortedEntries<Value>(members: Readonly<Record<string, Value>>): readonly [string, Value][] {
  return Object.entries(members).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
