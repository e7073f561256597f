/**
 * Asks the policies of a route, one after the other, until one answers in the route's place.
 *
 * When authentication changed request headers, the route is looked for once more, as Ambassador does.
 * A new route's own policies then run as far as this request has not passed the same ones already; what
 * they change in turn leads to no third route.
 */
import type { PolicyOutcome } from '../policies/contract.ts';
import { identityOf, type LoadedRoute, type PolicyStep } from './chain.ts';
import type { MatchedExchange } from './exchange.ts';
import type { PolicyRequest } from './policy-request.ts';

/** Of an exchange: where the route that is found, and what authentication finds out, are kept. */
type Matched = Pick<MatchedExchange, 'loaded' | 'template'>;

/** The route by the headers as they are now, or an answer in its place. Throws GatewayError 404 when there is none. */
export type Rematch = () => LoadedRoute | Response;

/**
 * null: all let the request pass, to the route that `matched` names then. Throws what a policy or `rematch`
 * threw, or rejects with it. A plain value where nothing had to be waited for.
 */
export function runPolicies(request: PolicyRequest, matched: Matched, rematch: Rematch): PolicyOutcome {
  const { policies } = matched.loaded;
  if (policies === null || policies.head.length > 0) return authenticateFirst(request, matched, rematch);
  request.endAuthentication();
  return askAll(policies.tail, request);
}

async function authenticateFirst(request: PolicyRequest, matched: Matched, rematch: Rematch): Promise<Response | null> {
  try {
    const answer = await authenticate(request, matched, rematch);
    if (answer !== null) return answer;
  } finally {
    request.endAuthentication();
  }
  return askAll(matched.loaded.policies?.tail ?? NONE, request);
}

const NONE: readonly PolicyStep[] = [];

async function authenticate(request: PolicyRequest, matched: Matched, rematch: Rematch): Promise<Response | null> {
  const head = matched.loaded.policies?.head ?? NONE;
  const answer = await askAll(head, request);
  if (answer !== null) return answer;
  takeOver(request, matched);
  if (!request.rematch) return null;
  const next = rematch();
  if (next instanceof Response) return next;
  if (next === matched.loaded) return null;
  const passed = new Set(head.map(({ policy }) => identityOf(policy)));
  matched.loaded = next;
  request.route = next.route;
  const missing = (next.policies?.head ?? NONE).filter(({ policy }) => !passed.has(identityOf(policy)));
  const refusal = await askAll(missing, request);
  if (refusal === null) takeOver(request, matched);
  return refusal;
}

/** What authentication found out, and the query without the credential that it took out. */
function takeOver({ facts, consumer }: PolicyRequest, { template }: Pick<Matched, 'template'>): void {
  template.consumer = consumer;
  template.facts = facts;
}

/** A plain value where no policy has to wait. */
function askAll(steps: readonly PolicyStep[], request: PolicyRequest, from = 0): PolicyOutcome {
  for (let at = from; at < steps.length; at += 1) {
    const said = steps[at]?.ask(request) ?? null;
    if (said instanceof Promise) return said.then((answer) => answer ?? askAll(steps, request, at + 1));
    if (said !== null) return said;
  }
  return null;
}
