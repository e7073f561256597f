/** Hand-made normalised resources: small to write, complete in shape. Lines are made up from the path. */
import type { Finding } from '../../../src/diagnostics/finding.ts';
import type { RouteModelRoute } from '../../../src/model/route-model.ts';
import { translateAmbassador, type AmbassadorTranslation } from '../../../src/resources/ambassador/translate.ts';
import type { ExternalSpec } from '../../../src/resources/ambassador/external-shape.ts';
import { FieldReader } from '../../../src/resources/ambassador/field-reader.ts';
import { filterPolicySpec } from '../../../src/resources/ambassador/filter-policy-shape.ts';
import { filterSpec, type FilterGroup } from '../../../src/resources/ambassador/filter-shape.ts';
import type { RateLimitServiceSpec } from '../../../src/resources/ambassador/rate-limit-service-shape.ts';
import { rateLimitSpec } from '../../../src/resources/ambassador/rate-limit-shape.ts';
import type { Located } from '../../../src/resources/ambassador/report-at.ts';
import type {
  AmbassadorOptions,
  AuthServiceResource,
  FilterPolicyResource,
  FilterResource,
  HostResource,
  HostSpec,
  InvalidField,
  ListenerResource,
  ListenerSpec,
  MappingResource,
  MappingSpec,
  ModuleResource,
  NormalizedResources,
  RateLimitResource,
  RateLimitServiceResource,
  UnenforcedResource,
} from '../../../src/resources/ambassador/types.ts';

export type Extra = {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly invalid?: readonly InvalidField[];
  /** A version of this cluster alone. */
  readonly cluster?: string;
};

export function mapping(name: string, spec: Partial<MappingSpec>, extra: Extra = {}): MappingResource {
  return { ...meta('Mapping', name, extra), spec: { prefix: `/${name}/`, service: name, other: {}, ...spec } };
}

export function host(name: string, spec: Partial<HostSpec>, extra: Extra = {}): HostResource {
  const defaults: HostSpec = {
    hostname: '*',
    mappingSelector: null,
    insecureAction: 'Redirect',
    requiresClientCertificate: false,
  };
  return { ...meta('Host', name, extra), spec: { ...defaults, ...spec } };
}

export function listener(name: string, spec: Partial<ListenerSpec>, extra: Extra = {}): ListenerResource {
  const defaults: ListenerSpec = {
    port: 8080,
    protocolStack: ['HTTP', 'TCP'],
    securityModel: 'XFP',
    l7Depth: 0,
    hostBinding: { namespaceFrom: 'ALL', matchLabels: null },
  };
  return { ...meta('Listener', name, extra), spec: { ...defaults, ...spec } };
}

export function moduleOf(config: Readonly<Record<string, unknown>>): ModuleResource {
  return { ...meta('Module', 'ambassador', {}), spec: { config } };
}

export function unenforced(
  kind: string,
  name: string,
  spec: Readonly<Record<string, unknown>>,
  extra: Extra = {},
): UnenforcedResource {
  return { ...meta(kind, name, extra), spec };
}

/** `spec` as it is written; `gateway`: of `gateway.getambassador.io/v1alpha1`. */
export function filter(
  name: string,
  spec: Readonly<Record<string, unknown>>,
  extra: Extra & { readonly group?: FilterGroup } = {},
): FilterResource {
  const base = meta('Filter', name, extra);
  const reader = silentReader(base);
  return { ...base, spec: filterSpec(spec, extra.group ?? 'edge', reader), invalid: reader.invalid };
}

/** `rules` as they are written. */
export function filterPolicy(
  name: string,
  rules: unknown,
  extra: Extra & { readonly group?: FilterGroup } = {},
): FilterPolicyResource {
  const base = meta('FilterPolicy', name, extra);
  const reader = silentReader(base);
  return { ...base, spec: filterPolicySpec({ rules }, extra.group ?? 'edge', reader), invalid: reader.invalid };
}

export function authService(name: string, spec: Partial<ExternalSpec> | null, extra: Extra = {}): AuthServiceResource {
  const defaults: ExternalSpec = { service: 'auth', isUrl: false, proto: 'http', tls: false };
  return { ...meta('AuthService', name, extra), spec: spec === null ? null : { ...defaults, ...spec } };
}

/** `spec` as it is written. */
export function rateLimit(name: string, spec: Readonly<Record<string, unknown>>, extra: Extra = {}): RateLimitResource {
  const base = meta('RateLimit', name, extra);
  const reader = silentReader(base);
  return { ...base, spec: rateLimitSpec(spec, reader), invalid: reader.invalid };
}

export function rateLimitService(
  name: string,
  spec: Partial<RateLimitServiceSpec>,
  extra: Extra = {},
): RateLimitServiceResource {
  const defaults = { service: 'limits:8080', tls: false, domain: null, denies: false, timeoutMs: null };
  return { ...meta('RateLimitService', name, extra), spec: { ...defaults, ...spec } };
}

function silentReader(base: Located): FieldReader {
  return new FieldReader(base, { legacy: false, consequence: '', report: () => undefined });
}

function meta<Kind extends string>(kind: Kind, name: string, extra: Extra) {
  const namespace = extra.namespace ?? 'default';
  return {
    kind,
    namespace,
    name,
    source: {
      kind,
      namespace,
      name,
      file: 'test.yaml',
      line: 1,
      ...(extra.cluster !== undefined && { cluster: extra.cluster }),
    },
    ...(extra.cluster !== undefined && { clusters: [extra.cluster] }),
    locate: (path: string) => 100 + path.length,
    labels: extra.labels ?? {},
    creationTimestamp: null,
    invalid: extra.invalid ?? [],
    staleSince: null,
  };
}

export const OPTIONS: AmbassadorOptions = {
  ambassadorId: 'default',
  ambassadorNamespace: 'default',
  allowUnenforced: new Set(),
  unattached: 'serve',
  prefixMode: 'raw',
  weightsRemainder: 'fallthrough',
  looseLabelSelectors: false,
};

export type Translated = AmbassadorTranslation & {
  readonly findings: readonly Finding[];
  readonly codes: readonly string[];
  /** By name of the Mapping in namespace `default`, or `ns/name`. */
  readonly route: (name: string) => RouteModelRoute;
};

export function translate(
  resources: Partial<NormalizedResources>,
  options: Partial<AmbassadorOptions> = {},
): Translated {
  const findings: Finding[] = [];
  const complete = {
    mappings: [],
    hosts: [],
    listeners: [],
    module: null,
    filters: [],
    filterPolicies: [],
    authServices: [],
    rateLimits: [],
    rateLimitServices: [],
    unenforced: [],
    ...resources,
  };
  const result = translateAmbassador(complete, { ...OPTIONS, ...options }, (found) => findings.push(found));
  return {
    ...result,
    findings,
    codes: findings.map(({ code }) => code),
    route: (name) => {
      const id = `Mapping/${name.includes('/') ? name : `default/${name}`}`;
      const route = result.routes.find((candidate) => candidate.id === id);
      if (route === undefined) throw new Error(`No route ${id} among ${result.routes.map((r) => r.id).join(', ')}`);
      return route;
    },
  };
}

/** One Mapping `a` under a Module: its route and first match beside everything else. */
export function one(spec: Partial<MappingSpec>, config: Readonly<Record<string, unknown>> = {}, extra: Extra = {}) {
  const translated = translate({ mappings: [mapping('a', spec, extra)], module: moduleOf(config) });
  const route = translated.route(extra.namespace === undefined ? 'a' : `${extra.namespace}/a`);
  return { ...translated, route, match: route.matches[0] };
}
