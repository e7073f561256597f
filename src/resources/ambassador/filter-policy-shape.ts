/** The fields of a FilterPolicy, of both API groups. A rule that cannot be read refuses what it could be about. */
import { itemPath } from '../field-path.ts';
import { isRecord } from '../record.ts';
import { filterPolicyCoverage, filterRuleCoverage } from './auth-coverage.ts';
import type { FieldReader } from './field-reader.ts';
import {
  anyList,
  anyMapping,
  anything,
  boolean,
  integer,
  list,
  nonEmptyText,
  oneOf,
  optionalText,
  record,
  textList,
  withSchema,
  type FieldKind,
  type FieldTable,
} from './fields.ts';
import { plainHeaderName } from './filter-fields.ts';
import type { FilterGroup } from './filter-shape.ts';
import { readSpec, specShape } from './read-spec.ts';

export type FilterPolicySpec = { readonly group: FilterGroup; readonly rules: readonly FilterRuleSpec[] };

export type FilterRuleSpec = {
  /** Field path of the rule. */
  readonly at: string;
  /** Position in the list, from 1; as people count. */
  readonly number: number;
  /** Globs; `*` where nothing or nothing readable is written. */
  readonly host: string;
  readonly path: string;
  /** Larger first; infinite where it cannot be read, so that nothing goes before what it may protect. */
  readonly precedence: number;
  readonly uses: readonly FilterUseSpec[];
  /** The rule cannot be read; reported. */
  readonly broken: boolean;
};

export type FilterUseSpec = {
  readonly at: string;
  readonly name: string;
  /** null: the policy's own. */
  readonly namespace: string | null;
  readonly onDeny: 'break' | 'continue';
  readonly onAllow: 'break' | 'continue';
  readonly ifRequestHeader: HeaderCondition | null;
  readonly arguments: FilterArguments | null;
};

export type HeaderCondition = {
  readonly name: string;
  readonly value?: string;
  readonly valueRegex?: string;
  readonly negate?: boolean;
};

/** `type`: v1alpha1 says for which kind of Filter they are. */
export type FilterArguments = { readonly type: 'jwt' | 'oauth2' | null; readonly scope: readonly string[] };

export const filterPolicyFields = { ambassadorSelector: anything, rules: anyList };
export type FilterPolicyField = keyof typeof filterPolicyFields;

type ConditionFields = {
  readonly type?: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value?: string;
  readonly valueRegex?: string;
  readonly negate?: boolean;
};
const conditionFields = record<ConditionFields>(
  {
    type: oneOf(['Exact', 'RegularExpression']),
    name: plainHeaderName,
    value: optionalText,
    valueRegex: optionalText,
    negate: boolean,
  },
  ['name'],
);

const condition: FieldKind<HeaderCondition> = withSchema(conditionFields.schema, (value, path, reader) => {
  const read = conditionFields(value, path, reader);
  if (read === undefined) return undefined;
  const { name, negate } = read;
  const regex = read.valueRegex ?? (read.type === 'RegularExpression' ? read.value : undefined);
  const exact = read.type === 'RegularExpression' ? undefined : read.value;
  if (regex !== undefined && exact !== undefined) {
    return reader.reject(path, `\`${path}\` has \`value\` and \`valueRegex\`.`, 'Keep one of the two.');
  }
  return {
    name,
    ...(exact !== undefined && { value: exact }),
    ...(regex !== undefined && { valueRegex: regex }),
    ...(negate !== undefined && { negate }),
  };
});

type UseFields = {
  readonly name: string;
  readonly namespace?: string;
  readonly onDeny?: 'break' | 'continue';
  readonly onAllow?: 'break' | 'continue';
  readonly ifRequestHeader?: HeaderCondition;
  readonly arguments?: Readonly<Record<string, unknown>>;
};
const flow = oneOf(['break', 'continue']);
const useFields = record<UseFields>(
  {
    name: nonEmptyText,
    namespace: optionalText,
    onDeny: flow,
    onAllow: flow,
    ifRequestHeader: condition,
    arguments: anyMapping,
  },
  ['name'],
);

