/**
 * Canary groups: Mappings that ask exactly the same of a request share its traffic by weight. What is
 * equal, what a group refuses to take in and who counts follow Ambassador's group code.
 */
import type { Report } from '../../diagnostics/finding.ts';
import { compareRank } from '../../model/rank.ts';
import type { RankKey } from '../../model/route-model.ts';
import type { HostAssociation } from './association.ts';
import type { MappingMatch } from './matchers.ts';
import { nameOf, reportAt } from './report-at.ts';
import type { MappingResource } from './types.ts';

export type LinkedMapping = { readonly resource: MappingResource; readonly match: MappingMatch };

export type MappingGroup = {
  /** `namespace/name` of the first member: unique, and the same for every order of the input. */
  readonly name: string;
  /** Members that share the traffic, in order of name; one, when they redirect. */
  readonly members: readonly LinkedMapping[];
  /** Broken Mappings with this match. The others take their share; they only keep broader routes away. */
  readonly broken: readonly LinkedMapping[];
  /** The weight of the group: the largest of its members'. */
  readonly weight: RankKey;
};

/** Mappings must come in order of name; groups come in the order of their first member. */
export function groupMappings(
  mappings: readonly LinkedMapping[],
  association: HostAssociation,
  report: Report,
): readonly MappingGroup[] {
  const byIdentity = new Map<string, LinkedMapping[]>();
  for (const mapping of mappings) {
    const identity = groupIdentity(mapping, association);
    const group = byIdentity.get(identity);
    if (group === undefined) byIdentity.set(identity, [mapping]);
    else group.push(mapping);
  }
  return [...byIdentity.values()].flatMap((candidates) => formGroup(candidates, report) ?? []);
}

/**
 * Method, prefix, headers, query, host, the Host selectors that take a Mapping without hostname, and the
 * precedence. Regex flags are not part of it: two Mappings that differ only there meet in one group and
 * then conflict. (Ambassador runs the parts together without separators; two different matches that
 * spell alike that way stay apart here.)
 */
function groupIdentity({ resource, match }: LinkedMapping, association: HostAssociation): string {
  const { spec } = resource;
  return JSON.stringify([
    spec.method ?? 'GET',
    // A written method is also a header condition, so `GET` and no method are different groups.
    spec.method !== undefined,
    spec.prefix,
    match.headers.map(({ name, value }) => [name, value]),
    match.host?.pattern ?? null,
    match.query.map(({ name, value }) => [name, value]),
    match.host === null ? association.selectorText(resource.labels) : null,
    spec.precedence ?? 0,
  ]);
}

function formGroup(candidates: readonly LinkedMapping[], report: Report): MappingGroup | null {
  const broken = candidates.filter(isBroken);
  const sound = candidates.filter((candidate) => !isBroken(candidate));
  const members: LinkedMapping[] = [];
  let founder: LinkedMapping | null = null;
  let shadow: MappingResource | null = null;
  for (const candidate of sound) {
    founder ??= candidate;
    if (hasCoreConflict(founder, candidate, report)) continue;
    if (candidate.resource.spec.shadow === true) {
      shadow = acceptShadow(shadow, candidate.resource, report);
    } else if (!hasRedirectConflict(members[0], candidate, report)) {
      members.push(withPathKind(candidate, founder));
    }
  }
  const serving = [...members, ...broken];
  const first = serving[0];
  if (first === undefined) {
    if (shadow !== null) reportLoneShadow(shadow, report);
    return null;
  }
  const ranked = members.length > 0 ? members : serving;
  const weight = ranked.map(({ match }) => match.weight).reduce((a, b) => (compareRank(b, a) < 0 ? b : a));
  return { name: nameOf(first.resource), members, broken, weight };
}

/** A member that says neither `prefix_regex` nor `prefix_exact` has what the group has: they are core fields. */
function withPathKind(member: LinkedMapping, founder: LinkedMapping): LinkedMapping {
  const { path } = founder.match.route;
  const own = member.match.route.path;
  if (own.kind === path.kind) return member;
  const caseSensitive = path.kind === 'regex' || own.caseSensitive;
  const route = { ...member.match.route, path: { ...path, caseSensitive } };
  return { ...member, match: { ...member.match, route } };
}

