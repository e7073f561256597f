/** Which rule decides about a request: shared by the handler and by `explain`. */
import type { RequestFacts } from '../contract.ts';
import { matchesGlob } from '../glob.ts';
import type { CompiledFilterRule, CompiledFilters } from './compiled.ts';

/** The first that matches; null: none, and the request passes without any filter. */
export function selectRule(
  { rules, ignoreCase }: CompiledFilters,
  facts: Pick<RequestFacts, 'authority' | 'hostname' | 'path'>,
): CompiledFilterRule | null {
  const path = ignoreCase === true ? facts.path.toLowerCase() : facts.path;
  for (const rule of rules) if (matchesHost(rule, facts) && matchesPath(rule, path)) return rule;
  return null;
}

/**
 * Either spelling of the host may match: a port that the client adds or leaves out must not take the
 * request away from its rule.
 */
function matchesHost({ host }: CompiledFilterRule, facts: Pick<RequestFacts, 'authority' | 'hostname'>): boolean {
  return host === undefined || matchesGlob(host, facts.authority) || matchesGlob(host, facts.hostname);
}

function matchesPath({ path: glob }: CompiledFilterRule, path: string): boolean {
  return glob === undefined || matchesGlob(glob, path);
}
