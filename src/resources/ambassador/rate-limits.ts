/** RateLimits on routes: of all limits those that can concern a route's requests, group of labels by group. */
import type { PolicyPart, Provenance, RefuseAction } from '../../model/route-model.ts';
import { labelDomains, labelGroups, type LabelGroupOfRoute } from './label-groups.ts';
import type { Labels } from './label-shape.ts';
import { compareLimits, limitGroup, type LimitGroup, type LinkedLimit } from './limit-groups.ts';
import { reportInactiveLimits, reportOfRoute } from './rate-limit-findings.ts';
import { limitOption, reportRollover, type WrittenLimit } from './rate-limit-options.ts';
import {
  linkRateLimitServices,
  type ActiveService,
  type RateLimitServices,
  type ServiceContext,
} from './rate-limit-services.ts';
import { provenanceAt, reportAt } from './report-at.ts';
import { compareVersions } from './resource-order.ts';
import type { MappingResource, RateLimitResource, RateLimitServiceResource } from './types.ts';

export type LimitsOfRoute = {
  /** For the policy `rate-limit`. Equal ones are one object. */
  readonly groups: readonly (readonly WrittenLimit[])[];
  /** Of the limit that comes first; null: there is none. */
  readonly source: Provenance | null;
  /** Where each limit of `groups` is written. */
  readonly parts: readonly PolicyPart[];
  /** Set when it cannot be said what limits the route. */
  readonly refuse: RefuseAction | null;
};

export interface RateLimits {
  /** `labels`: those of the Mapping's group. Reports what is to be said of the route. */
  limitsFor(mapping: MappingResource, labels: Labels): LimitsOfRoute;
  /** Services that must stop what they cannot count, and cannot be asked. */
  readonly unusable: readonly RateLimitServiceResource[];
}

export type RateLimitResources = {
  readonly rateLimits: readonly RateLimitResource[];
  readonly rateLimitServices: readonly RateLimitServiceResource[];
};

const NONE: LimitsOfRoute = { groups: [], source: null, parts: [], refuse: null };

export function linkRateLimits(resources: RateLimitResources, context: ServiceContext): RateLimits {
  const { rateLimits } = resources;
  const services = linkRateLimitServices(resources.rateLimitServices, context);
  for (const resource of rateLimits) {
    for (const limit of resource.spec.limits) reportLimit(resource, limit, context);
  }
  reportInactiveLimits(rateLimits, services.active, context.report);
  const index = new LimitIndex(rateLimits, context);
  return {
    unusable: services.active.flatMap(({ kind, denies, resource }) =>
      kind === 'foreign' && denies && resource !== null ? resource : [],
    ),
    limitsFor: (mapping, labels) => limitsOfRoute(mapping, labels, { services, index, context }),
  };
}

function limitsOfRoute(
  mapping: MappingResource,
  labels: Labels,
  linked: { readonly services: RateLimitServices; readonly index: LimitIndex; readonly context: ServiceContext },
): LimitsOfRoute {
  const { index, context } = linked;
  const domains = labelDomains(mapping, labels, context.defaults.labels);
  const service = linked.services.serviceFor(mapping);
  const unknown = whatIsUnknown(mapping, domains, { service, index, context });
  if (unknown !== null) {
    reportAt(context.report, mapping, { ...unreadable, message: `${unknown} ${REFUSES}`, path: labelPath(labels) });
    return { ...NONE, refuse: limitsUnreadable };
  }
  const isCounted = service !== null && service.domain !== null && domains.includes(service.domain);
  const found = isCounted && service.kind !== 'foreign' ? index.groupsFor(mapping, labels, service) : null;
  reportOfRoute(mapping, { domains, service, found: found?.groups ?? [], path: labelPath(labels) }, context);
  if (found === null) return NONE;
  const isUnreadable = found.groups.some((group) => group.unreadable.length > 0);
  return isUnreadable ? { ...NONE, refuse: limitsUnreadable } : found.limits;
}

const REFUSES = 'Its requests are refused until it is corrected.';
const unreadable = { severity: 'warning', code: 'rate-limit-unreadable', hint: 'Correct it.' } as const;

/** Where the labels of a Mapping are, or would be. */
function labelPath(labels: Labels): string | null {
  return Object.keys(labels).length === 0 ? null : 'spec.labels';
}

const limitsUnreadable: RefuseAction = {
  kind: 'refuse',
  status: 503,
  code: 'policy-not-enforced',
  message: 'A rate limit that may be about this route cannot be read.',
};