const use: FieldKind<FilterUseSpec> = withSchema(useFields.schema, (value, path, reader) => {
  const read = useFields(value, path, reader);
  if (read === undefined) return undefined;
  const { name, namespace = null, onDeny = 'break', onAllow = 'continue', ifRequestHeader = null } = read;
  const written = read.arguments;
  const given = written === undefined ? null : readArguments(written, `${path}.arguments`, reader);
  return { at: path, name, namespace, onDeny, onAllow, ifRequestHeader, arguments: given };
});

type RuleFields = {
  readonly host?: string;
  readonly path?: string;
  readonly precedence?: number;
  readonly filters?: readonly FilterUseSpec[];
  readonly filterRefs?: readonly FilterUseSpec[];
};
export type FilterRuleField = keyof RuleFields;

export const filterRuleFields: FieldTable<RuleFields> = {
  host: optionalText,
  path: optionalText,
  precedence: integer(Number.MIN_SAFE_INTEGER),
  filters: list(use),
  filterRefs: list(use),
};

const shape = specShape(filterPolicyFields, filterPolicyCoverage);
const ruleShape = specShape(filterRuleFields, filterRuleCoverage);

export function filterPolicySpec(
  written: Readonly<Record<string, unknown>>,
  group: FilterGroup,
  reader: FieldReader,
): FilterPolicySpec {
  const before = reader.invalid.length;
  readSpec(written, 'spec', shape, reader);
  const rules = written['rules'] ?? [];
  // What cannot be read could be about anything.
  if (!Array.isArray(rules)) return { group, rules: [brokenRule('spec.rules', 1)] };
  const read = rules.map((rule: unknown, index) => readRule(rule, index, reader));
  const isSelfBroken = reader.invalid.slice(before).some(({ path }) => !path.startsWith('spec.rules'));
  return { group, rules: isSelfBroken ? [brokenRule('spec', 1), ...read] : read };
}

function brokenRule(at: string, number: number): FilterRuleSpec {
  return { at, number, host: '*', path: '*', precedence: Number.POSITIVE_INFINITY, uses: [], broken: true };
}

function readRule(rule: unknown, index: number, reader: FieldReader): FilterRuleSpec {
  const at = itemPath('spec.rules', index);
  const number = index + 1;
  if (!isRecord(rule)) {
    reader.fail(at, 'a mapping', rule);
    return brokenRule(at, number);
  }
  const before = reader.invalid.length;
  const read: RuleFields = readSpec(rule, at, ruleShape, reader);
  const invalid = reader.invalid.slice(before);
  const isBroken = (field: FilterRuleField): boolean => invalid.some(({ path }) => path === `${at}.${field}`);
  return {
    at,
    number,
    host: isBroken('host') ? '*' : (read.host ?? '*'),
    path: isBroken('path') ? '*' : (read.path ?? '*'),
    precedence: isBroken('precedence') ? Number.POSITIVE_INFINITY : (read.precedence ?? 0),
    uses: [...(read.filters ?? []), ...(read.filterRefs ?? [])],
    broken: invalid.length > 0,
  };
}

type JwtArguments = { readonly scope?: readonly string[]; readonly scopes?: readonly string[] };
const argumentFields: FieldTable<
  JwtArguments & {
    readonly type?: 'jwt' | 'oauth2';
    readonly jwt?: JwtArguments;
    readonly oauth2?: unknown;
    readonly insteadOfRedirect?: unknown;
    readonly sameSite?: unknown;
  }
> = {
  scope: textList,
  scopes: textList,
  type: oneOf(['jwt', 'oauth2']),
  jwt: record<JwtArguments>({ scope: textList, scopes: textList }),
  oauth2: anything,
  insteadOfRedirect: anything,
  sameSite: anything,
};
const argumentRecord = record(argumentFields);

/** What is for OAuth2 alone is not looked at: that Filter refuses in any case. */
function readArguments(
  written: Readonly<Record<string, unknown>>,
  path: string,
  reader: FieldReader,
): FilterArguments | null {
  const read = argumentRecord(written, path, reader);
  if (read === undefined) return null;
  const { type = null, jwt = read } = read;
  return { type, scope: [...(jwt.scope ?? []), ...(jwt.scopes ?? [])] };
}
