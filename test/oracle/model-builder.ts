/** Small RouteModels for tests: every key has an unremarkable value until a test says otherwise. */
import type {
  ClusterModel,
  DomainModel,
  ForwardAction,
  HeaderMutations,
  Provenance,
  RouteMatch,
  RouteModel,
  RouteModelRoute,
  ServiceRef,
  WeightedBackend,
} from '../../src/model/route-model.ts';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';

export const NO_HEADERS: HeaderMutations = { remove: [], set: [], add: [] };

export function provenance(name: string, kind = 'Mapping'): Provenance {
  return { kind, namespace: 'default', name, file: `${name}.yaml`, line: 1, path: null };
}

export function aDomain(hostname = '*', changes: Partial<DomainModel> = {}): DomainModel {
  return {
    id: hostname === '*' ? 'default' : `Host/default/${hostname}`,
    hostname,
    source: null,
    security: { http: 'forwarded-proto', https: 'forwarded-proto' },
    insecureAction: 'route',
    refuse: null,
    ...changes,
  };
}

export function aService(text = 'web', changes: Partial<ServiceRef> = {}): ServiceRef {
  return {
    text,
    scheme: 'http',
    host: `${text}.default`,
    service: { name: text, namespace: 'default' },
    port: 80,
    clusters: [],
    ...changes,
  };
}

export function aBackend(changes: Partial<WeightedBackend> = {}): WeightedBackend {
  return {
    weight: 1,
    service: aService(),
    rewrite: null,
    host: null,
    requestHeaders: NO_HEADERS,
    responseHeaders: NO_HEADERS,
    ...changes,
  };
}

export function forwardTo(...backends: readonly WeightedBackend[]): ForwardAction {
  return { kind: 'forward', backends: backends.length === 0 ? [aBackend()] : backends };
}

export function aMatch(path: string, changes: Partial<RouteMatch> = {}): RouteMatch {
  return {
    hostname: null,
    path: { kind: 'prefix', value: path, caseSensitive: true },
    method: null,
    headers: [],
    query: [],
    rank: [0, 0, path.length, 0, 0, path, 'GET'],
    ...changes,
  };
}

export function aRoute(name: string, changes: Partial<RouteModelRoute> = {}): RouteModelRoute {
  return {
    id: `Mapping/default/${name}`,
    source: provenance(name),
    domains: ['default'],
    matches: [aMatch(`/${name}/`)],
    share: null,
    group: null,
    action: forwardTo(),
    policies: [],
    requestHeaders: NO_HEADERS,
    responseHeaders: NO_HEADERS,
    timeouts: { requestMs: 3000, idleMs: 300_000, attemptMs: null },
    upgrades: [],
    insecure: 'as-domain',
    staleSince: null,
    ...changes,
  };
}

export function aCluster(changes: Partial<ClusterModel> = {}): ClusterModel {
  return {
    name: 'main',
    services: {},
    template: 'http://{service}.{namespace}:{port}',
    ingress: null,
    vpcService: null,
    ...changes,
  };
}

export function aModel(routes: readonly RouteModelRoute[], changes: Partial<RouteModel> = {}): RouteModel {
  return { domains: [aDomain()], routes, settings: DEFAULT_SETTINGS, clusters: [aCluster()], ...changes };
}
