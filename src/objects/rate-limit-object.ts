/**
 * One of the objects that hold the counters: many keys in one table, decided one after the other in one
 * place, which is what makes a limit exact. limit-objects.ts says which keys.
 *
 * Decisions are made in memory and written behind the answer, at most every WRITE_SPACING_MS, because a
 * write holds back every answer until the disk has it. After a quiet while that is at once, so that slow
 * limits lose nothing; what a crash loses otherwise is the counting of that spacing, in the clients'
 * favour. The platform evicts an object after about 10 s without a call; by then everything is written.
 *
 * How often, measured on bare workerd with 10,000 keys over 16 objects, processor time for one call: with
 * each decision 196 µs (and answers that wait 11 ms for the disk), every 10 ms 157, 50 ms 143, 200 ms 134,
 * 1,000 ms 114. So 50 ms gives away a fifth of what is to be had, and a crash forgets no more than that.
 */
import { DurableObject } from 'cloudflare:workers';
import type { LimitAnswer, LimitCall } from '../limits/calls.ts';
import { Ledger } from '../limits/ledger.ts';
import { CounterTable } from './counter-table.ts';
import { unavailableAnswer } from './limit-client.ts';

/** Between two writes; also from a decision to its being written, when it would not be missed for long. */
export const WRITE_SPACING_MS = 50;
/** Rows that say nothing any more are deleted at most this often, and no later after that. */
const CLEANUP_SPACING_MS = 30_000;
/** Where more than this many counters change within the spacing, they are written sooner. */
const MOST_UNWRITTEN = 5_000;

export type ObjectTiming = { readonly writeSpacingMs: number; readonly cleanupSpacingMs: number };

export class RateLimitObject extends DurableObject<unknown> {
  readonly #timing: ObjectTiming;
  readonly #table: CounterTable;
  readonly #ledger: Ledger;
  #write: ReturnType<typeof setTimeout> | null = null;
  #writeAtMs = 0;
  #writtenAtMs = 0;
  /** 0: none that this object knows of. */
  #alarmAtMs = 0;

  /** The platform gives the first two; `timing` is for measurements. */
  constructor(ctx: DurableObjectState, env: unknown, timing: Partial<ObjectTiming> = {}) {
    super(ctx, env);
    this.#timing = { writeSpacingMs: WRITE_SPACING_MS, cleanupSpacingMs: CLEANUP_SPACING_MS, ...timing };
    this.#table = new CounterTable(ctx.storage.sql);
    this.#ledger = new Ledger(this.#table);
  }

  /** In their order, at one time. A call that cannot be decided costs no other call its answer. */
  decide(calls: readonly LimitCall[]): readonly LimitAnswer[] {
    const nowMs = Date.now();
    const answers = calls.map((call) => {
      try {
        return this.#ledger.decide(call, nowMs);
      } catch (error) {
        // oxlint-disable-next-line no-console
        console.error(JSON.stringify({ event: 'rate-limit-call-failed', kind: call.kind, error: String(error) }));
        return unavailableAnswer(call, 'gone', nowMs);
      }
    });
    this.#writeLater(nowMs);
    return answers;
  }

  #writeLater(nowMs: number): void {
    const { unwritten, isUrgent } = this.#table;
    if (unwritten === 0) return;
    const { writeSpacingMs } = this.#timing;
    if (unwritten > MOST_UNWRITTEN || writeSpacingMs === 0) {
      this.flush();
      return;
    }
    const latestMs = nowMs + writeSpacingMs;
    // A clock that was set back says that the last write is to come.
    const atMs = isUrgent ? Math.min(latestMs, Math.max(nowMs, this.#writtenAtMs + writeSpacingMs)) : latestMs;
    if (this.#write !== null) {
      if (this.#writeAtMs <= atMs) return;
      clearTimeout(this.#write);
    }
    this.#writeAtMs = atMs;
    this.#write = setTimeout(() => this.flush(), atMs - nowMs);
  }

  /** Writes what was decided so far. Returns why it could not; null: it is written. */
  flush(): string | null {
    if (this.#write !== null) clearTimeout(this.#write);
    this.#write = null;
    const nowMs = Date.now();
    this.#writtenAtMs = nowMs;
    let idleMs: number | null;
    try {
      idleMs = this.#table.write(nowMs);
    } catch (error) {
      return this.#notWritten(error);
    }
    if (idleMs !== null) this.#setAlarm(idleMs, nowMs);
    return null;
  }

  #setAlarm(writtenIdleMs: number, nowMs: number): void {
    const isSet = this.#alarmAtMs > nowMs;
    // An alarm of the object's former life may still be to come, and this one replaces it: it must suit the older rows too.
    const idleMs = isSet ? writtenIdleMs : (this.#table.nextIdleMs() ?? writtenIdleMs);
    const alarmAtMs = Math.max(idleMs, nowMs + this.#timing.cleanupSpacingMs);
    if (isSet && this.#alarmAtMs <= alarmAtMs) return;
    this.#alarmAtMs = alarmAtMs;
    void this.ctx.storage.setAlarm(alarmAtMs);
  }

  /** What cannot be written is decided all the same, and counts as long as it is in memory. */
  #notWritten(error: unknown): string {
    // oxlint-disable-next-line no-console
    console.error(JSON.stringify({ event: 'rate-limit-not-written', error: String(error) }));
    if (this.#table.unwritten > MOST_UNWRITTEN) this.#table.giveUpUnwritten();
    return String(error);
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = 0;
    this.flush();
    // Between the steps other calls are decided.
    while (this.#table.deleteIdle(Date.now())) await new Promise((resolve) => setTimeout(resolve, 0));
    this.#table.age();
    const nextIdleMs = this.#table.nextIdleMs();
    if (nextIdleMs !== null) {
      this.#alarmAtMs = Math.max(nextIdleMs, Date.now() + this.#timing.cleanupSpacingMs);
      await this.ctx.storage.setAlarm(this.#alarmAtMs);
      return;
    }
    // Something may have been decided between the steps; then its own writing goes first.
    if (this.#table.unwritten > 0) return;
    this.#table.forgetAll();
    this.#alarmAtMs = 0;
    await this.ctx.storage.deleteAll();
  }
}
