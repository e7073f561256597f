/** From the runtime's request to the frozen facts that everything after it decides on. */
import type { RequestFacts } from '../policies/contract.ts';
import type { ProgramSettings } from '../program/route-program.ts';
import { canonicalizePath } from './canonical-path.ts';
import { resolveClient, type TransportFacts } from './client-address.ts';
import { sanitizeHeaders } from './request-headers.ts';
import { parseTarget } from './target.ts';

/** The parts of a request that are read, so that `explain` can ask without one. */
export type RequestHead = { readonly url: string; readonly method: string; readonly headers: Headers };

/** null: `OPTIONS *`, which is about the server and not about a path. Throws GatewayError. */
export function readRequest(
  head: RequestHead,
  transport: TransportFacts,
  settings: ProgramSettings,
): RequestFacts | null {
  const { url, method, headers: received } = head;
  const target = parseTarget({ url, method, hostHeader: received.get('host') }, settings.maxTargetBytes);
  const client = resolveClient(received, transport, settings.trustedHops);
  const { authority, hostname, query } = target;
  const { keepsPlatformHeaders } = transport;
  const { headers, requestId } = sanitizeHeaders(received, { settings, client, authority, keepsPlatformHeaders });
  if (target.rawPath === '*') return null;
  const { scheme, clientIp } = client;
  const path = canonicalizePath(target.rawPath, settings.paths);
  const { peerIp, place } = transport;
  const line = { requestId, method, scheme, hostname, authority, path, query };
  return Object.freeze({ ...line, clientIp, peerIp, place, headers });
}
