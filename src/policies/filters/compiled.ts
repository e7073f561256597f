/** What the Worker gets of a `filters` policy: rules in order, and each filter that they use once. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledRegex } from '../../program/route-program.ts';

export type CompiledFilters = {
  readonly filters: readonly CompiledFilter[];
  readonly rules: readonly CompiledFilterRule[];
  /** Path globs are in lower case, and so must be what is compared. */
  readonly ignoreCase?: true;
  /** The route is not looked for again when headers changed. */
  readonly keepRoute?: true;
};

/** `config` is opaque here; the method reads it. */
export type CompiledFilter = { readonly name: string; readonly method: string; readonly config: Json };

export type CompiledFilterRule = {
  readonly name: string;
  /** Compiled glob, see policies/glob.ts; absent: every host. Lower case. */
  readonly host?: readonly string[];
  /** Compiled glob; absent: every path. */
  readonly path?: readonly string[];
  readonly chain: readonly CompiledFilterUse[];
  /** Why the rule refuses what it matches, whatever its chain says. For people, never for clients. */
  readonly refuse?: string;
};

export type CompiledFilterUse = {
  /** Position in `filters`. */
  readonly filter: number;
  readonly onDeny?: 'continue';
  readonly onAllow?: 'break';
  readonly when?: CompiledHeaderCondition;
  readonly scopes?: readonly string[];
};

/** `value` and `regex` both absent: there, and not empty. */
export type CompiledHeaderCondition = {
  readonly name: string;
  readonly value?: string;
  readonly regex?: CompiledRegex;
  readonly negate?: true;
};
