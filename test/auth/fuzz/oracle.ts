/**
 * Judges what reached the backend, by the path that the backend saw and the credentials that were sent.
 * Knows nothing of the gateway: prefixes, a table of demands, and who was issued what.
 */
import type { Arrived } from '../protected-stand.ts';
import { DEMANDS, satisfies, type Demand, type FuzzRequest } from './requests.ts';

/** What is wrong with this arrival; null: nothing. */
export function violationOf({ url, headers }: Arrived, request: FuzzRequest | undefined): string | null {
  if (request === undefined) return `${url}: nobody sent it`;
  const path = url.split('?')[0] ?? '';
  const wrong = spellingFault(path);
  if (wrong !== null) return `${url}: ${wrong}`;
  for (const hostname of hostnamesOf(request, headers)) {
    const demand = demandOf(hostname, path);
    if (!satisfies(demand, request.shown)) return `${hostname} ${url}: ${demand} is demanded`;
    if (!isKnownAs(headers['x-consumer'], demand, request)) {
      return `${url}: arrived as ${String(headers['x-consumer'])}`;
    }
  }
  return leftOver(headers, path);
}

/** The one spelling that every reader of it agrees on. */
function spellingFault(path: string): string | null {
  if (!path.startsWith('/')) return 'no path';
  if (/%(?:2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])/.test(path)) return 'an escape of a plain character';
  if (/%2[Ff]|%5[Cc]|\\/.test(path)) return 'a hidden slash';
  if (/%[0-9A-F]?[a-f]/.test(path) || /%(?![0-9A-F]{2})/.test(path)) return 'an escape that is not canonical';
  if (/%[01][0-9A-F]|%7F/.test(path)) return 'a control character';
  if (path.split('/').some((segment) => /^\.\.?(?:$|;|%3B)/.test(segment))) return 'a dot segment';
  return /[^\x21-\x7e]|#/.test(path) ? 'a character that is none of a path' : null;
}

/** Both of what was sent and of what the backend was told. */
function hostnamesOf({ host }: FuzzRequest, headers: Arrived['headers']): readonly string[] {
  const told = String(headers['x-forwarded-host'] ?? '');
  return [...new Set([told, ...(host === null ? [] : [host])].map(plainName))];
}

function plainName(host: string): string {
  return host.trim().toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
}

function demandOf(hostname: string, path: string): Demand {
  for (const [prefix, demand] of Object.entries(DEMANDS)) {
    const text = prefix === '/fold/' ? path.toLowerCase() : path;
    if (text.startsWith(prefix)) return demand;
  }
  return hostname === 'secure.test' ? 'token' : 'none';
}

/** The name that the gateway told the backend is that of a good credential which was sent. */
function isKnownAs(told: unknown, demand: Demand, { shown }: FuzzRequest): boolean {
  if (demand === 'none' || demand === 'caller') return told !== 'root';
  const names = shown.flatMap(({ consumer }) => consumer ?? []);
  if (demand === 'optional' && !shown.some(({ kind }) => kind === 'token')) return told === 'anonymous';
  return names.includes(String(told));
}

/** A key that let its bearer in does not go on; nor does what only the gateway may write. */
function leftOver(headers: Arrived['headers'], path: string): string | null {
  if (/^\/(?:key|query|all)\//.test(path) && 'x-api-key' in headers) return `${path}: with the key`;
  const names = Object.keys(headers).map((name) => name.replaceAll('_', '-'));
  for (const name of ['x-original-url', 'x-rewrite-url', 'x-middleware-subrequest', 'x-envoy-internal']) {
    if (names.includes(name)) return `${path}: with ${name}`;
  }
  return names.filter((name) => name === 'x-consumer').length > 1 ? `${path}: two consumers` : null;
}
