/** One limit of one request, and what the limiter said; what all limits of one request share. */
import type { Counting, PolicyContext } from '../contract.ts';
import type { LimitCheck, Verdict } from '../../limits/limiter.ts';
import type { ReadyLimit } from './ready-limits.ts';

export type AskedLimit = { readonly ready: ReadyLimit; readonly check: LimitCheck };
export type CountedLimit = AskedLimit & { readonly verdict: Verdict };

export function countingOf(context: PolicyContext): Counting {
  context.counting ??= { passed: new Set(), costs: new Map(), told: null };
  return context.counting;
}
