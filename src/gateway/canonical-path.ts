/**
 * The one canonical path of a request.
 *
 * Routing, policies, limits and forwarding all use this string, so no two of them can disagree about
 * what was asked for. Escapes of unreserved characters are decoded once (RFC 3986 §6.2.2.2), all
 * others keep their meaning and get upper-case digits; `%252e` therefore stays `%252e`. Whatever a
 * backend could read differently is refused with a code named after the switch that allows it.
 */
import { GatewayError } from '../diagnostics/errors.ts';
import type { PathSettings } from '../model/route-model.ts';
import { decodeEscapes } from './percent-encoding.ts';

/** Nothing here is decoded, encoded or judged; `/.` may begin a dot segment and is looked for apart. */
const PLAIN = /^\/[A-Za-z0-9\-_~!$&'()*+,=:@/;.[\]|]*$/;

/**
 * Throws GatewayError 400: `dot-segments-rejected`, `escaped-slashes-rejected`, `path-params-rejected`,
 * or `path-invalid` (control byte, invalid escape, invalid or overlong UTF-8). Idempotent.
 */
export function canonicalizePath(raw: string, settings: PathSettings): string {
  const mayMerge = settings.mergeSlashes && raw.includes('//');
  if (!mayMerge && PLAIN.test(raw) && !raw.includes('/.')) return raw;
  if (!raw.startsWith('/')) throw new GatewayError(400, 'target-invalid', 'The path does not start with a slash.');
  const decoded = decodeEscapes(raw);
  if (decoded.error !== null) throw new GatewayError(400, 'path-invalid', `The path holds ${decoded.error}.`);
  let path = decoded.text;
  if (decoded.escapedSlash && settings.escapedSlashes === 'reject') {
    throw new GatewayError(400, 'escaped-slashes-rejected', 'The path holds an escaped slash or backslash.');
  }
  if (path.includes('\\')) {
    if (settings.dotSegments === 'reject') {
      throw new GatewayError(400, 'dot-segments-rejected', 'The path holds a backslash.');
    }
    path = path.replaceAll('\\', '/');
  }
  path = resolveDotSegments(path, settings);
  return settings.mergeSlashes ? path.replaceAll(/\/{2,}/g, '/') : path;
}

/**
 * The path after a rewrite, ready to forward. The canonical path had no dot segment, so one that is
 * there now came from cutting a segment in half (`/api../admin` with the prefix `/api` removed).
 * `//` is not refused. Throws GatewayError 400 `rewrite-unsafe`.
 */
export function checkRewritten(rewritten: string, settings: PathSettings): string {
  if (!rewritten.startsWith('/')) throw rewriteUnsafe('does not start with a slash');
  let path = rewritten;
  if (!PLAIN.test(path) || path.includes('/.')) {
    if (path.includes('#')) throw rewriteUnsafe('holds a fragment');
    const decoded = decodeEscapes(path.replaceAll(' ', '%20'));
    if (decoded.error !== null) throw rewriteUnsafe(`holds ${decoded.error}`);
    path = decoded.text;
    if (path.includes('\\') || hasDotSegment(path, settings.pathParams !== 'keep')) {
      throw rewriteUnsafe('holds a dot segment that the original path did not have');
    }
  }
  return settings.rewriteDoubleSlash === 'collapse' ? path.replaceAll(/\/{2,}/g, '/') : path;
}

function rewriteUnsafe(what: string): GatewayError {
  return new GatewayError(400, 'rewrite-unsafe', `The path after rewriting ${what}.`);
}

function resolveDotSegments(path: string, settings: PathSettings): string {
  // Escaped slashes separate segments for a backend that decodes them, so look behind those as well.
  if (!/(?:\/|%2F|%5C)\./.test(path)) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  const last = segments.length - 1;
  for (const [index, segment] of segments.entries()) {
    const dots = dotsOf(segment, settings);
    if (dots === 0) {
      kept.push(segment);
      continue;
    }
    if (settings.dotSegments === 'reject') {
      throw new GatewayError(400, 'dot-segments-rejected', 'The path holds a dot segment.');
    }
    if (dots === 2) kept.pop();
    if (index === last) kept.push('');
  }
  return `/${kept.join('/')}`;
}

/** 0: an ordinary segment; 1 and 2: `.` and `..`, parameters on them judged by the settings. */
function dotsOf(segment: string, settings: PathSettings): 0 | 1 | 2 {
  if (segment === '.') return 1;
  if (segment === '..') return 2;
  const dots = dotsBeforeParams(segment);
  if (dots !== 0) {
    if (settings.pathParams === 'reject') {
      throw new GatewayError(400, 'path-params-rejected', 'The path holds a parameter on a dot segment.');
    }
    if (settings.pathParams === 'strip-in-dot-segments') return dots;
  }
  // Resolving behind an escaped slash would change what the escape kept apart: refused in every mode.
  if (hasHiddenDotSegment(segment, settings.pathParams !== 'keep')) {
    throw new GatewayError(400, 'dot-segments-rejected', 'The path holds a dot segment beside an escaped slash.');
  }
  return 0;
}

function dotsBeforeParams(segment: string): 0 | 1 | 2 {
  const match = /^(\.\.?)(?:;|%3B)/.exec(segment);
  return match === null ? 0 : match[1] === '.' ? 1 : 2;
}

function hasHiddenDotSegment(segment: string, withParams: boolean): boolean {
  if (!segment.includes('%2F') && !segment.includes('%5C')) return false;
  return segment.split(/%2F|%5C/).some((part) => isDotSegment(part, withParams));
}

function hasDotSegment(path: string, withParams: boolean): boolean {
  return path.split(/\/|%2F|%5C/).some((part) => isDotSegment(part, withParams));
}

function isDotSegment(part: string, withParams: boolean): boolean {
  return part === '.' || part === '..' || (withParams && dotsBeforeParams(part) !== 0);
}
