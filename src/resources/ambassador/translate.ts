/** Ambassador resources → domains, routes and settings of the RouteModel. */
import { finding, type Report } from '../../diagnostics/finding.ts';
import type { DomainModel, RefuseAction, RouteModelRoute } from '../../model/route-model.ts';
import type { SettingsPatch } from '../../model/settings.ts';
import { createHostAssociation, type Attachment, type HostAssociation, type Labels } from './association.ts';
import { linkAuthServices } from './auth-services.ts';
import { canaryShares, type CanaryMember } from './canary.ts';
import { indexResolvers, indexTlsContexts } from './destination.ts';
import { linkFilterPolicies } from './filter-policies.ts';
import { groupFields } from './group-fields.ts';
import { groupMappings, type LinkedMapping, type MappingGroup } from './groups.ts';
import { defaultDomain, linkHosts } from './hosts.ts';
import { linkMatch, regexFactory } from './matchers.ts';
import { readModuleDefaults } from './module-defaults.ts';
import { compareByName, uniqueByName } from './resource-order.ts';
import { readIpRules } from './ip-rules.ts';
import { linkProtections } from './protections.ts';
import { linkRateLimits } from './rate-limits.ts';
import { reportAt } from './report-at.ts';
import { translateRoute, type RouteContext } from './route.ts';
import { translateSettings } from './settings.ts';
import type { AmbassadorOptions, MappingResource, NormalizedResources } from './types.ts';

export type AmbassadorTranslation = {
  /** One per Host hostname, and `default` when no Host claims `*`. Sorted by id. */
  readonly domains: readonly DomainModel[];
  /** One per Mapping that has a match to hold, in order of namespace and name. */
  readonly routes: readonly RouteModelRoute[];
  readonly settings: SettingsPatch;
};

/**
 * Pure, and the same for every order of the input. Whatever is wrong is reported; it never throws for
 * what a resource says, and one bad resource changes no route of another.
 */
export function translateAmbassador(
  resources: NormalizedResources,
  options: AmbassadorOptions,
  report: Report,
): AmbassadorTranslation {
  const defaults = readModuleDefaults(resources.module);
  const settings = translateSettings(resources.module, resources.listeners, report);
  const hosts = linkHosts(resources.hosts, resources.listeners, options, report);
  const domains = hosts.flatMap(({ domain }) => domain ?? []);
  if (!domains.some(({ hostname }) => hostname === '*')) domains.push(defaultDomain());

  const association = createHostAssociation(hosts, options);
  const authServices = linkAuthServices(resources.authServices, { options, defaults, report });
  const rateLimits = linkRateLimits(resources, { options, defaults, report });
  const context: RouteContext = {
    options,
    defaults,
    report,
    authServices,
    filterPolicies: linkFilterPolicies(resources, { options, defaults, report }),
    resolvers: indexResolvers(resources.unenforced),
    tlsContexts: indexTlsContexts(resources.unenforced),
    domains: new Map(domains.map((domain) => [domain.id, domain])),
    ipRules: readIpRules(resources.module, report),
    rateLimits,
    protections: linkProtections([...resources.unenforced, ...authServices.unusable, ...rateLimits.unusable], {
      defaults,
      options,
      report,
    }),
  };
  const mappings = linkMappings(resources.mappings, context);
  const groups = groupMappings(mappings, association, report);
  const routes = groups.flatMap((group) => translateGroup(group, association, context));
  context.protections.reportAll();
  reportUpperCase(resources, report);
  return { domains: domains.toSorted(byId), routes: routes.toSorted(bySource), settings };
}

/** Fields without which nobody can say which requests a Mapping meant. */
const matchFields =
  /^spec\.(?:prefix|prefix_regex|prefix_exact|hostname|host|host_regex|headers|regex_headers|query_parameters|regex_query_parameters|method|method_regex)\b/;

function linkMappings(mappings: readonly MappingResource[], context: RouteContext): readonly LinkedMapping[] {
  const { options, defaults, report } = context;
  const linked: LinkedMapping[] = [];
  for (const resource of uniqueByName(mappings, report)) {
    const lost = resource.invalid.find(({ path }) => matchFields.test(path));
    if (lost !== undefined) {
      reportAt(report, resource, {
        severity: 'warning',
        code: 'route-absent',
        message:
          'Its match cannot be read, so there is no route that could refuse; its requests go to other routes or get 404.',
        path: lost.path,
        hint: 'Correct the field.',
      });
      continue;
    }
    const match = linkMatch(resource, options, regexFactory(resource, defaults.regexMaxSize));
    for (const { effect, ...problem } of match.problems) {
      reportAt(report, resource, { severity: effect === 'reject' ? 'error' : 'warning', ...problem });
    }
    reportShadow(resource, report);
    linked.push({ resource, match });
  }
  return linked;
}

