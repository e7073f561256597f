/** One limit of one request, and what the limiter said. */
import type { LimitCheck, Verdict } from '../../limits/limiter.ts';
import type { ReadyLimit } from './ready-limits.ts';

export type AskedLimit = { readonly ready: ReadyLimit; readonly check: LimitCheck };
export type CountedLimit = AskedLimit & { readonly verdict: Verdict };
