/**
 * Resources and settings that protect routes and are not built yet. What they would have judged must
 * not be served as if they did not exist: a route that one of them could cover refuses. Where it is
 * not certain, it counts as covered.
 */
import { finding, type Report } from '../../diagnostics/finding.ts';
import { nearest } from '../../diagnostics/nearest.ts';
import type { RefuseAction } from '../../model/route-model.ts';
import { compareCodePoints } from '../../model/rank.ts';
import { record, text, type ModuleDefaults } from './module-defaults.ts';
import { compareByName } from './resource-order.ts';
import { globsOverlap } from './path-glob.ts';
import { reportAt, type Located } from './report-at.ts';
import type { RouteScope } from './route-scope.ts';
import type { AmbassadorOptions, AuthServiceResource, RateLimitServiceResource, UnenforcedResource } from './types.ts';

/** AuthServices and RateLimitServices: those that cannot be asked. */
type ProtectingResource = UnenforcedResource | AuthServiceResource | RateLimitServiceResource;

export interface Protections {
  /** The refusal of a route that something could cover; null when nothing does. */
  refusalFor(scope: RouteScope): RefuseAction | null;
  /** Says, once per resource, how many routes refuse because of it. Call after the last route. */
  reportAll(): void;
}

type Protection = {
  readonly resource: Located;
  /** Field path, for a key of the Module. */
  readonly path: string | null;
  /** What `--allow-unenforced` takes. */
  readonly kind: string;
  readonly covers: (scope: RouteScope) => boolean;
  count: number;
};

export function linkProtections(
  resources: readonly ProtectingResource[],
  context: { readonly defaults: ModuleDefaults; readonly options: AmbassadorOptions; readonly report: Report },
): Protections {
  const { defaults, options, report } = context;
  const all = [
    ...resources.toSorted(compareResources).flatMap((resource) => resourceProtection(resource, defaults)),
    ...(defaults.resource === null ? [] : moduleProtections(defaults.resource, defaults.resource.spec.config)),
  ];
  const enforced = all.filter(({ kind }) => !options.allowUnenforced.has(kind));
  return {
    refusalFor(scope) {
      let refuse: RefuseAction | null = null;
      // Every one is asked, so that each finding counts all the routes it concerns.
      for (const protection of enforced) {
        if (!protection.covers(scope)) continue;
        protection.count += 1;
        refuse ??= notEnforced;
      }
      return refuse;
    },
    reportAll() {
      for (const protection of all) {
        if (options.allowUnenforced.has(protection.kind)) reportServedWithout(protection, report);
        else reportRefused(protection, report);
      }
      for (const name of options.allowUnenforced) if (!allowable.includes(name)) reportNotAllowable(name, report);
    },
  };
}

const notEnforced: RefuseAction = {
  kind: 'refuse',
  status: 503,
  code: 'policy-not-enforced',
  message: 'A policy that protects this route cannot be enforced by this gateway yet.',
};

function compareResources(a: ProtectingResource, b: ProtectingResource): number {
  return compareCodePoints(a.kind, b.kind) || compareByName(a, b);
}

/** A firewall alone protects nothing: only a policy puts it in front of routes. */
function resourceProtection(resource: ProtectingResource, defaults: ModuleDefaults): readonly Protection[] {
  const covers = coverage(resource, defaults);
  return covers === null ? [] : [{ resource, path: null, kind: resource.kind, covers, count: 0 }];
}

function coverage({ kind, spec }: ProtectingResource, { labels }: ModuleDefaults): Protection['covers'] | null {
  switch (kind) {
    case 'AuthService':
      return ({ skipsAuth }) => !skipsAuth;
    case 'WebApplicationFirewallPolicy':
      return rulesCoverage(spec);
    case 'EnvoyFilterPolicy':
      // Its rules name neither host nor path.
      return () => true;
    case 'RateLimitService':
      return ({ labelDomains }) => labelDomains.includes(text(record(spec)['domain']) ?? labels.domain);
    default:
      return null;
  }
}

type PolicyRule = { readonly host: string; readonly path: string };

/** Which firewall a rule names makes no difference: without one it is a mistake, not an exemption. */
function rulesCoverage(spec: ProtectingResource['spec']): Protection['covers'] {
  const raw: unknown = record(spec)['rules'] ?? [];
  // Rules that cannot be read could be about anything.
  if (!Array.isArray(raw)) return ({ skipsAuth }) => !skipsAuth;
  const rules = raw.map((rule: unknown) => readRule(record(rule)));
  return (scope) => !scope.skipsAuth && scope.hosts.some((host) => rules.some((rule) => couldMatch(rule, host, scope)));
}

function readRule(rule: Readonly<Record<string, unknown>>): PolicyRule {
  return { host: withoutPort((text(rule['host']) ?? '*').toLowerCase()), path: text(rule['path']) ?? '*' };
}

/** Policies see the port of a request and routes may not: a rule for one port counts for the name. */
function withoutPort(host: string): string {
  return host.replace(/:[\d*]+$/, '');
}

function couldMatch(rule: PolicyRule, host: string, { path, caseSensitive }: RouteScope): boolean {
  if (!globsOverlap(rule.host, host)) return false;
  return caseSensitive ? globsOverlap(rule.path, path) : globsOverlap(rule.path.toLowerCase(), path.toLowerCase());
}

function hasEntries(value: unknown): boolean {
  // Anything but an absent or an empty list is taken for filters.
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
}

const protectiveModuleKeys = ['lua_scripts', 'buffer'];

function moduleProtections(module: Located, config: Readonly<Record<string, unknown>>): readonly Protection[] {
  return protectiveModuleKeys
    .filter((key) => hasEntries(config[key]) && config[key] !== '')
    .map((key) => ({
      resource: module,
      path: `spec.config.${key}`,
      kind: `Module.${key}`,
      covers: () => true,
      count: 0,
    }));
}

/** What `--allow-unenforced` can name. */
const allowable: readonly string[] = [
  'AuthService',
  'FilterPolicy',
  'WebApplicationFirewallPolicy',
  'EnvoyFilterPolicy',
  'RateLimitService',
  'RateLimit',
  ...protectiveModuleKeys.map((key) => `Module.${key}`),
];

function reportNotAllowable(name: string, report: Report): void {
  const near = nearest(name, allowable);
  const message = `\`${name}\` is nothing that makes routes refuse, so --allow-unenforced has no effect with it.`;
  const hint =
    near === null ? `Possible are ${allowable.map((kind) => `\`${kind}\``).join(', ')}.` : `Did you mean \`${near}\`?`;
  report(finding('warning', 'allow-unenforced-unknown', message, { hint }));
}

function reportRefused({ resource, path, kind, count }: Protection, report: Report): void {
  const routes = count === 1 ? '1 route it covers refuses' : `${count} routes it covers refuse`;
  const covered = `so ${routes} with 503 instead of being served without it.`;
  reportAt(report, resource, {
    severity: 'warning',
    code: 'policy-not-enforced',
    message: `${kind} is not enforced yet, ${count === 0 ? 'and covers no route.' : covered}`,
    path,
    hint: `\`--allow-unenforced ${kind}\` serves those routes without it.`,
  });
}

function reportServedWithout({ resource, path, kind }: Protection, report: Report): void {
  reportAt(report, resource, {
    severity: 'warning',
    code: 'served-without-policy',
    message: `${kind} is not enforced yet; the routes it covers are served without it, as \`--allow-unenforced ${kind}\` says.`,
    path,
    hint: 'Remove the option to have those routes refuse.',
  });
}
