/**
 * Host patterns: `*`, an exact name, or one `*` at the very start or very end.
 *
 * One definition for everything that asks whether a name, or another pattern, falls under a pattern:
 * attaching routes to domains, merging tables, choosing the domain of a request. Patterns and names
 * are lower case here; callers fold them. A `*` stands for one or more characters, dots included.
 */
import type { HostPattern } from './route-model.ts';

/** A pattern taken apart. `start`: the `*` leads (`text` is the suffix); `end`: it trails (`text` is the prefix). */
type PatternShape = { readonly wildcard: 'start' | 'end' | 'none' | 'both'; readonly text: string };

/**
 * Whether one hostname could match both patterns: Ambassador's rule for Host and Mapping, surprises
 * included. A leading-dot name overlaps nothing but itself, `*` at both ends matches nothing, a `*` in
 * the middle is a plain character, and a leading `*` against a trailing one always overlaps.
 */
export function hostPatternsOverlap(a: HostPattern, b: HostPattern): boolean {
  if (a === b || a === '*' || b === '*') return true;
  if (a.startsWith('.') || b.startsWith('.')) return false;
  const left = shapeOf(a);
  const right = shapeOf(b);
  if (left.wildcard === 'both' || right.wildcard === 'both') return false;
  if (left.wildcard === 'none') return right.wildcard !== 'none' && shapeMatches(right, a);
  if (right.wildcard === 'none') return shapeMatches(left, b);
  if (left.wildcard !== right.wildcard) return true;
  // Both wildcards at the same end: whatever the longer fixed part forces must also satisfy the shorter.
  return left.wildcard === 'start'
    ? left.text.endsWith(right.text) || right.text.endsWith(left.text)
    : left.text.startsWith(right.text) || right.text.startsWith(left.text);
}

/** Whether a hostname (a request's, without `*`) falls under the pattern. */
export function hostPatternMatches(pattern: HostPattern, hostname: string): boolean {
  if (pattern === '*') return true;
  const shape = shapeOf(pattern);
  return shape.wildcard === 'none' ? pattern === hostname : shapeMatches(shape, hostname);
}

/**
 * The pattern without its `:port`, which is how it is compared while `hostPort` is `strip`.
 * IPv6 literals keep their brackets. A pattern without port comes back unchanged.
 */
export function stripPatternPort(pattern: HostPattern): HostPattern {
  const found = /^(\[[^\]]*\]|[^:]*):\d+$/.exec(pattern);
  return found?.[1] ?? pattern;
}

/** Why a text cannot serve as a host pattern, in one sentence; null when it can. Lower case is expected. */
export function hostPatternProblem(pattern: string): string | null {
  if (pattern === '') return 'it is empty';
  if (pattern === '*') return null;
  if (/[\s/?#@\\%]/.test(pattern)) return 'it holds a character that no hostname has';
  const stars = pattern.split('*').length - 1;
  if (stars > 1) return 'only one `*` is possible';
  if (stars === 1 && !pattern.startsWith('*') && !pattern.endsWith('*')) {
    return 'a `*` is a wildcard only at the very start or the very end, so this matches nothing';
  }
  if (pattern.startsWith('.')) return 'it starts with a dot, so no hostname is equal to it';
  const name = stripPatternPort(pattern);
  if (/^\[[0-9a-f:.]+\]$/.test(name)) return null;
  return /^[a-z0-9._*-]+$/.test(name) ? null : 'it is not a hostname';
}

function shapeOf(pattern: HostPattern): PatternShape {
  const start = pattern.startsWith('*');
  const end = pattern.endsWith('*');
  if (start && end) return { wildcard: 'both', text: pattern };
  if (start) return { wildcard: 'start', text: pattern.slice(1) };
  if (end) return { wildcard: 'end', text: pattern.slice(0, -1) };
  return { wildcard: 'none', text: pattern };
}

/** For `start` and `end` only; the length test is what makes `*` stand for at least one character. */
function shapeMatches({ wildcard, text }: PatternShape, hostname: string): boolean {
  if (hostname.length <= text.length) return false;
  if (wildcard === 'start') return hostname.endsWith(text);
  return wildcard === 'end' && hostname.startsWith(text);
}
