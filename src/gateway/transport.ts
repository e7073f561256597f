/** What each platform tells a Worker about the connection, as TransportFacts. */
import type { TransportFacts } from './client-address.ts';
import { canonicalIp, canonicalPeer } from './ip-address.ts';

/**
 * `cloudflare`: the front line has checked the connection and names the client in `cf-connecting-ip`.
 * `self-hosted`: bare workerd or a front of ours; the peer is in `request.cf`. `dev`: the peer is this
 * machine, and it is believed like one proxy, so that tests can play any client.
 */
export type Platform = 'cloudflare' | 'self-hosted' | 'dev';

/** Every request without a known peer shares this address, and with it one rate limit: the strict direction. */
const UNKNOWN_PEER = '0.0.0.0';
const LOOPBACK = '127.0.0.1';

/** Unset is `self-hosted`, which trusts no header. Throws on any other word: a typo must not choose who is believed. */
export function parsePlatform(text: string | undefined): Platform {
  if (text === undefined || text === '' || text === 'self-hosted') return 'self-hosted';
  if (text === 'cloudflare' || text === 'dev') return text;
  throw new Error(`PLATFORM is "${text}"; set it to cloudflare, self-hosted or dev.`);
}

export function createTransport(platform: Platform): (request: Request) => TransportFacts {
  switch (platform) {
    case 'cloudflare':
      return fromCloudflare;
    case 'dev':
      return fromDev;
    default:
      return fromWorkerd;
  }
}

function fromCloudflare(request: Request): TransportFacts {
  const peerIp = canonicalIp(request.headers.get('cf-connecting-ip') ?? '') ?? UNKNOWN_PEER;
  return {
    ...facts(request, peerIp),
    peerIsInForwardedFor: true,
    keepsPlatformHeaders: true,
    protocol: cfText(request, 'httpProtocol') ?? 'HTTP/1.1',
    place: {
      country: cfText(request, 'country'),
      continent: cfText(request, 'continent'),
      region: cfText(request, 'regionCode'),
      asn: cfNumber(request, 'asn'),
    },
  };
}

function fromWorkerd(request: Request): TransportFacts {
  return facts(request, canonicalPeer(cfText(request, 'clientIp') ?? '') ?? UNKNOWN_PEER);
}

/**
 * `dev` listens on loopback only, so the peer is known without asking; `request.cf` is not asked, because
 * miniflare's sockets let a client write it. There is no TLS in front either: a local test that says
 * `x-forwarded-proto: https` plays the listener as well.
 */
function fromDev(request: Request): TransportFacts {
  const peer = facts(request, LOOPBACK);
  const scheme = request.headers.get('x-forwarded-proto');
  return { ...peer, extraTrustedHops: 1, scheme: scheme === 'http' || scheme === 'https' ? scheme : peer.scheme };
}

function facts(request: Request, peerIp: string): TransportFacts {
  return {
    scheme: request.url.startsWith('https:') ? 'https' : 'http',
    peerIp,
    extraTrustedHops: 0,
    peerIsInForwardedFor: false,
    keepsPlatformHeaders: false,
    protocol: 'HTTP/1.1',
    place: null,
  };
}

function cfText(request: Request, name: string): string | null {
  const value = cfValue(request, name);
  return typeof value === 'string' ? value : null;
}

function cfNumber(request: Request, name: string): number | null {
  const value = cfValue(request, name);
  return typeof value === 'number' ? value : null;
}

/** Workers put facts about the connection into `request.cf`; the standard Request has no such property. */
function cfValue({ cf }: Request & { readonly cf?: unknown }, name: string): unknown {
  return typeof cf === 'object' && cf !== null && name in cf ? Reflect.get(cf, name) : undefined;
}
