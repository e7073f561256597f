/**
 * RouteModel → RouteProgram: upstreams resolved, policies lowered, regexes given an engine, matches
 * put into tables. Pure and deterministic: models that differ only in the order of their lists give
 * equal programs.
 */
import { finding, type Report } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { DomainModel, GatewaySettings, RouteModel, RouteModelRoute } from '../model/route-model.ts';
import {
  FORMAT_VERSION,
  type CompiledDomain,
  type CompiledUpstream,
  type ProgramSettings,
  type RouteProgram,
  type TableRef,
} from '../program/route-program.ts';
import { createRegexCompiler, compiledSource, type CompileContext } from './compile-context.ts';
import { compileRoute, type CompiledRouteParts } from './compile-route.ts';
import { isDeepEqual } from './deep-equal.ts';
import { buildTables, referencesByDomain, tablesById, type BuiltTable } from './tables.ts';
import { createUpstreamResolver, type UpstreamOptions } from './upstreams.ts';

export type CompileOptions = UpstreamOptions;

/** Compiled routes and tables of the last build; give the same object to each build of one process. */
export class CompileCache {
  environment = '';
  context: CompileContext | null = null;
  routes = new Map<string, { readonly model: RouteModelRoute; readonly compiled: CompiledRouteParts }>();
  tables: ReadonlyMap<string, BuiltTable> = new Map();
}

export function compileModel(
  model: RouteModel,
  options: CompileOptions,
  report: Report,
  cache: CompileCache = new CompileCache(),
): RouteProgram {
  const compiled = compileRoutes(model, options, cache);
  reportEach(compiled, report);

  cache.tables = buildTables(
    compiled.flatMap(({ parts }) => parts),
    cache.tables,
  );
  const settings = withInjectedHeaders(model.settings, compiled);
  reportTaken(compiled, settings, report);
  reportSharedCounters(compiled, report);
  const domains = uniqueById(model.domains);
  const patterns = new Map(domains.map(({ id, hostname }) => [id, hostname]));
  const references = referencesByDomain(cache.tables.values(), patterns, model.settings.hostPort);
  return {
    format: FORMAT_VERSION,
    settings,
    domains: domains.map((domain) => compileDomain(domain, references.get(domain.id) ?? [])),
    tables: tablesById(cache.tables.values()),
    upstreams: collectUpstreams(compiled),
  };
}

/** What is said of a resource that many routes use (a Filter, for example) is said once. */
function reportEach(compiled: readonly CompiledRouteParts[], report: Report): void {
  const said = new Set<string>();
  for (const { findings } of compiled) {
    for (const finding of findings) {
      const text = JSON.stringify(finding);
      if (said.has(text)) continue;
      said.add(text);
      report(finding);
    }
  }
}

function compileRoutes(model: RouteModel, options: CompileOptions, cache: CompileCache): readonly CompiledRouteParts[] {
  const { target, unresolved } = options;
  const { trustedHops } = model.settings;
  const environment = JSON.stringify([model.clusters, target, unresolved, trustedHops]);
  if (cache.context === null || cache.environment !== environment) {
    cache.environment = environment;
    const resolver = createUpstreamResolver(model.clusters, options);
    cache.context = { resolver, regex: createRegexCompiler(), target, trustedHops, lowered: new WeakMap() };
    cache.routes = new Map();
  }
  const { context, routes: known } = cache;
  const routes = uniqueById(model.routes);
  const compiled = routes.map((route) => {
    const old = known.get(route.id);
    const same = old !== undefined && isDeepEqual(old.model, route);
    const parts = same ? old.compiled : compileRoute(route, context);
    // The newest object, so that a translator which returns it again is recognised at once.
    if (old?.model !== route) known.set(route.id, { model: route, compiled: parts });
    return parts;
  });
  if (known.size > routes.length) forgetOthers(known, routes);
  return compiled;
}

function forgetOthers(known: CompileCache['routes'], routes: readonly RouteModelRoute[]): void {
  const present = new Set(routes.map(({ id }) => id));
  for (const id of known.keys()) if (!present.has(id)) known.delete(id);
}

