/** A plain reading of the part of OpenAPI that our definitions use, CEL apart: what the API server checks. */
import type { FieldSchema } from '../../src/resources/ambassador/field-schema.ts';

/** What is wrong with `value`, one line each. */
export function validate(value: unknown, schema: FieldSchema, path = ''): string[] {
  if (schema['x-kubernetes-int-or-string'] === true) {
    return Number.isInteger(value) || typeof value === 'string' ? [] : [`${path}: neither a number nor text`];
  }
  if (schema.type !== undefined && !hasType(value, schema.type)) return [`${path}: not of type ${schema.type}`];
  if (typeof value === 'string') return textProblems(value, schema).map((problem) => `${path}: ${problem}`);
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    return value < minimum || value > maximum ? [`${path}: ${value} is outside ${minimum} to ${maximum}`] : [];
  }
  if (Array.isArray(value)) return listProblems(value, schema, path);
  if (typeof value === 'object' && value !== null) return mappingProblems(value, schema, path);
  return [];
}

function hasType(value: unknown, type: NonNullable<FieldSchema['type']>): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function textProblems(value: string, { enum: choices, pattern, minLength = 0, maxLength = Infinity }: FieldSchema) {
  const problems: string[] = [];
  if (choices !== undefined && !choices.includes(value)) problems.push(`${value} is none of ${choices.join(', ')}`);
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) problems.push(`${value} is not ${pattern}`);
  if (value.length < minLength || value.length > maxLength) problems.push(`has ${value.length} characters`);
  return problems;
}

function listProblems(value: readonly unknown[], schema: FieldSchema, path: string): string[] {
  const { items, minItems = 0, maxItems = Infinity } = schema;
  if (value.length < minItems || value.length > maxItems) return [`${path}: has ${value.length} items`];
  return items === undefined ? [] : value.flatMap((item, index) => validate(item, items, `${path}[${index}]`));
}

function mappingProblems(value: object, schema: FieldSchema, path: string): string[] {
  const { properties = {}, additionalProperties, required = [], minProperties = 0, maxProperties = Infinity } = schema;
  const entries = Object.entries(value);
  if (entries.length < minProperties || entries.length > maxProperties) return [`${path}: ${entries.length} members`];
  const missing = required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${path}.${name}: is missing`);
  const wrong = entries.flatMap(([name, member]: [string, unknown]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (known !== undefined) return validate(member, known, `${path}.${name}`);
    return schema['x-kubernetes-preserve-unknown-fields'] === true ? [] : [`${path}.${name}: would be dropped`];
  });
  return [...missing, ...wrong];
}
