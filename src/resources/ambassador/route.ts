/** One Mapping of a group → one route of the model. */
import type { Report } from '../../diagnostics/finding.ts';
import { tieTerms } from '../../model/route-rank.ts';
import type {
  DomainModel,
  ForwardAction,
  HeaderMutations,
  HeaderValue,
  PolicyUse,
  RefuseAction,
  RouteAction,
  RouteModelRoute,
} from '../../model/route-model.ts';
import { linkDestination, linkRedirectTarget, type DestinationContext } from './destination.ts';
import type { AuthServices } from './auth-services.ts';
import type { FilterPolicies } from './filter-policies.ts';
import type { GroupFields } from './group-fields.ts';
import { isBroken, type LinkedMapping, type MappingGroup } from './groups.ts';
import type { Labels } from './label-shape.ts';
import { regexFactory } from './matchers.ts';
import type { IpRules } from './ip-rules.ts';
import type { Protections } from './protections.ts';
import { redirectAction, reportInactive } from './redirect.ts';
import type { LimitsOfRoute, RateLimits } from './rate-limits.ts';
import { nameOf, provenanceAt, reportAt } from './report-at.ts';
import { linkRewrite } from './rewrite.ts';
import { scopeOf, type RouteScope } from './route-scope.ts';
import type { ParsedService } from './service-name.ts';
import type { HeaderAddition, MappingResource } from './types.ts';

export type RouteContext = DestinationContext & {
  readonly domains: ReadonlyMap<string, DomainModel>;
  readonly protections: Protections;
  readonly filterPolicies: FilterPolicies;
  readonly authServices: AuthServices;
  readonly ipRules: IpRules;
  readonly rateLimits: RateLimits;
};

/** The place of a Mapping in its group. */
export type RoutePlace = {
  readonly group: MappingGroup;
  readonly fields: GroupFields;
  readonly domains: readonly string[];
  readonly memberIndex: number;
  /** The route matches while r < below; null: always. */
  readonly below: number | null;
  /** Set when the whole group refuses. */
  readonly refuse: RefuseAction | null;
};

/** Envoy's stream idle timeout. */
const DEFAULT_IDLE_TIMEOUT_MS = 300_000;
const ACME_PREFIX = '/.well-known/acme-challenge/';
const NO_MUTATIONS: HeaderMutations = { remove: [], set: [], add: [] };

export function translateRoute(mapping: LinkedMapping, place: RoutePlace, context: RouteContext): RouteModelRoute {
  const { resource, match } = mapping;
  const { spec } = resource;
  const { group, fields } = place;
  const shared = group.members.length + group.broken.length > 1;
  const tie = { owner: 1, name: group.name, member: place.memberIndex } as const;
  const labels = groupLabels(group);
  const scope = scopeOf(mapping, { domains: place.domains, labels }, context);
  const limits = context.rateLimits.limitsFor(resource, labels);
  const outcome = routeOutcome(mapping, { place, scope, limits }, context);
  return {
    id: `Mapping/${nameOf(resource)}`,
    source: provenanceAt(resource, null),
    domains: place.domains,
    matches: [{ ...match.route, rank: [...group.weight, ...tieTerms(tie)] }],
    share: place.below === null ? null : { below: place.below },
    group: shared ? group.name : null,
    action: outcome.action,
    policies: [...context.ipRules.policies, ...routePolicies(resource, { fields, scope, limits }, context)],
    requestHeaders: requestMutations(resource, fields, outcome.service, context),
    responseHeaders: mutations(fields.addResponseHeaders, fields.removeResponseHeaders),
    timeouts: {
      requestMs: spec.timeout_ms ?? context.defaults.requestTimeoutMs,
      idleMs: spec.idle_timeout_ms ?? DEFAULT_IDLE_TIMEOUT_MS,
      attemptMs: null,
    },
    upgrades: fields.upgrades,
    insecure: spec.prefix === ACME_PREFIX && match.route.path.kind !== 'regex' ? 'serve' : 'as-domain',
    staleSince: resource.staleSince,
  };
}

type Outcome = { readonly action: RouteAction; readonly service: ParsedService | null };

/**
 * The action is worked out even where the route refuses anyway, so that one run shows everything that
 * is wrong with a Mapping.
 */
function routeOutcome(
  mapping: LinkedMapping,
  { place, scope, limits }: { readonly place: RoutePlace; readonly scope: RouteScope; readonly limits: LimitsOfRoute },
  context: RouteContext,
): Outcome {
  const { resource, match } = mapping;
  if (isBroken(mapping)) return { action: resourceInvalid, service: null };
  const regex = regexFactory(resource, context.defaults.regexMaxSize);
  const redirects = resource.spec.host_redirect === true;
  const destination = redirects ? linkRedirectTarget(resource, context) : linkDestination(resource, context);
  const refuse =
    place.refuse ??
    grpcRefusal(resource, context.report) ??
    context.ipRules.refuse ??
    context.protections.refusalFor(scope) ??
    limits.refuse;
  if (!destination.ok) return { action: refuse ?? destination.refuse, service: null };
  const { service } = destination;
  const { clusters } = resource;
  const tools = { regex, report: context.report };
  if (redirects) return { action: refuse ?? redirectAction(resource, service, match.route.path, tools), service: null };
  reportInactive(resource, context.report);
  const rewrite = linkRewrite(resource, match.route.path, place.fields.regexRewrite, tools);
  if (!rewrite.ok) return { action: refuse ?? rewrite.refuse, service };
  const action: ForwardAction = {
    kind: 'forward',
    backends: [
      {
        weight: 1,
        service: {
          ...service.ref,
          ...(clusters !== undefined && { clusters }),
          at: { path: 'spec.service', line: resource.locate('spec.service') },
        },
        ...(clusters !== undefined && { perCluster: true }),
        rewrite: rewrite.rewrite,
        host: hostRewrite(resource),
        requestHeaders: NO_MUTATIONS,
        responseHeaders: NO_MUTATIONS,
      },
    ],
  };
  return { action: refuse ?? action, service };
}

