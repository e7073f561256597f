/** Who was given units of which counter to spend alone. In memory: after a restart they are spent, nothing else. */

import { sameLimit } from './algorithms/algorithm-of.ts';
import type { Limit } from './limit.ts';

type Outstanding = {
  readonly limit: Limit;
  readonly granted: number;
  readonly grantedAtMs: number;
  readonly validUntilMs: number;
  /** The least that was `refundable` since. */
  refundable: number;
};

/** How often leases of counters that nobody asks for are looked through. */
const SWEEP_MS = 10_000;

export class Leases {
  readonly #byKey = new Map<string, Map<string, Outstanding>>();
  #sweepAtMs = 0;

  /** Units that holders may still spend. */
  outstanding(key: string, nowMs: number): number {
    const holders = this.#byKey.get(key);
    if (holders === undefined) return 0;
    let units = 0;
    for (const [holder, lease] of holders) {
      if (lease.validUntilMs > nowMs) units += lease.granted;
      else holders.delete(holder);
    }
    if (holders.size === 0) this.#byKey.delete(key);
    return units;
  }

  grant(key: string, holder: string, lease: Omit<Outstanding, 'refundable'>): void {
    this.#sweep(lease.grantedAtMs);
    const holders = this.#byKey.get(key) ?? new Map<string, Outstanding>();
    holders.set(holder, { ...lease, refundable: Number.POSITIVE_INFINITY });
    this.#byKey.set(key, holders);
  }

  /** Ends a holder's lease; null: it has none that is still valid. */
  end(key: string, holder: string, nowMs: number): Outstanding | null {
    const holders = this.#byKey.get(key);
    const lease = holders?.get(holder);
    if (holders === undefined || lease === undefined) return null;
    holders.delete(holder);
    if (holders.size === 0) this.#byKey.delete(key);
    return lease.validUntilMs > nowMs ? lease : null;
  }

  hasAny(key: string): boolean {
    return this.#byKey.size > 0 && this.#byKey.has(key);
  }

  /** To be called before each spending of a leased counter. */
  noteRefundable(key: string, limit: Limit, units: number): void {
    for (const lease of this.#byKey.get(key)?.values() ?? []) {
      // What was counted by another limit is not measured in this one's units.
      lease.refundable = sameLimit(lease.limit, limit) ? Math.min(lease.refundable, units) : 0;
    }
  }

  /** With these units never spent, less would have been refundable to the others. */
  noteRefunded(key: string, units: number): void {
    for (const lease of this.#byKey.get(key)?.values() ?? []) lease.refundable = Math.max(0, lease.refundable - units);
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }

  /** The clock was set back: what is out is spent, and is forgotten no later than it would have been. */
  rewind(nowMs: number, longestMs: number): void {
    this.#sweepAtMs = 0;
    for (const holders of this.#byKey.values()) {
      for (const [holder, lease] of holders) {
        holders.set(holder, { ...lease, validUntilMs: Math.min(lease.validUntilMs, nowMs + longestMs), refundable: 0 });
      }
    }
  }

  #sweep(nowMs: number): void {
    if (nowMs < this.#sweepAtMs) return;
    this.#sweepAtMs = nowMs + SWEEP_MS;
    for (const key of this.#byKey.keys()) this.outstanding(key, nowMs);
  }
}
