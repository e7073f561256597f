/**
 * What the policies of a route say of one request: the Worker's own handlers, run one after the other
 * over a runtime that sends nothing.
 */
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { GatewayError } from '../diagnostics/errors.ts';
import { identityOf } from '../gateway/policy-app.ts';
import { createRequestBody } from '../gateway/request-body.ts';
import { denialCode } from '../policies/authentication/denial-answer.ts';
import type { Consumer, GatewayEnv, RequestFacts } from '../policies/contract.ts';
import { policyHandler } from '../policies/handlers.ts';
import { policyLowering } from '../policies/lowerings.ts';
import { mayChangeHeaders } from '../policies/order.ts';
import { createOutgoing } from '../policies/outgoing-headers.ts';
import type { CompiledPolicy, CompiledRoute } from '../program/route-program.ts';
import { denialAnswer, refusalAnswer, respondAnswer, type Answer } from './answer-route.ts';
import type { ExplainedPolicy, PolicyDecision } from './explanation.ts';
import type { Gap, OfflineRuntime } from './offline-runtime.ts';
import type { SourceFinder } from './sources.ts';

export type PolicyVerdict = {
  readonly policies: readonly ExplainedPolicy[];
  /** The route whose answer counts: another one when authentication changed headers that routes look at. */
  readonly route: CompiledRoute;
  /** As the policies left them. */
  readonly facts: RequestFacts;
  readonly consumer: Consumer | null;
  /** Set when a policy answers instead of the route. */
  readonly answer: Answer | null;
};

type Question = {
  readonly route: CompiledRoute;
  readonly facts: RequestFacts;
  readonly sources: SourceFinder;
  /** The route by these facts; an answer when there is none. */
  readonly rematch: (facts: RequestFacts) => CompiledRoute | Answer;
};

type Asking = Question & {
  readonly offline: OfflineRuntime;
  readonly c: Context<GatewayEnv>;
};

export interface PolicyJudge {
  decide(question: Question): Promise<PolicyVerdict>;
}

export function createPolicyJudge(offline: OfflineRuntime): PolicyJudge {
  const app = new Hono<GatewayEnv>({ getPath: () => '/' });
  const questions = new WeakMap<Request, { readonly question: Question; verdict: PolicyVerdict | null }>();
  app.all('*', async (c) => {
    const asked = questions.get(c.req.raw);
    if (asked === undefined) throw new Error('A request without a question.');
    asked.verdict = await decide({ ...asked.question, offline, c });
    return c.body(null, 204);
  });
  app.onError((error) => {
    throw error;
  });
  return {
    decide: async (question) => {
      const { route, facts } = question;
      if ((route.policies ?? []).length === 0) return { policies: [], route, facts, consumer: null, answer: null };
      const raw = new Request('http://explain.invalid/');
      const asked: { question: Question; verdict: PolicyVerdict | null } = { question, verdict: null };
      questions.set(raw, asked);
      await app.fetch(raw);
      if (asked.verdict === null) throw new Error('The policies gave no verdict.');
      return asked.verdict;
    },
  };
}

async function decide(asking: Asking): Promise<PolicyVerdict> {
  const { c, sources, rematch } = asking;
  // Authentication changes headers, and other draws of the same request begin with what was sent.
  const facts = { ...asking.facts, headers: new Headers(asking.facts.headers) };
  prepare(c, asking.route, facts);
  const explained: ExplainedPolicy[] = [];
  const passed = new Set<string>();
  let { route } = asking;
  let queue = [...(route.policies ?? [])];
  let mayRematch = true;
  let isCallerKnown = true;
  for (let policy = queue.shift(); policy !== undefined; policy = queue.shift()) {
    const { entry, answer, gap } = await ask(policy, sources.policy(route, policy), { ...asking, isCallerKnown });
    explained.push(entry);
    if (gap !== null && mayChangeHeaders(policy.name)) {
      isCallerKnown = false;
      // Another way may have let the request pass, and the one that is not known comes before it.
      c.set('consumer', null);
    }
    passed.add(identityOf(policy));
    if (answer !== null) return { policies: explained, route, facts: c.var.facts, consumer: c.var.consumer, answer };
    if (!c.var.rematch || !mayRematch || queue.some(({ name }) => mayChangeHeaders(name))) continue;
    mayRematch = false;
    const next = rematch(c.var.facts);
    if ('outcome' in next)
      return { policies: explained, route, facts: c.var.facts, consumer: c.var.consumer, answer: next };
    if (next === route) continue;
    route = next;
    c.set('route', route);
    queue = (route.policies ?? []).filter((each) => !passed.has(identityOf(each)));
  }
  return { policies: explained, route, facts: c.var.facts, consumer: c.var.consumer, answer: null };
}

