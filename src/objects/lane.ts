/**
 * The calls of this isolate on their way to one destination. Those of one turn travel in one RPC and
 * are decided in their order; while CALLS_IN_FLIGHT RPCs are under way further ones wait, and travel
 * together in the next.
 *
 * An RPC and a timer belong to the request that made them, and the runtime may end that request at
 * any time. So whoever sends for others holds the work with its own `waitUntil`, which outlives its
 * client; whoever waits has timers of its own, and needs nobody else to be sent or to give up.
 */
import type { LimitAnswer, LimitCall } from '../limits/calls.ts';
import type { WaitUntil } from '../limits/limiter.ts';
import { carryCalls, type Send } from './carry-calls.ts';
import { unavailableAnswer } from './limit-client.ts';
import { withinBudget } from './within-budget.ts';

/**
 * RPCs under way to one destination at a time: one is carried while another is decided. Measured from
 * one process to another, 100 connections, exact: 1 to 4 at a time decide about 3 times as many
 * requests a second as without a bound, 8 at a time 2 to 3 times.
 */
const CALLS_IN_FLIGHT = 2;
/** A call that was not sent for so long is sent whatever is under way: a slow RPC holds up nobody for longer. */
export const PATIENCE_MS = 20;
/** An RPC of this age no longer counts as under way: its request may have been ended with it. */
const FORGOTTEN_MS = 1_000;
/** No RPC keeps its request for longer: the longest budget that can be written. */
const HELD_MS = 10_000;
/** Bounds one message. */
const MAX_CALLS = 500;

export type LaneOptions = {
  readonly send: Send;
  /** Before a lost connection is tried again. Milliseconds. */
  readonly pauseMs: number;
  readonly callsInFlight?: number;
  readonly now?: () => number;
};

export type Asking = { readonly budgetMs: number; readonly waitUntil: WaitUntil };

type Waiting = {
  readonly call: LimitCall;
  readonly settle: (answer: LimitAnswer) => void;
  /** Gives it the turn to send, in its own request. null: it waits for none. */
  wake: (() => void) | null;
  queued: boolean;
};
type Flight = { readonly sentAtMs: number };

export class Lane {
  readonly #send: Send;
  readonly #pauseMs: number;
  readonly #callsInFlight: number;
  readonly #now: () => number;
  #queue: Waiting[] = [];
  readonly #underWay = new Set<Flight>();

  constructor({ send, pauseMs, callsInFlight = CALLS_IN_FLIGHT, now = Date.now }: LaneOptions) {
    this.#send = send;
    this.#pauseMs = pauseMs;
    this.#callsInFlight = callsInFlight;
    this.#now = now;
  }

  /** Calls asked for in one turn are decided one after the other, with no other call between them. Never rejects. */
  ask(call: LimitCall, { budgetMs, waitUntil }: Asking): Promise<LimitAnswer> {
    const { promise, resolve } = Promise.withResolvers<LimitAnswer>();
    const waiting: Waiting = { call, settle: resolve, wake: null, queued: true };
    let patience: ReturnType<typeof setTimeout> | null = null;
    const sendIfQueued = () => {
      if (waiting.queued) this.#sendQueue(waitUntil);
    };
    this.#queue.push(waiting);
    void Promise.resolve().then(() => {
      if (!waiting.queued || this.#hasRoom()) return sendIfQueued();
      // A promise and not a plain call: so the sending happens in this request, not in that of the waker.
      void new Promise<void>((turn) => (waiting.wake = turn)).then(sendIfQueued);
      patience = setTimeout(sendIfQueued, Math.min(PATIENCE_MS, budgetMs / 2));
    });
    const answer = withinBudget(promise, budgetMs).then((found) => {
      if (patience !== null) clearTimeout(patience);
      if (found !== null) return found;
      this.#forget(waiting);
      return unavailableAnswer(call, 'late', this.#now());
    });
    waitUntil(answer);
    return answer;
  }

  #hasRoom(): boolean {
    const forgottenMs = this.#now() - FORGOTTEN_MS;
    for (const flight of this.#underWay) {
      if (flight.sentAtMs > forgottenMs) break;
      this.#underWay.delete(flight);
    }
    return this.#underWay.size < this.#callsInFlight;
  }

  #sendQueue(waitUntil: WaitUntil): void {
    const batch = this.#queue.splice(0, MAX_CALLS);
    for (const waiting of batch) waiting.queued = false;
    const flight: Flight = { sentAtMs: this.#now() };
    this.#underWay.add(flight);
    const carried = carryCalls(
      batch.map(({ call }) => call),
      this.#send,
      this.#pauseMs,
    );
    const settled = carried.then((answers) => {
      this.#underWay.delete(flight);
      for (const [index, { call, settle }] of batch.entries()) {
        settle(answers[index] ?? unavailableAnswer(call, 'gone', this.#now()));
      }
      this.#queue.find(({ wake }) => wake !== null)?.wake?.();
    });
    waitUntil(withinBudget(settled, HELD_MS));
  }

  /** A call that was given up before it was sent never counts. */
  #forget(waiting: Waiting): void {
    if (!waiting.queued) return;
    waiting.queued = false;
    this.#queue = this.#queue.filter((other) => other !== waiting);
  }
}
