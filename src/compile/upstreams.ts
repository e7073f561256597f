/**
 * Services → upstreams the gateway can reach. The table in ARCHITECTURE.md ("Upstreams") says what
 * each way of reaching a service can do with the Host header in each runtime.
 */
import type { ClusterModel, IngressModel, ServiceRef, UpstreamTls } from '../model/route-model.ts';
import type { CompiledUpstream, UpstreamTransport } from '../program/route-program.ts';
import { isPrivateHost } from '../model/private-address.ts';

export type UpstreamOptions = {
  /** `self-hosted` (and dev): one service binding per upstream. `cloudflare`: vpc_services or plain fetch. */
  readonly target: 'self-hosted' | 'cloudflare';
  /** `echo` (dev): a service that nothing resolves gets an echo backend instead of refusing. */
  readonly unresolved: 'refuse' | 'echo';
};

export type ResolvedUpstream = {
  readonly upstream: CompiledUpstream;
  /** Set when the upstream is an ingress that must be told which service is meant. */
  readonly ingress: IngressModel | null;
  /** `name.namespace` of the service, or the host as written. */
  readonly serviceName: string;
  /** `serviceName:port`: what an ingress reads from its service header. */
  readonly serviceAddress: string;
  /** The upstream's own name: what `auto_host_rewrite` sends as Host. */
  readonly ownName: string;
};

/** Why a backend cannot be used, as parts of a finding. The route refuses with `status` and `code`. */
export type UpstreamProblem = {
  readonly status: number;
  readonly code:
    | 'upstream-unresolved'
    | 'upstream-private-address'
    | 'upstream-tls-unsupported'
    | 'host-rewrite-unsupported';
  readonly message: string;
  readonly hint: string;
};

export type UpstreamResolver = (ref: ServiceRef) => ResolvedUpstream | UpstreamProblem;

export function isProblem(value: object): value is UpstreamProblem {
  return 'code' in value;
}

/** Answers are remembered: thousands of routes name the same few services. */
export function createUpstreamResolver(clusters: readonly ClusterModel[], options: UpstreamOptions): UpstreamResolver {
  const answers = new Map<string, ResolvedUpstream | UpstreamProblem>();
  return (ref) => {
    const { scheme, host, port, service, clusters: names } = ref;
    const places = names.length === 0 ? '' : JSON.stringify(names);
    // No part before the last can hold a space: schemes, host names, ports and Kubernetes names never do.
    const key = `${scheme} ${host} ${port} ${service?.name ?? ''} ${service?.namespace ?? ''} ${places}`;
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = resolve(ref, clusters, options);
      answers.set(key, answer);
    }
    return answer;
  };
}

type Found = {
  readonly url: URL;
  readonly resolvedBy: CompiledUpstream['resolvedBy'];
  readonly ingress: IngressModel | null;
  readonly vpcService: string | null;
  readonly tls: UpstreamTls | null;
};

function resolve(
  ref: ServiceRef,
  clusters: readonly ClusterModel[],
  options: UpstreamOptions,
): ResolvedUpstream | UpstreamProblem {
  const found = find(ref, candidateClusters(ref, clusters), options);
  if (found === null) return unresolved(ref);
  const via = transportOf(found, options);
  if (via.kind === 'fetch' && isPrivateHost(found.url.hostname)) return privateAddress(ref, found.url);
  const tls = effectiveTls(found);
  if (tls !== null && via.kind !== 'binding') return tlsUnsupported(ref, found.url);
  const upstream: CompiledUpstream = {
    id: upstreamId(found, via) + tlsSuffix(tls),
    // `URL.origin` leaves out a default port, so that the same place has one spelling.
    origin: found.url.origin,
    via,
    resolvedBy: found.resolvedBy,
    service: found.ingress === null ? serviceText(ref) : found.url.host,
    ...(tls === null ? {} : { tls }),
  };
  const serviceName = ref.service === null ? ref.host : `${ref.service.name}.${ref.service.namespace}`;
  const ownName = found.ingress !== null || found.resolvedBy === 'echo' ? serviceName : found.url.hostname;
  return { upstream, ingress: found.ingress, serviceName, serviceAddress: serviceText(ref), ownName };
}

/** The clusters a reference names, in its order; else all, in the model's order. */
function candidateClusters(ref: ServiceRef, clusters: readonly ClusterModel[]): readonly ClusterModel[] {
  if (ref.clusters.length === 0) return clusters;
  return ref.clusters.flatMap((name) => clusters.filter((cluster) => cluster.name === name));
}

function find(ref: ServiceRef, clusters: readonly ClusterModel[], options: UpstreamOptions): Found | null {
  const { service } = ref;
  for (const cluster of clusters) {
    if (service !== null && options.unresolved === 'echo' && cluster.echo === true) return echo(ref, service);
    const found = findIn(cluster, ref);
    if (found !== null) return found;
  }
  if (service === null) {
    const url = parseOrigin(literalUrl(ref));
    return url === null ? null : { url, resolvedBy: 'literal', ingress: null, vpcService: null, tls: null };
  }
  return options.unresolved === 'echo' ? echo(ref, service) : null;
}

