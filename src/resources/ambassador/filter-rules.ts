/** The rules of all FilterPolicies in the one order in which they are tried, each ready to become part of a route. */
import type { Report } from '../../diagnostics/finding.ts';
import { canonicalPathGlob } from '../../model/canonical-text.ts';
import { compareCodePoints } from '../../model/rank.ts';
import type { Json } from '../../model/route-model.ts';
import type { LinkedFilter } from './filter-options.ts';
import type { FilterRuleSpec, FilterUseSpec } from './filter-policy-shape.ts';
import type { FilterGroup } from './filter-shape.ts';
import { compareByName, compareVersions } from './resource-order.ts';
import { nameOf, reportAt } from './report-at.ts';
import type { AmbassadorOptions, FilterPolicyResource } from './types.ts';

export type LinkedRule = {
  readonly policy: FilterPolicyResource;
  readonly spec: FilterRuleSpec;
  /** As the rule is compared at request time. Lower case. */
  readonly host: string;
  /** The same without a port. */
  readonly hostName: string;
  /** Canonical. */
  readonly path: string;
  /** What it matches passes without filters. */
  readonly isOpen: boolean;
  /** Of `rules` in the options of the policy. */
  readonly option: Json;
  /** Those that its chain uses. */
  readonly filters: readonly NamedFilter[];
};

/** `id`: its name in the options of the policy. */
export type NamedFilter = LinkedFilter & { readonly id: string };

/** By `filterKey`. Several versions where clusters disagree. */
export type FilterIndex = ReadonlyMap<string, readonly NamedFilter[]>;

type RuleContext = { readonly filters: FilterIndex; readonly options: AmbassadorOptions; readonly report: Report };

export function linkRules(policies: readonly FilterPolicyResource[], context: RuleContext): readonly LinkedRule[] {
  return policies
    .flatMap((policy) => policy.spec.rules.map((spec) => ({ policy, spec })))
    .toSorted(
      (a, b) =>
        comparePrecedence(b.spec.precedence, a.spec.precedence) ||
        compareByName(a.policy, b.policy) ||
        compareCodePoints(a.policy.spec.group, b.policy.spec.group) ||
        compareVersions(a.policy, b.policy) ||
        a.spec.number - b.spec.number,
    )
    .flatMap(({ policy, spec }) => linkRule(policy, spec, context) ?? []);
}

