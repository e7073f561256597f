/** What is said about limits that count nothing, and about routes whose labels nothing counts. */
import type { Report } from '../../diagnostics/finding.ts';
import type { LimitGroup, LinkedLimit } from './limit-groups.ts';
import type { ActiveService, ServiceContext } from './rate-limit-services.ts';
import { nameOf, reportAt } from './report-at.ts';
import { compareByName } from './resource-order.ts';
import type { MappingResource, RateLimitResource } from './types.ts';

/** `services`: those that count for anybody; none: there are several, which is said of them. */
export function reportInactiveLimits(
  resources: readonly RateLimitResource[],
  services: readonly ActiveService[],
  report: Report,
): void {
  const sorted = resources.toSorted(compareByName);
  const own = services.filter(({ kind }) => kind !== 'foreign');
  for (const resource of sorted) {
    const { domain } = resource.spec;
    if (domain === null || own.some((service) => service.domain === null || service.domain === domain)) continue;
    const { reason, hint } = whyInactive(domain, services, own);
    reportAt(report, resource, {
      severity: 'warning',
      code: 'rate-limit-inactive',
      message: `Its limits have no effect, as in Ambassador: ${reason}.`,
      path: 'spec.domain',
      hint,
    });
  }
  const [first] = sorted;
  if (first === undefined || services[0]?.kind !== 'implied') return;
  reportAt(report, first, {
    severity: 'info',
    code: 'rate-limit-service-implied',
    message: `There is no RateLimitService. RateLimits of the domain \`${services[0].domain}\` are counted as with the one that Edge Stack installs.`,
    path: null,
    hint: null,
  });
}

function whyInactive(
  domain: string,
  services: readonly ActiveService[],
  own: readonly ActiveService[],
): { readonly reason: string; readonly hint: string } {
  if (services.length === 0) {
    return { reason: 'there are several RateLimitServices, so none counts', hint: 'Keep one RateLimitService.' };
  }
  if (own.length === 0) {
    return {
      reason: 'a RateLimitService of somebody else counts, and knows no RateLimits',
      hint: 'Remove that RateLimitService to have them counted here.',
    };
  }
  return {
    reason: `labels of the domain \`${own[0]?.domain}\` are counted, and these are for \`${domain}\``,
    hint: 'Make `domain` that of the RateLimitService, or remove the RateLimit.',
  };
}

/** `path`: of the labels; null: they are the Module's. */
export function reportOfRoute(
  mapping: MappingResource,
  route: {
    readonly domains: readonly string[];
    readonly service: ActiveService | null;
    readonly found: readonly LimitGroup[];
    readonly path: string | null;
  },
  context: ServiceContext,
): void {
  const { domains, service, found, path } = route;
  const { report } = context;
  if (service === null) return;
  reportOtherDomains(mapping, route, report);
  if (service.kind === 'foreign') {
    if (service.domain !== null && domains.includes(service.domain)) reportForeign(mapping, service, path, context);
    return;
  }
  reportClusterLabels(mapping, route, report);
  reportCountedTwice(mapping, route, report);
  const ties = new Set(found.flatMap((group) => group.ties.map(([a, b]) => `${textOf(a)} and l${textOf(b).slice(1)}`)));
  for (const tie of ties) {
    reportAt(report, mapping, {
      severity: 'warning',
      code: 'rate-limit-tie',
      message: `${tie} match the same labels with equally many, equally exact items. The first decides; Ambassador does not say which one does.`,
      path,
      hint: 'Give one of the patterns another item, or remove one of the limits.',
    });
  }
  for (const lost of new Set(found.flatMap((group) => group.unreadable.map(textOf)))) {
    reportAt(report, mapping, {
      severity: 'warning',
      code: 'rate-limit-unreadable',
      message: `${lost} cannot be read and may be about this Mapping. Its requests are refused until it is corrected.`,
      path,
      hint: '`--allow-unenforced RateLimit` serves without limits that cannot be read.',
    });
  }
}

const CLUSTER_LABELS = ['source_cluster', 'destination_cluster'];

function reportClusterLabels(
  mapping: MappingResource,
  { found, path }: Parameters<typeof reportOfRoute>[1],
  report: Report,
): void {
  for (const name of CLUSTER_LABELS) {
    const label = found.flatMap((group) => group.labels).find(({ key }) => key === name);
    if (label === undefined || !('fixed' in label.value)) continue;
    reportAt(report, mapping, {
      severity: 'info',
      code: 'carried-differently',
      message: `The label \`${name}\` is \`${label.value.fixed}\` here: there is no Envoy whose name for a cluster it could be.`,
      path,
      hint: 'Only a pattern that compares it with a name of Envoy’s makes a difference.',
    });
  }
}

/** As in Ambassador, where each group is a question of its own to the service. */
function reportCountedTwice(
  mapping: MappingResource,
  { found, path }: Parameters<typeof reportOfRoute>[1],
  report: Report,
): void {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { limits } of found) {
    for (const { option } of limits) {
      const { scope, name, index, key } = option;
      const counter = JSON.stringify([scope, name, index, key]);
      if (seen.has(counter)) twice.add(name);
      seen.add(counter);
    }
  }
  for (const name of twice) {
    reportAt(report, mapping, {
      severity: 'info',
      code: 'rate-limit-counted-twice',
      message: `\`${name}\` may decide for several groups of these labels, and counts a request once for each, as in Ambassador.`,
      path,
      hint: 'Give the groups patterns of their own, or reckon with it in `rate`.',
    });
  }
}

function textOf({ resource, spec }: LinkedLimit): string {
  return `Limit ${spec.index + 1} of RateLimit ${nameOf(resource)}`;
}

function reportOtherDomains(
  mapping: MappingResource,
  { domains, service, path }: Parameters<typeof reportOfRoute>[1],
  report: Report,
): void {
  const others = domains.filter((domain) => service !== null && service.domain !== domain);
  if (others.length === 0 || path === null) return;
  const names = others.map((domain) => `\`${domain}\``).join(', ');
  reportAt(report, mapping, {
    severity: 'info',
    code: 'rate-limit-labels-inactive',
    message: `Labels of ${names} are counted by nobody, as in Ambassador: the RateLimitService counts \`${service?.domain}\`.`,
    path,
    hint: null,
  });
}

function reportForeign(
  mapping: MappingResource,
  { resource, denies }: ActiveService,
  path: string | null,
  { options, report }: ServiceContext,
): void {
  const refuses = denies && !options.allowUnenforced.has('RateLimitService');
  const name = resource === null ? '' : ` ${nameOf(resource)}`;
  const outcome = refuses
    ? 'Its `failure_mode_deny` has this route refuse.'
    : 'This route is served without any of its limits.';
  reportAt(report, mapping, {
    severity: 'error',
    code: 'rate-limit-service-unsupported',
    message: `RateLimitService${name} counts these labels, and gRPC cannot be spoken to it. ${outcome}`,
    path,
    hint: 'Write its limits as RateLimits, or as `rate_limits` of the Mapping.',
  });
}
