/**
 * Service names: `[scheme://]name[.namespace[.svc[.cluster.local]]][:port]`, read as Ambassador reads
 * them: as the authority of a URL, so that path, query and user information fall away.
 */
import type { ServiceRef } from '../../model/route-model.ts';

/** What turns a name into an upstream. */
export type ServiceContext = {
  readonly mappingNamespace: string;
  readonly ambassadorNamespace: string;
  /** Module `use_ambassador_namespace_for_service_resolution`. */
  readonly useAmbassadorNamespace: boolean;
  readonly resolver: ResolverKind;
  /** A `tls` field asks for TLS whatever the scheme says. */
  readonly tls: boolean;
};

export type ResolverKind = 'service' | 'endpoint' | 'consul';

export type ParsedService = {
  readonly ref: ServiceRef;
  /** `host[:port]` as a URL authority, the port only where it was written: what a redirect uses. */
  readonly authority: string;
  /** `host:port`, the port always given. */
  readonly hostPort: string;
  /** The scheme as written, lower case; null when there was none. */
  readonly scheme: string | null;
  /** `http` was written although `tls` is set: TLS is used. */
  readonly schemeOverridden: boolean;
};

export type ServiceResult =
  | { readonly ok: true; readonly service: ParsedService }
  /** `problem` completes the sentence "The service … cannot be read: …". */
  | { readonly ok: false; readonly problem: string };

type Parts = { readonly scheme: string | null; readonly host: string; readonly port: number | null };

/** Never throws: a name that cannot be read is a result. */
export function parseServiceName(text: string, context: ServiceContext): ServiceResult {
  const parts = splitService(text.trim());
  if (typeof parts === 'string') return { ok: false, problem: parts };

  const host = qualify(parts.host, context);
  const scheme = context.tls || parts.scheme === 'https' ? 'https' : 'http';
  const port = parts.port ?? (scheme === 'https' ? 443 : 80);
  // A zone's percent sign is escaped again inside a URL.
  const bracketed = host.includes(':') ? `[${host.replace('%', '%25')}]` : host;
  return {
    ok: true,
    service: {
      ref: { text, scheme, host, service: kubernetesService(parts.host, context), port, clusters: [] },
      authority: parts.port === null ? bracketed : `${bracketed}:${parts.port}`,
      hostPort: `${bracketed}:${port}`,
      scheme: parts.scheme,
      schemeOverridden: context.tls && parts.scheme === 'http',
    },
  };
}

/** True for the schemes that mean something to an upstream. */
export function isKnownScheme(scheme: string | null): boolean {
  return scheme === null || scheme === 'http' || scheme === 'https';
}

/** A string is the problem. */
function splitService(text: string): Parts | string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  const rest = scheme === null ? text.replace(/^\/\//, '') : text.slice(scheme[0].length);
  // The authority ends at the first path, query or fragment mark; user information ends at the last `@`.
  const authority = rest.split(/[/?#]/, 1)[0] ?? '';
  const hostAndPort = authority.slice(authority.lastIndexOf('@') + 1);
  const host = splitHost(hostAndPort);
  if (typeof host === 'string') return host;
  return { scheme: scheme?.[1]?.toLowerCase() ?? null, ...host };
}

function splitHost(text: string): { host: string; port: number | null } | string {
  const bracketed = /^\[([^[\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed === null && /[[\]]/.test(text)) return 'the brackets around an IPv6 address do not match';
  const colon = text.indexOf(':');
  const rawHost = bracketed?.[1] ?? (colon === -1 ? text : text.slice(0, colon));
  const rawPort = bracketed === null ? (colon === -1 ? '' : text.slice(colon + 1)) : (bracketed[2] ?? '');

  const host = decodeHost(rawHost);
  if (host === null) return 'the host name holds an invalid percent-escape';
  if (host === '') return 'there is no host name in it';
  if (bracketed !== null && !isIpv6(host)) return 'what stands in brackets is not an IPv6 address';
  const odd = bracketed === null ? /[\s/?#@[\]\\"<>^`{|}%\p{Cc}]/u : /[\s\p{Cc}]/u;
  if (odd.test(host)) return 'the host name holds a character that no host name has';
  if (!/^\d*$/.test(rawPort)) return `the port \`${rawPort}\` is not a number`;
  const port = Number(rawPort);
  if (port > 65_535) return `the port ${rawPort} is above 65535`;
  // Port 0 means the default, as an absent one does.
  return { host, port: port === 0 ? null : port };
}

/** null: an invalid escape. An IPv6 zone keeps its case: interface names have one. */
function decodeHost(raw: string): string | null {
  if (/%(?![0-9a-f]{2})/i.test(raw)) return null;
  let decoded: string;
  try {
    decoded = decodeURIComponent(raw);
  } catch {
    return null;
  }
  if (!decoded.includes(':')) return decoded.toLowerCase();
  const zone = decoded.indexOf('%');
  return zone === -1 ? decoded.toLowerCase() : decoded.slice(0, zone).toLowerCase() + decoded.slice(zone);
}

/** Ambassador's rule: only a bare name of another namespace is given one, and Consul names never are. */
function qualify(host: string, context: ServiceContext): string {
  const bare = isBareName(host);
  const wanted = context.resolver !== 'consul' && !context.useAmbassadorNamespace;
  const foreign = context.mappingNamespace !== context.ambassadorNamespace;
  return bare && wanted && foreign ? `${host}.${context.mappingNamespace}` : host;
}

function isBareName(host: string): boolean {
  return !host.includes('.') && !host.includes(':') && host !== 'localhost';
}

/**
 * Which Kubernetes service a host names. One dot is `name.namespace`; more are `name.ns.svc…` or an
 * outside host, except for the endpoint resolver, which reads the first two parts of any dotted name.
 */
function kubernetesService(host: string, context: ServiceContext): { name: string; namespace: string } | null {
  if (isBareName(host)) {
    const namespace = context.useAmbassadorNamespace ? context.ambassadorNamespace : context.mappingNamespace;
    return { name: host, namespace };
  }
  if (host === 'localhost' || host.includes(':') || isIpv4(host)) return null;
  const [name, namespace, ...rest] = host.split('.');
  if (name === undefined || namespace === undefined || name === '' || namespace === '') return null;
  const tail = rest.join('.');
  const named = tail === '' ? rest.length === 0 : /^svc(?:\.cluster\.local\.?)?$/.test(tail);
  return named || context.resolver === 'endpoint' ? { name, namespace } : null;
}

function isIpv4(host: string): boolean {
  const parts = host.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** Enough to tell an address from a typing mistake; connecting decides the rest. */
function isIpv6(host: string): boolean {
  return /^[0-9a-f:.]*:[0-9a-f:.]*(?:%[\w.~-]+)?$/i.test(host);
}
