/** A checked configuration → routes, clusters and settings of the RouteModel. */
import { finding, type Report } from '../diagnostics/finding.ts';
import { hostPatternsOverlap } from '../model/hostname.ts';
import type {
  ClusterModel,
  DomainModel,
  HeaderMutations,
  RefuseAction,
  RouteModelRoute,
} from '../model/route-model.ts';
import { DEFAULT_TIMEOUTS, type SettingsPatch } from '../model/settings.ts';
import type { CheckedRoute, PortolanConfig, RouteFields } from './portolan-config.ts';
import { translateAction } from './translate-action.ts';
import { translateConditions, type TranslatedConditions } from './translate-conditions.ts';

const NO_MUTATIONS: HeaderMutations = { remove: [], set: [], add: [] };

export type TranslatedConfig = {
  readonly routes: readonly RouteModelRoute[];
  readonly clusters: readonly ClusterModel[];
  readonly settings: SettingsPatch;
};

/**
 * Routes attach to every domain that one of their hostnames could fall into, the domain of unclaimed
 * hostnames included; they never make a domain. A route that could not be read refuses at its match.
 */
export function translateConfig(
  config: PortolanConfig,
  domains: readonly DomainModel[],
  report: Report,
): TranslatedConfig {
  const rewriteDoubleSlash = config.settings.paths?.rewriteDoubleSlash ?? 'keep';
  const routes = config.routes.map((route) => {
    const conditions = translateConditions(route, {
      hostPort: config.settings.hostPort ?? 'strip',
      prefixMode: config.ambassador.prefixMode ?? 'raw',
      report,
    });
    return translateRoute(route, conditions, attachedDomains(conditions, domains), { rewriteDoubleSlash, report });
  });
  return { routes, clusters: config.clusters, settings: config.settings };
}

function attachedDomains({ hostnames }: TranslatedConditions, domains: readonly DomainModel[]): readonly string[] {
  const attached = domains.filter(
    (domain) => hostnames.length === 0 || hostnames.some((name) => hostPatternsOverlap(name, domain.hostname)),
  );
  return attached.map(({ id }) => id);
}

function translateRoute(
  route: CheckedRoute,
  { matches, path }: TranslatedConditions,
  domains: readonly string[],
  { rewriteDoubleSlash, report }: { rewriteDoubleSlash: 'keep' | 'collapse'; report: Report },
): RouteModelRoute {
  const { id, source, outcome } = route;
  if (domains.length === 0) {
    const message = `No hostname that is served could be one of ${route.conditions.hostnames?.join(', ') ?? 'any'}, so no request reaches the route.`;
    report(
      finding('warning', 'route-unattached', message, {
        source,
        path: 'hostnames',
        hint: 'A Host that claims `*` leaves no other hostnames; name one that a Host has.',
      }),
    );
  }
  const common = {
    id,
    source: { ...source, path: null },
    domains,
    matches,
    share: null,
    group: null,
    insecure: 'as-domain' as const,
    staleSince: null,
  };
  if (outcome.kind === 'refuse') {
    const action: RefuseAction = { kind: 'refuse', status: 500, code: 'resource-invalid', message: outcome.message };
    return {
      ...common,
      action,
      policies: [],
      requestHeaders: NO_MUTATIONS,
      responseHeaders: NO_MUTATIONS,
      timeouts: DEFAULT_TIMEOUTS,
      upgrades: [],
    };
  }
  const { fields } = outcome;
  reportUnreachablePreflight(route, fields, report);
  return {
    ...common,
    action: translateAction(route, { fields, backends: outcome.backends, path, rewriteDoubleSlash }, report),
    policies: outcome.policies,
    requestHeaders: mutations(fields.requestHeaders),
    responseHeaders: mutations(fields.responseHeaders),
    timeouts: { ...DEFAULT_TIMEOUTS, ...fields.timeouts },
    upgrades: fields.upgrades ?? [],
  };
}

function mutations(changes: RouteFields['requestHeaders']): HeaderMutations {
  const { set = {}, add = {}, remove = [] } = changes ?? {};
  return {
    remove: remove.map((name) => name.toLowerCase()),
    set: Object.entries(set).map(([name, value]) => ({ name: name.toLowerCase(), value })),
    add: Object.entries(add).flatMap(([name, values]) =>
      (typeof values === 'string' ? [values] : values).map((value) => ({ name: name.toLowerCase(), value })),
    ),
  };
}

/** A preflight is an OPTIONS request: a route for other methods never sees it, and the browser gives up. */
function reportUnreachablePreflight(route: CheckedRoute, fields: RouteFields, report: Report): void {
  const { methods } = fields;
  if (fields.policies?.cors === undefined || methods === undefined || methods.includes('OPTIONS')) return;
  report(
    finding(
      'warning',
      'cors-preflight-unreachable',
      'The route has a `cors` policy, but its methods leave out OPTIONS: preflights go to other routes, so browsers refuse the calls that need one.',
      {
        source: { ...route.source, line: route.lineOf('methods') },
        path: 'methods',
        hint: 'Add `OPTIONS` to `methods`; the gateway answers preflights itself.',
      },
    ),
  );
}
