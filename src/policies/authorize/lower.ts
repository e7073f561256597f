/** Authored `authorize` options → checked source texts in the order in which they are asked. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledRegex } from '../../program/route-program.ts';
import type { KnownCaller, LowerContext, PolicyExplanation, PolicyLowering, RequestFacts } from '../contract.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import { checkExpression, type ExpressionProblem } from './check-expression.ts';
import type { CompiledAuthorize, CompiledRule } from './compiled.ts';
import { decodeAuthorize } from './decode.ts';
import { explainAuthorize } from './explain.ts';
import { createExpressions, ExpressionError, type Expressions } from './expressions.ts';
import { authorizeOptionsSchema, type AuthorizeOptions, type AuthorizeRuleOption } from './options.ts';

const KNOWN_KEYS = ['rules', 'mode', 'dryRun', 'name', 'effect', 'when', 'code', 'scope'] as const;

export const authorizeLowering: PolicyLowering = {
  name: 'authorize',
  lower(options, context) {
    const parsed = parseOptions(authorizeOptionsSchema, options, {
      policy: 'authorize',
      knownKeys: KNOWN_KEYS,
      context,
    });
    if (parsed === null) return null;
    const patterns: Record<string, CompiledRegex> = {};
    const expressions = createExpressions({ find: patternFinder(patterns, context), test: () => false });
    const names = new Set<string>();
    // Every rule is checked, so that one run shows everything that is wrong.
    const rules = parsed.rules.map((rule, index) => compileRule(rule, index, { expressions, names, context }));
    const complete = rules.filter((rule) => rule !== null);
    if (complete.length < rules.length) return null;
    reviewRules(parsed, context);
    return compilePolicy(parsed, complete, patterns) satisfies Json;
  },
  explain(json, facts: RequestFacts, caller?: KnownCaller): PolicyExplanation {
    return explainAuthorize(decodeAuthorize(json), facts, caller ?? null);
  },
};

function compilePolicy(
  { mode, dryRun }: AuthorizeOptions,
  rules: readonly CompiledRule[],
  patterns: Readonly<Record<string, CompiledRegex>>,
): CompiledAuthorize {
  const denies = rules.filter(({ effect }) => effect === 'deny');
  const allows = rules.filter(({ effect }) => effect === 'allow');
  return {
    // The first deny rule that holds, else the first allow rule: asked in this order, the two modes are one.
    rules: mode === 'deny-overrides' ? [...denies, ...allows] : rules,
    ...(dryRun === true && { dryRun }),
    ...(Object.keys(patterns).length > 0 && { patterns }),
  };
}

/** Keeps what it found; a pattern that cannot be compiled is a problem of the expression. */
function patternFinder(patterns: Record<string, CompiledRegex>, { regex }: LowerContext) {
  return (pattern: string, range: { readonly start: number; readonly end: number }): CompiledRegex => {
    const known = Object.hasOwn(patterns, pattern) ? patterns[pattern] : undefined;
    if (known !== undefined) return known;
    const compiled = regex({ pattern }, false);
    if ('code' in compiled) throw new ExpressionError('pattern_invalid', compiled.message.replace(/\.$/, ''), range);
    patterns[pattern] = compiled;
    return compiled;
  };
}

type RuleTools = {
  readonly expressions: Expressions;
  readonly names: Set<string>;
  readonly context: LowerContext;
};

/** null after reporting: a rule that cannot be asked could have been the one that refuses. */
function compileRule(
  rule: AuthorizeRuleOption,
  index: number,
  { expressions, names, context }: RuleTools,
): CompiledRule | null {
  const { name, effect, when, code, scope, dryRun } = rule;
  const checked = checkExpression(when, expressions);
  for (const problem of checked.problems ?? []) reportExpression(problem, rule, index, context);
  const isTaken = names.has(name);
  if (isTaken) {
    reportOption(context, 'error', 'authorize-rule-duplicate', {
      message: `There are two rules named \`${name}\`; nothing would tell them apart in the log. The route refuses requests.`,
      at: ['rules', index, 'name'],
      hint: 'Give every rule a name of its own.',
    });
  }
  names.add(name);
  if (checked.problems !== null || isTaken) return null;
  return {
    name,
    effect,
    when,
    reads: checked.reads,
    ...(code !== undefined && { code }),
    ...(scope !== undefined && { scope: [...new Set(scope)] }),
    ...(dryRun === true && { dryRun }),
  };
}

function reportExpression(
  { message, at, hint }: ExpressionProblem,
  { name, when }: AuthorizeRuleOption,
  index: number,
  context: LowerContext,
): void {
  const where = at === null ? '' : ` at ${positionOf(when, at)}`;
  reportOption(context, 'error', 'authorize-expression-invalid', {
    message: `Rule ${name}${where}: ${message}. The route refuses requests, because nobody can say whom the rule meant.`,
    at: ['rules', index, 'when'],
    hint,
  });
}

function positionOf(text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  const character = `character ${(before.at(-1)?.length ?? 0) + 1}`;
  return before.length === 1 ? character : `line ${before.length}, ${character}`;
}

/** Rules that are right and yet decide something that hardly anybody means. */
function reviewRules({ rules, dryRun }: AuthorizeOptions, context: LowerContext): void {
  const allows = rules.some((rule) => rule.effect === 'allow' && rule.dryRun !== true);
  if (dryRun === true || allows) return;
  reportOption(context, 'warning', 'authorize-allows-nothing', {
    message: 'No rule that is enforced allows anything, so every request is refused.',
    at: ['rules'],
    hint: 'Add an allow rule (`when: "true"` allows what no other rule refuses), or set `dryRun` of the policy to try it as a whole.',
  });
}
