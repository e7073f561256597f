/** How many units a request costs. */
import type { LimitCheck, RateLimiter, WaitUntil } from '../../limits/limiter.ts';
import type { PolicyContext } from '../contract.ts';
import type { CompiledCost } from './compiled.ts';
import { countingOf, type AskedLimit } from './counted.ts';

/** Zeros in front, signs and lists are other numbers to other readers. */
const COST = /^[1-9]\d{0,8}$/;

/** 1 to `maxCost`; anything else counts as 1. */
function parseCost(text: string | null, maxCost: number): number {
  if (text === null || !COST.test(text)) return 1;
  const cost = Number(text);
  return cost <= maxCost ? cost : 1;
}

/**
 * Takes what a request says to cost out of its headers, because it is meant for this gateway alone, also
 * where no limit looks at it. A policy that ran in between may have written another one, which then counts.
 */
export function takeCosts(names: readonly string[], context: PolicyContext): void {
  const { headers } = context.facts;
  for (const name of names) {
    const value = headers.get(name);
    if (value === null) continue;
    countingOf(context).costs.set(name, value);
    headers.delete(name);
  }
}

/** Of a request whose costs were taken. */
export function requestCost(cost: CompiledCost | undefined, { counting }: PolicyContext): number {
  if (cost?.header === undefined) return 1;
  return parseCost(counting?.costs.get(cost.header) ?? null, cost.maxCost);
}

/** Charges what the answer says to cost beyond what the request was admitted at. */
export function chargeAnswer(
  admitted: readonly AskedLimit[],
  answer: Headers,
  limiter: RateLimiter,
  waitUntil: WaitUntil,
): void {
  const checks: LimitCheck[] = [];
  for (const { check, ready } of admitted) {
    const { cost } = ready.limit;
    if (cost?.responseHeader === undefined) continue;
    const rest = parseCost(answer.get(cost.responseHeader), cost.maxCost) - check.cost;
    if (rest > 0) checks.push({ ...check, cost: rest });
  }
  if (checks.length > 0) limiter.charge(checks, waitUntil);
}
