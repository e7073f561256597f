/** `host_redirect`: an answer that sends the client elsewhere; scheme and query are kept. */
import type { Report } from '../../diagnostics/finding.ts';
import type { PathMatch, PathRewrite, RedirectAction, RefuseAction } from '../../model/route-model.ts';
import type { RegexFactory } from './matchers.ts';
import { reportAt } from './report-at.ts';
import { prefixReplacement } from './rewrite.ts';
import type { ParsedService } from './service-name.ts';
import type { MappingResource } from './types.ts';

export function redirectAction(
  mapping: MappingResource,
  target: ParsedService,
  match: PathMatch,
  { regex, report }: { readonly regex: RegexFactory; readonly report: Report },
): RedirectAction | RefuseAction {
  const path = redirectPath(mapping, match, regex, report);
  if (path === 'invalid') {
    const message = 'The redirect of this route cannot be used.';
    return { kind: 'refuse', status: 500, code: 'redirect-invalid', message };
  }
  return { kind: 'redirect', status: redirectStatus(mapping, report), scheme: null, authority: target.authority, path };
}

const pathFields = ['path_redirect', 'prefix_redirect', 'regex_redirect'] as const;

/** Fields that mean something on a redirect only. */
export function reportInactive(mapping: MappingResource, report: Report): void {
  for (const field of [...pathFields, 'redirect_response_code'] as const) {
    if (!mapping.spec[field]) continue;
    reportAt(report, mapping, {
      severity: 'warning',
      code: 'redirect-inactive',
      message: `\`${field}\` counts with \`host_redirect: true\` only; without it requests are forwarded.`,
      path: `spec.${field}`,
      hint: `Add \`host_redirect: true\`, or remove \`${field}\`.`,
    });
  }
}

/** The first of the three that is written counts. */
function redirectPath(
  mapping: MappingResource,
  match: PathMatch,
  regex: RegexFactory,
  report: Report,
): PathRewrite | null | 'invalid' {
  const { path_redirect: whole, prefix_redirect: prefix, regex_redirect: pattern } = mapping.spec;
  const written = pathFields.filter((field) => Boolean(mapping.spec[field]));
  for (const dropped of written.slice(1)) reportDropped(mapping, dropped, written[0] ?? dropped, report);
  const text = whole || prefix;
  if (text) {
    if (!text.startsWith('/'))
      return reportRelative(mapping, whole ? 'path_redirect' : 'prefix_redirect', text, report);
    return whole ? { kind: 'full', value: whole } : prefixReplacement(match, text);
  }
  if (pattern === undefined) return null;
  const model = regex(pattern.pattern, 'spec.regex_redirect.pattern');
  return { kind: 'regex', regex: model, substitution: pattern.substitution };
}

function reportDropped(mapping: MappingResource, field: string, winner: string, report: Report): void {
  reportAt(report, mapping, {
    severity: 'error',
    code: 'redirect-conflict',
    message: `\`${winner}\` is set, so \`${field}\` is not looked at.`,
    path: `spec.${field}`,
    hint: 'Keep one of `path_redirect`, `prefix_redirect` and `regex_redirect`.',
  });
}

function reportRelative(mapping: MappingResource, field: string, value: string, report: Report): 'invalid' {
  reportAt(report, mapping, {
    severity: 'error',
    code: 'redirect-invalid',
    message: `\`${value}\` does not start with \`/\`, so the redirect would lead to another host. Its requests are refused.`,
    path: `spec.${field}`,
    hint: 'Start the path with `/`.',
  });
  return 'invalid';
}

const statuses = [301, 302, 303, 307, 308] as const;

function redirectStatus(mapping: MappingResource, report: Report): RedirectAction['status'] {
  const code = mapping.spec.redirect_response_code ?? 301;
  const status = statuses.find((known) => known === code);
  if (status !== undefined) return status;
  reportAt(report, mapping, {
    severity: 'error',
    code: 'redirect-code-invalid',
    message: `${code} is not a redirect status; 301 is sent.`,
    path: 'spec.redirect_response_code',
    hint: 'Use 301, 302, 303, 307 or 308.',
  });
  return 301;
}