/** A sentence; null: everything that decides about labels and domain can be read. */
function whatIsUnknown(
  { spec }: MappingResource,
  domains: readonly string[],
  linked: { readonly service: ActiveService | null; readonly index: LimitIndex; readonly context: ServiceContext },
): string | null {
  const { service, index, context } = linked;
  if (service === null || spec.host_redirect === true || context.options.allowUnenforced.has('RateLimit')) return null;
  if (context.defaults.labels.unreadable && index.hasEnforced && service.kind !== 'foreign') {
    return 'Nobody can say which rate-limit labels its requests have, because those of the Module cannot be read.';
  }
  if (service.kind === 'foreign' && !service.denies) return null;
  return service.domain === null && domains.length > 0
    ? 'Nobody can say whether its rate-limit labels count, because the domain of the RateLimitService cannot be read.'
    : null;
}

function reportLimit(
  resource: RateLimitResource,
  limit: RateLimitResource['spec']['limits'][number],
  { options, report }: ServiceContext,
): void {
  reportRollover(resource, limit, report);
  if (limit.count !== null || limit.logOnly || !options.allowUnenforced.has('RateLimit')) return;
  reportAt(report, resource, {
    severity: 'warning',
    code: 'served-without-policy',
    message:
      'This limit cannot be read; the routes it could be about are served without it, as `--allow-unenforced RateLimit` says.',
    path: limit.at,
    hint: 'Remove the option to have those routes refuse.',
  });
}

type FoundGroups = { readonly limits: LimitsOfRoute; readonly groups: readonly LimitGroup[] };

/** Limits by service and domain; Mappings with the same labels share what was found. */
class LimitIndex {
  readonly hasEnforced: boolean;
  readonly #resources: readonly RateLimitResource[];
  readonly #context: ServiceContext;
  readonly #limits = new Map<ActiveService, readonly LinkedLimit[]>();
  readonly #found = new Map<string, FoundGroups>();

  constructor(resources: readonly RateLimitResource[], context: ServiceContext) {
    this.#resources = resources.toSorted(compareVersions);
    this.#context = context;
    this.hasEnforced = resources.some(({ spec }) => spec.limits.some(({ logOnly }) => !logOnly));
  }

  groupsFor(mapping: MappingResource, labels: Labels, service: ActiveService): FoundGroups {
    const { domain, denies, timeoutMs } = service;
    const groups = labelGroups(mapping, labels, domain ?? '', this.#context);
    const key = JSON.stringify([domain, denies, timeoutMs, groups]);
    const known = this.#found.get(key) ?? findGroups(groups, this.#limitsOf(service));
    this.#found.set(key, known);
    return known;
  }

  #limitsOf(service: ActiveService): readonly LinkedLimit[] {
    const known = this.#limits.get(service);
    if (known !== undefined) return known;
    const mayLack = this.#context.options.allowUnenforced.has('RateLimit');
    const limits = this.#resources
      // A domain that cannot be read may be this one.
      .filter(({ spec }) => spec.domain === null || spec.domain === service.domain)
      .flatMap((resource) => resource.spec.limits.map((spec) => linkLimit(resource, spec, service)))
      // One that only logs protects nothing. One that is left out must not stand before those behind it.
      .filter(({ option, spec }) => option !== null || !(spec.logOnly || mayLack))
      .toSorted(compareLimits);
    this.#limits.set(service, limits);
    return limits;
  }
}

function linkLimit(resource: RateLimitResource, spec: LinkedLimit['spec'], service: ActiveService): LinkedLimit {
  // Without its domain nobody can say that it is about these labels at all.
  return { resource, spec, option: resource.spec.domain === null ? null : limitOption(resource, spec, service) };
}

function findGroups(labels: readonly LabelGroupOfRoute[], limits: readonly LinkedLimit[]): FoundGroups {
  const groups = labels.map((group) => limitGroup(group, limits));
  const used = groups.filter((group) => group.limits.length > 0);
  const first = used[0]?.first ?? null;
  const source = first === null ? null : placeOf(first);
  const parts = used.flatMap((group, number) =>
    group.limits.map(({ from }, index) => ({ at: `groups[${number}][${index}]`, source: placeOf(from) })),
  );
  const options = used.map((group) => group.limits.map(({ option }) => option));
  return { groups, limits: { groups: options, source, parts, refuse: null } };
}

function placeOf({ resource, spec }: LinkedLimit): Provenance {
  return provenanceAt(resource, spec.at);
}