/** Sorted by id. Of several with one id (a translator's mistake, reported by validateModel) the same one stays in any input order. */
function uniqueById<T extends { readonly id: string }>(items: readonly T[]): readonly T[] {
  if (isAscending(items)) return items;
  const byId = new Map<string, T>();
  for (const item of items) {
    const other = byId.get(item.id);
    if (other === undefined || JSON.stringify(item) < JSON.stringify(other)) byId.set(item.id, item);
  }
  return [...byId.values()].toSorted((a, b) => compareCodePoints(a.id, b.id));
}

function isAscending(items: readonly { readonly id: string }[]): boolean {
  let before: string | null = null;
  for (const { id } of items) {
    if (before !== null && compareCodePoints(before, id) >= 0) return false;
    before = id;
  }
  return true;
}

function compileDomain(domain: DomainModel, tables: readonly TableRef[]): CompiledDomain {
  const { id, hostname, source, security, insecureAction, refuse } = domain;
  return {
    id,
    hostname,
    ...(source === null ? {} : { source: compiledSource(source) }),
    security: { http: security.http, https: security.https },
    insecureAction,
    ...(refuse === null
      ? {}
      : { refuse: { kind: 'refuse', status: refuse.status, code: refuse.code, message: refuse.message } }),
    tables,
  };
}

/** In these clients show who they are: taken away, nobody could. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'x-api-key']);

/** Over all routes: where a header is not written, a client that sends it would be believed. */
function withInjectedHeaders(settings: GatewaySettings, routes: readonly CompiledRouteParts[]): ProgramSettings {
  const written = routes.flatMap(({ injectedHeaders }) => injectedHeaders);
  const names = new Set(written.filter((name) => !CREDENTIAL_HEADERS.has(name)));
  return names.size === 0 ? settings : { ...settings, injectedHeaders: [...names].toSorted(compareCodePoints) };
}

/** A policy that takes a client's word gets none where the gateway takes the header from every client. */
function reportTaken(
  routes: readonly CompiledRouteParts[],
  { injectedHeaders = [] }: ProgramSettings,
  report: Report,
): void {
  const taken = new Set(injectedHeaders);
  for (const { clientHeaders } of routes) {
    for (const { name, policy, source: at } of clientHeaders) {
      if (!taken.has(name)) continue;
      const { path, ...source } = at;
      const message = `The policy ${policy} looks at what clients say in \`${name}\`. But a policy writes that header, on this route or another one, so it is taken from every request, as if no client had sent it.`;
      report(
        finding('warning', 'client-header-taken', message, { source, path, hint: 'Give one of the two another name.' }),
      );
    }
  }
}

/** A counter goes over to whichever limit asks, so the more generous one would give back what the other took. */
function reportSharedCounters(routes: readonly CompiledRouteParts[], report: Report): void {
  const limits = new Map<string, string>();
  for (const { counters } of routes) {
    for (const { counter, limit, source: at } of counters) {
      const other = limits.get(counter);
      if (other === undefined) limits.set(counter, limit);
      if (other === undefined || other === limit) continue;
      const { path, ...source } = at;
      const message = `Two limits share the counter \`${counter}\` and differ: ${limit} here, ${other} elsewhere. Each would undo what the other counted.`;
      const hint = 'Write the same limit in both places, or give one of them another name or scope.';
      report(finding('error', 'rate-limit-counter-shared', message, { source, path, hint }));
    }
  }
}

/** Two services may lead to one place; the smaller description stands for both, whatever came first. */
function collectUpstreams(routes: readonly CompiledRouteParts[]): readonly CompiledUpstream[] {
  const byId = new Map<string, CompiledUpstream>();
  for (const { upstreams } of routes) {
    for (const upstream of upstreams) {
      const other = byId.get(upstream.id);
      if (other === undefined || (other !== upstream && describe(upstream) < describe(other)))
        byId.set(upstream.id, upstream);
    }
  }
  return [...byId.values()].toSorted((a, b) => compareCodePoints(a.id, b.id));
}

function describe({ resolvedBy, service }: CompiledUpstream): string {
  return `${resolvedBy} ${service}`;
}
