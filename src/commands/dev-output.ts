/** What `portolan dev` prints. */
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import { plural, renderFindings, summarizeFindings } from '../diagnostics/render.ts';
import type { DevEvent, DevServer } from '../dev/dev-server.ts';
import type { CompiledRoute, RouteProgram } from '../program/route-program.ts';

type Published = Extract<DevEvent, { type: 'published' }>;

export function renderReady(
  server: DevServer,
  tookMs: number,
  color: boolean,
): { readonly findings: string; readonly summary: string } {
  const { findings, counts, program } = server.first;
  const echoes = program.upstreams.filter(({ resolvedBy }) => resolvedBy === 'echo').length;
  const lines = [
    `ready on ${server.url} after ${(tookMs / 1000).toFixed(1)} s: ${plural(counts.routes, 'route')} of ` +
      `${plural(counts.resources, 'resource')}, ${plural(program.upstreams.length, 'backend')} (${echoes} echo)`,
    '',
    'Try:',
    ...sampleRequests(program, server.url).map((sample) => `  ${sample}`),
    '',
    'Changes are followed. Stop with Ctrl-C.',
  ];
  return { findings: describe(findings, color), summary: lines.join('\n') };
}

export function renderPublished({ result, report, tookMs }: Published, color: boolean): string {
  const version = report.version ?? '-';
  const head =
    report.skipped === 'unchanged'
      ? `unchanged: ${version} keeps serving`
      : report.skipped === 'empty'
        ? 'no routes: the last program keeps serving'
        : `live: ${version}, ${plural(result.counts.routes, 'route')}, ${plural(report.written.length, 'value')} written in ${tookMs.toFixed(0)} ms`;
  const noteworthy = result.findings.filter(({ severity }) => severity !== 'info');
  return [describe(noteworthy, color), head].filter((part) => part !== '').join('\n');
}

export function readyJson(server: DevServer, tookMs: number): object {
  const { first, url } = server;
  return {
    event: 'ready',
    url,
    tookMs: Math.round(tookMs),
    routes: first.counts.routes,
    resources: first.counts.resources,
    backends: first.program.upstreams.map(({ id, service }) => ({
      service,
      url: server.backends.get(id)?.origin ?? null,
    })),
    findings: first.findings,
    counts: countFindings(first.findings),
  };
}

export function publishedJson({ result, report, tookMs }: Published): object {
  return {
    event: 'published',
    version: report.version,
    skipped: report.skipped,
    written: report.written.length,
    tookMs: Math.round(tookMs),
    routes: result.counts.routes,
    findings: result.findings,
    counts: countFindings(result.findings),
  };
}

function describe(findings: readonly Finding[], color: boolean): string {
  if (findings.length === 0) return '';
  return `${renderFindings(findings, { color })}\n\n${summarizeFindings(findings)}\n`;
}

const SAMPLES = 6;

/** One curl per host for the first routes that a plain GET can reach. */
function sampleRequests(program: RouteProgram, url: string): string[] {
  const samples = program.domains.flatMap((domain) =>
    domain.tables
      .flatMap(({ id, hostname }) => {
        const name = typeof hostname === 'string' ? hostname : hostname === null ? domain.hostname : null;
        const host = name === null ? null : name.replace(/^\*\.?/, 'any.').replace(/\*$/, 'test');
        return host === null
          ? []
          : (program.tables[id] ?? []).flatMap((route) => samplePath(route).map((path) => ({ host, path })));
      })
      .slice(0, 2)
      .map(({ host, path }) => ({ domain, host, path })),
  );
  return samples.slice(0, SAMPLES).map(({ domain, host, path }) => {
    const hostHeader = host === 'any.' ? '' : ` -H 'Host: ${host}'`;
    const secure = domain.insecureAction === 'route' ? '' : ` -H 'X-Forwarded-Proto: https'`;
    return `curl -i${hostHeader}${secure} ${url}${path}`;
  });
}

function samplePath(route: CompiledRoute): string[] {
  const [match] = route.matches;
  if (match === undefined || match.path.kind === 'regex' || (match.headers ?? match.query) !== undefined) return [];
  if (route.action.kind === 'refuse' || (match.method !== undefined && match.method !== 'GET')) return [];
  const { kind, value } = match.path;
  return [kind === 'exact' ? value : `${value.endsWith('/') ? value : `${value}/`}hello`];
}
