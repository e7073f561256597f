/**
 * What a Mapping asks of a request, in the form Ambassador compares and orders: every condition that
 * Envoy sees as a header, the host among them, then the query parameters.
 */
import { memberPath } from '../field-path.ts';
import { canonicalText } from '../../model/canonical-text.ts';
import { stripPatternPort } from '../../model/hostname.ts';
import { comparableRank, type RankedCondition } from '../../model/route-rank.ts';
import type { PathMatch, RankKey, RegexModel, RouteMatch, ValueMatch } from '../../model/route-model.ts';
import type { AmbassadorOptions, MappingResource, MappingSpec } from './types.ts';

/** `pattern`: as compared (lower case; a regex as it is). `text`: as written, which is what ranks. */
export type MappingHost = { readonly pattern: string; readonly text: string; readonly regex: boolean };

export type MatchProblem = {
  /** `reject`: Ambassador rejects the Mapping. `notice`: it works, but hardly as meant. */
  readonly effect: 'reject' | 'notice';
  readonly code: string;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
};

export type MappingMatch = {
  readonly host: MappingHost | null;
  /** Header and query conditions as written, exact ones first; host and method have places of their own. */
  readonly headers: readonly RankedCondition[];
  readonly query: readonly RankedCondition[];
  /** The route weight, in Ambassador's words: the rank without its tie-break. */
  readonly weight: RankKey;
  /** The rank is added once the group is known. */
  readonly route: Omit<RouteMatch, 'rank'>;
  readonly problems: readonly MatchProblem[];
};

/** Mappings and routes of routes.config.ts share one tier. */
const MERGE_TIER = 0;

/** Makes the model of a regex that was written at a field. */
export type RegexFactory = (pattern: string, path: string) => RegexModel;

export function regexFactory(mapping: MappingResource, maxProgramSize: number | null): RegexFactory {
  return (pattern, path) => ({
    pattern,
    ...(maxProgramSize === null ? {} : { maxProgramSize }),
    at: { path, line: mapping.locate(path) },
  });
}

export function linkMatch(mapping: MappingResource, options: AmbassadorOptions, regex: RegexFactory): MappingMatch {
  const { spec } = mapping;
  const problems: MatchProblem[] = [];
  const host = chooseHost(spec, options, problems);
  const headers = [
    ...terms(spec.headers, false).filter((term) => term.name !== ':authority' || term.value === null),
    ...terms(spec.regex_headers, true),
  ];
  const query = [...terms(spec.query_parameters, false), ...terms(spec.regex_query_parameters, true)];
  const pseudo = takePseudoHeaders(headers, spec, host?.regex === true);
  return {
    host,
    headers,
    query,
    weight: comparableRank({
      tier: MERGE_TIER,
      precedence: spec.precedence ?? 0,
      prefix: spec.prefix,
      headers,
      query,
      method: spec.method ?? null,
      methodRegex: spec.method_regex === true,
      hostname: host === null ? null : host.text,
      hostnameRegex: host !== null && host.regex,
    }),
    route: {
      hostname: pseudo.authority === null ? routeHostname(host, regex) : conditionText(pseudo.authority, regex),
      path: pathMatch(spec, options, regex, problems),
      method: pseudo.method === null ? specMethod(spec, regex) : conditionText(pseudo.method, regex),
      headers: [
        ...(pseudo.authority === null ? [] : displacedHostname(host, options)),
        ...pseudo.rest.map((term) => valueMatch(term, term.name.toLowerCase(), 'spec.regex_headers', regex)),
      ],
      query: query.map((term) => valueMatch(term, term.name, 'spec.regex_query_parameters', regex)),
    },
    problems,
  };
}

/**
 * `hostname` beats `host`, which beats an exact `:authority` header. Only `hostname` is a glob: a `*`
 * in one of the older two makes Ambassador reject the Mapping.
 */
function chooseHost(spec: MappingSpec, options: AmbassadorOptions, problems: MatchProblem[]): MappingHost | null {
  const hostPort = options.hostPort ?? 'strip';
  const authority = spec.headers?.[':authority'];
  if (spec.hostname !== undefined) {
    if (spec.host !== undefined || typeof authority === 'string') problems.push(hostIgnored(spec));
    return globHost(spec.hostname, hostPort);
  }
  const [path, text] = spec.host === undefined ? ['spec.headers', authority] : ['spec.host', spec.host];
  if (typeof text !== 'string') return null;
  if (spec.host !== undefined && spec.host_regex === true) return { pattern: text, text, regex: true };
  if (text.includes('*')) {
    problems.push({
      effect: 'reject',
      code: 'host-wildcard',
      path,
      message: `\`${text}\` holds a \`*\`, which only \`hostname\` may, so the Mapping is invalid, as in Ambassador. Its requests are refused.`,
      hint: 'Use `spec.hostname` for a wildcard, or `host_regex: true` with a regular expression.',
    });
  }
  return globHost(text, hostPort);
}

function globHost(text: string, hostPort: 'strip' | 'strict'): MappingHost {
  return { pattern: comparedHost(text, hostPort), text, regex: false };
}

/** A hostname of a resource as it is compared: lower case and, with `strip`, without its port. */
export function comparedHost(text: string, hostPort: 'strip' | 'strict'): string {
  const lower = text.toLowerCase();
  return hostPort === 'strip' ? stripPatternPort(lower) : lower;
}

function hostIgnored(spec: MappingSpec): MatchProblem {
  const path = spec.host === undefined ? 'spec.headers' : 'spec.host';
  return {
    effect: 'notice',
    code: 'host-overridden',
    path,
    message: `\`hostname\` is set, so ${spec.host === undefined ? 'the `:authority` header' : '`host`'} is not looked at.`,
    hint: 'Keep one of the two.',
  };
}

