/** The port through which policies count requests; objects/ implements it. */
import type { Check } from './calls.ts';
import type { Figures } from './limit.ts';

export type LimitCheck = Check & {
  /** `exact`: every decision in the object. `leased`: spent from a batch that this isolate was given. */
  readonly mode: 'exact' | 'leased';
};

/**
 * What became of one check. `undecided`: it could not be asked; the request may go on as its
 * `onFailure` says, and `why` is for the log.
 */
export type Verdict = Figures | { readonly undecided: 'open' | 'closed'; readonly why: string };

export type WaitUntil = (work: Promise<unknown>) => void;

export interface RateLimiter {
  /**
   * All or nothing over all checks but the shadowed: when one refuses, or a closed one cannot be asked,
   * none is consumed. Verdicts are in the order of the checks. Never rejects. Without a promise where
   * everything could be decided here.
   */
  take(checks: readonly LimitCheck[], waitUntil: WaitUntil): Taken | Promise<Taken>;
  /** Holds a place for what is not yet sure to count. Exact; checks say their figures as if it counted. Never rejects. */
  reserve(checks: readonly LimitCheck[], waitUntil: WaitUntil): Promise<Reserved>;
  /** Counts what already happened, without waiting. What cannot be counted is lost: there is nobody left to refuse. */
  charge(checks: readonly LimitCheck[], waitUntil: WaitUntil): void;
}

export type Taken = {
  readonly verdicts: readonly Verdict[];
  /** Ends the request's slots; to be called once, when its last byte is out. null: no concurrency limit, or it was refused. */
  readonly endSlots: (() => void) | null;
};

export type Reserved = {
  readonly verdicts: readonly Verdict[];
  /** Exactly one of the two is called, once; both run in `waitUntil`. When the reservation was refused they do nothing. */
  readonly commit: () => void;
  readonly release: () => void;
};
