/** One RPC with several calls; a connection that was lost is tried once more. */
import type { LimitAnswer, LimitCall } from '../limits/calls.ts';
import { unavailableAnswer, type Why } from './limit-client.ts';

/** Carries the calls to whoever decides; opens its stub anew each time, because an error breaks the old one. */
export type Send = (calls: readonly LimitCall[]) => Promise<readonly LimitAnswer[]>;

/** One answer per call, in order. Never rejects. `pauseMs`: before the second attempt. */
export async function carryCalls(
  calls: readonly LimitCall[],
  send: Send,
  pauseMs: number,
): Promise<readonly LimitAnswer[]> {
  try {
    return complete(calls, await send(calls));
  } catch (error) {
    if (!isLost(error)) return calls.map((call) => unavailableAnswer(call, whyOf(error)));
    return carryAgain(calls, send, pauseMs);
  }
}

/**
 * The lost calls may have been carried out. Those that are repeated then count twice, which is the
 * strict direction and heals as the limit refills; reservations, releases and slots are known by their
 * ids and count once. A commit or a charge is not repeated: its request is already served, and losing
 * it favours the client.
 */
async function carryAgain(calls: readonly LimitCall[], send: Send, pauseMs: number): Promise<readonly LimitAnswer[]> {
  const repeated = calls.filter(mayRepeat);
  if (repeated.length === 0) return calls.map((call) => unavailableAnswer(call, 'gone'));
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  const answers = new Map<LimitCall, LimitAnswer>();
  let why: Why = 'gone';
  try {
    const found = complete(repeated, await send(repeated));
    for (const [index, call] of repeated.entries()) {
      const answer = found[index];
      if (answer !== undefined) answers.set(call, answer);
    }
  } catch (error) {
    why = whyOf(error);
  }
  return calls.map((call) => answers.get(call) ?? unavailableAnswer(call, mayRepeat(call) ? why : 'gone'));
}

function mayRepeat({ kind }: LimitCall): boolean {
  return kind !== 'commit' && kind !== 'charge';
}

/** A broken or newer peer must not read as "allowed". */
function complete(calls: readonly LimitCall[], answers: readonly LimitAnswer[]): readonly LimitAnswer[] {
  return calls.map((call, index) => answers[index] ?? unavailableAnswer(call, 'gone'));
}

type PlatformError = { readonly retryable?: unknown; readonly overloaded?: unknown };

/** Never for `overloaded`: the object would only get more to do. */
function isLost(error: unknown): boolean {
  const { retryable, overloaded } = flagsOf(error);
  return retryable === true && overloaded !== true;
}

function whyOf(error: unknown): Why {
  return flagsOf(error).overloaded === true ? 'overloaded' : 'gone';
}

function flagsOf(error: unknown): PlatformError {
  // The platform's own flags, which no declared type knows.
  return error instanceof Error ? (error as Error & PlatformError) : {};
}
