/** Rate limiters for tests of policies: one that decides in memory, one that cannot be asked. */
import type { LimitCheck, RateLimiter, Verdict } from '../../src/limits/limiter.ts';

/** Nothing can be decided: each check goes as its `onFailure` says. */
export const NO_LIMITER: RateLimiter = brokenLimiter('no limiter in this test');

export function brokenLimiter(why: string): RateLimiter {
  const undecided = (checks: readonly LimitCheck[]): readonly Verdict[] =>
    checks.map(({ onFailure }) => ({ undecided: onFailure, why }));
  return {
    take: (checks) => Promise.resolve({ verdicts: undecided(checks), endSlots: null }),
    reserve: (checks) =>
      Promise.resolve({ verdicts: undecided(checks), commit: () => undefined, release: () => undefined }),
    charge: () => undefined,
  };
}

/** Says the same of every check, and keeps what it was asked. */
export function fixedLimiter(figures: Verdict): RateLimiter & { readonly asked: (readonly LimitCheck[])[] } {
  const asked: (readonly LimitCheck[])[] = [];
  const answer = (checks: readonly LimitCheck[]): readonly Verdict[] => {
    asked.push(checks);
    return checks.map(() => figures);
  };
  return {
    asked,
    take: (checks) => Promise.resolve({ verdicts: answer(checks), endSlots: null }),
    reserve: (checks) =>
      Promise.resolve({ verdicts: answer(checks), commit: () => undefined, release: () => undefined }),
    charge: () => undefined,
  };
}
