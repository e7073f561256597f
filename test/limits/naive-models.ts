/** Each algorithm as its description has it, slow and without shortcuts: what passed is remembered one by one. */

export type Passed = { readonly atMs: number; readonly cost: number };

/** Tokens in exact fractions, counted in periodMs-ths. Charges may make them negative. */
export class NaiveBucket {
  tokens: bigint;
  #lastMs: number;
  readonly #limit: { readonly rate: number; readonly periodMs: number; readonly burst: number };

  constructor(limit: { readonly rate: number; readonly periodMs: number; readonly burst: number }, nowMs: number) {
    this.#limit = limit;
    this.tokens = BigInt(limit.burst) * BigInt(limit.periodMs);
    this.#lastMs = nowMs;
  }

  take(nowMs: number, cost: number): boolean {
    const price = BigInt(cost) * BigInt(this.#limit.periodMs);
    if (this.at(nowMs) < price) return false;
    this.tokens -= price;
    return true;
  }

  charge(nowMs: number, cost: number): void {
    this.tokens = this.at(nowMs) - BigInt(cost) * BigInt(this.#limit.periodMs);
  }

  at(nowMs: number): bigint {
    const full = BigInt(this.#limit.burst) * BigInt(this.#limit.periodMs);
    this.tokens += BigInt(nowMs - this.#lastMs) * BigInt(this.#limit.rate);
    if (this.tokens > full) this.tokens = full;
    this.#lastMs = nowMs;
    return this.tokens;
  }
}

/** A list of what passed, and a rule which of it counts at a time. */
export class NaiveWindow {
  readonly passed: Passed[] = [];
  readonly #rate: number;
  /** How much of what passed at `atMs` counts at `nowMs`, as a fraction. */
  readonly #share: (atMs: number, nowMs: number) => readonly [bigint, bigint];

  constructor(rate: number, share: (atMs: number, nowMs: number) => readonly [bigint, bigint]) {
    this.#rate = rate;
    this.#share = share;
  }

  take(nowMs: number, cost: number): boolean {
    if (!this.#fits(nowMs, cost)) return false;
    this.charge(nowMs, cost);
    return true;
  }

  charge(nowMs: number, cost: number): void {
    this.passed.push({ atMs: nowMs, cost });
  }

  #fits(nowMs: number, cost: number): boolean {
    let numerator = 0n;
    let denominator = 1n;
    for (const one of this.passed) {
      const [share, of] = this.#share(one.atMs, nowMs);
      numerator = numerator * of + BigInt(one.cost) * share * denominator;
      denominator *= of;
      if (of !== 1n) [numerator, denominator] = reduced(numerator, denominator);
    }
    return numerator + BigInt(cost) * denominator <= BigInt(this.#rate) * denominator;
  }
}

function reduced(numerator: bigint, denominator: bigint): [bigint, bigint] {
  let [a, b] = [numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return a === 0n ? [0n, 1n] : [numerator / a, denominator / a];
}

export function fixedShare(periodMs: number): (atMs: number, nowMs: number) => readonly [bigint, bigint] {
  return (atMs, nowMs) => [Math.floor(atMs / periodMs) === Math.floor(nowMs / periodMs) ? 1n : 0n, 1n];
}

export function logShare(periodMs: number): (atMs: number, nowMs: number) => readonly [bigint, bigint] {
  return (atMs, nowMs) => [nowMs - atMs < periodMs ? 1n : 0n, 1n];
}

export function countersShare(periodMs: number): (atMs: number, nowMs: number) => readonly [bigint, bigint] {
  return (atMs, nowMs) => {
    const windowsAgo = Math.floor(nowMs / periodMs) - Math.floor(atMs / periodMs);
    if (windowsAgo === 0) return [1n, 1n];
    return windowsAgo === 1 ? [BigInt(periodMs - (nowMs % periodMs)), BigInt(periodMs)] : [0n, 1n];
  };
}

/** The most that passed in any stretch of `lengthMs`, both ends included. */
export function worstStretch(passed: readonly Passed[], lengthMs: number): number {
  let worst = 0;
  for (const { atMs: startMs } of passed) {
    let units = 0;
    for (const { atMs, cost } of passed) if (atMs >= startMs && atMs - startMs <= lengthMs) units += cost;
    worst = Math.max(worst, units);
  }
  return worst;
}
