/**
 * What a gateway asks of the objects that hold the counters, and what they answer. Plain data: it
 * crosses isolates and processes by RPC, and several calls travel in one.
 */
import type { Figures, Limit } from './limit.ts';

/** One limit on one key. */
export type Check = {
  /** Identity of the counter: `LIMIT|SUBJECT`, see `counterKey`. Equal keys share the counter. */
  readonly key: string;
  readonly limit: Limit;
  /** At least 1. */
  readonly cost: number;
  /** Judged, and counted when it would pass and nothing else refused; it refuses nothing itself. */
  readonly shadow?: true;
  /** What becomes of the request when this counter cannot be asked. */
  readonly onFailure: 'open' | 'closed';
  /** Longest wait for this counter, in milliseconds. A batch whose object may have to be started first is waited for up to 500. */
  readonly budgetMs: number;
};

/**
 * - `take`: all or nothing. `slot` names the request for the concurrency limits among the checks.
 * - `reserve`, then `commit` or `release`: the same in two steps. An unsettled one lapses after RESERVATION_MS.
 * - `charge`: counts without asking; may leave a debt.
 * - `lease`: hands out up to `wanted` units of one counter, to be spent by `holder` on its own.
 *   `unspent` of its last lease come back.
 * - `renew`, `free`: of a slot.
 * - `show`, `reset`: of counters by their keys, whatever their limit is.
 */
export type LimitCall =
  | { readonly kind: 'take'; readonly checks: readonly Check[]; readonly slot: string | null }
  | { readonly kind: 'reserve' | 'commit' | 'release'; readonly checks: readonly Check[]; readonly id: string }
  | { readonly kind: 'charge'; readonly checks: readonly Check[] }
  | {
      readonly kind: 'lease';
      readonly checks: readonly [Check];
      readonly holder: string;
      readonly wanted: number;
      readonly unspent: number;
    }
  | { readonly kind: 'renew' | 'free'; readonly checks: readonly Check[]; readonly slot: string }
  | { readonly kind: 'show' | 'reset'; readonly keys: readonly string[] };

/** Why a counter gave no figures: its object failed or is not there, has too much to do, or took longer than the budget. */
export type Unavailable = { readonly unavailable: 'gone' | 'overloaded' | 'late' };

export type LimitAnswer = {
  /** One per check or key, in order. null (of `show`, `reset`): there is no such counter. */
  readonly outcomes: readonly (Figures | Unavailable | ShownCounter | null)[];
  /** The object's clock, and the place of this decision among all of that object since it started. */
  readonly atMs: number;
  readonly order: number;
  /** Of `lease`. */
  readonly lease?: Lease;
};

export type Lease = {
  readonly granted: number;
  /** Unspent units are void afterwards; never beyond the end of a window. */
  readonly validMs: number;
  /** The counter has no more: what is granted now is all there is before this has passed. 0: it has. */
  readonly deniedMs: number;
};

/** A counter as it is now, for operators. */
export type ShownCounter = { readonly limit: Limit; readonly figures: Figures };

/** How long a reservation may wait for its commit or release. */
export const RESERVATION_MS = 5_000;
/** A slot is renewed this often, and free when it was not for SLOT_MS. */
export const SLOT_RENEWAL_MS = 10_000;
export const SLOT_MS = 30_000;
/** How long unspent units of a lease stay good. */
export const LEASE_MS = 1_000;
/** All outstanding leases of a counter together, as a share of its limit. */
export const LEASED_SHARE = 0.05;
/** The smallest limit that may be leased at all; a smaller one is exact whatever is written. */
export const LEASABLE_FROM = 100;
/** From here on a token bucket, fixed or sliding window is leased unless `exact` is written. */
export const LEASED_FROM = 1_000;

/** Whoever can decide: the objects themselves, or a process that reaches them. Answers in the order of the calls; never rejects for one counter's sake. */
export interface LimitService {
  decide(calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]>;
}

/**
 * `limit` names the limit (scope, name, index), `subject` whom it counts. Neither holds a `|` (parts
 * are percent-encoded), so the subject can be read from the key: counters of one subject live together.
 */
export function counterKey(limit: string, subject: string): string {
  return `${limit}|${subject}`;
}

export function subjectOf(key: string): string {
  return key.slice(key.indexOf('|') + 1);
}
