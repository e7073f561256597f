/** The tests of one route match, each written once: the matcher asks whether they hold, explain asks which one failed. */
import type { RequestFacts } from '../policies/contract.ts';
import type { CompiledMatch, CompiledPath, CompiledValueMatch } from '../program/route-program.ts';
import { regexMatches } from './regex.ts';

/** What matching looks at. */
export type MatchFacts = Pick<RequestFacts, 'method' | 'path' | 'query' | 'headers' | 'authority' | 'scheme'>;

/** The first test that failed. `failed` is `path`, `method`, `share`, `headers.<name>`, `query.<name>` or `hostname`. */
export type Miss = { readonly failed: string; readonly expected: string; readonly actual: string | null };

export function pathHolds(path: CompiledPath, actual: string): boolean {
  if (path.kind === 'regex') return regexMatches(path.regex, actual);
  const fold = path.ignoreCase === true;
  const value = fold ? path.value.toLowerCase() : path.value;
  const text = fold ? actual.toLowerCase() : actual;
  if (path.kind === 'exact') return text === value;
  if (path.kind === 'prefix') return text.startsWith(value);
  const prefix = withoutTrailingSlash(value);
  return text.startsWith(prefix) && (text.length === prefix.length || text.charAt(prefix.length) === '/');
}

/** Gateway API: `/foo/` and `/foo` are the same PathPrefix. */
export function withoutTrailingSlash(value: string): string {
  return value.endsWith('/') ? value.slice(0, -1) : value;
}

export function methodHolds(method: CompiledMatch['method'], actual: string): boolean {
  if (method === undefined) return true;
  return typeof method === 'string' ? method === actual : regexMatches(method, actual);
}

export function headerHolds(test: CompiledValueMatch, facts: MatchFacts): boolean {
  const value = headerValue(test.name, facts);
  if (valueHolds(test, value)) return true;
  // Repeated lines: Envoy joins them with `,`, the Fetch standard with `, `. Which it was cannot be told here.
  return value !== null && value.includes(', ') && valueHolds(test, value.replaceAll(', ', ','));
}

export function queryHolds(test: CompiledValueMatch, facts: MatchFacts): boolean {
  return valueHolds(test, queryValue(facts.query, test.name));
}

function valueHolds(test: CompiledValueMatch, actual: string | null): boolean {
  if (actual === null) return false;
  if (test.value !== undefined) return actual === test.value;
  return test.regex === undefined || regexMatches(test.regex, actual);
}

/** Pseudo-headers of HTTP/2 are answered from the facts, as Envoy does. */
function headerValue(name: string, facts: MatchFacts): string | null {
  if (!name.startsWith(':')) return facts.headers.get(name);
  if (name === ':authority') return facts.authority;
  if (name === ':method') return facts.method;
  if (name === ':scheme') return facts.scheme;
  if (name === ':path') return facts.query === null ? facts.path : `${facts.path}?${facts.query}`;
  return null;
}

/** First occurrence, compared as sent (no decoding), a name without `=` has the empty value: Envoy's reading. */
export function queryValue(query: string | null, name: string): string | null {
  if (query === null) return null;
  let start = 0;
  while (start <= query.length) {
    const next = query.indexOf('&', start);
    const end = next < 0 ? query.length : next;
    if (query.startsWith(name, start)) {
      const after = start + name.length;
      if (after === end) return '';
      if (after < end && query.charAt(after) === '=') return query.slice(after + 1, end);
    }
    start = end + 1;
  }
  return null;
}

/** null: the match holds. `random` is the request's draw in [0, 100). */
export function firstMiss(
  match: CompiledMatch,
  below: number | undefined,
  facts: MatchFacts,
  random: number,
): Miss | null {
  if (!pathHolds(match.path, facts.path)) {
    return { failed: 'path', expected: describePath(match.path), actual: facts.path };
  }
  if (!methodHolds(match.method, facts.method)) {
    const expected = typeof match.method === 'string' ? match.method : `regex ${match.method?.source ?? ''}`;
    return { failed: 'method', expected, actual: facts.method };
  }
  for (const test of match.headers ?? []) {
    if (!headerHolds(test, facts)) {
      return { failed: `headers.${test.name}`, expected: describeValue(test), actual: headerValue(test.name, facts) };
    }
  }
  for (const test of match.query ?? []) {
    if (!queryHolds(test, facts)) {
      return {
        failed: `query.${test.name}`,
        expected: describeValue(test),
        actual: queryValue(facts.query, test.name),
      };
    }
  }
  if (below !== undefined && random >= below) {
    return { failed: 'share', expected: `below ${below}`, actual: String(random) };
  }
  return null;
}

function describePath(path: CompiledPath): string {
  if (path.kind === 'regex') return `regex ${path.regex.source}`;
  return `${path.kind} ${path.value}${path.ignoreCase === true ? ' (any case)' : ''}`;
}

function describeValue(test: CompiledValueMatch): string {
  if (test.value !== undefined) return test.value;
  return test.regex === undefined ? 'present' : `regex ${test.regex.source}`;
}
