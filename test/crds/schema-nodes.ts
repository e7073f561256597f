import type { FieldSchema } from '../../src/resources/ambassador/field-schema.ts';

export type SchemaNode = {
  /** `.spec.cors.origins`; `[]` is an item, `.*` a value of a mapping with free keys. */
  readonly path: string;
  readonly schema: FieldSchema;
};

/** The schema and all below it. */
export function* walk(schema: FieldSchema, path = ''): Generator<SchemaNode> {
  yield { path, schema };
  if (schema.items !== undefined) yield* walk(schema.items, `${path}[]`);
  if (schema.additionalProperties !== undefined) yield* walk(schema.additionalProperties, `${path}.*`);
  for (const [name, member] of Object.entries(schema.properties ?? {})) yield* walk(member, `${path}.${name}`);
}
