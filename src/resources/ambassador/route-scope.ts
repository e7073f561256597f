/** What a route's requests look like to a policy. Supersets of the truth are safe. */
import { stripPatternPort } from '../../model/hostname.ts';
import type { DomainModel, PathMatch, RouteMatch } from '../../model/route-model.ts';
import type { LinkedMapping } from './groups.ts';
import { labelDomains } from './label-groups.ts';
import type { Labels } from './label-shape.ts';
import type { ModuleDefaults } from './module-defaults.ts';

export type RouteScope = {
  /** Host globs without port; a regex counts as its domains' hostnames. */
  readonly hosts: readonly string[];
  /** Path glob: `/foo*` for a prefix, `*` for a regex. */
  readonly path: string;
  readonly pathMatch: Pick<PathMatch, 'kind' | 'value'>;
  readonly caseSensitive: boolean;
  /** Authentication, and the filters that run with it, are off on this route. */
  readonly skipsAuth: boolean;
  /** Domains in which the route has rate-limit labels, its own or the Module's. */
  readonly labelDomains: readonly string[];
};

export function scopeOf(
  { resource, match }: LinkedMapping,
  { domains, labels }: { readonly domains: readonly string[]; readonly labels: Labels },
  context: { readonly domains: ReadonlyMap<string, DomainModel>; readonly defaults: ModuleDefaults },
): RouteScope {
  const { spec } = resource;
  const { path } = match.route;
  return {
    hosts: scopeHosts(match.route.hostname, domains, context.domains),
    path: path.kind === 'regex' ? '*' : path.kind === 'exact' ? path.value : `${path.value}*`,
    pathMatch: path,
    caseSensitive: path.caseSensitive,
    // Envoy redirects before it asks anybody.
    skipsAuth: spec.bypass_auth === true || spec.host_redirect === true,
    labelDomains: labelDomains(resource, labels, context.defaults.labels),
  };
}

/** The narrower of domain and route hostname, domain by domain: never less than what the route serves. */
function scopeHosts(
  hostname: RouteMatch['hostname'],
  domains: readonly string[],
  known: ReadonlyMap<string, DomainModel>,
): readonly string[] {
  const own = typeof hostname === 'string' ? hostname : null;
  if (own !== null && !own.includes('*')) return [stripPatternPort(own)];
  const hosts = domains.map((id) => known.get(id)?.hostname ?? '*');
  const narrower = own === null ? hosts : hosts.map((host) => (host.includes('*') ? own : host));
  return [...new Set(narrower)].map(stripPatternPort);
}
