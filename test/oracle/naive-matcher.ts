/**
 * The oracle: which route answers, found by trying every match of the model in order.
 *
 * Written from the specification and nothing else. It is slow and has no index, no table and no
 * shared code with the gateway's matcher except the order of ranks, which is a definition.
 *
 * 1. The domain: exact hostname, else the longest leading-`*` pattern, else the longest trailing-`*`
 *    pattern, else `*`. None: the host is not served. There is no second try in another domain.
 * 2. All matches of the routes attached to that domain, sorted by rank; the first whose conditions
 *    all hold, and whose route's share takes this request, wins.
 */
import { RE2JS } from 're2js';
import { compareRank } from '../../src/model/rank.ts';
import type {
  DomainModel,
  HostPattern,
  PathMatch,
  RegexModel,
  RouteMatch,
  RouteModel,
  RouteModelRoute,
  ValueMatch,
} from '../../src/model/route-model.ts';

export type MatchFacts = {
  /** Lower case, without port. */
  readonly hostname: string;
  /** Host header as received, lower case, port kept. */
  readonly authority: string;
  /** Canonical path. */
  readonly path: string;
  readonly method: string;
  /** In the order received; names in any case. */
  readonly headers: readonly (readonly [string, string])[];
  /** Raw query without `?`; null: none. */
  readonly query: string | null;
  /** Drawn once per request, in [0, 100). */
  readonly r: number;
};

export type NaiveResult = {
  /** null: no domain serves this host. */
  readonly domain: string | null;
  /** null: no route of the domain matches. */
  readonly route: string | null;
  /** Index of the match in its route; null without a route. */
  readonly match: number | null;
};

type Candidate = { readonly route: RouteModelRoute; readonly match: RouteMatch; readonly index: number };

export function naiveMatch(model: RouteModel, facts: MatchFacts): NaiveResult {
  const strict = model.settings.hostPort === 'strict';
  const host = strict ? facts.authority : facts.hostname;
  const pattern = (text: HostPattern): HostPattern => (strict ? text : text.replace(/:\d+$/, ''));

  const domain = chooseDomain(model.domains, host, pattern);
  if (domain === null) return { domain: null, route: null, match: null };

  const candidates: Candidate[] = model.routes
    .filter((route) => route.domains.includes(domain.id))
    .flatMap((route) => route.matches.map((match, index) => ({ route, match, index })));
  candidates.sort(
    (a, b) =>
      compareRank(a.match.rank, b.match.rank) ||
      (a.route.id < b.route.id ? -1 : Number(a.route.id > b.route.id)) ||
      a.index - b.index,
  );
  const winner = candidates.find(
    ({ route, match }) =>
      (route.share === null || facts.r < route.share.below) &&
      hostnameHolds(match.hostname, host, pattern) &&
      pathHolds(match.path, facts.path) &&
      methodHolds(match.method, facts.method) &&
      match.headers.every((test) => valueHolds(test, headerValue(facts.headers, test.name))) &&
      match.query.every((test) => valueHolds(test, queryValue(facts.query, test.name))),
  );
  return { domain: domain.id, route: winner?.route.id ?? null, match: winner?.index ?? null };
}

function chooseDomain(
  domains: readonly DomainModel[],
  host: string,
  pattern: (text: HostPattern) => HostPattern,
): DomainModel | null {
  const ordered = domains.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const exact = ordered.find((domain) => pattern(domain.hostname) === host);
  if (exact !== undefined && !pattern(exact.hostname).includes('*')) return exact;
  for (const leading of [true, false]) {
    const fitting = ordered.filter(({ hostname }) => {
      const text = pattern(hostname);
      return text !== '*' && (leading ? text.startsWith('*') : text.endsWith('*')) && globHolds(text, host);
    });
    const longest = fitting.toSorted((a, b) => pattern(b.hostname).length - pattern(a.hostname).length)[0];
    if (longest !== undefined) return longest;
  }
  return ordered.find((domain) => pattern(domain.hostname) === '*') ?? null;
}

/** `*` at either end stands for one or more characters. */
function globHolds(glob: HostPattern, host: string): boolean {
  if (glob === '*') return true;
  if (glob.startsWith('*')) return host.length >= glob.length && host.endsWith(glob.slice(1));
  if (glob.endsWith('*')) return host.length >= glob.length && host.startsWith(glob.slice(0, -1));
  return glob === host;
}

function hostnameHolds(
  hostname: RouteMatch['hostname'],
  host: string,
  pattern: (text: HostPattern) => HostPattern,
): boolean {
  if (hostname === null) return true;
  return typeof hostname === 'string' ? globHolds(pattern(hostname), host) : regexHolds(hostname.regex, host);
}

function pathHolds({ kind, value, caseSensitive }: PathMatch, path: string): boolean {
  if (kind === 'regex') return regexHolds({ pattern: value }, path);
  const wanted = caseSensitive ? value : asciiLower(value);
  const actual = caseSensitive ? path : asciiLower(path);
  if (kind === 'exact') return actual === wanted;
  if (kind === 'prefix') return actual.startsWith(wanted);
  const elements = wanted.endsWith('/') ? wanted.slice(0, -1) : wanted;
  return actual === elements || actual.startsWith(`${elements}/`);
}

function methodHolds(method: RouteMatch['method'], actual: string): boolean {
  if (method === null) return true;
  return typeof method === 'string' ? method === actual : regexHolds(method.regex, actual);
}

function valueHolds({ test }: ValueMatch, actual: string | null): boolean {
  if (actual === null) return false;
  if (test.kind === 'present') return true;
  return test.kind === 'exact' ? actual === test.value : regexHolds(test.regex, actual);
}

/** Duplicates are joined with a comma before matching, as Envoy does. */
function headerValue(headers: MatchFacts['headers'], name: string): string | null {
  const values = headers.filter(([header]) => header.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? null : values.join(',');
}

/** First occurrence, not percent-decoded. */
function queryValue(query: string | null, name: string): string | null {
  for (const part of query === null || query === '' ? [] : query.split('&')) {
    const equals = part.indexOf('=');
    if ((equals === -1 ? part : part.slice(0, equals)) === name) return equals === -1 ? '' : part.slice(equals + 1);
  }
  return null;
}

function regexHolds({ pattern }: RegexModel, text: string): boolean {
  return RE2JS.matches(pattern, text);
}

function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
