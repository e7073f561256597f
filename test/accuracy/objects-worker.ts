/** In place of the Worker in the objects process: the same objects, which also note down what they decide. */
import type { LimitAnswer, LimitCall } from '../../src/limits/calls.ts';
import { Limiter as RealLimiter, RateLimitObject as RealObject } from '../../src/worker.ts';
import type { DecidedCheck, Decision, Records } from './protocol.ts';

/** One answer stays far below what an RPC may carry. */
const BATCH = 2_000;
/** All objects of a namespace share their isolate. */
const noted: Decision[] = [];

export class RateLimitObject extends RealObject {
  override decide(calls: readonly LimitCall[]): readonly LimitAnswer[] {
    const answers = super.decide(calls);
    for (const [at, call] of calls.entries()) {
      const answer = answers[at];
      if (answer !== undefined && 'checks' in call) noted.push(decisionOf(this.ctx.id.toString(), call, answer));
    }
    return answers;
  }
}

export class Limiter extends RealLimiter {
  /** The oldest notes, which are forgotten with this. */
  records(): Records {
    const decisions = noted.splice(0, BATCH);
    return { decisions, hasMore: noted.length > 0 };
  }
}

function decisionOf(object: string, call: Extract<LimitCall, { checks: unknown }>, answer: LimitAnswer): Decision {
  const { order, atMs, outcomes } = answer;
  const checks = call.checks.map((check, at): DecidedCheck => {
    const outcome = outcomes[at];
    const figures = outcome !== null && outcome !== undefined && 'allowed' in outcome ? outcome : null;
    const tag: unknown = 'tag' in check ? check.tag : null;
    return {
      tag: typeof tag === 'number' ? tag : null,
      key: check.key,
      limit: check.limit,
      cost: check.cost,
      allowed: figures?.allowed ?? false,
      resetMs: figures?.resetMs ?? 0,
      retryAfterMs: figures?.retryAfterMs ?? null,
    };
  });
  const id = 'id' in call ? call.id : 'slot' in call ? call.slot : null;
  return { object, order, atMs, kind: call.kind, id, checks };
}

export default { fetch: (): Response => new Response(null, { status: 404 }) };
