/** One question to the limiter for all limits that concern a request. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Taken, Verdict } from '../../limits/limiter.ts';
import type { PolicyContext, PolicyOutcome, PolicyRuntime } from '../contract.ts';
import { logSparsely } from '../sparse-log.ts';
import type { CompiledRateLimit } from './compiled.ts';
import { chargeAnswer, requestCost, takeCosts } from './cost.ts';
import type { AskedLimit, CountedLimit } from './counted.ts';
import { writeHeaders } from './headers.ts';
import type { ReadyLimit, ReadyLimits } from './ready-limits.ts';
import { refusalOf } from './refusal.ts';
import { selectLimits, type LimitedRequest } from './select.ts';
import { injectHeaders } from './templates.ts';

export type RateLimitPolicy = {
  readonly config: CompiledRateLimit;
  readonly ready: ReadyLimits;
  readonly runtime: PolicyRuntime;
};

/** A limiter that gave no verdict for a check is broken, and must not read as a yes. */
export const NO_VERDICT: Verdict = { undecided: 'closed', why: 'no verdict' };

export function limitedRequest(context: PolicyContext): LimitedRequest {
  const { facts, consumer, route } = context;
  return { facts, consumer, routeId: route.id };
}

/**
 * null: the request passes. A plain value where nothing had to be waited for. Throws GatewayError, or rejects with it: 429
 * `rate-limited` and `rate-limit-cost-too-high`, 503 `rate-limit-unavailable`, 403 `unknown-plan`,
 * 400 `rate-limit-key-missing`.
 *
 * @param passed keys that the request was counted by already; those of now are added
 */
export function countRequest(
  policy: RateLimitPolicy,
  context: PolicyContext,
  passed: Set<string> | null = null,
): PolicyOutcome {
  const asked = checksOf(policy, context);
  if (asked instanceof Promise) return asked.then((checks) => take(notPassed(checks, passed), policy, context));
  return take(notPassed(asked, passed), policy, context);
}

function notPassed(asked: readonly AskedLimit[], passed: Set<string> | null): readonly AskedLimit[] {
  if (passed === null) return asked;
  const fresh = asked.filter(({ check }) => !passed.has(check.key));
  for (const { check } of fresh) passed.add(check.key);
  return fresh;
}

function checksOf(
  { config, ready }: RateLimitPolicy,
  context: PolicyContext,
): readonly AskedLimit[] | Promise<readonly AskedLimit[]> {
  const request = limitedRequest(context);
  takeCosts(ready.costHeaders, context);
  const { selected, refusal } = selectLimits(config, request);
  if (refusal !== null) throw refusal;
  const asked: AskedLimit[] = [];
  const pending: Promise<AskedLimit>[] = [];
  for (const { limit, key } of selected) {
    const found = ready.limits.get(limit);
    if (found === undefined) throw new Error('A limit was selected that is not of this policy.');
    const cost = requestCost(limit.cost, context);
    if (typeof key === 'string') asked.push(withKey(found, key, cost));
    else pending.push(key.then((hashed) => withKey(found, hashed, cost)));
  }
  return pending.length === 0 ? asked : Promise.all(pending).then((hashed) => [...asked, ...hashed]);
}

function withKey(ready: ReadyLimit, key: string, cost: number): AskedLimit {
  return { ready, check: { ...ready.check, key, cost } };
}

function take(asked: readonly AskedLimit[], policy: RateLimitPolicy, context: PolicyContext): PolicyOutcome {
  if (asked.length === 0) return null;
  const taken = policy.runtime.rateLimiter.take(
    asked.map(({ check }) => check),
    context.waitUntil,
  );
  if (taken instanceof Promise) return taken.then((done) => settle(asked, done, policy, context));
  return settle(asked, taken, policy, context);
}

function settle(
  asked: readonly AskedLimit[],
  taken: Taken,
  policy: RateLimitPolicy,
  context: PolicyContext,
): Response | null {
  const { config, ready, runtime } = policy;
  // Before anything can throw: a slot that nobody ends would be renewed as long as the request's script lives.
  if (taken.endSlots !== null) context.atEnd(taken.endSlots);
  const counted = asked.map(({ ready: limit, check }, index): CountedLimit => {
    return { ready: limit, check, verdict: taken.verdicts[index] ?? NO_VERDICT };
  });
  reportCounted(counted, context, runtime);
  writeHeaders(counted, config.headers ?? 'draft', context);
  injectHeaders(counted, context, runtime);
  const refusal = refusalOf(counted, context, runtime);
  if (refusal instanceof GatewayError) throw refusal;
  if (refusal === null && ready.chargesAnswers) {
    context.onAnswer((answer) => chargeAnswer(counted, answer, runtime.rateLimiter, context.waitUntil));
  }
  return refusal;
}

/** What operators must hear of and clients do not: limits that could not be asked, and shadows that would have refused. */
export function reportCounted(counted: readonly CountedLimit[], context: PolicyContext, runtime: PolicyRuntime): void {
  const route = context.route.id;
  for (const { check, verdict, ready } of counted) {
    const limit = ready.limit.label;
    if ('undecided' in verdict) {
      const fields = { requestId: context.facts.requestId, route, limit, error: verdict.why };
      logSparsely(runtime, 'rate-limiter-unavailable', { ...fields, onFailure: verdict.undecided });
    } else if (check.shadow === true && !verdict.allowed) {
      logSparsely(runtime, 'rate-limit-shadow', { route, limit }, ready.limit.counter);
    }
  }
}
