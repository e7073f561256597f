/**
 * The request target, taken apart as text.
 *
 * The runtime pastes the Host header into `request.url` unchecked, and `new URL` would resolve dot
 * segments and userinfo before anyone saw them. So nothing here parses with `URL`: the Host header
 * must be a name or an IP literal by our own grammar, the authority in the URL must be the same one,
 * and what follows is the raw target. RFC 9112 §3.2, RFC 3986 §3.2.2.
 */
import { GatewayError } from '../diagnostics/errors.ts';
import { formatIpv6, parseIpv4, parseIpv6 } from '../model/ip-address.ts';

export type Authority = {
  /** Lower case, without port and trailing dot; IPv6 in brackets, shortest spelling. */
  readonly hostname: string;
  readonly port: number | null;
};

export type RequestTarget = Authority & {
  /** The transport's own scheme. */
  readonly scheme: 'http' | 'https';
  /** Hostname with the port, if one was given: what is sent as Host when nothing else is asked for. */
  readonly authority: string;
  /** Undecoded path, starts with `/`; or `*` of `OPTIONS *`. */
  readonly rawPath: string;
  /** Without `?`; null when there is none. */
  readonly query: string | null;
};

export type TargetInput = { readonly url: string; readonly hostHeader: string | null; readonly method: string };

const SCHEME = /^(https?):\/\//i;
const AUTHORITY_END = /[/?#\\*]/;

/**
 * Throws GatewayError: 405 `method-not-allowed`, 400 `host-invalid`, 400 `target-invalid`, 414
 * `target-too-long`. A missing Host header (HTTP/2 fronts may leave it out) stands for the URL's authority,
 * which is held to the same grammar.
 */
export function parseTarget(input: TargetInput, maxTargetBytes: number): RequestTarget {
  if (input.method === 'TRACE' || input.method === 'CONNECT') {
    throw new GatewayError(405, 'method-not-allowed', `The method ${input.method} is not served.`, {
      headers: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' },
    });
  }
  const scheme = SCHEME.exec(input.url);
  if (scheme === null) throw targetInvalid('The request URL has no http or https scheme.');
  const rest = input.url.slice(scheme[0].length);
  const end = rest.search(AUTHORITY_END);
  const urlAuthority = end < 0 ? rest : rest.slice(0, end);
  const authority = (input.hostHeader ?? urlAuthority).toLowerCase();
  const parsed = parseAuthority(authority);
  if (parsed === null) throw hostInvalid('The Host header is not a DNS name or an IP address with an optional port.');
  const isHttps = scheme[1]?.toLowerCase() === 'https';
  const defaultPort = isHttps ? 443 : 80;
  if (input.hostHeader !== null && urlAuthority.toLowerCase() !== authority) {
    const fromUrl = parseAuthority(urlAuthority.toLowerCase());
    if (
      fromUrl === null ||
      fromUrl.hostname !== parsed.hostname ||
      (fromUrl.port ?? defaultPort) !== (parsed.port ?? defaultPort)
    ) {
      throw hostInvalid('The Host header and the request target name different hosts.');
    }
  }
  return {
    scheme: isHttps ? 'https' : 'http',
    // Not the Host as it came: a backend with several hosts must read the one that was decided on.
    authority: parsed.port === null ? parsed.hostname : `${parsed.hostname}:${parsed.port}`,
    ...parsed,
    ...splitTarget(end < 0 ? '' : rest.slice(end), input.method, maxTargetBytes),
  };
}

function splitTarget(
  target: string,
  method: string,
  maxTargetBytes: number,
): { rawPath: string; query: string | null } {
  if (byteLength(target) > maxTargetBytes) {
    throw new GatewayError(414, 'target-too-long', `The request target is longer than ${maxTargetBytes} bytes.`);
  }
  if (target === '*' && method === 'OPTIONS') return { rawPath: '*', query: null };
  if (target.includes('#')) throw targetInvalid('The request target holds a fragment.');
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? null : target.slice(mark + 1);
  if (path !== '' && !path.startsWith('/')) throw targetInvalid('The request target does not start with a slash.');
  if (query !== null && hasControl(query)) throw targetInvalid('The query holds a control character or a space.');
  return { rawPath: path === '' ? '/' : path, query };
}

/** `text` must be lower case. null: not a valid Host value. */
export function parseAuthority(text: string): Authority | null {
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return null;
  const hostname = parseHostname(match[1] ?? '');
  if (hostname === null) return null;
  if (match[2] === undefined) return { hostname, port: null };
  const port = Number(match[2]);
  // One spelling per port: "080" and "0" are refused rather than guessed.
  return port >= 1 && port <= 65_535 && String(port) === match[2] ? { hostname, port } : null;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** WHATWG URL "ends in a number": a parser downstream would read such a name as an IPv4 address. */
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/;

/** Scratch of one call. */
const words = new Uint32Array(4);

function parseHostname(text: string): string | null {
  if (text.startsWith('[')) {
    return parseIpv6(text.slice(1, -1), words) ? `[${formatIpv6(words)}]` : null;
  }
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name === '' || name.length > 253) return null;
  const labels = name.split('.');
  if (NUMERIC_LABEL.test(labels.at(-1) ?? '')) return parseIpv4(name) < 0 ? null : name;
  return labels.every((label) => LABEL.test(label)) ? name : null;
}

function byteLength(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // A surrogate pair is two units and four bytes.
    if (unit >= 0x80) bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit <= 0x20 || unit === 0x7f) return true;
  }
  return false;
}

function targetInvalid(detail: string): GatewayError {
  return new GatewayError(400, 'target-invalid', detail);
}

function hostInvalid(detail: string): GatewayError {
  return new GatewayError(400, 'host-invalid', detail);
}