/** Explicit map → template → ingress. */
function findIn(cluster: ClusterModel, ref: ServiceRef): Found | null {
  const { vpcService } = cluster;
  for (const key of mapKeys(ref)) {
    const mapped = Object.hasOwn(cluster.services, key) ? cluster.services[key] : undefined;
    const url = mapped === undefined ? null : parseOrigin(mapped.url);
    if (url !== null) return { url, resolvedBy: 'services', ingress: null, vpcService, tls: mapped?.tls ?? null };
  }
  const tls = cluster.tls ?? null;
  if (ref.service === null) return null;
  const fromTemplate = cluster.template === null ? null : parseOrigin(fillTemplate(cluster.template, ref));
  if (fromTemplate !== null) return { url: fromTemplate, resolvedBy: 'template', ingress: null, vpcService, tls };
  const ingressUrl = cluster.ingress === null ? null : parseOrigin(cluster.ingress.url);
  if (ingressUrl !== null) return { url: ingressUrl, resolvedBy: 'ingress', ingress: cluster.ingress, vpcService, tls };
  return null;
}

/**
 * Most specific first. A key without namespace means the service of that name in any namespace, as a
 * `services` map of a single-namespace cluster is written.
 */
function mapKeys(ref: ServiceRef): readonly string[] {
  const { service, port, host } = ref;
  if (service === null) return [`${host}:${port}`, host];
  const { name, namespace } = service;
  return [`${name}.${namespace}:${port}`, `${name}.${namespace}`, `${name}:${port}`, name];
}

function fillTemplate(template: string, ref: ServiceRef): string {
  const values: Readonly<Record<string, string>> = {
    scheme: ref.scheme,
    service: ref.service?.name ?? '',
    namespace: ref.service?.namespace ?? '',
    port: String(ref.port),
  };
  return template.replaceAll(/\{(scheme|service|namespace|port)\}/g, (_, name: string) => values[name] ?? '');
}

function echo(ref: ServiceRef, service: { readonly name: string; readonly namespace: string }): Found | null {
  const url = parseOrigin(`${ref.scheme}://${service.name}.${service.namespace}:${ref.port}`);
  return url === null ? null : { url, resolvedBy: 'echo', ingress: null, vpcService: null, tls: null };
}

function literalUrl(ref: ServiceRef): string {
  return `${ref.scheme}://${ref.host.includes(':') ? `[${ref.host}]` : ref.host}:${ref.port}`;
}

function parseOrigin(text: string): URL | null {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.host !== '' ? url : null;
}

function transportOf(found: Found, options: UpstreamOptions): UpstreamTransport {
  if (options.target === 'self-hosted') return { kind: 'binding' };
  return found.vpcService === null ? { kind: 'fetch' } : { kind: 'vpc', binding: found.vpcService };
}

function upstreamId(found: Found, via: UpstreamTransport): string {
  const place = `${found.url.protocol.slice(0, -1)}/${found.url.host}`;
  // An echo stands for its service, so it must not share an id with a backend that is really there.
  if (found.resolvedBy === 'echo') return `echo/${place}`;
  if (via.kind === 'vpc') return `vpc/${via.binding}/${place}`;
  return via.kind === 'fetch' ? `fetch/${place}` : place;
}

/** null: https without more, or no https at all. */
function effectiveTls({ url, tls }: Found): UpstreamTls | null {
  if (tls === null || url.protocol !== 'https:') return null;
  const { serverName, ...files } = tls;
  if (serverName !== undefined && serverName !== url.hostname) return tls;
  return Object.keys(files).length === 0 ? null : files;
}

/** All of it, so that two upstreams at one place never share a connection that proves something else. */
function tlsSuffix(tls: UpstreamTls | null): string {
  if (tls === null) return '';
  const { serverName, ca, certificate } = tls;
  const parts = { server: serverName, ca, chain: certificate?.chain, key: certificate?.key };
  const given = Object.entries(parts).filter((part): part is [string, string] => part[1] !== undefined);
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`).join('&')}`;
}

function serviceText({ service, host, port }: ServiceRef): string {
  return `${service === null ? host : `${service.name}.${service.namespace}`}:${port}`;
}

function unresolved(ref: ServiceRef): UpstreamProblem {
  const entry = mapKeys(ref)[0] ?? ref.text;
  const places = ref.clusters.length === 0 ? 'No cluster entry' : `None of the clusters ${ref.clusters.join(', ')}`;
  return {
    status: 503,
    code: 'upstream-unresolved',
    message: `${places} says how to reach the service ${ref.text}, so its requests get 503.`,
    hint: `Add '${entry}' to the services of a cluster in routes.config.ts, or give the cluster a template or an ingress.`,
  };
}

function tlsUnsupported(ref: ServiceRef, url: URL): UpstreamProblem {
  return {
    status: 503,
    code: 'upstream-tls-unsupported',
    message: `The service ${ref.text} leads to ${url.origin} with \`tls\` settings, which a Worker on Cloudflare cannot apply, so its requests get 503.`,
    hint: 'Serve it by self-hosting, or reach it under the name in a publicly trusted certificate, without `tls`.',
  };
}

function privateAddress(ref: ServiceRef, url: URL): UpstreamProblem {
  return {
    status: 503,
    code: 'upstream-private-address',
    message: `The service ${ref.text} leads to ${url.host}, a private address that plain fetch cannot reach from Cloudflare, so its requests get 503.`,
    hint: 'Name a vpc_services binding in the cluster entry (vpcService), or a public address.',
  };
}
