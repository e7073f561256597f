/** One route of the model → its parts of the tables, with everything there is to say about it. */
import type { Finding } from '../diagnostics/finding.ts';
import type { RouteModelRoute } from '../model/route-model.ts';
import { namesConsumer } from '../model/consumer-headers.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { CompiledHostname, CompiledMatch, CompiledRoute, CompiledUpstream } from '../program/route-program.ts';
import { isEmpty } from './backends.ts';
import { compileAction } from './compile-action.ts';
import { compiledSource, type CompileContext, type RouteContext } from './compile-context.ts';
import { compileMatch, type CompiledMatchResult } from './compile-match.ts';
import { lowerPolicies, type ClientHeader, type PlacedCounter } from './lower-policies.ts';
import { refusal } from './refusals.ts';

export type CompiledRouteParts = {
  /** One part per table the route belongs to. */
  readonly parts: readonly RoutePart[];
  readonly upstreams: readonly CompiledUpstream[];
  /** Request headers that its policies write. */
  readonly injectedHeaders: readonly string[];
  readonly clientHeaders: readonly ClientHeader[];
  readonly counters: readonly PlacedCounter[];
  readonly findings: readonly Finding[];
};

export type RoutePart = {
  /** Identity of the table: domains and hostname restriction, as JSON. */
  readonly tableKey: string;
  readonly domains: readonly string[];
  readonly hostname: CompiledHostname;
  readonly route: CompiledRoute;
};

const NOTHING_USED = { upstreams: [], injectedHeaders: [], clientHeaders: [], counters: [] } as const;

type RouteBody = Omit<CompiledRoute, 'matches'>;

export function compileRoute(route: RouteModelRoute, shared: CompileContext): CompiledRouteParts {
  const findings: Finding[] = [];
  const context: RouteContext = { ...shared, source: route.source, report: (finding) => findings.push(finding) };
  const matches = route.matches.map((match) => compileMatch(match, context)).filter((match) => match !== null);
  const { body, upstreams, injectedHeaders, clientHeaders, counters } = compileBody(route, context);
  const domains = [...new Set(route.domains)].toSorted(compareCodePoints);
  const parts = domains.length === 0 ? [] : partition(matches, domains, body);
  // Of a route that is nowhere, no backend needs to run.
  if (parts.length === 0) return { parts, ...NOTHING_USED, findings };
  return { parts, upstreams, injectedHeaders, clientHeaders, counters, findings };
}

type CompiledBody = { readonly body: RouteBody } & Pick<
  CompiledRouteParts,
  'upstreams' | 'injectedHeaders' | 'clientHeaders' | 'counters'
>;

function compileBody(route: RouteModelRoute, context: RouteContext): CompiledBody {
  const lowered = lowerPolicies(route, context);
  const policies = lowered?.policies ?? null;
  const { action, upstreams } = compileAction(route.action, context);
  const { requestMs, idleMs, attemptMs } = route.timeouts;
  const body: RouteBody = {
    id: route.id,
    source: compiledSource(route.source),
    ...(route.share === null ? {} : { below: route.share.below }),
    ...(route.group === null ? {} : { group: route.group }),
    action: policies === null ? refusal(500, 'policy-invalid') : action,
    ...(policies === null || policies.length === 0 ? {} : { policies }),
    ...(isEmpty(route.requestHeaders) ? {} : { requestHeaders: route.requestHeaders }),
    ...(isEmpty(route.responseHeaders) ? {} : { responseHeaders: route.responseHeaders }),
    timeouts: attemptMs === null ? { requestMs, idleMs } : { requestMs, idleMs, attemptMs },
    ...(route.upgrades.length === 0 ? {} : { upgrades: route.upgrades }),
    ...(route.insecure === 'serve' ? { insecure: 'serve' } : {}),
    ...(route.staleSince === null ? {} : { staleSince: route.staleSince }),
  };
  if (lowered === null) return { body, ...NOTHING_USED };
  const injectedHeaders = [...lowered.injectedHeaders, ...consumerHeaders(route)];
  const { clientHeaders, counters } = lowered;
  return { body, upstreams: [...upstreams, ...lowered.upstreams], injectedHeaders, clientHeaders, counters };
}

function consumerHeaders({ requestHeaders: { set, add } }: RouteModelRoute): readonly string[] {
  return [...set, ...add].flatMap(({ name, value }) => (namesConsumer(value) ? [name.toLowerCase()] : []));
}

/** A match with another hostname belongs to another table; a broken one refuses without touching its siblings. */
function partition(
  matches: readonly CompiledMatchResult[],
  domains: readonly string[],
  body: RouteBody,
): readonly RoutePart[] {
  const groups = new Map<string, CompiledMatchResult[]>();
  for (const match of matches) {
    const key = JSON.stringify([match.hostname, match.broken]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [match]);
    else group.push(match);
  }
  const mixed = matches.some((match) => match.broken) && matches.some((match) => !match.broken);
  return [...groups.values()].map((group) => {
    const { hostname, broken } = group[0] ?? { hostname: null, broken: false };
    const route = broken ? refusing(body, mixed) : body;
    return {
      tableKey: JSON.stringify([domains, hostname]),
      domains,
      hostname,
      route: withMatches(
        route,
        group.map(({ match }) => match),
      ),
    };
  });
}

function refusing(body: RouteBody, mixed: boolean): RouteBody {
  const { policies: _, ...rest } = body;
  // Ids are unique inside a table, and the sound matches of the same route may stand in it too.
  return { ...rest, id: mixed ? `${body.id}#regex-invalid` : body.id, action: refusal(500, 'regex-invalid') };
}

function withMatches({ id, source, ...rest }: RouteBody, matches: readonly CompiledMatch[]): CompiledRoute {
  return { id, source, matches, ...rest };
}
