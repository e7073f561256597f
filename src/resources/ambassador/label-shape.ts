/** Rate-limit labels, of a Mapping or as defaults of the Module: what each specifier takes. */
import { isRecord } from '../record.ts';
import { convertLegacySpecifier } from './convert.ts';
import { freeForm, type FieldSchema } from './field-schema.ts';
import {
  boolean,
  dictionary,
  list,
  nonEmptyText,
  optionalText,
  record,
  withSchema,
  type FieldKind,
  type FieldTable,
} from './fields.ts';

/** Exactly one member is there. */
export type LabelSpecifier = {
  readonly source_cluster?: FixedKey;
  readonly destination_cluster?: FixedKey;
  readonly remote_address?: FixedKey;
  readonly request_headers?: {
    readonly key: string;
    readonly header_name: string;
    readonly omit_if_not_present?: boolean;
  };
  readonly generic_key?: { readonly value: string; readonly key?: string; readonly v2Shorthand?: boolean };
};
type FixedKey = { readonly key?: string };

/** One member, whose name is decoration. */
export type LabelGroup = Readonly<Record<string, readonly LabelSpecifier[]>>;
/** By domain. */
export type Labels = Readonly<Record<string, readonly LabelGroup[]>>;
/** By domain: what goes before the labels of every group. */
export type DefaultLabels = Readonly<Record<string, { readonly defaults?: readonly LabelSpecifier[] }>>;

const LABEL_HEADER = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|:method|:authority|:path)$/;

const headerName: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) =>
  typeof value === 'string' && LABEL_HEADER.test(value)
    ? value
    : reader.fail(path, 'the name of a header, or one of `:method`, `:authority`, `:path`', value),
);

const omitted: FieldKind<boolean> = withSchema({ type: 'boolean' }, (value, path, reader) => {
  const read = boolean(value, path, reader);
  if (read === false) {
    reader.say(path, {
      severity: 'info',
      code: 'no-effect',
      message: 'Ignored, as in Ambassador: without the header the whole group of labels is left out.',
      hint: null,
    });
  }
  return read;
});

/** The key of such a label cannot be chosen. */
function fixed(name: string): FieldKind<FixedKey> {
  const key: FieldKind<string> = withSchema({ type: 'string', enum: [name] }, (value, path, reader) =>
    value === name ? name : reader.fail(path, `\`${name}\``, value),
  );
  return record<FixedKey>({ key });
}

const members: FieldTable<LabelSpecifier> = {
  source_cluster: fixed('source_cluster'),
  destination_cluster: fixed('destination_cluster'),
  remote_address: fixed('remote_address'),
  request_headers: record<NonNullable<LabelSpecifier['request_headers']>>(
    { key: nonEmptyText, header_name: headerName, omit_if_not_present: omitted },
    ['key', 'header_name'],
  ),
  generic_key: record<NonNullable<LabelSpecifier['generic_key']>>(
    { value: nonEmptyText, key: optionalText, v2Shorthand: boolean },
    ['value'],
  ),
};
const kinds: ReadonlyMap<string, FieldKind<unknown>> = new Map(Object.entries<FieldKind<unknown>>(members));

const specifierSchema: FieldSchema = {
  ...freeForm,
  type: 'object',
  properties: Object.fromEntries([...kinds].map(([name, { schema }]) => [name, schema])),
  minProperties: 1,
  maxProperties: 1,
};

const specifier: FieldKind<LabelSpecifier> = withSchema(specifierSchema, (value, path, reader) => {
  const converted = reader.legacy ? convertLegacySpecifier(value) : value;
  const entries = isRecord(converted) ? Object.entries(converted) : [];
  const [name = '', member] = entries[0] ?? [];
  const kind = entries.length === 1 ? kinds.get(name) : undefined;
  if (kind === undefined) {
    const names = [...kinds.keys()].map((each) => `\`${each}\``).join(', ');
    return reader.fail(path, `a mapping with exactly one of ${names}`, value);
  }
  const read = kind(member, `${path}.${name}`, reader);
  return read === undefined ? undefined : { [name]: read };
});

/** For a value that this shape has read before. */
export function isLabelSpecifier(value: unknown): value is LabelSpecifier {
  return isRecord(value) && Object.keys(value).length === 1 && Object.keys(value).every((name) => kinds.has(name));
}

const groupMembers = dictionary(list(specifier));
const group: FieldKind<LabelGroup> = withSchema(
  { ...groupMembers.schema, minProperties: 1, maxProperties: 1 },
  (value, path, reader) => {
    const read = groupMembers(value, path, reader);
    if (read === undefined || Object.keys(read).length === 1) return read;
    return reader.reject(path, `\`${path}\` must have exactly one group name.`, 'Make each group an item of its own.');
  },
);

export const labels: FieldKind<Labels> = dictionary(list(group));

export const defaultLabels: FieldKind<DefaultLabels> = dictionary(
  record<DefaultLabels[string]>({ defaults: list(specifier) }),
);
