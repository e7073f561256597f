/**
 * Reads a compiled program the slow way: every match of every table of the domain, by rank. It tells
 * whether the compiler put the right matches into the right tables, apart from any index over them.
 */
import { RE2JS } from 're2js';
import { hostPatternMatches, stripPatternPort } from '../../src/model/hostname.ts';
import { compareRank } from '../../src/model/rank.ts';
import type {
  CompiledMatch,
  CompiledRegex,
  CompiledRoute,
  CompiledValueMatch,
  RouteProgram,
} from '../../src/program/route-program.ts';
import type { MatchFacts } from '../oracle/naive-matcher.ts';

/** The route of the first match that holds in this domain. */
export function linearMatch(program: RouteProgram, domainId: string, facts: MatchFacts): CompiledRoute | null {
  const strict = program.settings.hostPort === 'strict';
  const host = strict ? facts.authority : facts.hostname;
  const found: { readonly route: CompiledRoute; readonly match: CompiledMatch }[] = [];
  for (const { id, hostname } of program.domains.find((domain) => domain.id === domainId)?.tables ?? []) {
    const selected =
      hostname === null ||
      (typeof hostname === 'string'
        ? hostPatternMatches(strict ? hostname : stripPatternPort(hostname), host)
        : regexHolds(hostname.regex, host));
    if (!selected) continue;
    for (const route of program.tables[id] ?? []) for (const match of route.matches) found.push({ route, match });
  }
  found.sort((a, b) => compareRank(a.match.rank, b.match.rank));
  return (
    found.find(({ route, match }) => (route.below === undefined || facts.r < route.below) && holds(match, facts))
      ?.route ?? null
  );
}

function holds({ path, method, headers = [], query = [] }: CompiledMatch, facts: MatchFacts): boolean {
  if (
    method !== undefined &&
    !(typeof method === 'string' ? method === facts.method : regexHolds(method, facts.method))
  )
    return false;
  if (!pathHolds(path, facts.path)) return false;
  const parameters = new URLSearchParams(facts.query ?? '');
  const received = new Headers(facts.headers.map(([name, value]) => [name, value]));
  return (
    headers.every((test) => valueHolds(test, joined(received.get(test.name)))) &&
    query.every((test) => valueHolds(test, parameters.get(test.name)))
  );
}

/** Headers joins with a comma and a space, Envoy with a comma. */
function joined(value: string | null): string | null {
  return value?.replaceAll(', ', ',') ?? null;
}

function pathHolds(path: CompiledMatch['path'], actual: string): boolean {
  if (path.kind === 'regex') return regexHolds(path.regex, actual);
  const value = path.ignoreCase === true ? path.value.toLowerCase() : path.value;
  const text = path.ignoreCase === true ? actual.toLowerCase() : actual;
  if (path.kind === 'exact') return text === value;
  if (path.kind === 'prefix') return text.startsWith(value);
  const element = value.endsWith('/') ? value : `${value}/`;
  return `${text}/`.startsWith(element);
}

function valueHolds({ value, regex }: CompiledValueMatch, actual: string | null): boolean {
  if (actual === null) return false;
  return value === undefined ? regex === undefined || regexHolds(regex, actual) : value === actual;
}

export function regexHolds({ engine, source, flags, full }: CompiledRegex, text: string): boolean {
  if (engine === 'js') return new RegExp(source, flags).test(text);
  const regex = RE2JS.compile(source);
  return full === true ? regex.matches(text) : regex.test(text);
}
