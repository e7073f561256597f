/** One question to the limiter for all limits that concern a request. */
import type { Taken, Verdict } from '../../limits/limiter.ts';
import type { GatewayContext, PolicyRuntime } from '../contract.ts';
import { logSparsely } from '../sparse-log.ts';
import type { CompiledRateLimit } from './compiled.ts';
import { requestCost, takeCosts } from './cost.ts';
import type { AskedLimit, CountedLimit } from './counted.ts';
import { writeHeaders } from './headers.ts';
import type { ReadyLimits } from './ready-limits.ts';
import { refusalOf } from './refusal.ts';
import { selectLimits, type LimitedRequest } from './select.ts';
import { injectHeaders } from './templates.ts';

export type RateLimitPolicy = {
  readonly config: CompiledRateLimit;
  readonly ready: ReadyLimits;
  readonly runtime: PolicyRuntime;
};

/** What is to be done with the request: answered, or passed on with these limits counted. */
export type Outcome = { readonly answer: Response | null; readonly counted: readonly CountedLimit[] };

/** A limiter that gave no verdict for a check is broken, and must not read as a yes. */
export const NO_VERDICT: Verdict = { undecided: 'closed', why: 'no verdict' };

const UNCOUNTED: Outcome = { answer: null, counted: [] };

export function limitedRequest(c: GatewayContext): LimitedRequest {
  return { facts: c.get('facts'), consumer: c.get('consumer'), routeId: c.get('route').id };
}

/**
 * A plain value where nothing had to be waited for. Throws GatewayError, or rejects with it: 429
 * `rate-limited` and `rate-limit-cost-too-high`, 503 `rate-limit-unavailable`, 403 `unknown-plan`,
 * 400 `rate-limit-key-missing`.
 *
 * @param passed keys that the request was counted by already; those of now are added
 */
export function countRequest(
  policy: RateLimitPolicy,
  c: GatewayContext,
  passed: Set<string> | null = null,
): Outcome | Promise<Outcome> {
  const asked = checksOf(policy, c);
  if (asked instanceof Promise) return asked.then((checks) => take(notPassed(checks, passed), policy, c));
  return take(notPassed(asked, passed), policy, c);
}

function notPassed(asked: readonly AskedLimit[], passed: Set<string> | null): readonly AskedLimit[] {
  if (passed === null) return asked;
  const fresh = asked.filter(({ check }) => !passed.has(check.key));
  for (const { check } of fresh) passed.add(check.key);
  return fresh;
}

function checksOf(
  { config, ready }: RateLimitPolicy,
  c: GatewayContext,
): readonly AskedLimit[] | Promise<readonly AskedLimit[]> {
  const request = limitedRequest(c);
  takeCosts(ready.costHeaders, request.facts.headers);
  const { selected, refusal } = selectLimits(config, request);
  if (refusal !== null) throw refusal;
  const asked: AskedLimit[] = [];
  const pending: Promise<AskedLimit>[] = [];
  for (const { limit, key } of selected) {
    const found = ready.limits.get(limit);
    if (found === undefined) throw new Error('A limit was selected that is not of this policy.');
    const cost = requestCost(limit.cost, request.facts.headers);
    const withKey = (text: string): AskedLimit => ({ ready: found, check: { ...found.check, key: text, cost } });
    if (typeof key === 'string') asked.push(withKey(key));
    else pending.push(key.then(withKey));
  }
  return pending.length === 0 ? asked : Promise.all(pending).then((hashed) => [...asked, ...hashed]);
}

function take(asked: readonly AskedLimit[], policy: RateLimitPolicy, c: GatewayContext): Outcome | Promise<Outcome> {
  if (asked.length === 0) return UNCOUNTED;
  const taken = policy.runtime.rateLimiter.take(
    asked.map(({ check }) => check),
    c.get('waitUntil'),
  );
  if (taken instanceof Promise) return taken.then((done) => settle(asked, done, policy, c));
  return settle(asked, taken, policy, c);
}

function settle(asked: readonly AskedLimit[], taken: Taken, policy: RateLimitPolicy, c: GatewayContext): Outcome {
  const { config, runtime } = policy;
  // Before anything can throw: a slot that nobody ends would be renewed as long as the request's script lives.
  if (taken.endSlots !== null) c.get('atEnd')(taken.endSlots);
  const counted = asked.map((each, index): CountedLimit => ({ ...each, verdict: taken.verdicts[index] ?? NO_VERDICT }));
  reportCounted(counted, c, runtime);
  writeHeaders(counted, config.headers ?? 'draft', c.get('outgoing'));
  injectHeaders(counted, c, runtime);
  const refusal = refusalOf(counted, c, runtime);
  if (refusal instanceof Response) return { answer: refusal, counted };
  if (refusal !== null) throw refusal;
  return { answer: null, counted };
}

/** What operators must hear of and clients do not: limits that could not be asked, and shadows that would have refused. */
export function reportCounted(counted: readonly CountedLimit[], c: GatewayContext, runtime: PolicyRuntime): void {
  const route = c.get('route').id;
  for (const { check, verdict, ready } of counted) {
    const limit = ready.limit.label;
    if ('undecided' in verdict) {
      const fields = { requestId: c.get('facts').requestId, route, limit, error: verdict.why };
      logSparsely(runtime, 'rate-limiter-unavailable', { ...fields, onFailure: verdict.undecided });
    } else if (check.shadow === true && !verdict.allowed) {
      logSparsely(runtime, 'rate-limit-shadow', { route, limit }, ready.limit.counter);
    }
  }
}
