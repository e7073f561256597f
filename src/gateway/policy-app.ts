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
import type { Context } from 'hono';
import type { GatewayEnv } from '../policies/contract.ts';
import { createOutgoing } from '../policies/outgoing-headers.ts';
import type { CompiledPolicy } from '../program/route-program.ts';
import type { LoadedRoute, PolicyChain, PolicyStep } from './chain.ts';
import type { MatchedExchange } from './exchange.ts';
import { createRequestBody } from './request-body.ts';
import type { WaitUntil } from './upstream/pipe.ts';

/**
 * What the catch-all needs of one request. Hono's `env` carries it; policies are typed not to see it. No
 * WeakMap of requests: what is in one outlives young collections, and each request would wait for a full one.
 */
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
  app.all('*', (c) => {
    const run: unknown = c.env;
    if (!isPolicyRun(run)) throw new Error('A request reached the policies without a route.');
    return runPolicies(c, run);
  });
  app.onError((error) => {
    // Errors have one place to become answers, and it is not here.
    throw error;
  });
  return { run: async (raw, run) => app.fetch(raw, run) };
}

function isPolicyRun(env: unknown): env is PolicyRun {
  return typeof env === 'object' && env !== null && 'chain' in env;
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
  c.set('refusedCredentials', false);
  const passedHead: (() => void)[] = [];
  c.set('afterAuthentication', (work) => void passedHead.push(work));
  c.set('atEnd', (work) => void matched.ends.push(work));
  c.set('waitUntil', waitUntil);
  return pass(c, chain.head, () => afterHead(c, run, passedHead));
}

/** Runs policies one inside the other; `then` answers when all of them let the request pass. */
async function pass(
  c: PolicyContext,
  steps: readonly PolicyStep[],
  then: () => Promise<Response>,
  at = 0,
): Promise<Response> {
  const step = steps[at];
  if (step === undefined) return then();
  let answer: Response | null = null;
  const early = await step.run(c, async () => {
    answer = await pass(c, steps, then, at + 1);
    // Once: given a second answer, Hono would copy it and join the headers of both.
    if (!c.finalized) c.res = answer;
  });
  if (answer !== null) return answer;
  if (early instanceof Response) return early;
  if (c.finalized) return c.res;
  throw new Error('A policy neither answered nor called next().');
}

async function afterHead(
  c: PolicyContext,
  { chain, matched, rematch, answer }: PolicyRun,
  passedHead: readonly (() => void)[],
): Promise<Response> {
  takeOver(c, matched);
  const goOn = (tail: readonly PolicyStep[]): Promise<Response> => {
    for (const work of passedHead) work();
    return pass(c, tail, answer);
  };
  if (!c.get('rematch')) return goOn(chain.tail);
  const next = rematch();
  if (next instanceof Response) return next;
  if (next === matched.loaded) return goOn(chain.tail);
  const passed = new Set(chain.head.map(({ policy }) => identityOf(policy)));
  matched.loaded = next;
  c.set('route', next.route);
  if (next.policies === null) return goOn([]);
  const { head, tail } = next.policies;
  const missing = head.filter(({ policy }) => !passed.has(identityOf(policy)));
  return pass(c, missing, () => {
    takeOver(c, matched);
    return goOn(tail);
  });
}

/** What authentication found out, and the query without the credential that it took out. */
function takeOver(c: PolicyContext, { template }: MatchedExchange): void {
  template.consumer = c.get('consumer');
  template.facts = c.get('facts');
}

/** Two policies with one identity decide alike. */
export function identityOf({ name, config }: CompiledPolicy): string {
  return `${name} ${JSON.stringify(config)}`;
}
