/**
 * What the policies of a route say of one request: the Worker's own handlers, run one after the other
 * over a runtime that sends nothing.
 */
import { GatewayError } from '../diagnostics/errors.ts';
import { identityOf } from '../gateway/chain.ts';
import { PolicyRequest } from '../gateway/policy-request.ts';
import { denialCode } from '../policies/authentication/denial-answer.ts';
import type { Consumer, Policy, RequestFacts } from '../policies/contract.ts';
import { policyHandler } from '../policies/handlers.ts';
import { policyLowering } from '../policies/lowerings.ts';
import { mayChangeHeaders } from '../policies/order.ts';
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
  readonly request: PolicyRequest;
};

export interface PolicyJudge {
  decide(question: Question): Promise<PolicyVerdict>;
}

export function createPolicyJudge(offline: OfflineRuntime): PolicyJudge {
  return {
    decide: async (question) => {
      const { route } = question;
      // Authentication changes headers, and other draws of the same request begin with what was sent.
      const facts = { ...question.facts, headers: new Headers(question.facts.headers) };
      const raw = new Request('http://explain.invalid/');
      const request = new PolicyRequest({ raw, facts, route, waitUntil: () => undefined });
      return decide({ ...question, offline, request });
    },
  };
}

async function decide(asking: Asking): Promise<PolicyVerdict> {
  const { request, sources, rematch } = asking;
  const explained: ExplainedPolicy[] = [];
  const passed = new Set<string>();
  let { route } = asking;
  let queue = [...(route.policies ?? [])];
  let mayRematch = true;
  let isCallerKnown = true;
  const verdict = (answer: Answer | null): PolicyVerdict => {
    const { facts, consumer } = request;
    return { policies: explained, route, facts, consumer, answer };
  };
  for (let policy = queue.shift(); policy !== undefined; policy = queue.shift()) {
    const { entry, answer, gap } = await ask(policy, sources.policy(route, policy), { ...asking, isCallerKnown });
    explained.push(entry);
    if (gap !== null && mayChangeHeaders(policy.name)) {
      isCallerKnown = false;
      // Another way may have let the request pass, and the one that is not known comes before it.
      request.consumer = null;
    }
    passed.add(identityOf(policy));
    if (answer !== null) return verdict(answer);
    if (!request.rematch || !mayRematch || queue.some(({ name }) => mayChangeHeaders(name))) continue;
    mayRematch = false;
    const next = rematch(request.facts);
    if ('outcome' in next) return verdict(next);
    if (next === route) continue;
    route = next;
    request.route = route;
    queue = (route.policies ?? []).filter((each) => !passed.has(identityOf(each)));
  }
  return verdict(null);
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
  const { offline, request, isCallerKnown } = asking;
  const { facts, consumer } = request;
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
  const { input, note, decides = true } = await lowering.explain(config, facts, caller, request.route.id);
  const about = { name, source, input, note };
  if (decides === 'later') return { entry: { ...about, decision: null, code: null }, answer: null, gap: null };
  // Whoever decides by the caller would judge nobody in place of somebody.
  if (!isCallerKnown && !mayChangeHeaders(name) && decides)
    return { entry: { ...about, decision: 'unknown', code: null }, answer: null, gap: null };
  offline.takeGap();
  const { answer, code } = await answerOf(() => handler.create(config, runtime), request);
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

async function answerOf(create: () => Policy, request: PolicyRequest): Promise<Said> {
  try {
    const sent = await created(create)(request);
    if (sent === null) return { answer: null, code: null };
    const { status, headers } = sent;
    const detail = headers.get('location') === null ? 'a policy answers itself' : 'a policy sends the client elsewhere';
    return { answer: respondAnswer(status, detail), code: denialCode(sent) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { answer: denialAnswer(error), code: error.code };
  }
}

/** As in the gateway's chain: what cannot be run makes the route refuse. */
function created(create: () => Policy): Policy {
  try {
    return create();
  } catch {
    throw new GatewayError(503, 'policy-not-enforced', 'A policy of this route cannot be enforced.');
  }
}
