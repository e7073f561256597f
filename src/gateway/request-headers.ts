/**
 * Request headers as policies, matching and the upstream may see them.
 *
 * Every name that we or a policy may inject, and every name a proxy before us is supposed to have
 * written, is removed first and written again from trusted facts. Names are compared in lower case
 * with `_` read as `-`, because many backends fold the two together.
 */
import { GatewayError } from '../diagnostics/errors.ts';
import type { ProgramSettings } from '../program/route-program.ts';
import type { ClientFacts } from './client-address.ts';

export type HeaderContext = {
  readonly settings: Pick<
    ProgramSettings,
    'cookieLines' | 'headersWithUnderscores' | 'injectedHeaders' | 'maxRequestHeadersBytes' | 'preserveRequestId'
  >;
  readonly client: ClientFacts;
  /** Host header in lower case. */
  readonly authority: string;
  /** The `cf-*` headers were written by the platform. */
  readonly keepsPlatformHeaders: boolean;
};

export type SanitizedHeaders = { readonly headers: Headers; readonly requestId: string };

/** RFC 9110 §7.6.1, and headers that speak about this connection only. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Believed only from a trusted hop. */
const FORWARDING: ReadonlySet<string> = new Set([
  'client-ip',
  'fastly-client-ip',
  'forwarded',
  'front-end-https',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-host',
  'x-middleware-subrequest',
  'x-original-uri',
  'x-original-url',
  'x-originating-ip',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-rewrite-url',
]);
/** End-to-end headers that a client must not have removed by naming them in `Connection`. */
const PROTECTED: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'host',
  'origin',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]);

/** Envoy's `max_headers_count`. Repeated lines arrive as one header. */
const MAX_HEADERS = 100;
/** A server may ignore `Range` (RFC 9110 §14.2); many ranges of one request are an attack on its memory. */
const MAX_RANGES = 32;
/** Bytes from 0x80 pass as they came. Of the control characters a value may hold the tab (RFC 9110 §5.5). */
const NOT_IN_VALUES = /[^\t -~\u0080-\uffff]/;

/**
 * Throws GatewayError: 431 `headers-too-large`, 400 `header-invalid`, 400 `header-underscore-rejected`, 400
 * `connection-header-invalid`, 400 `duplicate-header`, 501 `transfer-coding-unsupported`. The received
 * headers are not changed.
 */
export function sanitizeHeaders(received: Headers, context: HeaderContext): SanitizedHeaders {
  const { settings, client } = context;
  const removed: string[] = [];
  let bytes = 0;
  let count = 0;
  for (const [name, value] of received) {
    bytes += name.length + value.length;
    count += 1;
    if (NOT_IN_VALUES.test(value)) {
      throw new GatewayError(400, 'header-invalid', `The header ${name} holds a control character.`);
    }
    if (isRemoved(name, context) || isExcessive(name, value)) removed.push(name);
    else refuseJoined(name, value);
  }
  if (bytes > settings.maxRequestHeadersBytes) {
    throw new GatewayError(431, 'headers-too-large', `The headers are over ${settings.maxRequestHeadersBytes} bytes.`);
  }
  if (count > MAX_HEADERS) {
    throw new GatewayError(431, 'headers-too-large', `The request has more than ${MAX_HEADERS} headers.`);
  }
  refuseTransferCoding(received.get('transfer-encoding'));
  const headers = new Headers(received);
  if (settings.cookieLines === 'rejoin') rejoinCookies(headers);
  const connection = received.get('connection');
  if (connection !== null) removeNamed(headers, connection);
  for (const name of removed) headers.delete(name);
  headers.set('x-forwarded-for', client.forwardedFor);
  headers.set('x-forwarded-proto', client.scheme);
  if (!headers.has('x-forwarded-host')) headers.set('x-forwarded-host', context.authority);
  const requestId = requestIdOf(received, settings.preserveRequestId);
  headers.set('x-request-id', requestId);
  return { headers, requestId };
}

