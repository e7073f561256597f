/** What this isolate asks the counters through, and the answer for a counter that cannot be asked. */
import type { LimitAnswer, LimitCall, Unavailable } from '../limits/calls.ts';
import type { WaitUntil } from '../limits/limiter.ts';

/**
 * As LimitService, and bounded: every call is answered within its budget, with `unavailable` outcomes
 * when nothing better is known. Never rejects. `waitUntil` is that of the request whose calls these
 * are: it may have to carry the calls of others too.
 */
export interface LimitClient {
  decide(calls: readonly LimitCall[], waitUntil: WaitUntil): Promise<readonly LimitAnswer[]>;
}

export type Why = Unavailable['unavailable'];

/** For calls of operators, which have no checks. */
const OPERATOR_BUDGET_MS = 2_000;

/** Longest wait for the answer of one call: that of its most patient check. */
export function budgetOf(call: LimitCall): number {
  if ('keys' in call) return OPERATOR_BUDGET_MS;
  return call.checks.reduce((longest, { budgetMs }) => Math.max(longest, budgetMs), 0);
}

/** Order 0: no object decided this. */
export function unavailableAnswer(call: LimitCall, why: Why, nowMs = Date.now()): LimitAnswer {
  const parts: readonly unknown[] = 'keys' in call ? call.keys : call.checks;
  return { outcomes: parts.map(() => ({ unavailable: why })), atMs: nowMs, order: 0 };
}

/** For a process with no way to any counter. */
export const noLimits: LimitClient = {
  decide: (calls) => Promise.resolve(calls.map((call) => unavailableAnswer(call, 'gone'))),
};
