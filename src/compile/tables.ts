/** Parts of routes → tables, and the references from domains to them. */
import { hostPatternsOverlap, stripPatternPort } from '../model/hostname.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { GatewaySettings } from '../model/route-model.ts';
import type { CompiledHostname, CompiledRoute, RouteProgram, TableRef } from '../program/route-program.ts';
import { stableHash } from '../program/stable-hash.ts';
import type { RoutePart } from './compile-route.ts';

export type BuiltTable = {
  readonly key: string;
  readonly id: string;
  readonly domains: readonly string[];
  readonly hostname: CompiledHostname;
  readonly routes: readonly CompiledRoute[];
};

/**
 * `previous`: the tables of an earlier build by key. A table whose routes are the same objects is
 * given back as it was, so that whoever encodes it can tell at once that nothing changed.
 */
export function buildTables(
  parts: Iterable<RoutePart>,
  previous: ReadonlyMap<string, BuiltTable>,
): ReadonlyMap<string, BuiltTable> {
  const grouped = new Map<string, { first: RoutePart; routes: CompiledRoute[] }>();
  for (const part of parts) {
    const group = grouped.get(part.tableKey);
    if (group === undefined) grouped.set(part.tableKey, { first: part, routes: [part.route] });
    else group.routes.push(part.route);
  }
  const ids = new Set<string>();
  const tables = new Map<string, BuiltTable>();
  for (const key of [...grouped.keys()].toSorted(compareCodePoints)) {
    const group = grouped.get(key);
    if (group === undefined) continue;
    const { first, routes } = group;
    const id = uniqueId(key, ids);
    const sorted = sortById(routes);
    const old = previous.get(key);
    if (old?.id === id && isSameList(old.routes, sorted)) tables.set(key, old);
    else tables.set(key, { key, id, domains: first.domains, hostname: first.hostname, routes: sorted });
  }
  return tables;
}

export function tablesById(tables: Iterable<BuiltTable>): RouteProgram['tables'] {
  const sorted = [...tables].toSorted((a, b) => compareCodePoints(a.id, b.id));
  return Object.fromEntries(sorted.map(({ id, routes }) => [id, routes]));
}

/** Which tables a request of each domain can need, by domain id. */
export function referencesByDomain(
  tables: Iterable<BuiltTable>,
  domains: ReadonlyMap<string, string>,
  hostPort: GatewaySettings['hostPort'],
): ReadonlyMap<string, readonly TableRef[]> {
  const references = new Map<string, TableRef[]>();
  for (const table of tables) {
    for (const domain of table.domains) {
      const pattern = domains.get(domain);
      if (pattern === undefined || !canHold(table.hostname, pattern, hostPort)) continue;
      const reference = { id: table.id, hostname: table.hostname };
      const list = references.get(domain);
      if (list === undefined) references.set(domain, [reference]);
      else list.push(reference);
    }
  }
  for (const list of references.values()) list.sort((a, b) => compareCodePoints(a.id, b.id));
  return references;
}

function canHold(hostname: CompiledHostname, domain: string, hostPort: GatewaySettings['hostPort']): boolean {
  if (hostname === null || typeof hostname === 'object') return true;
  if (hostPort === 'strict') return hostPatternsOverlap(hostname, domain);
  return hostPatternsOverlap(stripPatternPort(hostname), stripPatternPort(domain));
}

/** Keys arrive sorted, so a collision is resolved alike in every build of the same input. */
function uniqueId(key: string, taken: Set<string>): string {
  for (let attempt = 0; ; attempt += 1) {
    const id = stableHash(attempt === 0 ? key : `${attempt}:${key}`);
    if (taken.has(id)) continue;
    taken.add(id);
    return id;
  }
}

function sortById(routes: readonly CompiledRoute[]): readonly CompiledRoute[] {
  const inOrder = routes.every((route, index) => {
    const before = routes[index - 1];
    return before === undefined || compareCodePoints(before.id, route.id) <= 0;
  });
  return inOrder ? routes : routes.toSorted((a, b) => compareCodePoints(a.id, b.id));
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
