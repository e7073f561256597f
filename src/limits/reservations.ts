/** Places held for requests that are not yet sure to count. In memory: they are shorter than any restart. */
import { type Check, RESERVATION_MS } from './calls.ts';

type Reservation = { checks: readonly Check[]; readonly lapsesAtMs: number };
type Hold = { readonly id: string; readonly units: number; readonly lapsesAtMs: number };
type Held = { units: number; readonly holds: Hold[] };

export class Reservations {
  /** In the order in which they lapse, as the clock of a ledger never goes back by itself. */
  readonly #live = new Map<string, Reservation>();
  readonly #byKey = new Map<string, Held>();
  /** Until when a repeated call for what is settled changes nothing. */
  readonly #settled = new Map<string, number>();

  /** To be called with every new time, before anything else is asked. */
  lapse(nowMs: number): void {
    if (this.#live.size + this.#settled.size === 0) return;
    for (const [id, { lapsesAtMs }] of this.#live) {
      if (lapsesAtMs > nowMs) break;
      this.#drop(id);
    }
    for (const [id, untilMs] of this.#settled) {
      if (untilMs > nowMs) break;
      this.#settled.delete(id);
    }
  }

  /** The clock was set back: nothing waits longer than it would have. */
  rewind(nowMs: number): void {
    const latestMs = nowMs + RESERVATION_MS;
    const live = [...this.#live];
    this.#live.clear();
    this.#byKey.clear();
    for (const [id, { checks, lapsesAtMs }] of live) this.#insert(id, checks, Math.min(lapsesAtMs, latestMs));
    for (const [id, untilMs] of this.#settled) this.#settled.set(id, Math.min(untilMs, latestMs));
  }

  /** Does it hold a place of this counter already? */
  holds(id: string, key: string): boolean {
    return this.#live.get(id)?.checks.some((check) => check.key === key) ?? false;
  }

  /** Once: what is held or was settled already is left as it is. */
  hold(id: string, checks: readonly Check[], nowMs: number): void {
    if (!this.#live.has(id) && !this.#settled.has(id)) this.#insert(id, checks, nowMs + RESERVATION_MS);
  }

  /** Ends it. Answers what it held; null: it never was or has lapsed; `settled`: it was ended before. */
  settle(id: string, nowMs: number): readonly Check[] | 'settled' | null {
    if (this.#settled.has(id)) return 'settled';
    this.#settled.set(id, nowMs + RESERVATION_MS);
    const reservation = this.#live.get(id);
    if (reservation === undefined) return null;
    this.#drop(id);
    return reservation.checks;
  }

  /** Units held of a counter. */
  heldOf(key: string): number {
    return this.#live.size === 0 ? 0 : (this.#byKey.get(key)?.units ?? 0);
  }

  /** What is held of a counter, in the order in which it lapses. */
  holdsOf(key: string): readonly Hold[] {
    return this.#byKey.get(key)?.holds ?? [];
  }

  /** The counter was reset: nothing is held of it. What is committed later still counts. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }

  /** The request ended before it was committed; it shall not hold a slot afterwards. */
  endSlot(id: string, keys: readonly string[]): void {
    const reservation = this.#live.get(id);
    if (reservation === undefined) return;
    const ends = (check: Check): boolean => check.limit.algorithm === 'concurrency' && keys.includes(check.key);
    for (const check of reservation.checks) if (ends(check)) this.#unhold(id, check.key);
    reservation.checks = reservation.checks.filter((check) => !ends(check));
  }

  #insert(id: string, checks: readonly Check[], lapsesAtMs: number): void {
    this.#live.set(id, { checks, lapsesAtMs });
    for (const check of checks) {
      const isSlot = check.limit.algorithm === 'concurrency';
      const held = this.#byKey.get(check.key) ?? { units: 0, holds: [] };
      // A request holds one slot of a counter, however often it is named.
      if (isSlot && held.holds.some((hold) => hold.id === id)) continue;
      const units = isSlot ? 1 : check.cost;
      held.units += units;
      held.holds.push({ id, units, lapsesAtMs });
      this.#byKey.set(check.key, held);
    }
  }

  #drop(id: string): void {
    const reservation = this.#live.get(id);
    this.#live.delete(id);
    for (const { key } of reservation?.checks ?? []) this.#unhold(id, key);
  }

  #unhold(id: string, key: string): void {
    const held = this.#byKey.get(key);
    const index = held?.holds.findIndex((hold) => hold.id === id) ?? -1;
    if (held === undefined || index === -1) return;
    const [hold] = held.holds.splice(index, 1);
    held.units -= hold?.units ?? 0;
    if (held.holds.length === 0) this.#byKey.delete(key);
  }
}
