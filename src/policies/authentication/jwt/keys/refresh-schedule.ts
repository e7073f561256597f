/** When a provider may be asked again. */
import type { KeySetError } from './key-set-error.ts';

/** A key that the provider has removed verifies for at most this long, and one request more, while the provider can be asked. */
export const MAX_LIFE_MS = 600_000;
/** However short Cache-Control says. */
export const MIN_LIFE_MS = 60_000;
/** Between a request to the provider and the next that an unknown `kid` may cause. */
export const KID_COOLDOWN_MS = 30_000;

/** While requests are refused for want of a set, trying again soon is worth it. */
const FIRST_BACK_OFF_MS = 2_000;
/** With a set that serves: at most two attempts a minute. */
const WARM_BACK_OFF_MS = 30_000;
const LAST_BACK_OFF_MS = 60_000;
/** A failure says something about the provider for this long; it covers the longest back-off and the attempt after it. */
const FAILURE_COUNTS_MS = 120_000;

/** @param askedMs what the provider allows; null: it does not say */
export function lifeMsOf(askedMs: number | null): number {
  return Math.min(MAX_LIFE_MS, Math.max(MIN_LIFE_MS, askedMs ?? MAX_LIFE_MS));
}

/** Between 50 and 80 % of the life, so that isolates that started together part, and an answer may fail once. */
export function refreshAtMs(fetchedAtMs: number, lifeMs: number, random: number): number {
  return fetchedAtMs + Math.round(lifeMs * (0.5 + 0.3 * random));
}

export class AskSchedule {
  readonly #random: () => number;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #failure: KeySetError | null = null;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Of the last attempt; null: it succeeded, or there was none. */
  get failure(): KeySetError | null {
    return this.#failure;
  }

  mayAsk(now: number): boolean {
    // A clock that was set back must not hold attempts up for as long.
    return now >= this.#retryAtMs || now < this.#failedAtMs - LAST_BACK_OFF_MS;
  }

  /** @param fetchedAtMs of the set that lacks the kid; another isolate may have asked for it */
  mayAskForKid(now: number, fetchedAtMs: number): boolean {
    return this.mayAsk(now) && Math.abs(now - Math.max(this.#askedAtMs, fetchedAtMs)) >= KID_COOLDOWN_MS;
  }

  /** It is known that there is no newer set to be had, so that waiting for one would only cost time. */
  failedLately(now: number): boolean {
    return this.#failure !== null && Math.abs(now - this.#failedAtMs) < FAILURE_COUNTS_MS;
  }

  retryInMs(now: number): number {
    return Math.min(LAST_BACK_OFF_MS, Math.max(0, this.#retryAtMs - now));
  }

  asked(now: number): void {
    this.#askedAtMs = now;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#failure = null;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
  }

  /** @param servesOld there is a set that goes on verifying */
  failed(now: number, failure: KeySetError, servesOld: boolean): void {
    this.#failures += 1;
    this.#failure = failure;
    this.#failedAtMs = now;
    const first = servesOld ? WARM_BACK_OFF_MS : FIRST_BACK_OFF_MS;
    const longest = Math.min(LAST_BACK_OFF_MS, first * 2 ** Math.min(this.#failures - 1, 10));
    this.#retryAtMs = now + Math.round(longest * (0.75 + 0.25 * this.#random()));
  }
}
