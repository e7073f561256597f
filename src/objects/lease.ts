/**
 * What this isolate holds of one leased counter: units that the object has already counted, to be
 * spent here without asking. All state and no calls; leases.ts asks the object.
 */
import type { LimitAnswer } from '../limits/calls.ts';
import { LEASED_SHARE } from '../limits/calls.ts';
import { type Figures, largestCost, type Limit } from '../limits/limit.ts';
import { isFigures } from './outcomes.ts';

/**
 * A batch lasts about so long at the recent rate. Longer saves calls; what an isolate holds when its
 * requests end is lost, so shorter wastes less.
 */
export const HORIZON_MS = 250;
/** With fewer requests than this within a horizon nothing is fetched ahead: it would lapse unspent. */
const AHEAD_FROM = 2;

/** A denial may be for the rest of a month; so often somebody whom it refuses has it confirmed, without waiting. */
const CONFIRM_MS = 1_000;

/** An object that nobody asked for so long may be gone from memory, and is started by the next call. */
const EVICTED_MS = 10_000;

type Known = { readonly figures: Figures; readonly atMs: number };

export type LeaseRequest = { readonly wanted: number; readonly unspent: number; readonly sentAtMs: number };

export class Lease {
  readonly limit: Limit;
  #units = 0;
  /** The last batch. */
  #granted = 0;
  #validUntilMs = 0;
  /** The last word of the object. What it granted is no part of what it says remains. */
  #known: Known | null = null;
  #denial: (Known & { readonly untilMs: number }) | null = null;
  #askedAtMs = 0;
  /** Units asked for lately: each fades with HORIZON_MS, so that at a steady rate this is rate × horizon. */
  #load = 0;
  #loadAtMs = 0;
  /** Someone waited in vain since the object last answered. */
  #isLate = false;
  /** Spent while a request for more is under way, of units which that request gave back. */
  #spentMeanwhile = 0;

  constructor(limit: Limit) {
    this.limit = limit;
  }

  /** A request is here, whatever becomes of it. */
  demand(cost: number, nowMs: number): void {
    this.#load = this.#loadNow(nowMs) + cost;
    this.#loadAtMs = nowMs;
  }

  holds(cost: number, nowMs: number): boolean {
    return nowMs < this.#validUntilMs && this.#units >= cost;
  }

  /** Of units that it holds. */
  spend(cost: number): void {
    this.#units -= cost;
    this.#spentMeanwhile += cost;
  }

  giveBack(cost: number): void {
    this.#units += cost;
    this.#spentMeanwhile -= cost;
  }

  /** A denial stands until it ends, but an operator may have reset the counter since the object was last asked. */
  isToConfirm(nowMs: number): boolean {
    return this.#denial !== null && nowMs - this.#askedAtMs >= CONFIRM_MS;
  }

  /** Of a request that has passed. */
  figures(nowMs: number): Figures {
    const { figures, atMs } = this.#known ?? { figures: NOTHING_KNOWN, atMs: nowMs };
    const remaining = figures.remaining + Math.max(0, this.#units);
    return { allowed: true, remaining, resetMs: Math.max(0, figures.resetMs - (nowMs - atMs)), retryAfterMs: 0 };
  }

  /** The refusal that a request of this cost meets for now; null: not known, as the object's word is on a cost of 1. */
  denial(cost: number, nowMs: number): Figures | null {
    if (this.#denial === null || nowMs >= this.#denial.untilMs || cost !== 1) return null;
    const { figures, atMs } = this.#denial;
    const agoMs = nowMs - atMs;
    return {
      ...figures,
      resetMs: Math.max(0, figures.resetMs - agoMs),
      retryAfterMs: figures.retryAfterMs === null ? null : Math.max(0, figures.retryAfterMs - agoMs),
    };
  }

  /** Less than half of the batch is left, the rest will soon be used, and there is more to be had. */
  runsLow(nowMs: number): boolean {
    if (this.#denial !== null && nowMs < this.#denial.untilMs) return false;
    const load = this.#loadNow(nowMs);
    return load >= AHEAD_FROM && this.#units < Math.min(load, this.#granted) / 2;
  }

  /** The object may have to be started before it answers. Once somebody waited for that in vain it is no excuse any more. */
  isCold(nowMs: number): boolean {
    return !this.#isLate && (this.#known === null || nowMs - this.#known.atMs > EVICTED_MS);
  }

  wasLate(): void {
    this.#isLate = true;
  }

  /** The next request to the object; `waiting` units are needed at once. What is unspent goes back and is part of the answer again. */
  request(waiting: number, nowMs: number): LeaseRequest {
    const unspent = nowMs < this.#validUntilMs ? Math.max(0, this.#units) : 0;
    if (unspent === 0) this.#units = 0;
    this.#spentMeanwhile = 0;
    this.#askedAtMs = nowMs;
    // The load counts the waiting ones too.
    const wanted = Math.max(waiting, Math.min(Math.floor(this.#loadNow(nowMs)), this.most), 1);
    return { wanted, unspent, sentAtMs: nowMs };
  }

  /** Returns the units that were granted; null: the counter could not be asked. */
  answered({ unspent, sentAtMs }: LeaseRequest, answer: LimitAnswer, nowMs: number): number | null {
    const [figures] = answer.outcomes;
    if (!isFigures(figures) || answer.lease === undefined) {
      // What was given back may have arrived: it must not be spent as well.
      if (unspent > 0) this.#units = 0;
      return null;
    }
    const { granted, validMs, deniedMs } = answer.lease;
    this.#units = Math.max(0, granted - this.#spentMeanwhile);
    this.#granted = granted;
    // From when it was sent, so that it never ends later than in the object.
    this.#validUntilMs = sentAtMs + validMs;
    this.#known = { figures, atMs: nowMs };
    this.#isLate = false;
    this.#denial = deniedMs > 0 ? deniedFor(figures, deniedMs, nowMs) : null;
    return granted;
  }

  /** More is never granted: an object gives half of what it may still hand out. */
  get most(): number {
    return Math.ceil(Math.floor(LEASED_SHARE * Math.min(this.limit.rate, largestCost(this.limit))) / 2);
  }

  #loadNow(nowMs: number): number {
    const agoMs = nowMs - this.#loadAtMs;
    return agoMs <= 0 ? this.#load : this.#load * Math.exp(-agoMs / HORIZON_MS);
  }
}

/** Whoever comes back when the denial ends is not refused again for it. */
function deniedFor(figures: Figures, deniedMs: number, nowMs: number): Known & { readonly untilMs: number } {
  const retryAfterMs = Math.max(figures.retryAfterMs ?? 0, deniedMs);
  return { figures: { ...figures, allowed: false, retryAfterMs }, atMs: nowMs, untilMs: nowMs + deniedMs };
}

const NOTHING_KNOWN: Figures = { allowed: true, remaining: 0, resetMs: 0, retryAfterMs: 0 };
