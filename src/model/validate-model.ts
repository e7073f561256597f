/**
 * What must hold of a RouteModel whatever produced it. A violation is a translator's mistake, not the
 * user's, but it is reported like any other problem so that one bad source cannot stop a build.
 */
import { finding, type Report } from '../diagnostics/finding.ts';
import type { Provenance, RouteModel } from './route-model.ts';

export function validateModel(model: RouteModel, report: Report): void {
  const domains = new Set<string>();
  for (const { id, source } of model.domains) {
    if (domains.has(id))
      reportMistake(
        report,
        'model-duplicate-domain',
        `Two domains have the id \`${id}\`; one of them is left out.`,
        source,
      );
    domains.add(id);
  }
  const routes = new Set<string>();
  for (const { id, source, domains: attached, matches } of model.routes) {
    if (routes.has(id))
      reportMistake(
        report,
        'model-duplicate-route',
        `Two routes have the id \`${id}\`; one of them is left out.`,
        source,
      );
    routes.add(id);
    const dangling = attached.filter((domain) => !domains.has(domain));
    if (dangling.length > 0) {
      reportMistake(
        report,
        'model-unknown-domain',
        `Route \`${id}\` is attached to domains that do not exist: ${dangling.join(', ')}.`,
        source,
      );
    }
    if (matches.length === 0) {
      reportMistake(report, 'model-no-match', `Route \`${id}\` has no match, so no request can reach it.`, source);
    }
  }
}

function reportMistake(report: Report, code: string, message: string, provenance: Provenance | null): void {
  if (provenance === null) {
    report(finding('error', code, message));
    return;
  }
  const { path, ...source } = provenance;
  report(finding('error', code, message, { source, path }));
}
