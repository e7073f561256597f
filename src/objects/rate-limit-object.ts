/**
 * One of the objects that hold the counters: many keys in one table, decided one after the other in one
 * place, which is what makes a limit exact. limit-objects.ts says which keys.
 *
 * Decisions are made in memory and written behind the answer, at most every WRITE_SPACING_MS, because a
 * write holds back every answer until the disk has it. After a quiet while that is at once, so that slow
 * limits lose nothing; what a crash loses otherwise is the counting of that spacing, in the clients'
 * favour. The platform evicts an object after about 10 s without a call; by then everything is written.
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

export class RateLimitObject extends DurableObject<unknown> {
  readonly #table: CounterTable;
  readonly #ledger: Ledger;
  #write: ReturnType<typeof setTimeout> | null = null;
  #writeAtMs = 0;
  #writtenAtMs = 0;
  /** 0: none that this object knows of. */
  #alarmAtMs = 0;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
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
    if (unwritten > MOST_UNWRITTEN) return this.flush();
    const atMs = isUrgent ? Math.max(nowMs, this.#writtenAtMs + WRITE_SPACING_MS) : nowMs + WRITE_SPACING_MS;
    if (this.#write !== null) {
      if (this.#writeAtMs <= atMs) return;
      clearTimeout(this.#write);
    }
    this.#writeAtMs = atMs;
    this.#write = setTimeout(() => this.flush(), atMs - nowMs);
  }

  /** Writes what was decided so far. */
  flush(): void {
    if (this.#write !== null) clearTimeout(this.#write);
    this.#write = null;
    const nowMs = Date.now();
    this.#writtenAtMs = nowMs;
    const idleMs = this.#tryWrite(nowMs);
    if (idleMs === null) return;
    const alarmAtMs = Math.max(idleMs, nowMs + CLEANUP_SPACING_MS);
    if (this.#alarmAtMs > nowMs && this.#alarmAtMs <= alarmAtMs) return;
    this.#alarmAtMs = alarmAtMs;
    void this.ctx.storage.setAlarm(alarmAtMs);
  }

  /** What cannot be written is decided all the same, and counts as long as it is in memory. */
  #tryWrite(nowMs: number): number | null {
    try {
      return this.#table.write(nowMs);
    } catch (error) {
      // oxlint-disable-next-line no-console
      console.error(JSON.stringify({ event: 'rate-limit-not-written', error: String(error) }));
      if (this.#table.unwritten > MOST_UNWRITTEN) this.#table.giveUpUnwritten();
      return null;
    }
  }

  override async alarm(): Promise<void> {
    this.#alarmAtMs = 0;
    this.flush();
    // Between the steps other calls are decided.
    while (this.#table.deleteIdle(Date.now())) await new Promise((resolve) => setTimeout(resolve, 0));
    this.#table.age();
    const nextIdleMs = this.#table.nextIdleMs();
    if (nextIdleMs !== null) {
      this.#alarmAtMs = Math.max(nextIdleMs, Date.now() + CLEANUP_SPACING_MS);
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
