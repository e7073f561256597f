/** An AuthService or External Filter → authored options of the method `external`. */
import type { Json, ServiceRef } from '../../model/route-model.ts';
import { serviceOfUrl } from '../../model/url-service.ts';
import type { ExternalSpec } from './external-shape.ts';
import { parseServiceName } from './service-name.ts';

export type ExternalContext = {
  /** Namespace of the resource. */
  readonly namespace: string;
  /** Clusters that have it; absent: all there are. */
  readonly clusters?: readonly string[] | undefined;
  readonly ambassadorNamespace: string;
  readonly useAmbassadorNamespace: boolean;
  /** Default of `add_linkerd_headers`. */
  readonly addLinkerdHeaders: boolean;
};

export type ExternalTarget = { readonly service: ServiceRef; readonly pathPrefix: string };

/** A string says, as a clause, why there is no service. */
export function externalTarget(spec: ExternalSpec, context: ExternalContext): ExternalTarget | string {
  const { service: text, isUrl, tls, pathPrefix = '' } = spec;
  if (isUrl) {
    const found = serviceOfUrl(text);
    if (found === null) return 'its URL is not an absolute http or https URL without user, password and fragment';
    if (found.path.includes('?')) return 'its URL has a query, which no check would send';
    return { service: found.service, pathPrefix: joinPaths(found.path, pathPrefix) };
  }
  const read = parseServiceName(text, {
    mappingNamespace: context.namespace,
    ambassadorNamespace: context.ambassadorNamespace,
    useAmbassadorNamespace: context.useAmbassadorNamespace,
    resolver: 'service',
    tls: tls !== false,
  });
  if (!read.ok) return `its service \`${text}\` cannot be read: ${read.problem}`;
  return { service: { ...read.service.ref, clusters: context.clusters ?? [] }, pathPrefix: joinPaths('', pathPrefix) };
}

/** Envoy puts the prefix before the path as it stands; one without a slash would end up in the host name. */
function joinPaths(base: string, prefix: string): string {
  const start = base.replace(/\/$/, '');
  if (prefix === '') return start;
  return prefix.startsWith('/') ? start + prefix : `${start}/${prefix}`;
}

export function externalOptions(
  spec: ExternalSpec,
  { service, pathPrefix }: ExternalTarget,
  { addLinkerdHeaders }: ExternalContext,
): { readonly [name: string]: Json } {
  const { timeoutMs, addAuthHeaders = {}, includeBody, statusOnError, failureModeAllow = false } = spec;
  const { allowedRequestHeaders = [], allowedAuthorizationHeaders = [] } = spec;
  const linkerd = spec.addLinkerdHeaders ?? addLinkerdHeaders;
  return {
    service,
    ...(pathPrefix !== '' && { pathPrefix }),
    // Envoy's 0 is "no limit"; nothing here waits for ever.
    ...(timeoutMs !== undefined && timeoutMs > 0 && { timeoutMs }),
    ...(allowedRequestHeaders.length > 0 && { allowedRequestHeaders }),
    ...(allowedAuthorizationHeaders.length > 0 && { allowedAuthorizationHeaders }),
    ...(Object.keys(addAuthHeaders).length > 0 && { addRequestHeaders: addAuthHeaders }),
    ...(includeBody !== undefined && { includeBody }),
    ...(statusOnError !== undefined && { statusOnError }),
    ...(failureModeAllow && { failureModeAllow }),
    ...(linkerd && { linkerdHeader: true }),
  };
}
