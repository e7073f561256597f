/** The decision of the `authorize` policy: used by the handler and by `explain`, so that both say the same. */
import type { Consumer, PolicyRuntime } from '../contract.ts';
import type { CompiledAuthorize, CompiledRule } from './compiled.ts';
import { REQUEST_BUDGET, type Budget } from './cost.ts';
import { createExpressions, type Verdict } from './expressions.ts';
import type { FactsView } from './facts-view.ts';

/** Who asks, for the scopes that rules demand; null and `anonymous`: nobody has shown a credential. */
export type Caller = Pick<Consumer, 'kind' | 'scopes'> | null;

export type Decision =
  | { readonly kind: 'allow'; /** null: nothing is enforced. */ readonly rule: string | null }
  | {
      readonly kind: 'deny';
      /** null: no rule allowed it. */
      readonly rule: string | null;
      /** The rule's own `code`. */
      readonly reason: string | null;
      /** Set when the caller may not for lack of these scopes. */
      readonly scope: readonly string[] | null;
    }
  /** An expression failed or cost too much: a deny, whatever the rule's effect. */
  | { readonly kind: 'error'; readonly rule: string; readonly error: string };

type PreparedRule = CompiledRule & { readonly holds: (facts: FactsView, budget: Budget) => Verdict };

export type PreparedAuthorize = {
  /** Rules that decide. */
  readonly enforced: readonly PreparedRule[];
  /** With those of the dry run, as if they decided; null: there is no dry run. */
  readonly trial: readonly PreparedRule[] | null;
  /** Nothing is enforced. */
  readonly dryRun: boolean;
};

/** Parses every expression. Throws for one that is none, and for a pattern that the program does not hold. */
export function prepareAuthorize(
  { rules, dryRun, patterns = {} }: CompiledAuthorize,
  regex: PolicyRuntime['regex'],
): PreparedAuthorize {
  const expressions = createExpressions({
    find: (pattern) => {
      const found = Object.hasOwn(patterns, pattern) ? patterns[pattern] : undefined;
      if (found === undefined) throw new Error('A pattern of the rules is not in the program.');
      return found;
    },
    test: regex,
  });
  const prepared = rules.map((rule) => ({ ...rule, holds: expressions.compile(rule.when) }));
  const enforced = prepared.filter((rule) => rule.dryRun !== true);
  const trial = dryRun === true || enforced.length < prepared.length ? prepared : null;
  return { enforced, trial, dryRun: dryRun === true };
}

/** The first rule that holds decides; none: deny. */
export function judge(rules: readonly PreparedRule[], facts: FactsView, caller: Caller): Decision {
  const budget: Budget = { left: REQUEST_BUDGET };
  let lacking: PreparedRule | null = null;
  for (const rule of rules) {
    const verdict = rule.holds(facts, budget);
    if (typeof verdict !== 'boolean') return { kind: 'error', rule: rule.name, error: verdict.error };
    if (!verdict) continue;
    const lacks = rule.scope !== undefined && !hasAll(caller, rule.scope);
    if (rule.effect === 'allow') {
      if (!lacks) return { kind: 'allow', rule: rule.name };
      lacking ??= rule;
    } else if (rule.scope === undefined || lacks) {
      return { kind: 'deny', rule: rule.name, reason: rule.code ?? null, scope: demanded(rule, caller) };
    }
  }
  if (lacking === null) return { kind: 'deny', rule: null, reason: null, scope: null };
  return { kind: 'deny', rule: lacking.name, reason: null, scope: demanded(lacking, caller) };
}

function hasAll(caller: Caller, scopes: readonly string[]): boolean {
  return caller !== null && scopes.every((scope) => caller.scopes.includes(scope));
}

/** Who has shown nothing lacks a credential and not a scope (RFC 6750 §3.1). */
function demanded({ scope }: CompiledRule, caller: Caller): readonly string[] | null {
  return caller === null || caller.kind === 'anonymous' ? null : (scope ?? null);
}
