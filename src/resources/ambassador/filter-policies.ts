/**
 * FilterPolicies on routes: of all rules those that can be about a route's requests. Which of them
 * decides about a request is known only when the request comes.
 */
import type { Report } from '../../diagnostics/finding.ts';
import type { Json, PolicyUse } from '../../model/route-model.ts';
import { NOTHING_KNOWN } from '../../model/secret-states.ts';
import { linkFilter } from './filter-options.ts';
import { filterKey, linkRules, type FilterIndex, type LinkedRule, type NamedFilter } from './filter-rules.ts';
import type { ModuleDefaults } from './module-defaults.ts';
import { uncoveredPath } from './partial-cover.ts';
import { globCovers, globsOverlap } from './path-glob.ts';
import { nameOf, provenanceAt, reportAt } from './report-at.ts';
import { compareVersions } from './resource-order.ts';
import type { RouteScope } from './route-scope.ts';
import type { AmbassadorOptions, FilterPolicyResource, FilterResource, MappingResource } from './types.ts';

export interface FilterPolicies {
  /** The policy of a Mapping's route; null: no rule with filters can be about it. Reports what its rules leave open. */
  policyFor(mapping: MappingResource, scope: RouteScope): PolicyUse | null;
}

export function linkFilterPolicies(
  resources: { readonly filters: readonly FilterResource[]; readonly filterPolicies: readonly FilterPolicyResource[] },
  context: { readonly options: AmbassadorOptions; readonly defaults: ModuleDefaults; readonly report: Report },
): FilterPolicies {
  const { options, report } = context;
  const filters = indexFilters(resources.filters, context);
  const rules = linkRules(resources.filterPolicies, { filters, options, report });
  const policies = new PolicyUses(rules);
  return {
    policyFor(mapping, scope) {
      if (scope.skipsAuth || rules.length === 0) return null;
      const all = rulesAbout(rules, scope);
      reportPartialCover(mapping, scope, all, report);
      // What stands at the end and lets pass is left out: so does the end itself.
      const concerned = all.slice(0, all.findLastIndex(({ isOpen }) => !isOpen) + 1);
      return policies.useOf(concerned, scope);
    },
  };
}

function indexFilters(
  resources: readonly FilterResource[],
  { options, defaults, report }: Parameters<typeof linkFilterPolicies>[1],
): FilterIndex {
  const { ambassadorNamespace, strictClaims = false, secrets = NOTHING_KNOWN } = options;
  const { useAmbassadorNamespace } = defaults;
  const index = new Map<string, NamedFilter[]>();
  for (const resource of resources.toSorted(compareVersions)) {
    const { namespace, clusters, spec } = resource;
    const place = { namespace, clusters, ambassadorNamespace, useAmbassadorNamespace, addLinkerdHeaders: false };
    const filter = linkFilter(resource, { place, strictClaims, secrets }, report);
    const key = filterKey(spec.group, nameOf(resource));
    const versions = index.get(key) ?? [];
    const id = versions.length === 0 ? key : `${key} of ${clusters?.join(', ') ?? `version ${versions.length + 1}`}`;
    index.set(key, [...versions, { ...filter, id }]);
  }
  return index;
}

/** Those that can match a request of the route, up to one that surely matches all of them. */
function rulesAbout(rules: readonly LinkedRule[], scope: RouteScope): readonly LinkedRule[] {
  const concerned: LinkedRule[] = [];
  for (const rule of rules) {
    if (!couldMatch(rule, scope)) continue;
    concerned.push(rule);
    if (scope.hosts.every((host) => globCovers(rule.host, host)) && coversPaths(rule, scope)) break;
  }
  return concerned;
}

function couldMatch(rule: LinkedRule, { hosts, path, caseSensitive }: RouteScope): boolean {
  if (!hosts.some((host) => globsOverlap(rule.hostName, host))) return false;
  return caseSensitive ? globsOverlap(rule.path, path) : globsOverlap(rule.path.toLowerCase(), path.toLowerCase());
}

function coversPaths(rule: LinkedRule, { path, caseSensitive }: RouteScope): boolean {
  return caseSensitive ? globCovers(rule.path, path) : globCovers(rule.path.toLowerCase(), path.toLowerCase());
}

/** Routes with the same rules use one object, which is then lowered once. */
class PolicyUses {
  readonly #numbers: ReadonlyMap<LinkedRule, number>;
  readonly #known = new Map<string, PolicyUse>();

  constructor(rules: readonly LinkedRule[]) {
    this.#numbers = new Map(rules.map((rule, index) => [rule, index]));
  }

  /** null: without rules there is nothing to do. */
  useOf(rules: readonly LinkedRule[], { caseSensitive }: RouteScope): PolicyUse | null {
    const [first] = rules;
    if (first === undefined) return null;
    const key = `${caseSensitive} ${rules.map((rule) => this.#numbers.get(rule)).join()}`;
    const use = this.#known.get(key) ?? policyUse(rules, first, caseSensitive);
    this.#known.set(key, use);
    return use;
  }
}

function policyUse(rules: readonly LinkedRule[], first: LinkedRule, caseSensitive: boolean): PolicyUse {
  const used = rules.flatMap(({ filters }) => filters.map(({ id, option }): [string, Json] => [id, option]));
  return {
    policy: 'filters',
    options: {
      rules: rules.map(({ option }) => option),
      filters: Object.fromEntries(used),
      ...(!caseSensitive && { ignoreCase: true }),
    },
    source: provenanceAt(first.policy, first.spec.at),
  };
}

/** Said at the Mapping, once per rule: its own requests are what passes unfiltered. */
function reportPartialCover(
  mapping: MappingResource,
  scope: RouteScope,
  concerned: readonly LinkedRule[],
  report: Report,
): void {
  for (const rule of concerned) {
    if (rule.isOpen) continue;
    const found = partOf(rule, scope, concerned);
    if (found === null) continue;
    const on = found.host === '*' ? '' : ` on ${found.host}`;
    reportAt(report, mapping, {
      severity: 'warning',
      code: 'policy-partial-cover',
      message: `Rule ${rule.spec.number} of FilterPolicy ${nameOf(rule.policy)} (\`${rule.spec.path}\`) covers only part of what this Mapping serves${on}: \`${found.path}\` passes without any Filter.`,
      path: 'spec.prefix',
      hint: 'Widen the path of the rule, or add a rule with `filters: []` for what is meant to be open.',
    });
  }
}

/** A path that neither the rule nor any other matches on a host of the rule; null: none. */
function partOf(
  rule: LinkedRule,
  { hosts, pathMatch, caseSensitive }: RouteScope,
  concerned: readonly LinkedRule[],
): { readonly host: string; readonly path: string } | null {
  for (const served of hosts) {
    if (!globsOverlap(rule.hostName, served)) continue;
    const host = globCovers(served, rule.hostName) ? rule.hostName : served;
    const globs = concerned.flatMap((other) => (other === rule || globCovers(other.host, host) ? [other.path] : []));
    const path = uncoveredPath(pathMatch, globs, caseSensitive);
    if (path !== null) return { host, path };
  }
  return null;
}
