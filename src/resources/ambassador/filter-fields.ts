/** Kinds of fields that Filters, FilterPolicies and AuthServices share. */
import { boolean, integer, list, record, text, withSchema, type FieldKind } from './fields.ts';

/** RFC 9110 §5.6.2; Envoy's names with a colon are no headers to a Filter. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;

export const plainHeaderName: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) =>
  typeof value === 'string' && HEADER_NAME.test(value) ? value : reader.fail(path, 'the name of an HTTP header', value),
);

export const plainHeaderNames: FieldKind<readonly string[]> = list(plainHeaderName);

export type HeaderTemplate = { readonly name: string; readonly value: string };
export const headerTemplates: FieldKind<readonly HeaderTemplate[]> = list(
  record<HeaderTemplate>({ name: plainHeaderName, value: text }, ['name', 'value']),
);

export const errorStatus = integer(400, 599);

export type BodyFields = { readonly max_bytes: number; readonly allow_partial: boolean };
export const includeBody: FieldKind<BodyFields> = record<BodyFields>(
  { max_bytes: integer(1), allow_partial: boolean },
  ['max_bytes', 'allow_partial'],
);
