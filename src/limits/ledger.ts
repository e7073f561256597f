/**
 * Decides calls on the counters of one store, one after the other. Time is what it is told; nothing
 * here waits, so that a decision is never interrupted.
 *
 * A refused call changes nothing. What is reserved or leased is remembered in memory only: a
 * reservation that a restart loses is one that lapsed, a lease that it loses is spent.
 */
import type { Algorithm } from './algorithms/algorithm.ts';
import { freeSlot, holdSlot, holdsSlot } from './algorithms/concurrency.ts';
import { algorithmOf } from './algorithms/of-limit.ts';
import {
  type Check,
  LEASE_MS,
  LEASED_SHARE,
  type Lease,
  type LimitAnswer,
  type LimitCall,
  type ShownCounter,
} from './calls.ts';
import type { Counter, CounterState, CounterStore } from './counter.ts';
import { Counters } from './counters.ts';
import { Leases } from './leases.ts';
import { type Figures, largestCost, type Limit } from './limit.ts';
import { Reservations } from './reservations.ts';

/** A clock set back by less than this stands still until it has caught up; by more, it is believed. */
const CLOCK_SLACK_MS = 1_000;
/** Where single units come in faster than this, who was refused a lease waits for more than one. */
const DENIAL_MS = 100;

/** When the counter says the same as one never used, and may be forgotten. */
export function idleAtMs({ limit, state }: Counter): number {
  return algorithmOf(limit).idleAtMs(state, limit);
}

type Judged = {
  readonly check: Check;
  readonly algorithm: Algorithm;
  state: CounterState | null;
  /** Asked for by this check and those of the same call on the same counter before it. */
  readonly units: number;
  readonly waitMs: number | null;
};

export class Ledger {
  readonly #counters: Counters;
  readonly #reservations = new Reservations();
  readonly #leases = new Leases();
  #order = 0;
  #nowMs = 0;

  constructor(store: CounterStore) {
    this.#counters = new Counters(store);
  }

