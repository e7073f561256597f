/** What happens to the requests of a route: action of routes.config.ts → action of the model. */
import { finding, type Report } from '../diagnostics/finding.ts';
import type {
  HeaderMutations,
  HostRewrite,
  PathMatch,
  PathRewrite,
  RedirectAction,
  RespondAction,
  RouteAction,
} from '../model/route-model.ts';
import { canonicalPathText } from './path-text.ts';
import type { CheckedBackend, CheckedRoute, RouteFields } from './portolan-config.ts';

const NO_MUTATIONS: HeaderMutations = { remove: [], set: [], add: [] };
const DEFAULT_REDIRECT_STATUS = 302;
const DEFAULT_CONTENT_TYPE = 'text/plain; charset=utf-8';

export type ActionParts = {
  readonly fields: RouteFields;
  readonly backends: readonly CheckedBackend[];
  /** The route's match, which rewrites refer to. */
  readonly path: PathMatch;
  readonly rewriteDoubleSlash: 'keep' | 'collapse';
};

export function translateAction(route: CheckedRoute, parts: ActionParts, report: Report): RouteAction {
  const { fields, backends, path } = parts;
  if (fields.redirect !== undefined) return redirectAction(fields.redirect, path, route);
  if (fields.respond !== undefined) return respondAction(fields.respond);
  reportForwarding(route, parts, report);
  return {
    kind: 'forward',
    backends: backends.map(({ service, external, weight }) => ({
      weight,
      service,
      rewrite: forwardRewrite(fields, path, route),
      host: hostRewrite(fields.hostRewrite, external),
      requestHeaders: NO_MUTATIONS,
      responseHeaders: NO_MUTATIONS,
    })),
  };
}

function redirectAction(
  redirect: NonNullable<RouteFields['redirect']>,
  match: PathMatch,
  route: CheckedRoute,
): RedirectAction {
  const { status = DEFAULT_REDIRECT_STATUS, scheme, host, path, prefix, regex } = redirect;
  let rewrite: PathRewrite | null = null;
  if (path !== undefined) rewrite = { kind: 'full', value: canonicalPathText(path) };
  else if (prefix !== undefined) rewrite = replaceMatched(match, prefix);
  else if (regex !== undefined) rewrite = regexRewrite(regex, 'redirect.regex', route);
  return { kind: 'redirect', status, scheme: scheme ?? null, authority: host?.toLowerCase() ?? null, path: rewrite };
}

function respondAction({ status, body, contentType }: NonNullable<RouteFields['respond']>): RespondAction {
  const type = contentType ?? (body === undefined ? null : DEFAULT_CONTENT_TYPE);
  return { kind: 'respond', status, body: body ?? null, contentType: type };
}

function forwardRewrite(fields: RouteFields, match: PathMatch, route: CheckedRoute): PathRewrite | null {
  if (fields.regexRewrite !== undefined) return regexRewrite(fields.regexRewrite, 'regexRewrite', route);
  return fields.rewrite === undefined ? null : replaceMatched(match, fields.rewrite);
}

/** A prefix is replaced by length or by element, as it was matched; anything else as a whole. */
function replaceMatched(match: PathMatch, replacement: string): PathRewrite {
  const value = canonicalPathText(replacement);
  if (match.kind === 'prefix') return { kind: 'prefix', length: match.value.length, value };
  if (match.kind === 'segments') return { kind: 'segments', prefix: match.value, value };
  return { kind: 'full', value };
}

function regexRewrite(
  { pattern, substitution }: NonNullable<RouteFields['regexRewrite']>,
  path: string,
  route: CheckedRoute,
): PathRewrite {
  const line = route.lineOf('regexRewrite');
  return { kind: 'regex', regex: { pattern, at: { path: `${path}.pattern`, line } }, substitution };
}

/** null: the client's own Host. A URL names a site of its own, which expects its own name. */
function hostRewrite(written: RouteFields['hostRewrite'], external: boolean): HostRewrite | null {
  if (typeof written === 'string') return { kind: 'literal', value: written.toLowerCase() };
  const from = written?.from ?? (external ? 'upstream' : 'client');
  return from === 'upstream' ? { kind: 'upstream' } : null;
}

function reportForwarding(
  route: CheckedRoute,
  { fields, backends, path, rewriteDoubleSlash }: ActionParts,
  report: Report,
): void {
  if (backends.length > 0 && backends.every(({ weight }) => weight === 0)) {
    const message = 'Every backend has the weight 0, so every request gets 500 `no-backend`.';
    const source = { ...route.source, line: route.lineOf('backends') };
    report(finding('warning', 'weights-all-zero', message, { source, path: 'backends' }));
  }
  const { rewrite } = fields;
  if (rewrite === undefined || rewriteDoubleSlash === 'collapse') return;
  if (path.kind !== 'prefix' || path.value.endsWith('/') || !rewrite.endsWith('/')) return;
  report(
    finding(
      'warning',
      'rewrite-double-slash',
      `Replacing \`${path.value}\` by \`${rewrite}\` makes \`${rewrite}/x\` of \`${path.value}/x\`: a raw prefix leaves the slash behind it in place.`,
      {
        source: { ...route.source, line: route.lineOf('rewrite') },
        path: 'rewrite',
        hint: 'End both with `/`, or match whole elements: `path: { prefix, segments: true }`.',
      },
    ),
  );
}