/** Ambassador does not have this Mapping at all; it is kept here to refuse what only it would have taken. */
export function isBroken({ resource, match }: LinkedMapping): boolean {
  return resource.invalid.length > 0 || match.problems.some(({ effect }) => effect === 'reject');
}

type CoreKey = { readonly path: string; readonly of: (mapping: LinkedMapping) => unknown };

const spec = (key: keyof MappingResource['spec']): CoreKey => ({
  path: `spec.${key}`,
  of: ({ resource }) => resource.spec[key],
});
const other = (key: string): CoreKey => ({ path: `spec.${key}`, of: ({ resource }) => resource.spec.other[key] });

/** Fields that all members must share. Method and prefix are equal already, being part of the identity. */
const coreKeys: readonly CoreKey[] = [
  spec('bypass_auth'),
  spec('labels'),
  spec('prefix_regex'),
  spec('prefix_exact'),
  { path: 'spec.headers', of: ({ match }) => [match.headers.map(({ regex }) => regex), match.host?.regex ?? null] },
  { path: 'spec.method_regex', of: ({ resource }) => resource.spec.method_regex === true },
  ...['circuit_breakers', 'cluster_timeout_ms', 'connect_timeout_ms', 'cluster_idle_timeout_ms'].map(other),
  ...['cluster_max_connection_lifetime_ms', 'keepalive', 'load_balancer'].map(other),
];

/**
 * The first member sets the core fields. A later one that sets such a field to another value, or sets one
 * that the first lacks, is left out; one that lacks the field is taken in.
 */
function hasCoreConflict(founder: LinkedMapping, candidate: LinkedMapping, report: Report): boolean {
  if (founder === candidate) return false;
  const conflict = coreKeys.find(({ of }) => {
    const value = of(candidate);
    return value !== undefined && !isSameJson(value, of(founder));
  });
  if (conflict === undefined) return false;
  reportConflict(
    report,
    candidate.resource,
    conflict.path,
    `\`${conflict.path}\` differs from ${nameOf(founder.resource)}, which has the same match; so this Mapping is left out and the other serves its requests.`,
    'Give both Mappings the same value, or make their matches differ.',
  );
  return true;
}

function acceptShadow(first: MappingResource | null, next: MappingResource, report: Report): MappingResource {
  if (first !== null) {
    const message = `${nameOf(first)} already shadows this match; a second shadow is left out.`;
    reportConflict(report, next, 'spec.shadow', message, 'Keep one shadow Mapping per match.');
    return first;
  }
  if (next.spec.host_redirect === true) {
    reportConflict(
      report,
      next,
      'spec.host_redirect',
      '`shadow` and `host_redirect` cannot go together; the redirect is left out.',
      'Remove one of the two.',
    );
  }
  return next;
}

function reportLoneShadow(shadow: MappingResource, report: Report): void {
  reportAt(report, shadow, {
    severity: 'warning',
    code: 'shadow-alone',
    message: 'No other Mapping has this match, and a shadow answers nothing itself: there is no route.',
    path: 'spec.shadow',
    hint: 'Give it exactly the match of the Mapping that it is to shadow, or remove `shadow`.',
  });
}

/** A redirect owns its group alone: neither a second redirect nor a normal Mapping joins it, in either order. */
function hasRedirectConflict(first: LinkedMapping | undefined, candidate: LinkedMapping, report: Report): boolean {
  if (first === undefined) return false;
  const redirects = candidate.resource.spec.host_redirect === true;
  if (!redirects && first.resource.spec.host_redirect !== true) return false;
  reportConflict(
    report,
    candidate.resource,
    'spec.host_redirect',
    `${nameOf(first.resource)} has the same match, and a redirect shares its match with no other Mapping; so this one is left out.`,
    'Make the matches differ, or remove one of the Mappings.',
  );
  return true;
}

function reportConflict(report: Report, resource: MappingResource, path: string, message: string, hint: string): void {
  reportAt(report, resource, { severity: 'error', code: 'group-conflict', message, path, hint });
}

/** Equal as JSON, whatever the order of keys. */
function isSameJson(a: unknown, b: unknown): boolean {
  return a === b || canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
