/** The few routes that a person probably had in mind when another one, or none, answered. */
import type { CompiledPath, CompiledRoute } from '../program/route-program.ts';
import type { Candidate } from '../gateway/matcher.ts';
import { pathHolds, type MatchFacts } from '../gateway/predicates.ts';
import { literalPrefix } from '../gateway/regex.ts';
import type { NearMiss } from './explanation.ts';
import type { SourceFinder } from './sources.ts';

/** More would bury the one that was meant. */
export const MOST_NEAR_MISSES = 5;

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
  const { candidates, facts, winner, reachable, sources } = input;
  const shadowed = new Map<CompiledRoute, NearMiss>();
  const samePath = new Map<CompiledRoute, NearMiss>();
  const closePath = new Map<CompiledRoute, { readonly miss: NearMiss; readonly closeness: number }>();
  const least = winner === null ? 2 : closestOf(winner, facts.path) + 1;
  for (const { route, match, miss } of candidates) {
    if (reachable.has(route)) continue;
    const source = sources.route(route);
    if (miss === null) {
      if (winner !== null) keep(shadowed, route, { source, failed: 'shadowed', expected: winner.id, actual: null });
    } else if (pathHolds(match.path, facts.path)) {
      keep(samePath, route, { source, ...sources.written(route, match, miss) });
    } else if (miss.failed === 'path') {
      const closeness = closenessOf(match.path, facts.path);
      const known = closePath.get(route)?.closeness ?? 0;
      if (closeness >= least && closeness > known) {
        closePath.set(route, { miss: { source, ...sources.written(route, match, miss) }, closeness });
      }
    }
  }
  for (const route of shadowed.keys()) samePath.delete(route);
  for (const route of [...shadowed.keys(), ...samePath.keys()]) closePath.delete(route);
  const closest = [...closePath].toSorted(([, a], [, b]) => b.closeness - a.closeness);
  const all = [...shadowed, ...samePath, ...closest.map(([route, { miss }]) => [route, miss] as const)];
  return onePerGroup(all).slice(0, MOST_NEAR_MISSES);
}

/** Members of a canary group miss for the same reason: one of them says it. */
function onePerGroup(misses: readonly (readonly [CompiledRoute, NearMiss])[]): readonly NearMiss[] {
  const seen = new Set<string>();
  return misses.flatMap(([{ group }, miss]) => {
    if (group === undefined) return [miss];
    const key = `${group} ${miss.failed} ${miss.expected}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [miss];
  });
}

/** The first match in order is the one that would have been tried first. */
function keep(found: Map<CompiledRoute, NearMiss>, route: CompiledRoute, miss: NearMiss): void {
  if (!found.has(route)) found.set(route, miss);
}

function closestOf(route: CompiledRoute, path: string): number {
  return Math.max(...route.matches.map((match) => closenessOf(match.path, path)));
}

/** Characters from the start that agree, case ignored: a wrong case is a near miss, too. */
export function closenessOf(path: CompiledPath, actual: string): number {
  const value = path.kind === 'regex' ? literalPrefix(path.regex) : path.value;
  const a = value.toLowerCase();
  const b = actual.toLowerCase();
  let length = 0;
  while (length < a.length && a.charAt(length) === b.charAt(length)) length += 1;
  return length;
}