const resourceInvalid: RefuseAction = {
  kind: 'refuse',
  status: 500,
  code: 'resource-invalid',
  message: 'The resource behind this route is not valid.',
};

/** What cannot be served at all, however the rest of the Mapping reads. */
function grpcRefusal(resource: MappingResource, report: Report): RefuseAction | null {
  if (resource.spec.grpc !== true) return null;
  reportAt(report, resource, {
    severity: 'warning',
    code: 'grpc-unsupported',
    message:
      'gRPC needs HTTP/2 trailers, which the runtime does not pass on; the route refuses instead of corrupting calls.',
    path: 'spec.grpc',
    hint: 'Route gRPC past this gateway, on a hostname of its own.',
  });
  const message = 'gRPC cannot be served by this gateway.';
  return { kind: 'refuse', status: 501, code: 'grpc-unsupported', message };
}

function hostRewrite({ spec }: MappingResource): ForwardAction['backends'][number]['host'] {
  if (spec.host_rewrite !== undefined && spec.host_rewrite !== '') return { kind: 'literal', value: spec.host_rewrite };
  return spec.auto_host_rewrite === true ? { kind: 'upstream' } : null;
}

function routePolicies(
  resource: MappingResource,
  {
    fields,
    scope,
    limits,
  }: { readonly fields: GroupFields; readonly scope: RouteScope; readonly limits: LimitsOfRoute },
  { filterPolicies, authServices }: RouteContext,
): readonly PolicyUse[] {
  const policies = [
    fields.cors,
    filterPolicies.policyFor(resource, scope),
    authServices.policyFor(resource, scope),
  ].filter((policy) => policy !== null);
  const counted = rateLimitPolicy(resource, limits);
  return counted === null ? policies : [...policies, counted];
}

/** The Mapping's own limits, and those of RateLimits for its labels; null: neither. */
function rateLimitPolicy(resource: MappingResource, { groups, source, parts }: LimitsOfRoute): PolicyUse | null {
  const own = (resource.spec.rate_limits ?? []).flatMap(({ name, limits }) =>
    limits.map(({ pattern, rate, unit }) => ({ name, pattern, rate, unit })),
  );
  if (own.length === 0 && source === null) return null;
  const options = {
    // The members of a canary group count apart: the counter belongs to the Mapping.
    ...(own.length > 0 && { scope: nameOf(resource), limits: numberPerName(own) }),
    ...(groups.length > 0 && { groups }),
  };
  const isOwn = own.length > 0 || source === null;
  const place = isOwn ? provenanceAt(resource, 'spec.rate_limits') : source;
  return { policy: 'rate-limit', options, source: place, ...(parts.length > 0 && { parts }) };
}

/** A core field: all members that have labels have the same, and one without goes by the group's. */
function groupLabels({ members, broken }: MappingGroup): Labels {
  const owner = [...members, ...broken].find(({ resource }) => Object.keys(resource.spec.labels ?? {}).length > 0);
  return owner?.resource.spec.labels ?? {};
}

/** The position among limits of one name is part of a counter's identity, also when two lists share a name. */
function numberPerName<Limit extends { readonly name: string }>(
  limits: readonly Limit[],
): (Limit & { index: number })[] {
  const next = new Map<string, number>();
  return limits.map((limit) => {
    const index = next.get(limit.name) ?? 0;
    next.set(limit.name, index + 1);
    return { ...limit, index };
  });
}

/**
 * `add_linkerd_headers` names the service that was meant. It overwrites: a value from outside could
 * send the request elsewhere.
 */
function requestMutations(
  { spec }: MappingResource,
  fields: GroupFields,
  service: ParsedService | null,
  { defaults }: RouteContext,
): HeaderMutations {
  const base = mutations(fields.addRequestHeaders, fields.removeRequestHeaders);
  if (service === null || !(spec.add_linkerd_headers ?? defaults.addLinkerdHeaders)) return base;
  return { ...base, set: [...base.set, { name: 'l5d-dst-override', value: service.hostPort }] };
}

function mutations(additions: ReadonlyMap<string, HeaderAddition>, remove: readonly string[]): HeaderMutations {
  const set: HeaderValue[] = [];
  const add: HeaderValue[] = [];
  for (const [name, { value, append }] of additions) (append ? add : set).push({ name, value });
  return { remove, set, add };
}
