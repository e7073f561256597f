/** The fields of an Edge Stack RateLimit and what each takes. */
import { itemPath } from '../field-path.ts';
import { isRecord } from '../record.ts';
import { dictionary, integer, list, oneOf, optionalText, record, text, withSchema } from './fields.ts';
import type { FieldKind, FieldTable } from './fields.ts';
import type { FieldReader } from './field-reader.ts';
import { headerTemplates, type HeaderTemplate } from './filter-fields.ts';
import { limitCoverage, rateLimitCoverage } from './rate-limit-coverage.ts';
import { readSpec, specShape } from './read-spec.ts';

export type RateLimitObjectSpec = {
  /** null: not readable, so it may be any. */
  readonly domain: string | null;
  readonly limits: readonly LimitSpec[];
};

/** Each item: keys that a label may have there, with the value it must have; `''` and `*`: any. */
export type LabelPattern = readonly Readonly<Record<string, string>>[];

export type LimitSpec = {
  /** Field path. */
  readonly at: string;
  /** Position in the list, from 0. */
  readonly index: number;
  /** null: none written. */
  readonly name: string | null;
  /** null: not readable, so it may be about anything. */
  readonly pattern: LabelPattern | null;
  /** `action: LogOnly`. */
  readonly logOnly: boolean;
  /** null: something in it cannot be read, so nothing can be counted by it. */
  readonly count: LimitCount | null;
};

export type LimitCount = {
  readonly rate: number;
  readonly unit: 'second' | 'minute' | 'hour' | 'day';
  /** 0: none. */
  readonly burstFactor: number;
  readonly injectRequestHeaders: readonly HeaderTemplate[];
  readonly injectResponseHeaders: readonly HeaderTemplate[];
  readonly errorResponse: LimitErrorFields | null;
};

export type LimitErrorFields = { readonly headers?: readonly HeaderTemplate[]; readonly bodyTemplate?: string };

type RateLimitFields = { readonly domain?: string; readonly limits?: readonly unknown[] };
export type RateLimitField = keyof RateLimitFields;

/** The limits are read one by one below. */
export const rateLimitFields: FieldTable<RateLimitFields> = {
  domain: optionalText,
  limits: withSchema({ type: 'array' }, (value, path, reader) =>
    Array.isArray(value) ? value : reader.fail(path, 'a list', value),
  ),
};

type LimitFields = {
  readonly name?: string;
  readonly action?: 'enforce' | 'logonly';
  readonly pattern?: LabelPattern;
  readonly rate?: number;
  readonly unit?: LimitCount['unit'];
  readonly burstFactor?: number;
  readonly injectRequestHeaders?: readonly HeaderTemplate[];
  readonly injectResponseHeaders?: readonly HeaderTemplate[];
  readonly errorResponse?: LimitErrorFields;
};
export type LimitField = keyof LimitFields;

/** Clients see it. */
const MAX_NAME = 256;
const limitName: FieldKind<string> = withSchema({ type: 'string', maxLength: MAX_NAME }, (value, path, reader) => {
  const read = optionalText(value, path, reader);
  if (read === undefined || read.length <= MAX_NAME) return read;
  return reader.reject(path, `A name has at most ${MAX_NAME} characters; this one has ${read.length}.`, 'Shorten it.');
});

/** Nothing is as good as empty text: any value. */
const patternValue: FieldKind<string> = withSchema({ type: 'string' }, (value, path, reader) =>
  value === null ? '' : text(value, path, reader),
);
const patternMembers = dictionary(patternValue);
const patternItem: FieldKind<LabelPattern[number]> = withSchema(patternMembers.schema, (value, path, reader) => {
  const read = patternMembers(value, path, reader);
  if (!isRecord(value) || Object.keys(value).length > 0) return read;
  return reader.reject(path, 'An item without a key matches no label.', 'Write `KEY: VALUE`; `"*"` is any value.');
});

/** The products of the counters' arithmetic must stay whole numbers, so there is a largest rate. */
export const MAX_RATE = 1_000_000;

export const limitFields: FieldTable<LimitFields> = {
  name: limitName,
  action: oneOf(['enforce', 'logonly'], { ignoreCase: true }),
  pattern: list(patternItem),
  rate: integer(1, MAX_RATE),
  unit: oneOf(['second', 'minute', 'hour', 'day'], { ignoreCase: true }),
  burstFactor: integer(0, MAX_RATE),
  injectRequestHeaders: headerTemplates,
  injectResponseHeaders: headerTemplates,
  errorResponse: record<LimitErrorFields>({ headers: headerTemplates, bodyTemplate: text }),
};

const shape = specShape(rateLimitFields, rateLimitCoverage);
const limitShape = specShape(limitFields, limitCoverage);

/** A limit with anything wrong in it is kept: what it may be about must not be served as if it did not exist. */
export function rateLimitSpec(written: Readonly<Record<string, unknown>>, reader: FieldReader): RateLimitObjectSpec {
  const read: RateLimitFields = readSpec(written, 'spec', shape, reader);
  const isInvalid = (field: RateLimitField): boolean => reader.invalid.some(({ path }) => path === `spec.${field}`);
  if (read.domain === undefined && !isInvalid('domain')) reader.missing('spec', 'domain');
  const limits = isInvalid('limits')
    ? [unreadableLimit('spec.limits', 0)]
    : (read.limits ?? []).map((limit, index) => readLimit(limit, index, reader));
  return { domain: read.domain ?? null, limits };
}

function unreadableLimit(at: string, index: number): LimitSpec {
  return { at, index, name: null, pattern: null, logOnly: false, count: null };
}

function readLimit(limit: unknown, index: number, reader: FieldReader): LimitSpec {
  const at = itemPath('spec.limits', index);
  if (!isRecord(limit)) {
    reader.fail(at, 'a mapping', limit);
    return unreadableLimit(at, index);
  }
  const before = reader.invalid.length;
  const read: LimitFields = readSpec(limit, at, limitShape, reader);
  for (const name of ['pattern', 'rate', 'unit'] as const) if ((limit[name] ?? null) === null) reader.missing(at, name);
  const invalid = reader.invalid.slice(before);
  const isPatternRead = !invalid.some(({ path }) => path.startsWith(`${at}.pattern`));
  return {
    at,
    index,
    name: read.name ?? null,
    pattern: isPatternRead ? (read.pattern ?? null) : null,
    logOnly: read.action === 'logonly',
    count: invalid.length > 0 ? null : limitCount(read),
  };
}

function limitCount({ rate, unit, burstFactor = 0, ...read }: LimitFields): LimitCount | null {
  if (rate === undefined || unit === undefined) return null;
  const { injectRequestHeaders = [], injectResponseHeaders = [], errorResponse = null } = read;
  return { rate, unit, burstFactor, injectRequestHeaders, injectResponseHeaders, errorResponse };
}
