/**
 * Hands out units of a counter to holders that spend them alone. They are spent from the counter at
 * once, so that all holders together never get more than the limit allows; what comes back in time is
 * as if it had never been spent.
 */
import { algorithmOf } from './algorithms/algorithm-of.ts';
import { LEASE_MS, LEASED_SHARE, type Lease, type LimitCall } from './calls.ts';
import type { CounterState } from './counter.ts';
import { type Figures, largestCost, type Limit } from './limit.ts';
import type { Standing } from './standing.ts';

type LeaseCall = Extract<LimitCall, { readonly kind: 'lease' }>;

/** Where single units come in faster than this, who was refused a lease waits for more than one. */
const DENIAL_MS = 100;

export function lend(call: LeaseCall, standing: Standing): { outcomes: readonly Figures[]; lease: Lease } {
  const [{ key, limit }] = call.checks;
  if (limit.algorithm === 'concurrency') throw new TypeError(`slots of "${key}" cannot be leased`);
  const { nowMs } = standing;
  const state = takeBack(call, standing);
  // Half of what is free: a greedy holder leaves as much to the next, and equally greedy ones end up equal.
  const batch = Math.max(0, Math.min(call.wanted, Math.ceil(freeShare(key, limit, standing) / 2)));
  const granted = Math.min(batch, standing.left(key, limit, state));
  if (granted === 0) {
    const deniedMs = call.wanted < 1 ? 0 : deniedFor(batch, key, limit, standing);
    return { outcomes: [standing.peek(key, limit)], lease: { granted, validMs: 0, deniedMs } };
  }
  const algorithm = algorithmOf(limit);
  const spent = algorithm.spend(state, limit, granted, nowMs);
  standing.counters.save(key, limit, spent);
  const validMs = Math.min(LEASE_MS, algorithm.windowEndMs(spent, limit) - nowMs);
  standing.leases.grant(key, call.holder, { limit, granted, grantedAtMs: nowMs, validUntilMs: nowMs + validMs });
  const deniedMs = granted < batch ? deniedFor(batch, key, limit, standing) : 0;
  return { outcomes: [standing.figures(key, limit, spent, 0)], lease: { granted, validMs, deniedMs } };
}

function takeBack({ checks: [{ key, limit }], holder, unspent }: LeaseCall, standing: Standing): CounterState | null {
  const state = standing.load(key, limit);
  const ended = standing.leases.end(key, holder, standing.nowMs);
  if (ended === null || unspent <= 0) return state;
  const units = Math.min(unspent, ended.granted);
  const refund = { units: Math.min(units, ended.refundable), spentAtMs: ended.grantedAtMs };
  const refunded = algorithmOf(limit).refund(state, limit, refund, standing.nowMs);
  standing.leases.noteRefunded(key, units);
  standing.counters.save(key, limit, refunded);
  return refunded;
}

/** What may still be out. Of a bucket neither more than of its burst nor than of what a period refills. */
function freeShare(key: string, limit: Limit, standing: Standing): number {
  const share = Math.floor(LEASED_SHARE * Math.min(limit.rate, largestCost(limit)));
  return share - standing.leases.outstanding(key, standing.nowMs);
}

/**
 * Until one unit would pass; 0 when one would already, so that only others hold what may be leased.
 * Where one comes in soon, until a batch does, but no longer than DENIAL_MS: not every millisecond
 * brings a call for the next unit, and since a batch is a small part of the burst, no bucket runs over
 * meanwhile.
 */
function deniedFor(batch: number, key: string, limit: Limit, standing: Standing): number {
  const state = standing.load(key, limit);
  const oneMs = standing.waitMs(key, limit, state, 1) ?? 0;
  if (oneMs === 0 || batch === 0) return oneMs;
  const batchMs = standing.waitMs(key, limit, state, batch) ?? oneMs;
  return Math.max(oneMs, Math.min(batchMs, DENIAL_MS));
}
