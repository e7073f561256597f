/** Secure or not, and what becomes of insecure requests: Ambassador's requestPolicy, per domain. */
import { GatewayError } from '../diagnostics/errors.ts';
import type { GatewaySettings } from '../model/route-model.ts';
import type { RequestFacts } from '../policies/contract.ts';
import type { CompiledDomain } from '../program/route-program.ts';
import type { MatchedRoute } from './route-table.ts';
import type { Site } from './program-view.ts';

/** What the request gets: a route, or `redirect` to https. */
export type Verdict = MatchedRoute | 'redirect';

type SecuritySettings = Pick<GatewaySettings, 'rejectStatus' | 'redirectUnmatched'>;

/**
 * Throws GatewayError: 404 `host-not-served` (the domain does not serve this transport), 404 `no-route`,
 * 404 or 400 `insecure-rejected`. An insecure request whose path has no route is not redirected
 * unless the settings say so: a redirect per route is what Ambassador emits.
 */
export function selectRoute(
  { domain, matcher }: Site,
  request: { readonly facts: RequestFacts; readonly transportScheme: 'http' | 'https'; readonly random: number },
  settings: SecuritySettings,
): Verdict {
  const { facts, transportScheme, random } = request;
  if (isSecure(domain, transportScheme, facts.scheme) || domain.insecureAction === 'route') {
    return matcher.match(facts, random) ?? throwNoRoute();
  }
  if (domain.insecureAction === 'reject') {
    const served = matcher.match(facts, random, true);
    if (served !== null) return served;
    if (matcher.match(facts, random) === null) throwNoRoute();
    throw new GatewayError(settings.rejectStatus, 'insecure-rejected', 'This host is served over https only.');
  }
  const matched = matcher.match(facts, random);
  if (matched === null) return settings.redirectUnmatched ? 'redirect' : throwNoRoute();
  return matched.route.insecure === 'serve' ? matched : 'redirect';
}

/** Throws GatewayError 404 `host-not-served` when the domain is not served over this transport. */
function isSecure(domain: CompiledDomain, transport: 'http' | 'https', effective: 'http' | 'https'): boolean {
  const model = domain.security[transport];
  if (model === null) throw new GatewayError(404, 'host-not-served', `This host is not served over ${transport}.`);
  return model === 'forwarded-proto' ? effective === 'https' : model === 'secure';
}

function throwNoRoute(): never {
  throw new GatewayError(404, 'no-route', 'No route matches this request.');
}
