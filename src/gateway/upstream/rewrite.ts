/** Path rewriting, on the canonical path and checked afterwards. */
import type { PathSettings } from '../../model/route-model.ts';
import type { CompiledRewrite } from '../../program/route-program.ts';
import { checkRewritten } from '../canonical-path.ts';
import { regexReplaceAll } from '../regex.ts';

export type RewrittenTarget = {
  readonly path: string;
  /** The request's query; joined after the rewrite's own when that brought one (`/search?q=\1`). */
  readonly query: string | null;
};

/** Throws GatewayError 400 `rewrite-unsafe`. */
export function rewriteTarget(
  rewrite: CompiledRewrite | undefined,
  target: RewrittenTarget,
  settings: PathSettings,
): RewrittenTarget {
  if (rewrite === undefined) return target;
  const rewritten = applyRewrite(rewrite, target.path);
  if (rewritten === target.path) return target;
  const mark = rewritten.indexOf('?');
  if (mark < 0) return { path: checkRewritten(rewritten, settings), query: target.query };
  const own = rewritten.slice(mark + 1);
  return {
    path: checkRewritten(rewritten.slice(0, mark), settings),
    query: target.query === null || target.query === '' ? own : `${own}&${target.query}`,
  };
}

/** The bare rule, unchecked. */
export function applyRewrite(rewrite: CompiledRewrite, path: string): string {
  switch (rewrite.kind) {
    case 'prefix':
      return rewrite.value + path.slice(rewrite.length);
    case 'segments':
      return replaceSegments(rewrite.prefix, rewrite.value, path);
    case 'full':
      return rewrite.value;
    default:
      return regexReplaceAll(rewrite.regex, path, rewrite.substitution);
  }
}

/** Gateway API ReplacePrefixMatch: trailing slashes of both texts are ignored, and the result keeps one slash at the seam. */
function replaceSegments(prefix: string, value: string, path: string): string {
  const from = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  const to = value.endsWith('/') ? value.slice(0, -1) : value;
  const rest = path.slice(from.length);
  if (rest === '') return value === '' ? '/' : value;
  return to + rest;
}
