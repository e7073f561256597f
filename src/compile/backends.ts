/** One weighted backend of a route → what the Worker sends where, and with which Host. */
import type { HeaderMutations, HostRewrite, IngressModel, WeightedBackend } from '../model/route-model.ts';
import type { CompiledBackend, CompiledRewrite, CompiledUpstream } from '../program/route-program.ts';
import { isProblem, type ResolvedUpstream, type UpstreamProblem, type UpstreamResolver } from './upstreams.ts';

export type BackendResult = { readonly backend: CompiledBackend; readonly upstream: CompiledUpstream };

/** `rewrite` is the backend's own, already compiled; it is left out where the ingress does the rewriting. */
export function compileBackend(
  model: WeightedBackend,
  rewrite: CompiledRewrite | null,
  resolver: UpstreamResolver,
): BackendResult | UpstreamProblem {
  const resolved = resolver(model.service);
  if (isProblem(resolved)) return resolved;
  const host = hostToSend(model, resolved);
  if (typeof host === 'object' && host !== null) return host;

  const { upstream, ingress } = resolved;
  const requestHeaders =
    ingress?.mode === 'service-header' ? nameService(model, ingress, resolved.serviceAddress) : model.requestHeaders;
  return {
    upstream,
    backend: {
      weight: model.weight,
      upstream: upstream.id,
      origin: upstream.origin,
      via: upstream.via,
      // The client's own path reaches an ingress that will apply the same resource itself.
      ...(rewrite === null || ingress?.mode === 'client-host' ? {} : { rewrite }),
      ...(host === null ? {} : { host }),
      ...(isEmpty(requestHeaders) ? {} : { requestHeaders }),
      ...(isEmpty(model.responseHeaders) ? {} : { responseHeaders: model.responseHeaders }),
    },
  };
}

export function isEmpty({ remove, set, add }: HeaderMutations): boolean {
  return remove.length === 0 && set.length === 0 && add.length === 0;
}

/** Set, not added: a client must not be able to name the service. */
function nameService({ requestHeaders }: WeightedBackend, ingress: IngressModel, value: string): HeaderMutations {
  const name = ingress.header.toLowerCase();
  return { ...requestHeaders, set: [...requestHeaders.set.filter((header) => header.name !== name), { name, value }] };
}

/** null: the client's Host, or under plain fetch the URL's. */
function hostToSend(model: WeightedBackend, resolved: ResolvedUpstream): string | null | UpstreamProblem {
  const { upstream, ingress, serviceName } = resolved;
  if (ingress !== null && upstream.via.kind === 'fetch') {
    return unsupported(
      `The ingress ${upstream.origin} is told the service by the Host or a header, and by plain fetch from Cloudflare the Host is always the URL's own.`,
      'Name a vpc_services binding in the cluster entry (vpcService), or resolve the service by `services` or `template`.',
    );
  }
  if (ingress?.mode === 'client-host') return null;
  if (ingress?.mode === 'service-host') {
    if (model.host?.kind === 'literal' && model.host.value !== serviceName) return hostTaken(model.host.value);
    return serviceName;
  }
  const wanted = wantedHost(model.host, resolved);
  if (wanted === null || upstream.via.kind !== 'fetch') return wanted;
  const own = new URL(upstream.origin);
  if (wanted === own.host || wanted === own.hostname) return null;
  return unsupported(
    `The Host ${wanted} is asked for, and by plain fetch from Cloudflare the Host is always the URL's own (${own.host}).`,
    'Name a vpc_services binding in the cluster entry (vpcService), or resolve the service to a URL with that host.',
  );
}

function wantedHost(host: HostRewrite | null, { ownName }: ResolvedUpstream): string | null {
  if (host === null) return null;
  return host.kind === 'literal' ? host.value : ownName;
}

function hostTaken(value: string): UpstreamProblem {
  return unsupported(
    `The Host ${value} is asked for, and the ingress mode service-host needs the Host to name the service.`,
    'Use the ingress mode service-header, or resolve this service by `services` or `template`.',
  );
}

function unsupported(message: string, hint: string): UpstreamProblem {
  return { status: 503, code: 'host-rewrite-unsupported', message: `${message} Its requests get 503.`, hint };
}
