/** What an outcome means for the request. */
import type { Check, LimitAnswer, Unavailable } from '../limits/calls.ts';
import type { Figures } from '../limits/limit.ts';

/** undefined: there is no answer. */
export type Outcome = LimitAnswer['outcomes'][number] | undefined;

export function isFigures(outcome: Outcome): outcome is Figures {
  return outcome !== undefined && outcome !== null && 'allowed' in outcome;
}

export function isUnavailable(outcome: Outcome): outcome is Unavailable {
  return outcome !== undefined && outcome !== null && 'unavailable' in outcome;
}

/** A check that is not shadowed said no, or is a closed one that could not be asked. */
export function refuses(checks: readonly Check[], outcomes: readonly Outcome[]): boolean {
  return checks.some(({ shadow, onFailure }, index) => {
    if (shadow === true) return false;
    const outcome = outcomes[index];
    return isFigures(outcome) ? !outcome.allowed : onFailure === 'closed';
  });
}

/** What a reservation said, with the figures from after it was given back. */
export function afterRelease(reserved: Outcome, released: Outcome): Outcome {
  if (!isFigures(reserved) || !reserved.allowed || !isFigures(released)) return reserved;
  return { ...released, allowed: true, retryAfterMs: 0 };
}
