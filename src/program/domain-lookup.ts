/**
 * Which domain serves a hostname: an exact name, else the longest leading-`*` pattern, else the
 * longest trailing-`*` pattern, else `*` (Envoy's virtual host order). There is no second try.
 *
 * One implementation for the Worker, which holds an index, and for explain, which holds a program.
 */
import { hostPatternMatches, stripPatternPort } from '../model/hostname.ts';
import type { GatewaySettings, HostPattern } from '../model/route-model.ts';
import type { CompiledDomain, TableRef } from './route-program.ts';
import { stableHash } from './stable-hash.ts';
import type { StoredIndex, StoredIndexPart, TableShards } from './stored-form.ts';

/** The names of one request: `hostname` without port, `authority` as received; both lower case. */
export type RequestHost = { readonly hostname: string; readonly authority: string };

type HostPort = GatewaySettings['hostPort'];

/** The text that patterns are compared with. */
export function comparedName(host: RequestHost, hostPort: HostPort): string {
  return hostPort === 'strict' ? host.authority : host.hostname;
}

/** The pattern as it is compared: without its port unless ports count. */
function comparedPattern(pattern: HostPattern, hostPort: HostPort): HostPattern {
  return hostPort === 'strict' ? pattern : stripPatternPort(pattern);
}

export interface DomainLookup<Domain> {
  /** `name` as comparedName() gives it. */
  find(name: string): Domain | null;
}

/** Of domains with the same pattern the first one serves. */
export function createDomainLookup<Domain extends { readonly hostname: HostPattern }>(
  domains: readonly Domain[],
  hostPort: HostPort,
): DomainLookup<Domain> {
  const exact = new Map<string, Domain>();
  const leading = new Map<string, Domain>();
  const trailing = new Map<string, Domain>();
  let any: Domain | null = null;
  for (const domain of domains) {
    const pattern = comparedPattern(domain.hostname, hostPort);
    if (pattern === '*') any ??= domain;
    else if (!pattern.includes('*')) addFirst(exact, pattern, domain);
    else if (pattern.lastIndexOf('*') === 0) addFirst(leading, pattern.slice(1), domain);
    else if (pattern.startsWith('*')) continue; // a `*` at both ends matches nothing
    else if (pattern.endsWith('*')) addFirst(trailing, pattern.slice(0, -1), domain);
    else addFirst(exact, pattern, domain); // a `*` inside is a plain character
  }
  const suffixLengths = lengthsOf(leading);
  const prefixLengths = lengthsOf(trailing);
  return {
    find: (name) =>
      exact.get(name) ??
      longest(leading, suffixLengths, name, (length) => name.slice(name.length - length)) ??
      longest(trailing, prefixLengths, name, (length) => name.slice(0, length)) ??
      any,
  };
}

function addFirst<Domain>(map: Map<string, Domain>, key: string, domain: Domain): void {
  if (!map.has(key)) map.set(key, domain);
}

/** Distinct lengths, longest first: a lookup costs one probe per length, not one per pattern. */
function lengthsOf(map: ReadonlyMap<string, unknown>): readonly number[] {
  return [...new Set([...map.keys()].map((key) => key.length))].toSorted((a, b) => b - a);
}

function longest<Domain>(
  map: ReadonlyMap<string, Domain>,
  lengths: readonly number[],
  name: string,
  cut: (length: number) => string,
): Domain | null {
  for (const length of lengths) {
    // A `*` stands for at least one character.
    if (length >= name.length) continue;
    const found = map.get(cut(length));
    if (found !== undefined) return found;
  }
  return null;
}

/** Tables of a domain whose restriction can hold; a regex restriction is left to the matcher. */
export function candidateTables(domain: CompiledDomain, host: RequestHost, hostPort: HostPort): readonly TableRef[] {
  const name = comparedName(host, hostPort);
  return domain.tables.filter(
    ({ hostname }) => typeof hostname !== 'string' || hostPatternMatches(comparedPattern(hostname, hostPort), name),
  );
}

/** Position in `StoredIndex.parts` of the part that would hold this name. */
export function partOf(name: string, parts: number): number {
  return Number.parseInt(stableHash(name).slice(0, 8), 16) % parts;
}

/** The part that an exact domain is stored in; null for patterns, which stay in the root. */
export function partOfDomain(pattern: HostPattern, hostPort: HostPort, parts: number): number | null {
  return pattern.includes('*') ? null : partOf(comparedPattern(pattern, hostPort), parts);
}

export type SelectedTable = TableRef & {
  /** SHA-256 of every shard that holds routes of this table. */
  readonly shards: readonly string[];
};
export type SelectedDomain = { readonly domain: CompiledDomain; readonly tables: readonly SelectedTable[] };

export interface IndexLookup {
  /** SHA-256 of the index part that must be loaded before `select`; null when the root suffices. */
  partFor(host: RequestHost): string | null;
  /** `part`: what `partFor` named, decoded; null when it named nothing. null: no domain serves this host. */
  select(host: RequestHost, part: StoredIndexPart | null): SelectedDomain | null;
}

export function createIndexLookup(index: StoredIndex): IndexLookup {
  const { hostPort } = index.settings;
  const root = createDomainLookup(index.domains, hostPort);
  const partLookups = new WeakMap<StoredIndexPart, DomainLookup<CompiledDomain>>();
  const inPart = (part: StoredIndexPart, name: string): CompiledDomain | null => {
    let lookup = partLookups.get(part);
    if (lookup === undefined) partLookups.set(part, (lookup = createDomainLookup(part.domains, hostPort)));
    return lookup.find(name);
  };
  return {
    partFor: (host) => {
      if (index.parts === undefined || index.parts.length === 0) return null;
      return index.parts[partOf(comparedName(host, hostPort), index.parts.length)] ?? null;
    },
    select: (host, part) => {
      const name = comparedName(host, hostPort);
      const exact = part === null ? null : inPart(part, name);
      const domain = exact ?? root.find(name);
      if (domain === null) return null;
      const tables = exact === null || part === null ? index.tables : part.tables;
      return {
        domain,
        tables: candidateTables(domain, host, hostPort).map(({ id, hostname }) => ({
          id,
          hostname,
          shards: shardsOf(index, tables, id),
        })),
      };
    },
  };
}

function shardsOf(index: StoredIndex, tables: TableShards, tableId: string): readonly string[] {
  const positions = Object.hasOwn(tables, tableId) ? (tables[tableId] ?? []) : [];
  return positions.map((position) => index.shards[position]).filter((hash) => typeof hash === 'string');
}
