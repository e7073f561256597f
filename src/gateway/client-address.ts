/**
 * Who the client is and how it reached us, from facts of the transport and, only when proxies in front
 * are trusted, from forwarding headers.
 *
 * As Envoy does with `use_remote_address` and N trusted hops: with 0 hops the client is the TCP peer;
 * with N it is the N-th entry from the right of the received `x-forwarded-for`. Entries further left
 * were written by the client itself and are not passed on.
 */
import type { PlaceFacts } from '../policies/contract.ts';
import { canonicalPeer } from './ip-address.ts';

/** What the listener knows about a connection. Nothing in here comes from a request header that a client may write. */
export type TransportFacts = {
  readonly scheme: 'http' | 'https';
  /** TCP peer in canonical text form. */
  readonly peerIp: string;
  /** Proxies between the peer and the client that are believed besides `trustedHops` (dev: 1 for loopback peers). */
  readonly extraTrustedHops: 0 | 1;
  /** The platform has already appended the peer to `x-forwarded-for` (Cloudflare's front line does). */
  readonly peerIsInForwardedFor: boolean;
  /** The platform wrote the `cf-*` headers, so they are kept for the upstream. */
  readonly keepsPlatformHeaders: boolean;
  /** For `%PROTOCOL%`. */
  readonly protocol: string;
  /** null: no platform says where the client is. */
  readonly place: PlaceFacts | null;
};

export type ClientFacts = {
  /** Effective scheme. */
  readonly scheme: 'http' | 'https';
  readonly clientIp: string;
  /** Value of `x-forwarded-for` for the upstream: the trusted entries, then the peer. */
  readonly forwardedFor: string;
  /** Forwarding headers that were received may be believed. */
  readonly trusted: boolean;
};

export function resolveClient(headers: Headers, transport: TransportFacts, trustedHops: number): ClientFacts {
  const { scheme, peerIp } = transport;
  const hops = Math.max(trustedHops, transport.extraTrustedHops);
  if (hops === 0) return { scheme, clientIp: peerIp, forwardedFor: peerIp, trusted: false };
  const believed = believedEntries(headers.get('x-forwarded-for'), transport, hops);
  return {
    scheme: believedScheme(headers.get('x-forwarded-proto')) ?? scheme,
    // A chain shorter than the trusted hops, or with something else than an address in that place, falls
    // back to the peer: a wrong proxy address limits too many clients together, never too few.
    clientIp: believed.length === hops ? (canonicalPeer(believed[0] ?? '') ?? peerIp) : peerIp,
    forwardedFor: [...believed, peerIp].join(', '),
    trusted: true,
  };
}

/** The entries that trusted proxies wrote, at most `hops` from the right. */
function believedEntries(received: string | null, transport: TransportFacts, hops: number): readonly string[] {
  if (received === null) return [];
  const entries = received.split(',').map((entry) => entry.trim());
  if (transport.peerIsInForwardedFor && canonicalPeer(entries.at(-1) ?? '') === transport.peerIp) entries.pop();
  return entries.slice(-hops).filter((entry) => /^[\x21-\x7e]+$/.test(entry));
}

/**
 * null: not said. What is said and is not `https` counts as clear, a list included: Ambassador serves a
 * request as secure for exactly `https` only, and calling a clear request secure would be the wrong mistake.
 */
function believedScheme(value: string | null): 'http' | 'https' | null {
  if (value === null) return null;
  return value.trim().toLowerCase() === 'https' ? 'https' : 'http';
}