function prepare(c: Context<GatewayEnv>, route: CompiledRoute, facts: RequestFacts): void {
  c.set('facts', facts);
  c.set('route', route);
  c.set('configVersion', 'explain');
  c.set('outgoing', createOutgoing());
  c.set('consumer', null);
  c.set('body', createRequestBody(c.req.raw));
  c.set('rematch', false);
  c.set('refusedCredentials', false);
  c.set('afterAuthentication', () => undefined);
  c.set('atEnd', () => undefined);
  c.set('waitUntil', () => undefined);
}

type Asked = {
  readonly entry: ExplainedPolicy;
  readonly answer: Answer | null;
  /** What the policy asked for and is not known, whether or not the verdict rests on it. */
  readonly gap: Gap | null;
};

async function ask(
  policy: CompiledPolicy,
  source: ExplainedPolicy['source'],
  asking: Asking & { readonly isCallerKnown: boolean },
): Promise<Asked> {
  const { name, config } = policy;
  const { offline, c, isCallerKnown } = asking;
  const { facts, consumer } = c.var;
  const lowering = policyLowering(name);
  const handler = policyHandler(name);
  if (lowering === null || handler === null) {
    const note = 'this version does not know the policy, so the route refuses';
    const code = 'policy-not-enforced';
    const answer = refusalAnswer(503, code, 'A policy of this route cannot be enforced.');
    return { entry: { name, source, input: null, note, decision: 'deny', code }, answer, gap: null };
  }
  const runtime = offline.createRuntime();
  const caller = consumer === null ? undefined : { consumer, nowMs: runtime.now() };
  const { input, note, decides = true } = await lowering.explain(config, facts, caller, c.var.route.id);
  const about = { name, source, input, note };
  if (decides === 'later') return { entry: { ...about, decision: null, code: null }, answer: null, gap: null };
  // Whoever decides by the caller would judge nobody in place of somebody.
  if (!isCallerKnown && !mayChangeHeaders(name) && decides)
    return { entry: { ...about, decision: 'unknown', code: null }, answer: null, gap: null };
  offline.takeGap();
  const { answer, code } = await answerOf(() => handler.create(config, runtime), c);
  const gap = offline.takeGap();
  if (gap !== null && answer?.status != null && answer.status >= 400) {
    const noted = [note, GAP_NOTES[gap]].filter((part) => part !== null).join('; ');
    return { entry: { ...about, note: noted, decision: 'unknown', code: null }, answer: null, gap };
  }
  return { entry: { ...about, ...decisionOf(answer, decides), code }, answer, gap };
}

const GAP_NOTES: Readonly<Record<Gap, string>> = {
  upstream: 'nobody is asked here (--jwks FILE, --online)',
  keys: 'keys are not looked up here (--keys PLACE)',
  secret: 'secrets are not known here',
  limiter: 'limits are not counted here',
};

function decisionOf(answer: Answer | null, decides: boolean): { readonly decision: PolicyDecision | null } {
  if (answer === null) return { decision: decides ? 'allow' : 'skip' };
  return { decision: answer.status !== null && answer.status >= 400 ? 'deny' : 'allow' };
}

type Said = {
  /** null: the policy lets the request pass. */
  readonly answer: Answer | null;
  /** Why it refuses, also where the answer is no problem document. */
  readonly code: string | null;
};

async function answerOf(create: () => MiddlewareHandler<GatewayEnv>, c: Context<GatewayEnv>): Promise<Said> {
  let hasPassed = false;
  try {
    const response = await created(create)(c, () => {
      hasPassed = true;
      return Promise.resolve();
    });
    if (hasPassed) return { answer: null, code: null };
    const sent = response ?? c.res;
    const { status, headers } = sent;
    const detail = headers.get('location') === null ? 'a policy answers itself' : 'a policy sends the client elsewhere';
    return { answer: respondAnswer(status, detail), code: denialCode(sent) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { answer: denialAnswer(error), code: error.code };
  }
}

/** As in the gateway's chain: what cannot be run makes the route refuse. */
function created(create: () => MiddlewareHandler<GatewayEnv>): MiddlewareHandler<GatewayEnv> {
  try {
    return create();
  } catch {
    throw new GatewayError(503, 'policy-not-enforced', 'A policy of this route cannot be enforced.');
  }
}
