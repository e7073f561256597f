/** The few routes that a person probably had in mind when another one, or none, answered. */
import type { CompiledDomain, CompiledPath, CompiledRoute } from '../program/route-program.ts';
import type { Candidate } from '../gateway/matcher.ts';
import { pathHolds, type MatchFacts } from '../gateway/predicates.ts';
import { literalPrefix } from '../gateway/regex.ts';
import type { NearMiss } from './explanation.ts';
import type { SourceFinder } from './sources.ts';

const MOST = 5;

export type NearMissInput = {
  /** All matches of the request's domain in the order tried. */
  readonly candidates: readonly Candidate[];
  readonly facts: MatchFacts;
  /** The route that answers; null: none does. */
  readonly winner: CompiledRoute | null;
  /** Routes that other draws of the same request get: they miss nothing. */
  readonly reachable: ReadonlySet<CompiledRoute>;
  readonly sources: SourceFinder;
};

/**
 * At most five, best first: routes that hold but come later (`shadowed`), then those whose path holds
 * and something else does not, then those whose path comes closest.
 */
export function listNearMisses(input: NearMissInput): readonly NearMiss[] {
  const { candidates, facts, winner, reachable } = input;
  const shadowed = new Map<CompiledRoute, NearMiss>();
  const samePath = new Map<CompiledRoute, NearMiss>();
  const closePath = new Map<CompiledRoute, { readonly miss: NearMiss; readonly closeness: number }>();
  const least = winner === null ? 2 : closestOf(winner, facts.path) + 1;
  for (const { route, match, miss } of candidates) {
    if (reachable.has(route)) continue;
    const source = input.sources.route(route);
    if (miss === null) {
      if (winner !== null) keep(shadowed, route, { source, failed: 'shadowed', expected: winner.id, actual: null });
    } else if (pathHolds(match.path, facts.path)) {
      keep(samePath, route, { source, ...miss });
    } else if (miss.failed === 'path') {
      const closeness = closenessOf(match.path, facts.path);
      const known = closePath.get(route)?.closeness ?? 0;
      if (closeness >= least && closeness > known) closePath.set(route, { miss: { source, ...miss }, closeness });
    }
  }
  for (const route of shadowed.keys()) samePath.delete(route);
  for (const route of [...shadowed.keys(), ...samePath.keys()]) closePath.delete(route);
  const closest = [...closePath.values()].toSorted((a, b) => b.closeness - a.closeness).map(({ miss }) => miss);
  return [...shadowed.values(), ...samePath.values(), ...closest].slice(0, MOST);
}

/** For a host that no domain serves: the hostnames that end most like it. */
export function listNearDomains(
  domains: readonly CompiledDomain[],
  hostname: string,
  sources: SourceFinder,
): readonly NearMiss[] {
  return domains
    .map((domain) => ({ domain, closeness: commonEnd(domain.hostname, hostname) }))
    .toSorted((a, b) => b.closeness - a.closeness)
    .flatMap(({ domain }) => {
      const source = sources.domain(domain);
      return source === null ? [] : [{ source, failed: 'hostname', expected: domain.hostname, actual: hostname }];
    })
    .slice(0, MOST);
}

/** The first match in order is the one that would have been tried first. */
function keep(found: Map<CompiledRoute, NearMiss>, route: CompiledRoute, miss: NearMiss): void {
  if (!found.has(route)) found.set(route, miss);
}

function closestOf(route: CompiledRoute, path: string): number {
  return Math.max(...route.matches.map((match) => closenessOf(match.path, path)));
}

/** Characters from the start that agree, case ignored: a wrong case is a near miss, too. */
function closenessOf(path: CompiledPath, actual: string): number {
  const value = path.kind === 'regex' ? literalPrefix(path.regex) : path.value;
  const a = value.toLowerCase();
  const b = actual.toLowerCase();
  let length = 0;
  while (length < a.length && a.charAt(length) === b.charAt(length)) length += 1;
  return length;
}

function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length += 1;
  return length;
}
