/** Which limits concern a request, and which counters it uses: shared by the handlers and by `explain`. */
import { GatewayError } from '../../diagnostics/errors.ts';
import { counterKey } from '../../limits/calls.ts';
import { matchesGlob } from '../glob.ts';
import type { CompiledCondition, CompiledLimit, CompiledPlans, CompiledRateLimit } from './compiled.ts';
import { claimAt, partValue, type LimitedRequest } from './key-parts.ts';
import { subjectOfRequest } from './key.ts';

export type { LimitedRequest } from './key-parts.ts';

export type SelectedLimit = {
  readonly limit: CompiledLimit;
  /** Of its counter. A promise only where a long value must be hashed. */
  readonly key: string | Promise<string>;
};

export type Selection = {
  readonly selected: readonly SelectedLimit[];
  /** 403 `unknown-plan` or 400 `rate-limit-key-missing`: the request is refused without counting. */
  readonly refusal: GatewayError | null;
};

export function selectLimits(config: CompiledRateLimit, request: LimitedRequest): Selection {
  const { limits, groups = [], plans } = config;
  const selected: SelectedLimit[] = [];
  const ofPlan = plans === undefined ? [] : planLimits(plans, request);
  if (ofPlan instanceof GatewayError) return { selected, refusal: ofPlan };
  for (const list of [limits, ofPlan]) {
    for (const limit of list) {
      const found = select(limit, request);
      if (found instanceof GatewayError) return { selected, refusal: found };
      if (found !== null) selected.push(found);
    }
  }
  for (const group of groups) {
    for (const limit of group) {
      const found = select(limit, request);
      if (found instanceof GatewayError) return { selected, refusal: found };
      if (found === null) continue;
      selected.push(found);
      break;
    }
  }
  return { selected, refusal: null };
}

/** null: it does not concern the request. One that skips the request for a missing part does not either. */
export function select(limit: CompiledLimit, request: LimitedRequest): SelectedLimit | GatewayError | null {
  const { pattern, if: conditions } = limit;
  if (pattern !== undefined && !matchesGlob(pattern, request.facts.path)) return null;
  if (conditions !== undefined && !conditions.every((condition) => holds(condition, request))) return null;
  const subject = subjectOfRequest(limit, request);
  if (subject === null || subject instanceof GatewayError) return subject;
  const key =
    typeof subject === 'string'
      ? counterKey(limit.counter, subject)
      : subject.then((text) => counterKey(limit.counter, text));
  return { limit, key };
}

function holds({ part, is }: CompiledCondition, request: LimitedRequest): boolean {
  const value = partValue(part, request);
  return value !== null && (is === undefined || value.text === is);
}

/** Names are compared with what the configuration has, never with what objects inherit. */
function planLimits(plans: CompiledPlans, { consumer }: LimitedRequest): readonly CompiledLimit[] | GatewayError {
  const claim = plans.claim === undefined ? (consumer?.plan ?? null) : claimAt(consumer?.claims, plans.claim);
  const named = typeof claim === 'string' ? ownPlan(plans, claim) : undefined;
  const limits = named ?? (plans.default === undefined ? undefined : ownPlan(plans, plans.default));
  return limits ?? new GatewayError(403, 'unknown-plan', 'The caller has no plan that this route knows.');
}

function ownPlan({ byName }: CompiledPlans, name: string): readonly CompiledLimit[] | undefined {
  return Object.hasOwn(byName, name) ? byName[name] : undefined;
}
