/**
 * Fields that belong to a whole canary group, whichever member names them: members are gone through in
 * ascending order of weight (equal weights: by name), and the last one that has the field decides.
 */
import type { Report } from '../../diagnostics/finding.ts';
import { compareRank } from '../../model/rank.ts';
import type { Json, PolicyUse } from '../../model/route-model.ts';
import type { LinkedMapping, MappingGroup } from './groups.ts';
import type { ModuleDefaults } from './module-defaults.ts';
import { nameOf, provenanceAt, reportAt, type Located } from './report-at.ts';
import type { CorsSpec, HeaderAddition, MappingSpec, RegexSubstitution } from './types.ts';

export type GroupFields = {
  readonly cors: PolicyUse | null;
  readonly regexRewrite: RegexSubstitution | null;
  /** Lower-case tokens. */
  readonly upgrades: readonly string[];
  readonly addRequestHeaders: ReadonlyMap<string, HeaderAddition>;
  readonly addResponseHeaders: ReadonlyMap<string, HeaderAddition>;
  readonly removeRequestHeaders: readonly string[];
  readonly removeResponseHeaders: readonly string[];
};

export function groupFields(group: MappingGroup, defaults: ModuleDefaults, report: Report): GroupFields {
  const members = group.members.toSorted((a, b) => compareRank(b.match.weight, a.match.weight));
  // A Mapping without regex_rewrite takes it from the whole group: Ambassador always has the field.
  const rewriter = members.at(-1)?.resource.spec.regex_rewrite ?? null;
  if (members.length > 1) reportOverridden(members, report);
  return {
    cors: groupCors(members, defaults),
    regexRewrite: rewriter,
    upgrades: supportedUpgrades(members, report),
    addRequestHeaders: mergeAdditions(members, 'add_request_headers', defaults.addRequestHeaders),
    addResponseHeaders: mergeAdditions(members, 'add_response_headers', defaults.addResponseHeaders),
    removeRequestHeaders: lastNames(members, 'remove_request_headers', defaults.removeRequestHeaders),
    removeResponseHeaders: lastNames(members, 'remove_response_headers', defaults.removeResponseHeaders),
  };
}

function lastOwner(members: readonly LinkedMapping[], has: (spec: MappingSpec) => boolean): LinkedMapping | null {
  return members.findLast(({ resource }) => has(resource.spec)) ?? null;
}

/** A Mapping's `cors` replaces the Module's completely. */
function groupCors(members: readonly LinkedMapping[], defaults: ModuleDefaults): PolicyUse | null {
  const owner = lastOwner(members, (spec) => spec.cors !== undefined)?.resource;
  if (owner?.spec.cors !== undefined) return corsUse(owner.spec.cors, owner, 'spec.cors');
  if (defaults.cors === null || defaults.resource === null) return null;
  return corsUse(defaults.cors, defaults.resource, 'spec.config.cors');
}

function corsUse(cors: CorsSpec, owner: Located, path: string): PolicyUse {
  const options: Record<string, Json> = {};
  if (cors.origins !== undefined) options['origins'] = cors.origins;
  if (cors.methods !== undefined) options['methods'] = cors.methods;
  if (cors.headers !== undefined) options['headers'] = cors.headers;
  if (cors.exposed_headers !== undefined) options['exposedHeaders'] = cors.exposed_headers;
  if (cors.credentials !== undefined) options['credentials'] = cors.credentials;
  // Seconds as text. What is no number goes on as it is, for the policy's own check to name.
  if (cors.max_age !== undefined) {
    options['maxAge'] = /^\d+$/.test(cors.max_age.trim()) ? Number(cors.max_age) : cors.max_age;
  }
  return { policy: 'cors', options, source: provenanceAt(owner, path) };
}

function mergeAdditions(
  members: readonly LinkedMapping[],
  key: 'add_request_headers' | 'add_response_headers',
  fallback: Readonly<Record<string, HeaderAddition>> | null,
): ReadonlyMap<string, HeaderAddition> {
  const merged = new Map<string, HeaderAddition>();
  for (const { resource } of members) {
    // An empty map is a value: it masks the Module's.
    const additions = resource.spec[key] ?? fallback ?? {};
    for (const [name, addition] of Object.entries(additions)) merged.set(name.toLowerCase(), addition);
  }
  return merged;
}

function lastNames(
  members: readonly LinkedMapping[],
  key: 'remove_request_headers' | 'remove_response_headers',
  fallback: readonly string[] | null,
): readonly string[] {
  const own = fallback === null ? lastOwner(members, (spec) => spec[key] !== undefined) : members.at(-1);
  const names = own?.resource.spec[key] ?? fallback ?? [];
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

function ownUpgrades(spec: MappingSpec): readonly string[] | null {
  if (spec.allow_upgrade !== undefined) return spec.allow_upgrade;
  return spec.other['use_websocket'] === true ? ['websocket'] : null;
}

function supportedUpgrades(members: readonly LinkedMapping[], report: Report): readonly string[] {
  const owner = lastOwner(members, (spec) => ownUpgrades(spec) !== null)?.resource;
  if (owner === undefined) return [];
  const wanted = [...new Set((ownUpgrades(owner.spec) ?? []).map((token) => token.toLowerCase()))];
  for (const token of wanted) {
    if (token === 'websocket') continue;
    reportAt(report, owner, {
      severity: 'warning',
      code: 'upgrade-unsupported',
      message: `Connections cannot be upgraded to \`${token}\` here; such a request gets 403.`,
      path: 'spec.allow_upgrade',
      hint: 'Only `websocket` can be upgraded to. Serve other protocols past this gateway.',
    });
  }
  return wanted.filter((token) => token === 'websocket');
}

const sharedKeys = ['cors', 'regex_rewrite', 'allow_upgrade', 'remove_request_headers', 'remove_response_headers'];

/** People expect a member to keep what it says; Ambassador lets the last one speak for all. */
function reportOverridden(members: readonly LinkedMapping[], report: Report): void {
  for (const key of sharedKeys) {
    const values = members.map(({ resource }) => JSON.stringify(new Map(Object.entries(resource.spec)).get(key)));
    const last = values.findLastIndex((value) => value !== undefined);
    const decider = members[key === 'regex_rewrite' ? members.length - 1 : last]?.resource;
    const loser = members.findIndex((_, at) => values[at] !== undefined && values[at] !== values[members.length - 1]);
    const overridden = members[loser]?.resource;
    if (decider === undefined || overridden === undefined || decider === overridden) continue;
    reportAt(report, overridden, {
      severity: 'warning',
      code: 'group-field-overridden',
      message: `\`${key}\` holds for all Mappings of this match, and ${nameOf(decider)} decides it.`,
      path: `spec.${key}`,
      hint: 'Write the same value into every Mapping of the group.',
    });
  }
}