function translateGroup(
  group: MappingGroup,
  association: HostAssociation,
  context: RouteContext,
): readonly RouteModelRoute[] {
  const { options, defaults, report } = context;
  const all = [...group.members, ...group.broken];
  const attachment = association.attach(all[0]?.match.host ?? null, groupLabels(all));
  reportAttachment(all, attachment, report);
  const fields = groupFields(group, defaults, report);
  const shares = canaryShares(group, options.weightsRemainder, report);
  const refuse = shares === null ? weightsInvalid : null;
  // A broken member comes last: it gets what the others leave over, so that no broader route does.
  const members: readonly CanaryMember[] = [
    ...(shares ?? group.members.map((mapping) => ({ mapping, below: null }))),
    ...group.broken.map((mapping) => ({ mapping, below: null })),
  ];
  return members.map(({ mapping, below }, memberIndex) =>
    translateRoute(mapping, { group, fields, domains: attachment.domains, memberIndex, below, refuse }, context),
  );
}

const weightsInvalid: RefuseAction = {
  kind: 'refuse',
  status: 500,
  code: 'weights-invalid',
  message: 'The weights of the Mappings behind this route are impossible.',
};

/** Labels belong to the group: the last member that has any decides, as for every shared field. */
function groupLabels(members: readonly LinkedMapping[]): Labels {
  return members.findLast(({ resource }) => Object.keys(resource.labels).length > 0)?.resource.labels ?? {};
}

function reportAttachment(members: readonly LinkedMapping[], { state, reason }: Attachment, report: Report): void {
  if (state === 'attached') return;
  for (const { resource, match } of members) {
    const path = match.host === null ? null : resource.spec.hostname === undefined ? 'spec.host' : 'spec.hostname';
    if (state === 'unclaimed') {
      reportAt(report, resource, {
        severity: 'info',
        code: 'mapping-serves-unclaimed',
        message: `${reason} It serves every hostname that no Host claims; Ambassador would not serve it.`,
        path,
        hint: 'Give it a `hostname` or labels that a Host selects, or set `parity.unattached` to `drop`.',
      });
    } else {
      reportAt(report, resource, {
        severity: 'warning',
        code: 'mapping-unattached',
        message: `This Mapping serves nothing. ${reason}`,
        path,
        hint: 'Make its `hostname` and labels fit a Host.',
      });
    }
  }
}

/** Said here, because whether a shadow is alone shows in its group only. */
function reportShadow(resource: MappingResource, report: Report): void {
  if (resource.spec.shadow !== true) return;
  reportAt(report, resource, {
    severity: 'warning',
    code: 'not-yet-enforced',
    message: '`shadow` is not built yet: requests are not mirrored to this service.',
    path: 'spec.shadow',
    hint: null,
  });
}

/** Envoy compares a route's hostname with case; here hostnames never have any. Said once. */
function reportUpperCase({ hosts, mappings }: NormalizedResources, report: Report): void {
  const spelled = [
    ...hosts.map((resource) => ({ resource, path: 'spec.hostname', hostname: resource.spec.hostname })),
    ...mappings.map((resource) => ({ resource, path: 'spec.hostname', hostname: resource.spec.hostname ?? '' })),
  ].filter(({ hostname }) => hostname !== hostname.toLowerCase());
  const first = spelled.toSorted((a, b) => compareByName(a.resource, b.resource))[0];
  if (first === undefined) return;
  const { path, resource, hostname } = first;
  const more = spelled.length > 1 ? ` (and ${spelled.length - 1} more)` : '';
  const line = resource.locate(path) ?? resource.source.line;
  const message = `\`${hostname}\`${more} is compared in lower case; in Ambassador upper case in a hostname never matches a lower-case request.`;
  const hint = 'Write hostnames in lower case.';
  report(finding('info', 'hostname-lower-cased', message, { source: { ...resource.source, line }, path, hint }));
}

function byId(a: DomainModel, b: DomainModel): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

function bySource(a: RouteModelRoute, b: RouteModelRoute): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}
