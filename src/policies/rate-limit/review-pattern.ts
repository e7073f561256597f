/** A limit that can never apply protects nothing, and nothing at request time would show it. */
import type { LowerContext } from '../contract.ts';
import { reportOption } from '../parse-options.ts';
import type { RateLimitOption } from './options.ts';

export function reviewPattern(
  { pattern = '*' }: RateLimitOption,
  at: readonly PropertyKey[],
  context: LowerContext,
): void {
  const why = whyNever(pattern);
  if (why === null) return;
  reportOption(context, 'warning', 'rate-limit-pattern-never-matches', {
    message: `The pattern \`${pattern}\` matches no request path (${why}), so this limit never applies.`,
    at: [...at, 'pattern'],
    hint: 'A pattern covers the whole path before rewriting, for example `/backend/*`; `*` also matches `/`.',
  });
}

function whyNever(pattern: string): string | null {
  if (!/^[/*]/.test(pattern)) return 'paths begin with `/`';
  if (/[?#]/.test(pattern)) return 'the query is no part of what is compared, and `?` and `#` stand for themselves';
  return /[^\x21-\x7e]/.test(pattern)
    ? 'a canonical path spells spaces and non-ASCII characters as percent escapes'
    : null;
}
