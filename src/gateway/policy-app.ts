/**
 * Policies are Hono middleware, so they run inside a Hono app: one catch-all whose handler runs the
 * chain of the matched route. Routes without policies never come here, because a Hono context costs
 * more than matching does.
 */
import { Hono } from 'hono';
import type { Context, MiddlewareHandler } from 'hono';
import type { GatewayEnv } from '../policies/contract.ts';
import { createOutgoing } from '../policies/outgoing-headers.ts';
import type { MatchedExchange } from './exchange.ts';
import { createRequestBody } from './request-body.ts';
import type { WaitUntil } from './upstream/pipe.ts';

/** What the catch-all needs of one request. Hono's `env` carries it; policies are typed not to see it. */
type PolicyRun = {
  readonly policies: MiddlewareHandler<GatewayEnv>;
  readonly matched: MatchedExchange;
  readonly waitUntil: WaitUntil;
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

async function runPolicies(
  c: Context<GatewayEnv>,
  { policies, matched, waitUntil, answer }: PolicyRun,
): Promise<Response> {
  const outgoing = createOutgoing();
  matched.outgoing = outgoing;
  matched.body = createRequestBody(c.req.raw);
  c.set('facts', matched.template.facts);
  c.set('route', matched.loaded.route);
  c.set('configVersion', matched.view.version);
  c.set('outgoing', outgoing);
  c.set('consumer', null);
  c.set('body', matched.body);
  c.set('waitUntil', waitUntil);
  const early = await policies(c, async () => {
    c.res = await answer();
  });
  if (c.finalized) return c.res;
  if (early instanceof Response) return early;
  throw new Error('A policy neither answered nor called next().');
}
