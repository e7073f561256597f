/**
 * A path that a Mapping serves and no rule about its host matches, beside a rule that matches others:
 * most often a rule for `/admin/*` over a Mapping for `/admin`.
 */
import type { PathMatch } from '../../model/route-model.ts';
import { compileGlob, matchesGlob } from '../../policies/glob.ts';

/**
 * null: every path is matched by one of the globs, or the Mapping's paths cannot be listed (a regex).
 *
 * Two or three paths decide it. Whatever follows a prefix may as well be one character that stands in no
 * glob: only a star matches it, so a glob that matches the path then matched it before; and one such
 * character is as good as several.
 */
export function uncoveredPath(
  { kind, value }: Pick<PathMatch, 'kind' | 'value'>,
  globs: readonly string[],
  caseSensitive: boolean,
): string | null {
  const fold = (text: string): string => (caseSensitive ? text : text.toLowerCase());
  const compiled = globs.map((glob) => compileGlob(fold(glob)));
  const isUncovered = (path: string): boolean => !compiled.some((glob) => matchesGlob(glob, fold(path)));
  return candidates(kind, value, fold(globs.join(''))).find((path) => isCanonical(path) && isUncovered(path)) ?? null;
}

function candidates(kind: PathMatch['kind'], value: string, used: string): readonly string[] {
  const more = freshCharacters(used);
  if (kind === 'regex') return [];
  if (kind === 'exact') return [value];
  if (kind === 'segments') {
    const base = value.replace(/\/$/, '');
    return [...(base === '' ? [] : [base]), `${base}/`, ...more.map((char) => `${base}/${char}`)];
  }
  // An empty prefix matches every path, and every path begins with a slash.
  const start = value === '' ? '/' : value;
  return [start, ...more.map((char) => start + char)];
}

const UNRESERVED = 'xyzabcdefghijklmnopqrstuvw0123456789-_~';

/** One that stands in no glob; all of them where every one does. */
function freshCharacters(used: string): readonly string[] {
  const all = UNRESERVED.split('');
  const fresh = all.find((char) => !used.includes(char));
  return fresh === undefined ? all : [fresh];
}

/** What no request path is once it is canonical need not be covered. */
function isCanonical(path: string): boolean {
  return path.startsWith('/') && !/\/\.\.?(?:\/|$)|[?#]/.test(path);
}
