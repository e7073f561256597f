/**
 * Which domain serves a hostname: an exact name, else the longest leading-`*` pattern, else the
 * longest trailing-`*` pattern, else `*` (Envoy's virtual host order). There is no second try.
 *
 * One implementation for the Worker, which holds an index, and for explain, which holds a program.
 */
import { stripPatternPort } from '../model/hostname.ts';
import type { GatewaySettings, HostPattern } from '../model/route-model.ts';
import { stableHash } from './stable-hash.ts';
import type { StoredIndex } from './stored-form.ts';

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

/** Position in `StoredIndex.parts` of the part that would hold this name. */
export function partOf(name: string, parts: number): number {
  return Number.parseInt(stableHash(name).slice(0, 8), 16) % parts;
}

/** The part that an exact domain is stored in; null for patterns, which stay in the root. */
export function partOfDomain(pattern: HostPattern, hostPort: HostPort, parts: number): number | null {
  return pattern.includes('*') ? null : partOf(comparedPattern(pattern, hostPort), parts);
}

export interface IndexLookup {
  /** SHA-256 of the index part that holds this host if it is an exact name; null in a one-level index. */
  partFor(host: RequestHost): string | null;
}

/** Exact names come first, so the part is looked into before the patterns of the root. */
export function createIndexLookup({ parts = [], settings }: StoredIndex): IndexLookup {
  return {
    partFor: (host) => parts[partOf(comparedName(host, settings.hostPort), parts.length)] ?? null,
  };
}
