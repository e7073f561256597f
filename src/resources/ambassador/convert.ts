/** v1 and v2 forms → v3alpha1. */
import { isRecord } from '../record.ts';
import { eitherSchema } from './field-schema.ts';
import { list, text, withSchema, type FieldKind } from './fields.ts';
import type { MappingSpec } from './types.ts';

type TypedSpec = Partial<Omit<MappingSpec, 'other'>>;

/**
 * `host` becomes `hostname` (none: every hostname) unless it is a regex, and a presence test becomes the
 * regex that every value matches. Both count in the order of routes.
 */
export function convertLegacyMapping(spec: TypedSpec): TypedSpec {
  const { host, headers, query_parameters: query, ...rest } = spec;
  const hostFields =
    spec.host_regex === true && host !== undefined ? { host } : { hostname: spec.hostname ?? host ?? '*' };
  return {
    ...rest,
    ...hostFields,
    ...splitPresence('headers', 'regex_headers', headers, spec.regex_headers),
    ...splitPresence('query_parameters', 'regex_query_parameters', query, spec.regex_query_parameters),
  };
}

type Conditions = Readonly<Record<string, string | true>>;

function splitPresence(
  exactKey: 'headers' | 'query_parameters',
  regexKey: 'regex_headers' | 'regex_query_parameters',
  conditions: Conditions | undefined,
  regexes: Readonly<Record<string, string>> | undefined,
): TypedSpec {
  if (conditions === undefined) return {};
  const entries = Object.entries(conditions);
  const exact = entries.filter(([, value]) => value !== true);
  const present = entries.filter(([, value]) => value === true).map(([name]): [string, string] => [name, '.*']);
  return {
    ...(exact.length > 0 ? { [exactKey]: Object.fromEntries(exact) } : {}),
    ...(present.length > 0 ? { [regexKey]: Object.fromEntries([...present, ...Object.entries(regexes ?? {})]) } : {}),
  };
}

const commaListSchema = eitherSchema(text.schema, list(text).schema);

/**
 * A list that may be one text with commas. v1 and v2 keep the spaces around the parts, as Ambassador's
 * conversion does; in v3alpha1, where only a list is proper, they are removed.
 */
export const commaList: FieldKind<readonly string[]> = withSchema(commaListSchema, (value, path, reader) => {
  if (typeof value === 'string') {
    const parts = value.split(',');
    if (reader.legacy) {
      if (parts.some((part) => part !== part.trim())) reportSpaces(path, reader);
      return parts;
    }
    if (parts.length > 1) reportSplit(path, parts.length, reader);
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  }
  if (!Array.isArray(value)) return reader.fail(path, 'a list of text', value);
  const wrong = value.findIndex((part) => typeof part !== 'string');
  if (wrong !== -1) return reader.fail(`${path}[${wrong}]`, 'text', value[wrong], 'Put it in quotes.');
  return value.filter((part): part is string => typeof part === 'string');
});

function reportSpaces(path: string, reader: Parameters<typeof commaList>[2]): void {
  const isOrigins = path.endsWith('.origins');
  reader.say(path, {
    severity: isOrigins ? 'warning' : 'info',
    code: 'list-spaces-kept',
    message: isOrigins
      ? 'The spaces around the parts of this text are kept, as in Ambassador; an origin with a space never matches.'
      : 'The spaces around the parts of this text are kept and sent, as in Ambassador.',
    hint: 'Write a list, or remove the spaces.',
  });
}

function reportSplit(path: string, count: number, reader: Parameters<typeof commaList>[2]): void {
  reader.say(path, {
    severity: 'info',
    code: 'list-from-text',
    message: `A list belongs here; this text is read as ${count} parts, split at the commas and trimmed.`,
    hint: 'Write a list.',
  });
}

/** The short forms of rate-limit labels, in the long form that v3alpha1 has alone. */
export function convertLegacySpecifier(specifier: unknown): unknown {
  if (typeof specifier === 'string') {
    if (builtInLabels.has(specifier)) return { [specifier]: { key: specifier } };
    return { generic_key: { value: specifier, v2Shorthand: true } };
  }
  if (!isRecord(specifier)) return specifier;
  const [entry, ...others] = Object.entries(specifier);
  if (entry === undefined || others.length > 0) return specifier;
  const [key, value] = entry;
  if (!isRecord(value) || typeof value['header'] !== 'string') return specifier;
  const { header, ...rest } = value;
  return { request_headers: { key, header_name: header, ...rest } };
}

const builtInLabels = new Set(['source_cluster', 'destination_cluster', 'remote_address']);
