/**
 * AuthServices: the service that is asked about every request. Ambassador Edge Stack's own is where its
 * Filters run; they run in this gateway, so nobody is asked in its place.
 */
import type { Report } from '../../diagnostics/finding.ts';
import type { Json, PolicyUse } from '../../model/route-model.ts';
import { externalOptions, externalTarget, type ExternalContext } from './external-options.ts';
import type { ModuleDefaults } from './module-defaults.ts';
import { isOwnService } from './own-service.ts';
import { nameOf, provenanceAt, reportAt } from './report-at.ts';
import { compareVersions } from './resource-order.ts';
import type { RouteScope } from './route-scope.ts';
import type { AmbassadorOptions, AuthServiceResource, MappingResource } from './types.ts';

export interface AuthServices {
  /** null: the route asks nobody. */
  policyFor(mapping: MappingResource, scope: RouteScope): PolicyUse | null;
  /** Those that should be asked and cannot be: every route that does not skip authentication refuses. */
  readonly unusable: readonly AuthServiceResource[];
}

type Usable = {
  readonly resource: AuthServiceResource;
  readonly options: { readonly [name: string]: Json };
  readonly use: PolicyUse;
};

export function linkAuthServices(
  resources: readonly AuthServiceResource[],
  context: { readonly options: AmbassadorOptions; readonly defaults: ModuleDefaults; readonly report: Report },
): AuthServices {
  const unusable: AuthServiceResource[] = [];
  const usable: Usable[] = [];
  for (const resource of resources.toSorted(compareVersions)) {
    const linked = linkAuthService(resource, context);
    if (linked === 'own') continue;
    if (linked === null) {
      unusable.push(resource);
      continue;
    }
    const first = usable.find((other) => areTogether(other.resource, resource));
    if (first === undefined) usable.push({ resource, options: linked, use: policyUse(resource, linked) });
    else reportSecond(resource, first, linked, context.report);
  }
  return {
    unusable,
    policyFor(mapping, { skipsAuth }) {
      if (skipsAuth) return null;
      const asked = usable.find(({ resource }) => isOfClusters(resource, mapping)) ?? usable[0];
      return asked === undefined ? null : useFor(asked, mapping);
    },
  };
}

/** Where versions of several clusters count side by side, a Mapping’s own cluster says whom to ask. */
function isOfClusters({ clusters: own = [] }: AuthServiceResource, { clusters = [] }: MappingResource): boolean {
  return own.some((cluster) => clusters.includes(cluster));
}

function areTogether({ clusters: a }: AuthServiceResource, { clusters: b }: AuthServiceResource): boolean {
  return a === undefined || b === undefined || a.some((cluster) => b.includes(cluster));
}

/** Mappings without words of their own use one object, which is then lowered once. */
function useFor({ resource, options, use }: Usable, { spec }: MappingResource): PolicyUse {
  const extensions = spec.auth_context_extensions ?? {};
  if (Object.keys(extensions).length === 0) return use;
  return policyUse(resource, { ...options, contextExtensions: extensions });
}

function policyUse(resource: AuthServiceResource, options: { readonly [name: string]: Json }): PolicyUse {
  const source = provenanceAt(resource, 'spec');
  const methods = [{ method: 'external', options, source }];
  return { policy: 'auth', options: { require: 'all', optional: false, methods }, source };
}

/** `own`: the seat of the Filters. null: it cannot be asked; said. */
function linkAuthService(
  resource: AuthServiceResource,
  { options, defaults, report }: Parameters<typeof linkAuthServices>[1],
): { readonly [name: string]: Json } | 'own' | null {
  const { spec } = resource;
  if (spec === null) return null;
  const place: ExternalContext = {
    namespace: resource.namespace,
    clusters: resource.clusters,
    ambassadorNamespace: options.ambassadorNamespace,
    useAmbassadorNamespace: defaults.useAmbassadorNamespace,
    addLinkerdHeaders: defaults.addLinkerdHeaders,
  };
  const target = externalTarget(spec, place);
  if (typeof target !== 'string' && isOwnService(resource.name, target, OWN_NAME)) {
    reportOwn(resource, report);
    return 'own';
  }
  if (resource.invalid.length > 0) return null;
  const reason = typeof target === 'string' ? target : spec.proto === 'grpc' ? 'gRPC cannot be spoken to it' : null;
  if (typeof target !== 'string' && reason === null) return externalOptions(spec, target, place);
  reportAt(report, resource, {
    severity: 'warning',
    code: 'auth-service-unusable',
    message: `Nobody can be asked whether a request may pass: ${reason}.`,
    path: typeof target === 'string' ? 'spec.auth_service' : 'spec.proto',
    hint: 'Ask a service over `proto: http`.',
  });
  return null;
}

const OWN_NAME = 'ambassador-edge-stack-auth';

function reportOwn(resource: AuthServiceResource, report: Report): void {
  reportAt(report, resource, {
    severity: 'info',
    code: 'auth-service-own',
    message: 'This is where Ambassador Edge Stack runs its Filters. They run in this gateway, so nobody is asked.',
    path: 'spec.auth_service',
    hint: null,
  });
}

/** Ambassador asks several in turn; whether they agree cannot be known, so one is asked, the first by name. */
function reportSecond(
  resource: AuthServiceResource,
  asked: Usable,
  options: { readonly [name: string]: Json },
  report: Report,
): void {
  const { service: _, ...settings } = options;
  const { service: __, ...others } = asked.options;
  const agrees = JSON.stringify(settings) === JSON.stringify(others);
  reportAt(report, resource, {
    severity: agrees ? 'warning' : 'error',
    code: 'auth-service-second',
    message: `AuthService ${nameOf(asked.resource)} is asked, this one is not${agrees ? '' : ', and their settings differ'}. Ambassador asks several in turn.`,
    path: 'spec.auth_service',
    hint: 'Put one service in front of them and keep one AuthService.',
  });
}
