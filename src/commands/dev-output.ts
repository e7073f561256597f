/** What `portolan dev` prints. */
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import { plural, renderFindings, summarizeFindings } from '../diagnostics/render.ts';
import type { DevEvent, DevServer } from '../dev/dev-server.ts';
import type { CompiledDomain, CompiledRoute, RouteProgram } from '../program/route-program.ts';

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

type Sample = { readonly domain: CompiledDomain; readonly host: string | null; readonly path: string };

/** A curl or two per domain, those of unclaimed hostnames first: they need no Host header. */
function sampleRequests(program: RouteProgram, url: string): string[] {
  const domains = program.domains.toSorted((a, b) => Number(b.hostname === '*') - Number(a.hostname === '*'));
  return domains
    .flatMap((domain) => domainSamples(domain, program).slice(0, 2))
    .slice(0, SAMPLES)
    .map(({ domain, host, path }) => {
      const hostHeader = host === null ? '' : ` -H 'Host: ${host}'`;
      const secure = domain.insecureAction === 'route' ? '' : ` -H 'X-Forwarded-Proto: https'`;
      return `curl -i${hostHeader}${secure} ${url}${path}`;
    });
}

/** Forwarded routes before others, in route order. */
function domainSamples(domain: CompiledDomain, program: RouteProgram): Sample[] {
  const routes = domain.tables.flatMap(({ id, hostname }) => {
    const pattern = hostname ?? domain.hostname;
    if (typeof pattern !== 'string') return [];
    const host = pattern === '*' ? null : pattern.replace(/^\*\.?/, 'any.').replace(/\*$/, 'test');
    return (program.tables[id] ?? []).flatMap((route) => {
      const path = samplePath(route);
      return path === null ? [] : [{ domain, host, path, forwards: route.action.kind === 'forward' }];
    });
  });
  return routes.toSorted((a, b) => Number(b.forwards) - Number(a.forwards));
}

/** A path that a plain GET takes to this route; null: it needs more than a path. */
function samplePath(route: CompiledRoute): string | null {
  const [match] = route.matches;
  if (match === undefined || match.path.kind === 'regex' || (match.headers ?? match.query) !== undefined) return null;
  if (route.action.kind === 'refuse' || (match.method !== undefined && match.method !== 'GET')) return null;
  const { kind, value } = match.path;
  return kind === 'exact' ? value : `${value.endsWith('/') ? value : `${value}/`}hello`;
}
