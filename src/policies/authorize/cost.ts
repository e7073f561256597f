/**
 * Bounds of an expression. The evaluator has none of its own at request time, and what is looped over
 * (headers, parameters, claims) is chosen by others than the author of the rule.
 */

/** Points that all rules of one policy may spend on one request: a few milliseconds at the very worst, and common rules need 20. */
export const REQUEST_BUDGET = 20_000;
/** No text in an evaluation is longer, those on the way included. */
const MAX_TEXT = 16_384;
const MAX_ITEMS = 1_000;

/** At build; see `limits` of the library. */
export const EXPRESSION_LIMITS = {
  maxAstNodes: 600,
  maxDepth: 24,
  maxListElements: 200,
  maxMapEntries: 50,
  maxCallArguments: 8,
} as const;
/** Loops inside loops: two are a join of two lists, three have no use that anybody has named. */
export const MAX_LOOP_DEPTH = 2;

/** Shared by the rules of one policy on one request. */
export type Budget = { left: number };

/** One for all: making an error costs more than a step, and every loop that is under way meets it once more. */
const EXCEEDED = Object.assign(new Error('The cost of the evaluation exceeds its budget.'), { code: 'cost_exceeded' });

/** Takes what `value` costs. Throws when nothing is left, and from then on each time. */
export function charge(budget: Budget, value: unknown): void {
  let cost = 1;
  if (typeof value === 'string') {
    cost += value.length >>> 5;
    if (value.length > MAX_TEXT) cost = budget.left + 1;
  } else if (Array.isArray(value)) {
    cost += value.length;
    if (value.length > MAX_ITEMS) cost = budget.left + 1;
  } else if (value instanceof Map) {
    cost += value.size;
  }
  spend(budget, cost);
}

/** As `charge`, of points. */
export function spend(budget: Budget, points: number): void {
  budget.left -= points;
  if (budget.left < 0) throw EXCEEDED;
}
