/**
 * RateLimitServices: who counts. Ambassador Edge Stack's own is where its RateLimits are counted; they are
 * counted in this gateway. A service of somebody else is asked over gRPC, which cannot be spoken here.
 */
import type { Report } from '../../diagnostics/finding.ts';
import { externalTarget } from './external-options.ts';
import type { ModuleDefaults } from './module-defaults.ts';
import { isOwnService } from './own-service.ts';
import { nameOf, reportAt } from './report-at.ts';
import { compareVersions } from './resource-order.ts';
import type { AmbassadorOptions, MappingResource, RateLimitServiceResource } from './types.ts';

export type ActiveService = {
  /** `implied`: no service is written, and the limits count as in Edge Stack's default installation. */
  readonly kind: 'own' | 'implied' | 'foreign';
  readonly resource: RateLimitServiceResource | null;
  /** Of the labels and limits that it counts; null: not readable, so it may be any. */
  readonly domain: string | null;
  readonly denies: boolean;
  /** null: the default. */
  readonly timeoutMs: number | null;
};

export interface RateLimitServices {
  /** null: none counts, because there are several. */
  serviceFor(mapping: Pick<MappingResource, 'clusters'>): ActiveService | null;
  /** All that count for anybody. */
  readonly active: readonly ActiveService[];
}

export type ServiceContext = {
  readonly options: AmbassadorOptions;
  readonly defaults: ModuleDefaults;
  readonly report: Report;
};

export function linkRateLimitServices(
  resources: readonly RateLimitServiceResource[],
  context: ServiceContext,
): RateLimitServices {
  const sorted = resources.toSorted(compareVersions);
  const rivals = (one: RateLimitServiceResource): readonly RateLimitServiceResource[] =>
    sorted.filter((other) => other !== one && areTogether(one, other));
  const services = sorted.flatMap((resource) => {
    const [rival] = rivals(resource);
    if (rival !== undefined) reportSecond(resource, rival, context.report);
    return rival === undefined ? linkService(resource, context) : [];
  });
  const implied = impliedService(context.defaults);
  return {
    active: sorted.length === 0 ? [implied] : services,
    serviceFor(mapping) {
      const own = sorted.filter((resource) => areTogether(resource, mapping));
      if (own.length === 0) return implied;
      // Of versions of several clusters one that must stop what it cannot count goes first.
      const usable = services.filter(({ resource }) => resource !== null && own.includes(resource));
      return usable.find(({ denies }) => denies) ?? usable[0] ?? null;
    },
  };
}

type InClusters = { readonly clusters?: readonly string[] };

function areTogether({ clusters: a }: InClusters, { clusters: b }: InClusters): boolean {
  return a === undefined || b === undefined || a.some((cluster) => b.includes(cluster));
}

function impliedService({ labels }: ModuleDefaults): ActiveService {
  return { kind: 'implied', resource: null, domain: labels.domain, denies: false, timeoutMs: null };
}

const OWN_NAME = 'ambassador-edge-stack-ratelimit';

function linkService(resource: RateLimitServiceResource, context: ServiceContext): ActiveService {
  const { spec, invalid } = resource;
  const isDomainUnreadable = invalid.some(({ path }) => path === 'spec.domain');
  const domain = isDomainUnreadable ? null : (spec.domain ?? context.defaults.labels.domain);
  const { denies, timeoutMs } = spec;
  const isOwn = isEdgeStack(resource, context);
  if (isOwn) reportOwn(resource, context.report);
  return { kind: isOwn ? 'own' : 'foreign', resource, domain, denies, timeoutMs };
}

function isEdgeStack({ name, namespace, clusters, spec }: RateLimitServiceResource, context: ServiceContext): boolean {
  if (spec.service === null) return false;
  const { options, defaults } = context;
  const target = externalTarget(
    { service: spec.service, isUrl: false, proto: 'grpc', tls: spec.tls },
    {
      namespace,
      clusters,
      ambassadorNamespace: options.ambassadorNamespace,
      useAmbassadorNamespace: defaults.useAmbassadorNamespace,
      addLinkerdHeaders: false,
    },
  );
  return typeof target !== 'string' && isOwnService(name, target, OWN_NAME);
}

function reportOwn(resource: RateLimitServiceResource, report: Report): void {
  const { denies, timeoutMs } = resource.spec;
  reportAt(report, resource, {
    severity: 'info',
    code: 'rate-limit-service-own',
    message: 'This is where Ambassador Edge Stack counts its RateLimits. They are counted in this gateway.',
    path: 'spec.service',
    hint: null,
  });
  if (denies) {
    reportAt(report, resource, {
      severity: 'info',
      code: 'carried-differently',
      message: 'A request that cannot be counted is refused with 503; Ambassador answers 500.',
      path: 'spec.failure_mode_deny',
      hint: null,
    });
  }
  if (timeoutMs !== null && (timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS)) {
    reportAt(report, resource, {
      severity: 'warning',
      code: 'carried-differently',
      message: `Here a counter is waited for between 1 and ${MAX_TIMEOUT_MS} ms, so this counts as ${usableTimeoutMs(timeoutMs)} ms.`,
      path: 'spec.timeout_ms',
      hint: null,
    });
  }
}

/** The longest that the policy may wait for a counter. */
const MAX_TIMEOUT_MS = 10_000;

/** Envoy's 0 is "no limit"; nothing here waits for ever. */
export function usableTimeoutMs(timeoutMs: number): number {
  return timeoutMs === 0 ? MAX_TIMEOUT_MS : Math.min(timeoutMs, MAX_TIMEOUT_MS);
}

function reportSecond(resource: RateLimitServiceResource, rival: RateLimitServiceResource, report: Report): void {
  reportAt(report, resource, {
    severity: 'error',
    code: 'rate-limit-service-second',
    message: `There may be one RateLimitService, and ${nameOf(rival)} is another. As in Ambassador none of them counts: labels and RateLimits have no effect.`,
    path: null,
    hint: 'Keep one.',
  });
}