function isRemoved(name: string, { settings, client, keepsPlatformHeaders }: HeaderContext): boolean {
  let folded = name;
  if (name.includes('_')) {
    if (settings.headersWithUnderscores === 'drop') return true;
    if (settings.headersWithUnderscores === 'reject') {
      throw new GatewayError(400, 'header-underscore-rejected', 'A header name holds an underscore.');
    }
    folded = name.replaceAll('_', '-');
    // Spelt with an underscore it is never ours: it must not stand beside the header we write.
    if (folded.startsWith('x-forwarded-') || folded === 'x-request-id' || PROTECTED.has(folded)) return true;
  }
  if (HOP_BY_HOP.has(folded)) return true;
  if (settings.injectedHeaders?.includes(folded) === true) return true;
  if (folded.startsWith('x-')) {
    if (folded.startsWith('x-envoy-') || folded.startsWith('x-portolan-')) return true;
    if (folded === 'x-forwarded-client-cert') return true;
    if (folded.startsWith('x-forwarded-')) return !client.trusted;
  }
  if (folded.startsWith('l5d-')) return true;
  if (folded.startsWith('cf-')) return !keepsPlatformHeaders;
  return FORWARDING.has(folded) && !client.trusted;
}

function removeNamed(headers: Headers, connection: string): void {
  for (const part of connection.split(',')) {
    const name = part.trim().toLowerCase();
    if (name === '' || HOP_BY_HOP.has(name) || name === 'close') continue;
    if (PROTECTED.has(name)) {
      throw new GatewayError(400, 'connection-header-invalid', `Connection names the end-to-end header ${name}.`);
    }
    // A name that is not a token cannot be a header: nothing to remove.
    if (/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) headers.delete(name);
  }
}

/** What the runtime decodes and forwards is the body inside `chunked` alone; it would lose the other coding's name. */
function refuseTransferCoding(codings: string | null): void {
  if (codings === null || codings.trim().toLowerCase() === 'chunked') return;
  throw new GatewayError(501, 'transfer-coding-unsupported', 'The only transfer coding that is served is chunked.');
}

/** One scheme and its parameters (RFC 9110 §11.4), values as loose as AWS signatures need them. */
const ONE_WITH_PARAMETERS =
  /^[\w!#$%&'*+.^`|~-]+[ \t]+[\w!#$%&'*+.^`|~-]+[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.)*"|[^\s,"=][^\s,"]*)(?:[ \t]*,(?:[ \t]*[\w!#$%&'*+.^`|~-]+[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.)*"|[^\s,"=][^\s,"]*))?)*[ \t]*$/;

/**
 * The runtime joins repeated lines with a comma. Two of these mean that some reader would take the
 * first and another the last, so neither is served. A comma alone is no sign: parameters of one
 * Digest or AWS4 credential have commas between them.
 */
function refuseJoined(name: string, value: string): void {
  if (name !== 'authorization' && name !== 'content-type') return;
  if (!value.includes(',')) return;
  const isOne =
    name === 'authorization'
      ? ONE_WITH_PARAMETERS.test(value)
      : !value.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').includes(',');
  if (!isOne) throw new GatewayError(400, 'duplicate-header', `The header ${name} was sent more than once.`);
}

function isExcessive(name: string, value: string): boolean {
  return name === 'range' && value.split(',', MAX_RANGES + 1).length > MAX_RANGES;
}

function rejoinCookies(headers: Headers): void {
  const value = headers.get('cookie');
  if (value === null || !value.includes(', ')) return;
  headers.set('cookie', value.replaceAll(/, (?=[\w!#$%&'*+.^`|~-]+=)/g, '; '));
}

function requestIdOf(received: Headers, preserve: boolean): string {
  const sent = preserve ? received.get('x-request-id') : null;
  return sent !== null && /^[\x21-\x7e]{1,128}$/.test(sent) ? sent : crypto.randomUUID();
}
