/** Where a Mapping sends its requests: service, TLS, resolver. */
import type { Report } from '../../diagnostics/finding.ts';
import type { RefuseAction } from '../../model/route-model.ts';
import type { ModuleDefaults } from './module-defaults.ts';
import { nameOf, reportAt } from './report-at.ts';
import { isKnownScheme, parseServiceName, type ParsedService, type ResolverKind } from './service-name.ts';
import type { AmbassadorOptions, MappingResource, UnenforcedResource } from './types.ts';

export type DestinationContext = {
  readonly options: AmbassadorOptions;
  readonly defaults: ModuleDefaults;
  readonly resolvers: ReadonlyMap<string, ResolverKind>;
  readonly tlsContexts: ReadonlySet<string>;
  readonly report: Report;
};

export type Destination =
  | { readonly ok: true; readonly service: ParsedService }
  | { readonly ok: false; readonly refuse: RefuseAction };

const resolverKinds: Readonly<Record<string, ResolverKind>> = {
  KubernetesServiceResolver: 'service',
  KubernetesEndpointResolver: 'endpoint',
  ConsulResolver: 'consul',
};

/** Resolvers by name: Ambassador's own three and those among the resources. */
export function indexResolvers(resources: readonly UnenforcedResource[]): ReadonlyMap<string, ResolverKind> {
  const known = new Map<string, ResolverKind>([
    ['kubernetes-service', 'service'],
    ['endpoint', 'endpoint'],
    ['kubernetes-endpoint', 'endpoint'],
  ]);
  for (const { kind, name } of resources) {
    const resolver = resolverKinds[kind];
    if (resolver !== undefined) known.set(name, resolver);
  }
  return known;
}

export function indexTlsContexts(resources: readonly UnenforcedResource[]): ReadonlySet<string> {
  return new Set(resources.filter(({ kind }) => kind === 'TLSContext').map(({ name }) => name));
}

/** Reads the service of a Mapping that forwards. */
export function linkDestination(mapping: MappingResource, context: DestinationContext): Destination {
  const { defaults, report } = context;
  const resolverName = mapping.spec.resolver ?? defaults.resolver ?? 'kubernetes-service';
  const resolver = context.resolvers.get(resolverName);
  if (resolver === undefined) {
    reportAt(report, mapping, {
      severity: 'error',
      code: 'resolver-unknown',
      message: `There is no resolver \`${resolverName}\`, so the service of this Mapping cannot be found.`,
      path: 'spec.resolver',
      hint: 'Add the resolver resource to the input, or remove `resolver`.',
    });
    return { ok: false, refuse: refusal('resolver-unknown', mapping) };
  }
  if (resolver === 'consul') reportConsul(mapping, resolverName, report);
  const tls = wantsTls(mapping, context);
  const service = readService(mapping, resolver, tls, context);
  if (service === null) return { ok: false, refuse: refusal('service-invalid', mapping) };
  reportScheme(mapping, service, report);
  return { ok: true, service };
}

function reportConsul(mapping: MappingResource, resolver: string, report: Report): void {
  reportAt(report, mapping, {
    severity: 'warning',
    code: 'not-yet-enforced',
    message: `Consul is not asked: the service is looked up as any other, although \`${resolver}\` is a ConsulResolver.`,
    path: 'spec.resolver',
    hint: 'Name the service under `clusters` in routes.config.ts.',
  });
}

/** The authority of a redirect: the service after qualification, with the port only where it is written. */
export function linkRedirectTarget(mapping: MappingResource, context: DestinationContext): Destination {
  const service = readService(mapping, 'service', false, context);
  if (service === null) return { ok: false, refuse: refusal('service-invalid', mapping) };
  if (service.scheme !== null) {
    reportAt(context.report, mapping, {
      severity: 'warning',
      code: 'redirect-scheme',
      message: `\`service\` is the host of the redirect; \`${service.scheme}://\` has no place in it and is left out (Ambassador would answer with a broken Location).`,
      path: 'spec.service',
      hint: 'Write the bare host name. The scheme of the request is kept.',
    });
  }
  return { ok: true, service };
}

function refusal(code: string, mapping: MappingResource): RefuseAction {
  return { kind: 'refuse', status: 500, code, message: `Mapping ${nameOf(mapping)} names no usable service.` };
}

function readService(
  mapping: MappingResource,
  resolver: ResolverKind,
  tls: boolean,
  { options, defaults, report }: DestinationContext,
): ParsedService | null {
  const result = parseServiceName(mapping.spec.service, {
    mappingNamespace: mapping.namespace,
    ambassadorNamespace: options.ambassadorNamespace,
    useAmbassadorNamespace: defaults.useAmbassadorNamespace,
    resolver,
    tls,
  });
  if (result.ok) return result.service;
  reportAt(report, mapping, {
    severity: 'error',
    code: 'service-invalid',
    message: `The service \`${mapping.spec.service}\` cannot be read: ${result.problem}. Its requests are refused.`,
    path: 'spec.service',
    hint: 'Write `[http://|https://]name[.namespace][:port]`.',
  });
  return null;
}

/** A named context means TLS; one that does not exist is an error, and then only the scheme counts. */
function wantsTls(mapping: MappingResource, { tlsContexts, report }: DestinationContext): boolean {
  const { tls } = mapping.spec;
  if (typeof tls !== 'string' || tls === '') return tls === true;
  if (tlsContexts.has(tls)) {
    reportAt(report, mapping, {
      severity: 'warning',
      code: 'tls-context-not-enforced',
      message: `TLS is used toward the service, but what TLSContext \`${tls}\` adds (client certificate, own authority) is not.`,
      path: 'spec.tls',
      hint: 'Name the files under `tls` of the cluster entry in routes.config.ts (self-hosting and dev), or accept this difference.',
    });
    return true;
  }
  reportAt(report, mapping, {
    severity: 'error',
    code: 'tls-context-unknown',
    message: `There is no TLSContext \`${tls}\`; TLS is used only if the service starts with \`https://\`.`,
    path: 'spec.tls',
    hint: 'Add the TLSContext to the input, or write `https://` before the service.',
  });
  return false;
}

function reportScheme(mapping: MappingResource, service: ParsedService, report: Report): void {
  if (!isKnownScheme(service.scheme)) {
    reportAt(report, mapping, {
      severity: 'error',
      code: 'service-scheme-unknown',
      message: `\`${service.scheme}://\` means nothing to an upstream and is left out.`,
      path: 'spec.service',
      hint: 'Use `http://` or `https://`, or no scheme.',
    });
  }
  if (service.schemeOverridden) {
    reportAt(report, mapping, {
      severity: 'error',
      code: 'service-scheme-conflict',
      message: 'The service says `http://` but `tls` is set; TLS is used.',
      path: 'spec.service',
      hint: 'Remove the scheme, or remove `tls`.',
    });
  }
}
