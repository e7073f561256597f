/**
 * A request as a person writes it down, taken apart as text.
 *
 * `new URL` would resolve `/a/../b` before anybody could say that it is refused, so the URL stays what
 * was written and goes through the Worker's own target check.
 */
import type { GatewaySettings } from '../model/route-model.ts';
import type { TransportFacts } from '../gateway/client-address.ts';
import { canonicalIp } from '../gateway/ip-address.ts';
import type { RequestHead } from '../gateway/read-request.ts';

export type ProbeRequest = {
  readonly method: string;
  /** Absolute, `http://` or `https://`; the scheme is the transport's. */
  readonly url: string;
  /** In order, duplicates kept. A `host` header replaces the URL's authority, as with curl. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /**
   * Address of the client. Without trusted hops it is the connection's other end; with them it is what
   * those proxies report, unless the request has an `x-forwarded-for` of its own. Default 127.0.0.1.
   */
  readonly clientIp?: string;
};

export type SplitUrl = {
  /** In lower case; null when the URL has none, which the gateway refuses. */
  readonly scheme: 'http' | 'https' | null;
  readonly authority: string;
  /** Path and query as written. */
  readonly target: string;
};

const LOOPBACK = '127.0.0.1';

export function splitUrl(url: string): SplitUrl {
  const scheme = /^(https?):\/\//i.exec(url);
  if (scheme === null) return { scheme: null, authority: '', target: url };
  const rest = url.slice(scheme[0].length);
  const end = rest.search(/[/?#\\*]/);
  return {
    scheme: scheme[1]?.toLowerCase() === 'https' ? 'https' : 'http',
    authority: end < 0 ? rest : rest.slice(0, end),
    target: end < 0 ? '' : rest.slice(end),
  };
}

/** Path as written, without query: what a person recognises. An empty one is `/` on the wire. */
export function writtenPath(url: string): string {
  const { target } = splitUrl(url);
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return path === '' ? '/' : path;
}

/** Host header that a client would send for this request. */
export function hostOf({ url, headers }: Pick<ProbeRequest, 'url' | 'headers'>): string {
  return headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? splitUrl(url).authority;
}

/**
 * Why this cannot be a request at all, whatever gateway it is sent to; null: it can. What a gateway
 * would refuse is no problem here: saying so is the point.
 */
export function requestProblem(request: ProbeRequest): string | null {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(request.method)) return `"${request.method}" is no HTTP method.`;
  if (splitUrl(request.url).scheme === null)
    return `The URL must start with http:// or https://; got "${request.url}".`;
  for (const [name, value] of request.headers) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return `"${name}" is no header name.`;
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000\r\n]|[^\u0000-\u00ff]/.test(value)) return `The value of the header ${name} cannot be sent over HTTP.`;
  }
  const { clientIp } = request;
  if (clientIp !== undefined && canonicalIp(clientIp) === null) return `"${clientIp}" is no IP address.`;
  return null;
}

export type ReceivedProbe = { readonly head: RequestHead; readonly transport: TransportFacts };

/** The request as the runtime would hand it to the Worker. `requestProblem` must have found nothing. */
export function receiveProbe(request: ProbeRequest, settings: Pick<GatewaySettings, 'trustedHops'>): ReceivedProbe {
  const { scheme, target } = splitUrl(request.url);
  const host = hostOf(request);
  const headers = new Headers();
  for (const [name, value] of request.headers) if (name.toLowerCase() !== 'host') headers.append(name, value);
  headers.set('host', host);
  const clientIp = canonicalIp(request.clientIp ?? LOOPBACK) ?? LOOPBACK;
  const { trustedHops } = settings;
  if (request.clientIp !== undefined && trustedHops > 0 && !headers.has('x-forwarded-for')) {
    // The outermost trusted proxy saw the client, the others saw one another.
    headers.set('x-forwarded-for', [clientIp, ...Array<string>(trustedHops - 1).fill(LOOPBACK)].join(', '));
  }
  return {
    head: { method: request.method, url: `${scheme ?? 'http'}://${host}${target}`, headers },
    transport: {
      scheme: scheme ?? 'http',
      peerIp: trustedHops > 0 ? LOOPBACK : clientIp,
      place: null,
      extraTrustedHops: 0,
      peerIsInForwardedFor: false,
      keepsPlatformHeaders: false,
      protocol: 'HTTP/1.1',
    },
  };
}
