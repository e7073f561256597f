/** What the driver asks of the edge processes of the measurement, and what they answer. JSON over HTTP. */
import type { LimitAnswer, LimitCall } from '../../src/limits/calls.ts';
import type { Limit } from '../../src/limits/limit.ts';
import type { LimitCheck, Verdict } from '../../src/limits/limiter.ts';

/** One request of a client. */
export type Take = {
  /** Names the request; the recorder of the objects finds it in the checks. */
  readonly tag: number;
  readonly checks: readonly LimitCheck[];
  /** How long its slots are held. Default 0. */
  readonly holdMs?: number;
};
export type TakeAnswer = {
  /** Which edge process it was. */
  readonly process: string;
  readonly verdicts: readonly Verdict[];
};

/** Many requests of equal checks, evenly over a time. */
export type Flood = { readonly checks: readonly LimitCheck[]; readonly times: number; readonly spreadMs: number };
export type FloodAnswer = {
  readonly process: string;
  readonly moments: readonly Moment[];
};
/** Requests that were sent in one millisecond and decided in one. */
export type Moment = {
  readonly sentMs: number;
  readonly decidedMs: number;
  readonly requests: number;
  readonly passed: number;
  /** No counter decided them. They are not among `passed`. */
  readonly undecided: number;
};

/** Empty calls to the objects process, one after the other: what any answer takes at least. */
export type Ping = { readonly forMs: number; readonly pauseMs: number };
export type PingAnswer = { readonly tookMs: readonly number[] };

/** Straight to the service that decides. */
export type Ask = { readonly calls: readonly LimitCall[] };
export type AskAnswer = { readonly answers: readonly LimitAnswer[] };

/** One call as an object decided it. */
export type Decision = {
  readonly object: string;
  readonly order: number;
  readonly atMs: number;
  readonly kind: LimitCall['kind'];
  /** Of a reservation or slot; else null. */
  readonly id: string | null;
  readonly checks: readonly DecidedCheck[];
};
export type DecidedCheck = {
  /** null: the client did not hand it on. */
  readonly tag: number | null;
  readonly key: string;
  readonly limit: Limit;
  readonly cost: number;
  readonly allowed: boolean;
  readonly resetMs: number;
  readonly retryAfterMs: number | null;
};
export type Records = { readonly decisions: readonly Decision[]; readonly hasMore: boolean };