/** Infinite ones are equal; their difference would not be a number. */
function comparePrecedence(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The two API groups may have Filters of one name; a policy means its own group's, and the other's where there is none. */
export function filterKey(group: FilterGroup, name: string): string {
  return group === 'edge' ? name : `${name} (v1alpha1)`;
}

/** null: it decides nothing. */
function linkRule(policy: FilterPolicyResource, spec: FilterRuleSpec, context: RuleContext): LinkedRule | null {
  const { options, report } = context;
  const path = canonicalPathGlob(spec.path);
  if (path === null) {
    reportDeadPath(policy, spec, report);
    return null;
  }
  const linked = linkChain(policy, spec, context);
  if (linked === null) return null;
  const isOpen = 'chain' in linked && linked.chain.length === 0;
  const written = spec.host.toLowerCase();
  const hostName = written.replace(/:[\d*]+$/, '');
  // Routes do not look at ports, so a client chooses whether to name one: that must not take it past a filter.
  const keepsPort = isOpen || options.hostPort === 'strict' || hostName === written;
  if (!keepsPort) reportPort(policy, spec, hostName, report);
  const host = keepsPort ? written : hostName;
  const { filters, ...rest } = linked;
  const option = { name: `FilterPolicy ${nameOf(policy)} rule ${spec.number}`, host, path, ...rest };
  return { policy, spec, host, hostName, path, isOpen, option, filters };
}

/** As in the options of the policy. */
type ChainUse = { readonly filter: string; readonly [name: string]: Json };
type Chain = ({ readonly chain: readonly ChainUse[] } | { readonly unusable: string }) & {
  readonly filters: readonly NamedFilter[];
};

/** null: the rule cannot be enforced, and is left out on request. */
function linkChain(policy: FilterPolicyResource, spec: FilterRuleSpec, context: RuleContext): Chain | null {
  const allowed = context.options.allowUnenforced.has('FilterPolicy');
  if (spec.broken) {
    if (!allowed) return { unusable: 'the rule cannot be read', filters: [] };
    reportServedWithout(policy, spec.at, `Rule ${spec.number} cannot be read and is left out`, context.report);
    return null;
  }
  const chain: ChainUse[] = [];
  const filters: NamedFilter[] = [];
  let reason: string | null = null;
  for (const use of spec.uses) {
    const linked = linkUse(policy, use, context);
    if ('use' in linked) {
      chain.push(linked.use);
      filters.push(linked.filter);
      continue;
    }
    if (linked.mistake !== null) reportMistake(policy, linked.mistake, context.report);
    if (allowed)
      reportServedWithout(
        policy,
        use.at,
        `${linked.unusable}, and rule ${spec.number} goes without it`,
        context.report,
      );
    else if (linked.mistake === null) reportRefused(policy, spec, use, linked.unusable, context.report);
    reason ??= linked.unusable;
  }
  if (allowed) reason = null;
  const last = spec.uses.at(-1);
  if (reason === null && last?.onDeny === 'continue') reportLogOnly(policy, spec, last, context.report);
  // Without any of its filters a rule would turn into an exemption from the rules behind it.
  if (allowed && chain.length === 0 && spec.uses.length > 0) return null;
  return reason === null ? { chain, filters } : { unusable: reason, filters: [] };
}

/** `unusable`: why the filter cannot be used, as a clause. `mistake`: what is wrong with the policy; null: nothing. */
type UnusableUse = { readonly unusable: string; readonly mistake: Mistake | null };
type Mistake = { readonly code: string; readonly message: string; readonly path: string; readonly hint: string };

type UsableUse = { readonly use: ChainUse; readonly filter: NamedFilter };

function linkUse(
  policy: FilterPolicyResource,
  use: FilterUseSpec,
  { filters, report }: RuleContext,
): UsableUse | UnusableUse {
  const name = `${use.namespace ?? policy.namespace}/${use.name}`;
  const versions = versionsOf(policy.spec.group, name, filters);
  const filter = versions.length > 1 ? versionFor(policy, versions) : versions[0];
  if (filter === undefined) {
    return versions.length > 1
      ? { unusable: `Filter ${name} is not the same in every cluster`, mistake: differing(use, name) }
      : { unusable: `Filter ${name} does not exist`, mistake: missing(use, name) };
  }
  const { type } = filter;
  if (filter.unusable !== null) return { unusable: filter.unusable, mistake: null };
  const scopes = use.arguments?.scope ?? [];
  const wanted = use.arguments?.type ?? null;
  if (wanted !== null && wanted.toUpperCase() !== type?.toUpperCase()) {
    const unusable = `the arguments for Filter ${name} are for another type`;
    return { unusable, mistake: wrongArguments(use, wanted) };
  }
  if (type !== 'JWT' && scopes.length > 0) reportIdleArguments(policy, use, report);
  return { filter, use: chainUse(use, filter.id, type === 'JWT' ? scopes : []) };
}

function chainUse(
  { onDeny, onAllow, ifRequestHeader }: FilterUseSpec,
  id: string,
  scopes: readonly string[],
): ChainUse {
  return {
    filter: id,
    ...(onDeny === 'continue' && { onDeny }),
    ...(onAllow === 'break' && { onAllow }),
    ...(ifRequestHeader !== null && { ifRequestHeader }),
    ...(scopes.length > 0 && { scopes }),
  };
}

/** Those of the policy's own API group; of the other where there are none. */
function versionsOf(group: FilterGroup, name: string, filters: FilterIndex): readonly NamedFilter[] {
  const own = filters.get(filterKey(group, name));
  return own ?? filters.get(filterKey(group === 'edge' ? 'gateway' : 'edge', name)) ?? [];
}

/** The version that all clusters of the policy have; undefined: there is none. A weaker one might open something. */
function versionFor(
  { clusters = [] }: FilterPolicyResource,
  versions: readonly NamedFilter[],
): NamedFilter | undefined {
  if (clusters.length === 0) return undefined;
  return versions.find(({ resource }) => clusters.every((cluster) => resource.clusters?.includes(cluster) === true));
}

function differing({ at }: FilterUseSpec, name: string): Mistake {
  return {
    code: 'filter-ambiguous',
    message: `Filter ${name} differs between clusters, and this rule could mean either. It refuses what it matches, because the weaker one might open something.`,
    path: `${at}.name`,
    hint: 'Make the Filters the same in every cluster, or give one another name.',
  };
}

function missing({ at }: FilterUseSpec, name: string): Mistake {
  return {
    code: 'filter-missing',
    message: `There is no Filter ${name} in the input. The rule refuses what it matches, because nobody could be checked.`,
    path: `${at}.name`,
    hint: 'Add the Filter, or correct the name; without `namespace` it is looked for in the namespace of the FilterPolicy.',
  };
}

function wrongArguments({ at }: FilterUseSpec, type: string): Mistake {
  return {
    code: 'filter-arguments-invalid',
    message: `These arguments are for a Filter of type ${type}, and this one is of another. The rule refuses what it matches until it is corrected.`,
    path: `${at}.arguments`,
    hint: 'Make `arguments.type` the type of the Filter.',
  };
}

function reportMistake(policy: FilterPolicyResource, mistake: Mistake, report: Report): void {
  reportAt(report, policy, { severity: 'error', ...mistake });
}

function reportRefused(
  policy: FilterPolicyResource,
  { number }: FilterRuleSpec,
  { at }: FilterUseSpec,
  reason: string,
  report: Report,
): void {
  reportAt(report, policy, {
    severity: 'warning',
    code: 'policy-not-enforced',
    message: `${reason}, so rule ${number} refuses what it matches with 503 instead of letting it pass without.`,
    path: `${at}.name`,
    hint: '`--allow-unenforced FilterPolicy` serves without Filters that cannot be enforced.',
  });
}

function reportServedWithout(policy: FilterPolicyResource, path: string, message: string, report: Report): void {
  reportAt(report, policy, {
    severity: 'warning',
    code: 'served-without-policy',
    message: `${message}, as \`--allow-unenforced FilterPolicy\` says.`,
    path,
    hint: 'Remove the option to have what it matches refused.',
  });
}

function reportIdleArguments(policy: FilterPolicyResource, { at }: FilterUseSpec, report: Report): void {
  reportAt(report, policy, {
    severity: 'warning',
    code: 'filter-arguments-ignored',
    message: 'Only Filters of type JWT and OAuth2 take scopes, so these demand nothing.',
    path: `${at}.arguments`,
    hint: 'Remove the arguments.',
  });
}

function reportLogOnly(
  policy: FilterPolicyResource,
  { number }: FilterRuleSpec,
  { at }: FilterUseSpec,
  report: Report,
): void {
  reportAt(report, policy, {
    severity: 'warning',
    code: 'filter-deny-ignored',
    message: `The last Filter of rule ${number} has \`onDeny: continue\`: what it refuses passes all the same.`,
    path: `${at}.onDeny`,
    hint: 'Remove it, unless the Filter is only there to add headers.',
  });
}

function reportPort(
  policy: FilterPolicyResource,
  { at, host }: FilterRuleSpec,
  hostName: string,
  report: Report,
): void {
  reportAt(report, policy, {
    severity: 'warning',
    code: 'filter-host-port',
    message: `\`${host}\` counts as \`${hostName}\`: routes do not look at the port of a Host header, and a client may leave it out.`,
    path: `${at}.host`,
    hint: 'Remove the port, or set `hostPort: strict`.',
  });
}

function reportDeadPath(policy: FilterPolicyResource, { at, path, number }: FilterRuleSpec, report: Report): void {
  reportAt(report, policy, {
    severity: 'warning',
    code: 'filter-rule-never-matches',
    message: `No request path can match \`${path}\`, so rule ${number} never decides.`,
    path: `${at}.path`,
    hint: 'Globs cover the whole canonical path, which starts with `/` and holds neither query nor dot segments.',
  });
}
