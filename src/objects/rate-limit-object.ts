/**
 * One counter per object: a key's checks are decided one after the other in one place, which is what
 * makes the limit exact. The platform evicts an object after about 10 s without a call, so the state is
 * kept in storage too; an alarm deletes it once it says nothing any more.
 *
 * Decisions are made in memory and written without waiting (`allowUnconfirmed`), a fast counter's at most
 * every WRITE_SPACING_MS: what a crash loses is the last unwritten requests, in the client's favour.
 *
 * A request under several limits asks several objects, and takes from all of them or from none:
 * `reserve` on each, then `commit` or `release`. A reservation counts against later requests while it
 * is held but is no part of the debt, so that giving it back leaves no trace. One that nobody settles
 * lapses after RESERVATION_MS: its caller is gone, so its request was not served.
 */
import { DurableObject } from 'cloudflare:workers';
import type { RateLimitDecision } from './bucket-limits.ts';
import { debtAt, decide, type GcraState, idleAtMs, type Limit, peek, spend } from './gcra.ts';

/** How long a reservation may wait for its commit or release. */
export const RESERVATION_MS = 5_000;
/** A busy counter's clean-up moves on at most this often, so that a request costs no alarm write of its own. */
const CLEANUP_SPACING_MS = 10_000;
/**
 * A write costs more than all the rest of a decision. A counter that refills faster than this writes
 * once per spacing, and not at all when it is full again by then; a crash forgets at most what passed
 * meanwhile. A slower one writes each request, which its limit makes rare and whose loss would show for
 * long. Far below the 10 s before an eviction.
 */
export const WRITE_SPACING_MS = 50;
const KEY = 'state';

type Saved = { readonly gcra: GcraState; readonly alarmAtMs: number };

export class RateLimitObject extends DurableObject<unknown> {
  #saved: Saved | null;
  #write: ReturnType<typeof setTimeout> | null = null;
  /** Reservation id → when it lapses. In memory only; oldest first, because all wait equally long. */
  readonly #held = new Map<string, number>();

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    this.#saved = ctx.storage.kv.get<Saved>(KEY) ?? null;
  }

  /** Decides one request and counts it when it passes. */
  take(limit: Limit): RateLimitDecision {
    const nowMs = Date.now();
    const { debt, held } = this.#load(limit, nowMs);
    const decision = decide(debt + held, limit);
    if (decision.allowed) this.#save(spend(debt, limit, nowMs), nowMs);
    return decision;
  }

  /** Decides one request and, when it passes, holds its place under `id`. Asking again with the same id changes nothing. */
  reserve(limit: Limit, id: string): RateLimitDecision {
    const nowMs = Date.now();
    const { debt, held } = this.#load(limit, nowMs);
    if (this.#held.has(id)) return decide(debt + held - limit.periodMs, limit);
    const decision = decide(debt + held, limit);
    if (decision.allowed) this.#held.set(id, nowMs + RESERVATION_MS);
    return decision;
  }

  /** Counts a request that passed everywhere, also when its reservation lapsed or was lost in a restart. */
  commit(limit: Limit, id: string): void {
    const nowMs = Date.now();
    this.#held.delete(id);
    this.#save(spend(this.#load(limit, nowMs).debt, limit, nowMs), nowMs);
  }

  /** Gives a place back, because another limit refused the request. */
  release(limit: Limit, id: string): RateLimitDecision {
    this.#held.delete(id);
    const { debt, held } = this.#load(limit, Date.now());
    return peek(debt + held, limit);
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    if (this.#saved !== null && idleAtMs(this.#saved.gcra) > nowMs) {
      this.#saved = { gcra: this.#saved.gcra, alarmAtMs: 0 };
      this.#store(nowMs);
      return;
    }
    this.#saved = null;
    await this.ctx.storage.deleteAll();
  }

  #load(limit: Limit, nowMs: number): { readonly debt: number; readonly held: number } {
    for (const [id, lapsesAtMs] of this.#held) {
      if (lapsesAtMs > nowMs) break;
      this.#held.delete(id);
    }
    return { debt: debtAt(this.#saved?.gcra ?? null, limit, nowMs), held: this.#held.size * limit.periodMs };
  }

  #save(gcra: GcraState, nowMs: number): void {
    this.#saved = { gcra, alarmAtMs: this.#saved?.alarmAtMs ?? 0 };
    if (gcra.periodMs >= gcra.rate * WRITE_SPACING_MS) this.#store(nowMs);
    else this.#write ??= setTimeout(() => this.#store(Date.now()), WRITE_SPACING_MS);
  }

  /** Writes what is in memory now, unless it says nothing any more: then what was written before says nothing either. */
  #store(nowMs: number): void {
    if (this.#write !== null) clearTimeout(this.#write);
    this.#write = null;
    // Nothing in memory: the alarm has deleted the counter.
    if (this.#saved === null) return;
    const { gcra, alarmAtMs: pending } = this.#saved;
    const idleMs = idleAtMs(gcra);
    if (idleMs <= nowMs) return;
    const alarmAtMs = pending > nowMs ? pending : Math.max(idleMs, nowMs + CLEANUP_SPACING_MS);
    this.#saved = { gcra, alarmAtMs };
    const { storage } = this.ctx;
    // Not awaited: the answer does not wait for the disk. A failed write resets the object by itself.
    void storage.put(KEY, this.#saved, { allowUnconfirmed: true });
    if (alarmAtMs !== pending) void storage.setAlarm(alarmAtMs, { allowUnconfirmed: true });
  }
}