function routeHostname(host: MappingHost | null, regex: RegexFactory): RouteMatch['hostname'] {
  if (host === null || (!host.regex && host.pattern === '*')) return null;
  return host.regex ? { regex: regex(host.pattern, 'spec.host') } : host.pattern;
}

function specMethod(spec: MappingSpec, regex: RegexFactory): RouteMatch['method'] {
  if (spec.method === undefined) return null;
  return spec.method_regex === true ? { regex: regex(spec.method, 'spec.method') } : spec.method;
}

/**
 * Terms sorted by name as written: Kubernetes stores these maps with sorted keys, so that is the order
 * Ambassador sees, whatever the order in a file.
 */
function terms(map: Readonly<Record<string, string | true>> | undefined, regex: boolean): RankedCondition[] {
  if (map === undefined) return [];
  return Object.entries(map)
    .map(([name, value]) => ({ name, value: value === true ? null : value, regex }))
    .toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

type PseudoHeaders = {
  readonly authority: RankedCondition | null;
  readonly method: RankedCondition | null;
  /** Conditions that stay header conditions. */
  readonly rest: readonly RankedCondition[];
};

/**
 * Host and method have a place of their own in a match, where they are looked up instead of tested one
 * by one. A condition on them moves there when the place is free; otherwise it is one more to hold.
 */
function takePseudoHeaders(
  headers: readonly RankedCondition[],
  spec: MappingSpec,
  isHostTaken: boolean,
): PseudoHeaders {
  let authority: RankedCondition | null = null;
  let method: RankedCondition | null = null;
  const rest: RankedCondition[] = [];
  for (const term of headers) {
    const name = term.name.toLowerCase();
    // Every request has these, so their presence asks nothing.
    if (name.startsWith(':') && term.value === null) continue;
    if (name === ':authority' && !isHostTaken && authority === null) authority = term;
    else if (name === ':method' && spec.method === undefined && method === null) method = term;
    else rest.push(term);
  }
  return { authority, method, rest };
}

/**
 * A Mapping with a `hostname` and a regex on `:authority` asks for both. The regex takes the place of the
 * hostname, where ports are dealt with, and the hostname becomes a condition in words of our own.
 */
function displacedHostname(host: MappingHost | null, { hostPort }: AmbassadorOptions): readonly ValueMatch[] {
  if (host === null || host.pattern === '*') return [];
  const name = host.pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, (char) => (char === '*' ? '.+' : `\\${char}`));
  const pattern = hostPort === 'strict' ? name : `${name}(?::[0-9]*)?`;
  return [{ name: ':authority', test: { kind: 'regex', regex: { pattern } } }];
}

function conditionText(
  { name, value, regex }: RankedCondition,
  factory: RegexFactory,
): string | { readonly regex: RegexModel } {
  return regex ? { regex: factory(value ?? '', memberPath('spec.regex_headers', name)) } : (value ?? '');
}

function valueMatch(term: RankedCondition, name: string, path: string, regex: RegexFactory): ValueMatch {
  if (term.value === null) return { name, test: { kind: 'present' } };
  if (term.regex) return { name, test: { kind: 'regex', regex: regex(term.value, memberPath(path, term.name)) } };
  return { name, test: { kind: 'exact', value: term.value } };
}

/** `prefix_regex` beats `prefix_exact`; case only matters where plain text is compared. */
function pathMatch(
  spec: MappingSpec,
  options: AmbassadorOptions,
  regex: RegexFactory,
  problems: MatchProblem[],
): PathMatch {
  if (spec.prefix_regex === true) {
    if (spec.case_sensitive === false) problems.push(caseIgnored);
    const { pattern, ...limits } = regex(spec.prefix, 'spec.prefix');
    return { kind: 'regex', value: pattern, caseSensitive: true, ...limits };
  }
  const value = spec.prefix.replaceAll(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase());
  const canonical = canonicalText(value);
  if (!/^(?:\/[^?#]*)?$/.test(value)) problems.push(unreachablePrefix(value));
  else if (canonical !== value) problems.push(unreachableText(spec.prefix, canonical));
  const caseSensitive = spec.case_sensitive !== false;
  if (spec.prefix_exact === true) return { kind: 'exact', value, caseSensitive };
  return { kind: options.prefixMode === 'segment' ? 'segments' : 'prefix', value, caseSensitive };
}

const caseIgnored: MatchProblem = {
  effect: 'notice',
  code: 'case-sensitive-ignored',
  path: 'spec.case_sensitive',
  message: '`case_sensitive: false` has no effect on a regular expression.',
  hint: 'Start the expression with `(?i)`.',
};

function unreachableText(prefix: string, canonical: string | null): MatchProblem {
  const message = `No request path can match \`${prefix}\``;
  return {
    effect: 'notice',
    code: 'prefix-never-matches',
    path: 'spec.prefix',
    message:
      canonical === null
        ? `${message}: it holds a dot segment or an incomplete escape, and no path has those when routes are looked at.`
        : `${message}: paths are compared in one spelling, in which this is \`${canonical}\`.`,
    hint: canonical === null ? 'Write the path as it is after those are resolved.' : `Write \`${canonical}\`.`,
  };
}

function unreachablePrefix(prefix: string): MatchProblem {
  return {
    effect: 'notice',
    code: 'prefix-never-matches',
    path: 'spec.prefix',
    message: `No request path can match \`${prefix}\`: paths start with \`/\` and hold neither \`?\` nor \`#\`.`,
    hint: 'Start the prefix with `/`; match the query with `query_parameters`.',
  };
}
