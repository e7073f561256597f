/**
 * What a cluster's schema says of a field: the part of OpenAPI that a structural schema of Kubernetes may
 * use. It is kept beside the function that reads the field, so that the two cannot part.
 */
export type FieldSchema = {
  /** Absent: any type; then `x-kubernetes-preserve-unknown-fields` or `x-kubernetes-int-or-string` must be there. */
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly format?: 'date-time' | 'int64';
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  /** RE2, unanchored. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  /** Of an untyped field: of the value, when it is a list. */
  readonly items?: FieldSchema;
  /** Of an untyped field: of the value, when it is a mapping. */
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly additionalProperties?: FieldSchema;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-list-type'?: 'map' | 'atomic';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
};

/** `rule`: CEL over `self`; refused when it is not true. */
export type CelRule = { readonly rule: string; readonly message: string };

/** Takes anything, and keeps it. */
export const freeForm = { 'x-kubernetes-preserve-unknown-fields': true } as const satisfies FieldSchema;

/**
 * A field of two types. A structural schema cannot name both, so it names none; what it says of the members
 * of a list or a mapping holds only where the value is one.
 */
export function eitherSchema(first: FieldSchema, second: FieldSchema): FieldSchema {
  if (first.type !== undefined && first.type === second.type) return { type: first.type };
  const { items = second.items } = first;
  const { properties = second.properties } = first;
  return { ...freeForm, ...(items !== undefined && { items }), ...(properties !== undefined && { properties }) };
}
