/** Which headers may cross between the client, the external service and the upstream. Names lower case. */

/** Ambassador sends these of every request; here besides `x-request-id`. Host, method and path travel by themselves. */
export const ALWAYS_SENT = [
  'authorization',
  'cookie',
  'from',
  'proxy-authorization',
  'user-agent',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
] as const;

/** Ambassador copies these of every answer: to the upstream on 200, else to the client. */
export const ALWAYS_COPIED = [
  'authorization',
  'location',
  'proxy-authenticate',
  'set-cookie',
  'www-authenticate',
] as const;

/** RFC 9110 §7.6.1 and framing: they speak about one connection and one message. */
const CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Why a header cannot go into the check request; null: it can. */
export function unsendable(name: string): string | null {
  if (CONNECTION.has(name)) return 'it belongs to one connection';
  if (name === 'host') return 'Host is sent by itself, see `host`';
  // The gateway reads the answer itself, so the client's wishes about its coding are none of the service's business.
  if (name === 'accept-encoding') return 'the gateway reads the answer itself';
  return isOurs(name) ? 'the gateway alone writes it' : null;
}

/** Why a header of the answer cannot be copied; null: it can. */
export function uncopyable(name: string): string | null {
  if (CONNECTION.has(name)) return 'it belongs to one connection';
  if (name === 'host') return 'an answer cannot name the Host of a request';
  if (name === 'content-encoding') return 'bodies are handed on decoded';
  return isOurs(name) ? 'the gateway alone writes it' : null;
}

function isOurs(name: string): boolean {
  return name.startsWith('x-portolan-') || name.startsWith('x-envoy-');
}

/** The service may have these removed from the request (`x-envoy-auth-headers-to-remove`), but not what frames it. */
export function isRemovable(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && name !== 'host' && !CONNECTION.has(name);
}

/** Headers in which clients show credentials: taken from no request, even where the service writes them, too. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-api-key']);

/** What clients have every right to send. */
const OF_CLIENTS =
  /^(?:accept|accept-.*|access-control-request-.*|cache-control|content-.*|date|dpop|from|if-.*|max-forwards|origin|pragma|prefer|priority|range|referer|sec-.*|user-agent|via|x-forwarded-.*|x-request-id|x-requested-with)$/;

/** Whether the gateway takes the header from every client, so that only the service can have written it. */
export function isTakenFromClients(name: string): boolean {
  return !CREDENTIALS.has(name) && !OF_CLIENTS.test(name);
}

export function isCredential(name: string): boolean {
  return CREDENTIALS.has(name);
}
