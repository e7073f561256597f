/**
 * Authored form of the `filters` policy: rules by host and path, each with a chain of authentication
 * methods, as a FilterPolicy of Ambassador Edge Stack has them.
 */
import * as z from 'zod';
import type { Json, Provenance } from '../../model/route-model.ts';

export type FiltersOptions = {
  /** By a name that the rules use. */
  readonly filters: Readonly<Record<string, FilterOption>>;
  /** The first rule that matches decides. None matches: the request passes without any filter. */
  readonly rules: readonly FilterRuleOption[];
  /** Paths are compared without case. Default false. */
  readonly ignoreCase?: boolean | undefined;
  /** Look for the route once more after headers changed, as Ambassador does. Default true. */
  readonly recomputeRoute?: boolean | undefined;
};

export type FilterOption =
  | {
      /** A name of AUTH_METHODS. */
      readonly method: string;
      readonly options: Json;
      /** Where the filter was written, when not where it is used. */
      readonly source?: Provenance | undefined;
    }
  /** A filter that is there and cannot run; why not, as a clause. Rules that name it refuse. */
  | { readonly unusable: string };

export type FilterRuleOption = {
  /** For `explain` and the log. Default: `rule N`, counted from 1. */
  readonly name?: string | undefined;
  /** Glob on the request's authority or its hostname: `*` is any run of characters. Case ignored. Default `*`. */
  readonly host?: string | undefined;
  /** Glob on the canonical path: `*` is any run of characters, `/` included. Default `*`. */
  readonly path?: string | undefined;
} & (
  | {
      /** Empty: what the rule matches passes. */
      readonly chain: readonly FilterUse[];
    }
  /** The rule itself cannot be read; why not, as a clause. It refuses what it matches. */
  | { readonly unusable: string }
);

export type FilterUse = {
  /** A name in `filters`; one that is not there makes the rule refuse. */
  readonly filter: string;
  /** `continue`: the refusal is forgotten and the next filter runs; after the last one the request passes. Default `break`. */
  readonly onDeny?: 'break' | 'continue' | undefined;
  /** `break`: the request passes without asking the filters behind. Default `continue`. */
  readonly onAllow?: 'break' | 'continue' | undefined;
  /** The filter runs only then. Default: always. */
  readonly ifRequestHeader?: HeaderConditionOption | undefined;
  /** Scopes that this use demands besides the filter's own. */
  readonly scopes?: readonly string[] | undefined;
};

/** On the headers as earlier filters left them. Without `value` and `valueRegex`: there, and not empty. */
export type HeaderConditionOption = {
  readonly name: string;
  /** Compared exactly. */
  readonly value?: string | undefined;
  /** RE2, searched for; `\C` is not allowed. */
  readonly valueRegex?: string | undefined;
  /** Turns the condition round. Default false. */
  readonly negate?: boolean | undefined;
};

const glob = z.string().min(1, 'must not be empty; `*` matches everything').max(2_048);
/** RFC 9110 §5.6.2. */
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be the name of a header');
const flow = z.enum(['break', 'continue']);

const conditionSchema = z
  .strictObject({
    name: headerName,
    value: z.string().max(4_096).optional(),
    valueRegex: z.string().max(4_096).optional(),
    negate: z.boolean().optional(),
  })
  .refine(({ value, valueRegex }) => value === undefined || valueRegex === undefined, {
    error: 'must not have both value and valueRegex',
  });

const useSchema = z.strictObject({
  filter: z.string().min(1),
  onDeny: flow.optional(),
  onAllow: flow.optional(),
  ifRequestHeader: conditionSchema.optional(),
  scopes: z.array(z.string().min(1)).max(64).optional(),
});

const provenance = z.custom<Provenance>((value) => typeof value === 'object' && value !== null);
const filterSchema: z.ZodType<FilterOption> = z.union([
  z.strictObject({ method: z.string().min(1), options: z.json(), source: provenance.optional() }),
  z.strictObject({ unusable: z.string() }),
]);

const place = { name: z.string().optional(), host: glob.optional(), path: glob.optional() };
const ruleSchema: z.ZodType<FilterRuleOption> = z.union([
  z.strictObject({ ...place, chain: z.array(useSchema).max(64) }),
  z.strictObject({ ...place, unusable: z.string() }),
]);

export const filtersOptionsSchema: z.ZodType<FiltersOptions> = z.strictObject({
  filters: z.record(z.string(), filterSchema),
  rules: z.array(ruleSchema).max(4_096),
  ignoreCase: z.boolean().optional(),
  recomputeRoute: z.boolean().optional(),
});
