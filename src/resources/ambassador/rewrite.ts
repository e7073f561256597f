/** What becomes of the path on its way to the service. */
import type { Report } from '../../diagnostics/finding.ts';
import type { PathMatch, PathRewrite, RefuseAction } from '../../model/route-model.ts';
import type { RegexFactory } from './matchers.ts';
import { reportAt } from './report-at.ts';
import type { MappingResource, RegexSubstitution } from './types.ts';

export type RewriteResult =
  | { readonly ok: true; readonly rewrite: PathRewrite | null }
  | { readonly ok: false; readonly refuse: RefuseAction };

/**
 * Unless told otherwise the matched prefix becomes `/`, slashes as they fall: `/foo` + `/foo/bar` gives
 * `//bar`. An empty `rewrite` keeps the path. `regexRewrite` is the group's and beats both.
 */
export function linkRewrite(
  mapping: MappingResource,
  match: PathMatch,
  regexRewrite: RegexSubstitution | null,
  { regex, report }: { readonly regex: RegexFactory; readonly report: Report },
): RewriteResult {
  const { rewrite } = mapping.spec;
  if (regexRewrite !== null) {
    if (rewrite !== undefined && rewrite !== '/') reportIgnored(mapping, report);
    const model = regex(regexRewrite.pattern, 'spec.regex_rewrite.pattern');
    return { ok: true, rewrite: { kind: 'regex', regex: model, substitution: regexRewrite.substitution } };
  }
  if (rewrite === '') return { ok: true, rewrite: null };
  if (rewrite !== undefined && !rewrite.startsWith('/')) return reportRelative(mapping, rewrite, report);
  return { ok: true, rewrite: prefixReplacement(match, rewrite ?? '/') };
}

/** Replaces what the match took: the prefix, or the whole path where the whole path was matched. */
export function prefixReplacement(match: PathMatch, value: string): PathRewrite {
  switch (match.kind) {
    case 'prefix':
      return { kind: 'prefix', length: match.value.length, value };
    case 'segments':
      return { kind: 'segments', prefix: match.value, value };
    default:
      return { kind: 'full', value };
  }
}

function reportIgnored(mapping: MappingResource, report: Report): void {
  reportAt(report, mapping, {
    severity: 'warning',
    code: 'rewrite-overridden',
    message: '`regex_rewrite` is set, so `rewrite` is not looked at.',
    path: 'spec.rewrite',
    hint: 'Keep one of the two.',
  });
}

function reportRelative(mapping: MappingResource, value: string, report: Report): RewriteResult {
  reportAt(report, mapping, {
    severity: 'error',
    code: 'rewrite-invalid',
    message: `\`${value}\` does not start with \`/\`, so no valid path would come of it. Its requests are refused.`,
    path: 'spec.rewrite',
    hint: 'Start the value with `/`, or write `""` to keep the path.',
  });
  const message = 'The rewrite of this route cannot be used.';
  return { ok: false, refuse: { kind: 'refuse', status: 500, code: 'rewrite-invalid', message } };
}
