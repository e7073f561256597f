/** Rate limiters for tests of policies: one that decides in memory, one that cannot be asked. */
import type { LimitCall } from '../../src/limits/calls.ts';
import type { Counter } from '../../src/limits/counter.ts';
import { Ledger } from '../../src/limits/ledger.ts';
import type { Figures } from '../../src/limits/limit.ts';
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

export type MemoryLimiter = RateLimiter & {
  /** Every call, in order. */
  readonly calls: { readonly kind: LimitCall['kind']; readonly checks: readonly LimitCheck[] }[];
  /** What is left of the counter of this key, as its own limit says. */
  figures(key: string): Figures | null;
};

/** The real arithmetic over counters in memory, without a promise where the port allows it. Default clock: it stands still. */
export function createMemoryLimiter(now: () => number = () => 0): MemoryLimiter {
  const counters = new Map<string, Counter>();
  const ledger = new Ledger({
    get: (key) => counters.get(key) ?? null,
    set: (key, counter) => void counters.set(key, counter),
    delete: (key) => void counters.delete(key),
  });
  const calls: MemoryLimiter['calls'] = [];
  let names = 0;
  const decide = (call: LimitCall): readonly Verdict[] =>
    ledger.decide(call, now()).outcomes.map((outcome) => {
      if (outcome === null || 'unavailable' in outcome) throw new Error('A ledger is never unavailable.');
      return 'figures' in outcome ? outcome.figures : outcome;
    });
  const note = (kind: LimitCall['kind'], checks: readonly LimitCheck[]): string => {
    calls.push({ kind, checks });
    names += 1;
    return `request-${names}`;
  };
  return {
    calls,
    figures: (key) => {
      const [outcome] = ledger.decide({ kind: 'show', keys: [key] }, now()).outcomes;
      return outcome != null && 'figures' in outcome ? outcome.figures : null;
    },
    take: (checks) => {
      const slot = note('take', checks);
      const verdicts = decide({ kind: 'take', checks, slot });
      const slots = checks.filter(({ limit }) => limit.algorithm === 'concurrency');
      const isRefused = verdicts.some((verdict, at) => checks[at]?.shadow !== true && !allows(verdict));
      const endSlots = (): void => {
        note('free', slots);
        decide({ kind: 'free', checks: slots, slot });
      };
      return { verdicts, endSlots: slots.length === 0 || isRefused ? null : endSlots };
    },
    reserve: (checks) => {
      const id = note('reserve', checks);
      const verdicts = decide({ kind: 'reserve', checks, id });
      const settle = (kind: 'commit' | 'release') => (): void => {
        note(kind, checks);
        if (verdicts.every(allows)) decide({ kind, checks, id });
      };
      return Promise.resolve({ verdicts, commit: settle('commit'), release: settle('release') });
    },
    charge: (checks) => {
      note('charge', checks);
      decide({ kind: 'charge', checks });
    },
  };
}

function allows(verdict: Verdict): boolean {
  return 'allowed' in verdict && verdict.allowed;
}
