/**
 * Policies are Hono middleware, so they run inside a Hono app: one catch-all whose handler runs the
 * chain of the matched route. Routes without policies never come here, because a Hono context costs
 * more than matching does.
 *
 * When authentication changed request headers, the route is looked for once more, as Ambassador does.
 * A new route's own policies then run as far as this request has not passed the same ones already; what
 * they change in turn leads to no third route.
 */
import { Hono } from 'hono';
import type { Context, MiddlewareHandler } from 'hono';
import type { GatewayEnv } from '../policies/contract.ts';
import { createOutgoing } from '../policies/outgoing-headers.ts';
import type { CompiledPolicy } from '../program/route-program.ts';
import { compose, type LoadedRoute, type PolicyChain } from './chain.ts';
import type { MatchedExchange } from './exchange.ts';
import { createRequestBody } from './request-body.ts';
import type { WaitUntil } from './upstream/pipe.ts';

/** What the catch-all needs of one request. Hono's `env` carries it; policies are typed not to see it. */
type PolicyRun = {
  readonly chain: PolicyChain;
  readonly matched: MatchedExchange;
  readonly waitUntil: WaitUntil;
  /** The route by the headers as they are now, or an answer in its place. Throws GatewayError 404 when there is none. */
  readonly rematch: () => LoadedRoute | Response;
  /** Makes the answer when every policy has let the request pass. */
  readonly answer: () => Promise<Response>;
};

export interface PolicyApp {
  /** Resolves with the answer of whoever answered; rejects with what a policy or `answer` threw. */
  run(raw: Request, run: PolicyRun): Promise<Response>;
}

export function createPolicyApp(): PolicyApp {
  const app = new Hono<GatewayEnv>({ getPath: () => '/' });
  const runs = new WeakMap<Request, PolicyRun>();
  app.all('*', (c) => {
    const run = runs.get(c.req.raw);
    if (run === undefined) throw new Error('A request reached the policies without a route.');
    return runPolicies(c, run);
  });
  app.onError((error) => {
    // Errors have one place to become answers, and it is not here.
    throw error;
  });
  return {
    run: async (raw, run) => {
      runs.set(raw, run);
      return app.fetch(raw);
    },
  };
}

type PolicyContext = Context<GatewayEnv>;

async function runPolicies(c: PolicyContext, run: PolicyRun): Promise<Response> {
  const { chain, matched, waitUntil } = run;
  const outgoing = createOutgoing();
  matched.outgoing = outgoing;
  matched.body = createRequestBody(c.req.raw);
  c.set('facts', matched.template.facts);
  c.set('route', matched.loaded.route);
  c.set('configVersion', matched.view.version);
  c.set('outgoing', outgoing);
  c.set('consumer', null);
  c.set('body', matched.body);
  c.set('rematch', false);
  c.set('waitUntil', waitUntil);
  if (chain.head === null) return pass(c, chain.tail, run.answer);
  return pass(c, chain.head, () => afterHead(c, run));
}

/** Runs a part of a chain; `then` answers when all of it let the request pass. */
async function pass(
  c: PolicyContext,
  part: MiddlewareHandler<GatewayEnv> | null,
  then: () => Promise<Response>,
): Promise<Response> {
  if (part === null) return then();
  let answer: Response | null = null;
  const early = await part(c, async () => {
    answer = await then();
    c.res = answer;
  });
  if (answer !== null) return answer;
  if (early instanceof Response) return early;
  if (c.finalized) return c.res;
  throw new Error('A policy neither answered nor called next().');
}

async function afterHead(c: PolicyContext, { chain, matched, rematch, answer }: PolicyRun): Promise<Response> {
  takeOver(c, matched);
  if (!c.var.rematch) return pass(c, chain.tail, answer);
  const next = rematch();
  if (next instanceof Response) return next;
  if (next === matched.loaded) return pass(c, chain.tail, answer);
  const passed = new Set(chain.headSteps.map(({ policy }) => identityOf(policy)));
  matched.loaded = next;
  c.set('route', next.route);
  if (next.policies === null) return answer();
  const { headSteps, tail } = next.policies;
  const missing = compose(headSteps.filter(({ policy }) => !passed.has(identityOf(policy))));
  return pass(c, missing, () => {
    takeOver(c, matched);
    return pass(c, tail, answer);
  });
}

/** What authentication found out, and the query without the credential that it took out. */
function takeOver(c: PolicyContext, { template }: MatchedExchange): void {
  template.consumer = c.var.consumer;
  template.facts = c.var.facts;
}

/** Two policies with one identity decide alike. */
function identityOf({ name, config }: CompiledPolicy): string {
  return `${name} ${JSON.stringify(config)}`;
}