  decide(call: LimitCall, nowMs: number): LimitAnswer {
    this.#tell(nowMs);
    const decided = call.kind === 'lease' ? this.#lease(call) : { outcomes: this.#outcomes(call) };
    this.#order += 1;
    return { ...decided, atMs: this.#nowMs, order: this.#order };
  }

  #outcomes(call: Exclude<LimitCall, { readonly kind: 'lease' }>): LimitAnswer['outcomes'] {
    switch (call.kind) {
      case 'take':
        return this.#take(call.checks, call.slot);
      case 'reserve':
        return this.#reserve(call.checks, call.id);
      case 'show':
        return call.keys.map((key) => this.#show(key));
      case 'reset':
        return call.keys.map((key) => this.#reset(key));
      default:
        this.#count(call);
        return call.checks.map(({ key, limit }) => this.#figuresOf(key, limit));
    }
  }

  /** Without asking. Only a slot can be renewed or freed, and none can be owed. */
  #count(call: Exclude<LimitCall, { readonly kind: 'take' | 'lease' | 'show' | 'reset' }>): void {
    const { kind, checks } = call;
    if (kind === 'commit') this.#commit(checks, call.id);
    else if (kind === 'release') this.#reservations.settle(call.id, this.#nowMs);
    else if (kind === 'free') this.#free(checks, call.slot);
    else if (kind === 'renew') for (const check of checks.filter(isSlot)) this.#spend(check, call.slot);
    else if (kind === 'charge') for (const check of checks) if (!isSlot(check)) this.#spend(check, null);
  }

  #tell(nowMs: number): void {
    if (nowMs >= this.#nowMs) this.#nowMs = nowMs;
    else if (nowMs <= this.#nowMs - CLOCK_SLACK_MS) {
      this.#nowMs = nowMs;
      this.#reservations.rewind(nowMs);
      this.#leases.rewind(nowMs, LEASE_MS);
    }
    this.#reservations.lapse(this.#nowMs);
  }

  #take(checks: readonly Check[], slot: string | null): readonly Figures[] {
    const judged = this.#judge(checks, slot);
    const passes = judged.every(({ check, waitMs }) => waitMs === 0 || check.shadow === true);
    if (passes) {
      for (const one of judged) if (one.waitMs === 0) one.state = this.#spendJudged(one, slot);
      // Where a counter was named twice, each says what both of them left.
      if (judged.some(isRepeated)) for (const one of judged) one.state = this.#load(one.check.key, one.check.limit);
    }
    return judged.map((one) => this.#figuresAfter(one));
  }

  #reserve(checks: readonly Check[], id: string): readonly Figures[] {
    if (this.#reservations.isKnown(id)) return checks.map(({ key, limit }) => asAllowed(this.#figuresOf(key, limit)));
    const judged = this.#judge(checks, id);
    if (judged.every(({ check, waitMs }) => waitMs === 0 || check.shadow === true)) {
      const counted = judged.filter(({ waitMs }) => waitMs === 0).map(({ check }) => check);
      this.#reservations.hold(id, counted, this.#nowMs);
    }
    return judged.map((one) => this.#figuresAfter(one));
  }

  /** What lapsed meanwhile, or was lost in a restart, has been let through all the same: it counts. */
  #commit(checks: readonly Check[], id: string): void {
    const held = this.#reservations.settle(id, this.#nowMs);
    if (held === null) {
      for (const check of checks) {
        if (check.shadow !== true || this.#judgeOne(check, check.cost, id).waitMs === 0) this.#spend(check, id);
      }
    } else if (held !== 'settled') for (const check of held) this.#spend(check, id);
  }

  #free(checks: readonly Check[], slot: string): void {
    this.#reservations.endSlot(
      slot,
      checks.map(({ key }) => key),
    );
    for (const { key, limit } of checks) {
      const state = this.#load(key, limit);
      if (state?.algorithm !== 'concurrency' || !holdsSlot(state, slot)) continue;
      this.#counters.save(key, limit, freeSlot(state, slot));
    }
  }

  #show(key: string): ShownCounter | null {
    const limit = this.#counters.get(key)?.limit;
    if (limit === undefined || this.#load(key, limit) === null) return null;
    return { limit, figures: this.#figuresOf(key, limit) };
  }

  /** Answers what there was. */
  #reset(key: string): ShownCounter | null {
    const shown = this.#show(key);
    if (this.#counters.get(key) !== null) this.#counters.delete(key);
    this.#reservations.forget(key);
    this.#leases.forget(key);
    return shown;
  }

  /** The enforced ones first: what is shadowed never stands in their way. */
  #judge(checks: readonly Check[], slot: string | null): Judged[] {
    if (checks.length === 1 && checks[0] !== undefined) return [this.#judgeOne(checks[0], checks[0].cost, slot)];
    const judged: Judged[] = [];
    const asked = new Map<string, number>();
    for (const shadow of [false, true]) {
      for (const [index, check] of checks.entries()) {
        if ((check.shadow === true) !== shadow) continue;
        const before = asked.get(check.key) ?? 0;
        const one = this.#judgeOne(check, before + check.cost, slot);
        judged[index] = one;
        if (!shadow || one.waitMs === 0) asked.set(check.key, one.units);
      }
    }
    return judged;
  }

  #judgeOne(check: Check, units: number, slot: string | null): Judged {
    const { key, limit } = check;
    const algorithm = algorithmOf(limit);
    const state = this.#load(key, limit);
    if (limit.algorithm !== 'concurrency') {
      return { check, algorithm, state, units, waitMs: this.#waitMs(key, limit, state, units) };
    }
    if (slot === null) throw new TypeError(`the concurrency limit of "${key}" was asked without a slot`);
    const holds = state?.algorithm === 'concurrency' && holdsSlot(state, slot);
    return { check, algorithm, state, units, waitMs: holds ? 0 : this.#waitMs(key, limit, state, 1) };
  }

  /** On top of what is reserved. Until it would pass if nothing else happens, so reservations lapse. */
  #waitMs(key: string, limit: Limit, state: CounterState | null, units: number): number | null {
    const algorithm = algorithmOf(limit);
    let held = this.#reservations.heldOf(key);
    let waitMs = algorithm.waitMs(state, limit, units + held, this.#nowMs);
    if (held === 0 || waitMs === 0 || limit.algorithm === 'concurrency') return waitMs;
    if (units > largestCost(limit)) return null;
    for (const hold of this.#reservations.holdsOf(key)) {
      const lapsesInMs = hold.lapsesAtMs - this.#nowMs;
      if (waitMs !== null && waitMs <= lapsesInMs) return waitMs;
      held -= hold.units;
      waitMs = algorithm.waitMs(state, limit, units + held, this.#nowMs);
      if (waitMs !== null) waitMs = Math.max(waitMs, lapsesInMs);
    }
    return waitMs;
  }

  #load(key: string, limit: Limit): CounterState | null {
    const state = this.#counters.load(key, limit, this.#nowMs);
    if (this.#leases.hasAny(key)) {
      this.#leases.noteRefundable(key, limit, algorithmOf(limit).refundable(state, limit, this.#nowMs));
    }
    return state;
  }

  #spendJudged({ check, algorithm, state, units }: Judged, slot: string | null): CounterState {
    if (units !== check.cost || isSlot(check)) return this.#spend(check, slot);
    const spent = algorithm.spend(state, check.limit, units, this.#nowMs);
    this.#counters.save(check.key, check.limit, spent);
    return spent;
  }

  #spend({ key, limit, cost }: Check, slot: string | null): CounterState {
    const state = this.#load(key, limit);
    let spent: CounterState;
    if (limit.algorithm !== 'concurrency') spent = algorithmOf(limit).spend(state, limit, cost, this.#nowMs);
    else if (slot === null) throw new TypeError(`a slot of "${key}" was to be held without a name`);
    else spent = holdSlot(state?.algorithm === 'concurrency' ? state : null, slot, this.#nowMs);
    this.#counters.save(key, limit, spent);
    return spent;
  }

  #figuresAfter({ check: { key, limit }, algorithm, state, waitMs }: Judged): Figures {
    const remaining = Math.max(0, algorithm.left(state, limit, this.#nowMs) - this.#reservations.heldOf(key));
    const resetMs = algorithm.resetMs(state, limit, this.#nowMs);
    return { allowed: waitMs === 0, remaining, resetMs, retryAfterMs: waitMs };
  }

  /** Of a counter that nobody asks anything of: as if for one unit more. */
  #figuresOf(key: string, limit: Limit): Figures {
    const state = this.#load(key, limit);
    const waitMs = this.#waitMs(key, limit, state, 1);
    return this.#figuresAfter({
      check: { key, limit, cost: 1, onFailure: 'open', budgetMs: 0 },
      algorithm: algorithmOf(limit),
      state,
      units: 1,
      waitMs,
    });
  }

  #lease(call: Extract<LimitCall, { readonly kind: 'lease' }>): { outcomes: readonly Figures[]; lease: Lease } {
    const [{ key, limit }] = call.checks;
    if (limit.algorithm === 'concurrency') throw new TypeError(`slots of "${key}" cannot be leased`);
    const algorithm = algorithmOf(limit);
    let state = this.#takeBack(call);
    const nowMs = this.#nowMs;
    const free = leasedShare(limit) - this.#leases.outstanding(key, nowMs);
    const batch = Math.max(0, Math.min(call.wanted, Math.ceil(free / 2)));
    const granted = Math.max(0, Math.min(batch, algorithm.left(state, limit, nowMs) - this.#reservations.heldOf(key)));
    if (granted === 0) {
      const deniedMs = call.wanted < 1 ? 0 : this.#deniedMs(key, limit, state, batch);
      return { outcomes: [this.#figuresOf(key, limit)], lease: { granted, validMs: 0, deniedMs } };
    }
    state = algorithm.spend(state, limit, granted, nowMs);
    this.#counters.save(key, limit, state);
    const validMs = Math.min(LEASE_MS, algorithm.windowEndMs(state, limit) - nowMs);
    this.#leases.grant(key, call.holder, { limit, granted, grantedAtMs: nowMs, validUntilMs: nowMs + validMs });
    const figures = this.#figuresAfter({ check: call.checks[0], algorithm, state, units: granted, waitMs: 0 });
    const deniedMs = granted < batch ? this.#deniedMs(key, limit, state, batch) : 0;
    return { outcomes: [figures], lease: { granted, validMs, deniedMs } };
  }

  #takeBack({ checks: [check], holder, unspent }: Extract<LimitCall, { readonly kind: 'lease' }>): CounterState | null {
    const { key, limit } = check;
    const state = this.#load(key, limit);
    const ended = this.#leases.end(key, holder, this.#nowMs);
    if (ended === null || unspent <= 0) return state;
    const refund = { units: Math.min(unspent, ended.granted), spentAtMs: ended.grantedAtMs, most: ended.most };
    const refunded = algorithmOf(limit).refund(state, limit, refund, this.#nowMs);
    this.#counters.save(key, limit, refunded);
    return refunded;
  }

  /**
   * Nothing when one would pass already: others hold what may be leased. Until one unit would pass; where that is soon, until a batch would, so that not every millisecond
   * brings a call for the next unit. Less than a burst, so that nothing runs over meanwhile.
   */
  #deniedMs(key: string, limit: Limit, state: CounterState | null, batch: number): number {
    const oneMs = this.#waitMs(key, limit, state, 1) ?? 0;
    if (oneMs === 0 || batch === 0) return oneMs;
    const batchMs = this.#waitMs(key, limit, state, batch) ?? oneMs;
    return Math.max(oneMs, Math.min(batchMs, DENIAL_MS));
  }
}

function isSlot({ limit }: Check): boolean {
  return limit.algorithm === 'concurrency';
}

function isRepeated({ check, units }: Judged): boolean {
  return units !== check.cost;
}

function asAllowed(figures: Figures): Figures {
  return { ...figures, allowed: true, retryAfterMs: 0 };
}

/** Of a bucket neither more than of its burst nor than of what a period refills. */
function leasedShare(limit: Limit): number {
  return Math.floor(LEASED_SHARE * Math.min(limit.rate, largestCost(limit)));
}
