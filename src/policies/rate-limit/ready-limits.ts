/** The limits of a loaded route, made ready once. */
import type { LimitCheck } from '../../limits/limiter.ts';
import type { PolicyRuntime } from '../contract.ts';
import type { CompiledLimit, CompiledRateLimit } from './compiled.ts';
import { draftPolicy } from './headers.ts';

const EXACT_BUDGET_MS = 2_000;
const LEASED_BUDGET_MS = 50;

export type ReadyLimit = {
  readonly limit: CompiledLimit;
  readonly check: Omit<LimitCheck, 'key' | 'cost'>;
  /** What the draft's `RateLimit-Policy` says of it, the same for every request. */
  readonly draftPolicy: string;
};

export type ReadyLimits = {
  readonly limits: ReadonlyMap<CompiledLimit, ReadyLimit>;
  /** Request headers that say a cost to any of them. */
  readonly costHeaders: readonly string[];
  /** Some of them learn from the answer what it cost. */
  readonly chargesAnswers: boolean;
};

export function readyLimits(config: CompiledRateLimit, runtime: PolicyRuntime): ReadyLimits {
  const { limits, groups = [], plans, failures } = config;
  const all = [...limits, ...groups.flat(), ...Object.values(plans?.byName ?? {}).flat()];
  if (failures !== undefined) all.push(failures);
  return {
    limits: new Map(all.map((limit) => [limit, readyLimit(limit, runtime)])),
    chargesAnswers: all.some(({ cost }) => cost?.responseHeader !== undefined),
    costHeaders: [...new Set(all.flatMap(({ cost }) => cost?.header ?? []))],
  };
}

function readyLimit(limit: CompiledLimit, runtime: PolicyRuntime): ReadyLimit {
  const { mode = 'exact', shadow, budgetMs = mode === 'leased' ? LEASED_BUDGET_MS : EXACT_BUDGET_MS } = limit;
  // `never` is said of the whole gateway, so no limit can be more lenient.
  const onFailure = runtime.failOpen === 'never' ? 'closed' : (limit.onFailure ?? 'open');
  return {
    limit,
    draftPolicy: draftPolicy(limit),
    check: { limit: limit.limit, mode, onFailure, budgetMs, ...(shadow === true && { shadow }) },
  };
}
