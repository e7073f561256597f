/**
 * Routes that would serve a request under another host name, for requests that no route serves: there
 * is no second try in another domain, and a missing Host is the commonest reason for a 404.
 */
import type { RouteMatch, RouteModel } from '../model/route-model.ts';
import type { RequestFacts } from '../policies/contract.ts';
import type { CompiledDomain, RouteProgram } from '../program/route-program.ts';
import { firstMiss, pathHolds } from '../gateway/predicates.ts';
import type { NearMiss } from './explanation.ts';
import { closenessOf } from './near-misses.ts';
import { plainSource, type SourceFinder } from './sources.ts';

/** Domains by how much of their hostname's end agrees with the request's. */
export function domainsByCloseness(domains: readonly CompiledDomain[], hostname: string): readonly CompiledDomain[] {
  const closeness = new Map(domains.map((domain) => [domain, commonEnd(domain.hostname, hostname)]));
  return domains.toSorted((a, b) => (closeness.get(b) ?? 0) - (closeness.get(a) ?? 0));
}

/** Routes of other domains that hold but for the host name; one near miss for each route, closest path first. */
export function listInOtherDomains(
  program: RouteProgram,
  facts: RequestFacts,
  own: CompiledDomain | null,
  sources: SourceFinder,
): readonly NearMiss[] {
  // In a domain of its own, a request meant that domain; a catch-all elsewhere would tell it nothing.
  const least = own?.source === undefined ? 1 : 2;
  const ownTables = new Set(own?.tables.map(({ id }) => id));
  const found = new Map<string, { readonly miss: NearMiss; readonly closeness: number }>();
  for (const domain of domainsByCloseness(program.domains, facts.hostname)) {
    if (domain === own) continue;
    for (const { id } of domain.tables) {
      if (ownTables.has(id)) continue;
      for (const route of program.tables[id] ?? []) {
        const match = route.matches.find((each) => firstMiss(each, undefined, facts, 0) === null);
        if (match === undefined || found.has(route.id)) continue;
        const closeness = closenessOf(match.path, facts.path);
        if (closeness < least) continue;
        const expected = domain.hostname === '*' ? 'any host that no other Host claims' : domain.hostname;
        const miss = { source: sources.route(route), failed: 'hostname', expected, actual: facts.hostname };
        found.set(route.id, { miss, closeness });
      }
    }
  }
  return [...found.values()].toSorted((a, b) => b.closeness - a.closeness).map(({ miss }) => miss);
}

/** Routes that no domain has at all, and whose path holds. Their regexes were never compiled: those are left out. */
export function listUnattached(model: Pick<RouteModel, 'routes'>, facts: RequestFacts): readonly NearMiss[] {
  return model.routes
    .filter(({ domains, matches }) => domains.length === 0 && matches.some((match) => holdsPath(match, facts.path)))
    .map(({ source, matches }) => {
      const hostname = matches.find((match) => typeof match.hostname === 'string')?.hostname;
      const named = typeof hostname === 'string' ? hostname : 'that takes it';
      return {
        source: plainSource(source),
        failed: 'hostname',
        expected: `a Host ${named}: it is attached to none`,
        actual: facts.hostname,
      };
    });
}

function holdsPath({ path: { kind, value, caseSensitive } }: RouteMatch, actual: string): boolean {
  return kind !== 'regex' && pathHolds({ kind, value, ...(!caseSensitive && { ignoreCase: true as const }) }, actual);
}

function commonEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length += 1;
  return length;
}
