/** Paths as a configuration writes them, brought to the form in which requests are matched. */

/** What a canonical request path can hold besides escapes (RFC 3986 §3.3, and `[ ] |` as browsers send them). */
const PATH = /^\/(?:[A-Za-z0-9\-_~!$&'()*+,=:@/;.[\]|]|%[0-9A-Fa-f]{2})*$/;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;

/** Why a text cannot be a path; null when it can. */
export function pathProblem(path: string): string | null {
  if (!path.startsWith('/')) return 'a path starts with `/`';
  if (/[?#]/.test(path)) return 'a path ends before `?` and `#`; conditions on the query belong under `query`';
  return PATH.test(path) ? null : 'it holds a character that a path carries only as a percent-escape';
}

/** Escapes of unreserved characters decoded, all others in upper case: otherwise they would never match. */
export function canonicalPathText(path: string): string {
  return path.replaceAll(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}

/** No request path holds one when it is matched: dot segments are refused or resolved before. */
export function hasDotSegment(path: string): boolean {
  return canonicalPathText(path)
    .split('/')
    .some((segment) => segment === '.' || segment === '..');
}
