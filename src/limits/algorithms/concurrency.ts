/**
 * Concurrency: `rate` slots, each held by a named request until it ends. A slot that nobody renews is
 * free after SLOT_MS, so what a lost isolate held comes back.
 */
import { SLOT_MS } from '../calls.ts';
import type { Concurrency } from '../limit.ts';
import type { Algorithm, StateOf } from './algorithm.ts';

type State = StateOf<'concurrency'>;

/** When a slot ends is nobody's to know; clients are told to try again soon. */
const RETRY_MS = 1_000;

/** Units are slots here; those that are held are told by name, see `holdSlot`. */
export const concurrency: Algorithm<Concurrency, State> = {
  advance(state, _limit, nowMs) {
    if (state.slots.every(([, freeAtMs]) => freeAtMs > nowMs)) return state.slots.length === 0 ? null : state;
    const slots = state.slots.filter(([, freeAtMs]) => freeAtMs > nowMs);
    return slots.length === 0 ? null : { algorithm: 'concurrency', slots };
  },

  rewind(state, _limit, nowMs) {
    const latestMs = nowMs + SLOT_MS;
    if (state.slots.every(([, freeAtMs]) => freeAtMs <= latestMs)) return state;
    return {
      algorithm: 'concurrency',
      slots: state.slots.map(([slot, freeAtMs]) => [slot, Math.min(freeAtMs, latestMs)] as const),
    };
  },

  adopt(state) {
    return state;
  },

  waitMs(state, limit, units) {
    return (state?.slots.length ?? 0) + units <= limit.rate ? 0 : RETRY_MS;
  },

  left(state, limit) {
    return limit.rate - (state?.slots.length ?? 0);
  },

  resetMs(state, limit, nowMs) {
    return state === null ? 0 : concurrency.idleAtMs(state, limit) - nowMs;
  },

  spend() {
    throw new TypeError('a slot has a name; hold it by that');
  },

  refund(state) {
    return state;
  },

  refundable() {
    return 0;
  },

  windowEndMs() {
    return Number.POSITIVE_INFINITY;
  },

  idleAtMs(state) {
    return state.slots.reduce((latestMs, [, freeAtMs]) => Math.max(latestMs, freeAtMs), 0);
  },
};

export function holdsSlot(state: State | null, slot: string): boolean {
  return state !== null && state.slots.some(([id]) => id === slot);
}

/** Holds the slot from now on, anew when it is held already. */
export function holdSlot(state: State | null, slot: string, nowMs: number): State {
  const others = state === null ? [] : state.slots.filter(([id]) => id !== slot);
  return { algorithm: 'concurrency', slots: [...others, [slot, nowMs + SLOT_MS]] };
}

export function freeSlot(state: State | null, slot: string): State | null {
  if (state === null || !holdsSlot(state, slot)) return state;
  const slots = state.slots.filter(([id]) => id !== slot);
  return slots.length === 0 ? null : { algorithm: 'concurrency', slots };
}
