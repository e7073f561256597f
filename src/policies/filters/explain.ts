/** Which rule would decide, and what its chain would ask, in words. */
import type { AuthMethodLowering } from '../authentication/method.ts';
import type { PolicyExplanation, RequestFacts } from '../contract.ts';
import type { CompiledFilters, CompiledFilterUse, CompiledHeaderCondition } from './compiled.ts';
import { selectRule } from './select.ts';

export function explainFilters(
  config: CompiledFilters,
  facts: RequestFacts,
  methodOf: (name: string) => AuthMethodLowering | null,
): PolicyExplanation {
  const rule = selectRule(config, facts);
  const input = { authority: facts.authority, path: facts.path, rule: rule?.name ?? null };
  if (rule === null)
    return { input, note: 'no rule matches this host and path: the request passes without filters', decides: false };
  if (rule.refuse !== undefined) {
    const note = `${rule.name} decides and refuses with policy-not-enforced, because ${rule.refuse}`;
    return { input, note };
  }
  if (rule.chain.length === 0) return { input, note: `${rule.name} decides: no filters` };
  const steps = rule.chain.map((use) => describeUse(use, config, methodOf));
  return { input, note: `${rule.name} decides: ${steps.join('; then ')}` };
}

function describeUse(
  { filter, onDeny, onAllow, when, scopes }: CompiledFilterUse,
  { filters }: CompiledFilters,
  methodOf: (name: string) => AuthMethodLowering | null,
): string {
  const { name, method, config } = filters[filter] ?? { name: '?', method: '?', config: null };
  const demand = methodOf(method)?.describe(config) ?? method;
  return [
    `filter ${name} demands ${demand}`,
    ...(scopes === undefined ? [] : [`with the scopes ${scopes.join(', ')}`]),
    ...(when === undefined ? [] : [describeCondition(when)]),
    ...(onDeny === undefined ? [] : ['(a refusal is passed over)']),
    ...(onAllow === undefined ? [] : ['(when it lets the request pass, the others are not asked)']),
  ].join(' ');
}

function describeCondition({ name, value, regex, negate }: CompiledHeaderCondition): string {
  const word = negate === true ? 'unless' : 'if';
  if (value !== undefined) return `${word} ${name} is \`${value}\``;
  return regex === undefined ? `${word} ${name} is not empty` : `${word} ${name} matches a regular expression`;
}
