/**
 * Decides calls on the counters of one store, one after the other. Time is what it is told; nothing
 * here waits, so that a decision is never interrupted.
 *
 * A refused call changes nothing. What is reserved or leased is remembered in memory only: a
 * reservation that a restart loses is one that lapsed, a lease that it loses is spent.
 */
import { freeSlot, holdSlot, holdsSlot } from './algorithms/concurrency.ts';
import { algorithmOf } from './algorithms/algorithm-of.ts';
import type { Check, LimitAnswer, LimitCall, ShownCounter } from './calls.ts';
import type { Counter, CounterState, CounterStore } from './counter.ts';
import { lend } from './lend.ts';
import type { Figures } from './limit.ts';
import { Standing } from './standing.ts';

/** When the counter says the same as one never used, and may be forgotten. */
export function idleAtMs({ limit, state }: Counter): number {
  return algorithmOf(limit).idleAtMs(state, limit);
}

type Judged = {
  readonly check: Check;
  state: CounterState | null;
  /** Asked for by this check and those of the same call on the same counter before it. */
  readonly units: number;
  readonly waitMs: number | null;
};

export class Ledger {
  readonly #standing: Standing;
  #order = 0;

  constructor(store: CounterStore) {
    this.#standing = new Standing(store);
  }

  /** Throws when a slot is asked for without a name, or leased. */
  decide(call: LimitCall, nowMs: number): LimitAnswer {
    this.#standing.tell(nowMs);
    const decided = call.kind === 'lease' ? lend(call, this.#standing) : { outcomes: this.#outcomes(call) };
    this.#order += 1;
    return { ...decided, atMs: this.#standing.nowMs, order: this.#order };
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
        return call.checks.map(({ key, limit }) => this.#standing.peek(key, limit));
    }
  }

  /** Without asking. Only a slot can be renewed or freed, and none can be owed. */
  #count(call: Exclude<LimitCall, { readonly kind: 'take' | 'lease' | 'show' | 'reset' }>): void {
    const { kind, checks } = call;
    if (kind === 'commit') this.#commit(checks, call.id);
    else if (kind === 'release') this.#standing.reservations.settle(call.id, this.#standing.nowMs);
    else if (kind === 'free') this.#free(checks, call.slot);
    else if (kind === 'renew') for (const check of checks.filter(isSlot)) this.#spend(check, call.slot);
    else if (kind === 'charge') for (const check of checks) if (!isSlot(check)) this.#spend(check, null);
  }

  #take(checks: readonly Check[], slot: string | null): readonly Figures[] {
    const judged = this.#judge(checks, slot);
    if (judged.every(isNoVeto)) for (const one of judged) if (one.waitMs === 0) this.#spendJudged(one, slot);
    // A counter may be named twice: each says what both of them left.
    if (judged.length > 1) for (const one of judged) one.state = this.#standing.load(one.check.key, one.check.limit);
    return judged.map((one) => this.#figures(one));
  }

  #reserve(checks: readonly Check[], id: string): readonly Figures[] {
    const { reservations, nowMs } = this.#standing;
    // Asked again, perhaps since the answer was lost: it does not stand in its own way.
    const again = checks.map(({ key }) => reservations.holds(id, key));
    const judged = this.#judge(checks, id);
    if (judged.every(isNoVeto)) {
      const counted = judged.filter(({ waitMs }) => waitMs === 0).map(({ check }) => check);
      reservations.hold(id, counted, nowMs);
    }
    return judged.map((one, index) => (again[index] === true ? asAllowed(this.#figures(one)) : this.#figures(one)));
  }

  /** What lapsed meanwhile, or was lost in a restart, has been let through all the same: it counts. */
  #commit(checks: readonly Check[], id: string): void {
    const held = this.#standing.reservations.settle(id, this.#standing.nowMs);
    if (held === null) {
      for (const check of checks) {
        if (check.shadow !== true || this.#judgeOne(check, check.cost, id).waitMs === 0) this.#spend(check, id);
      }
    } else if (held !== 'settled') for (const check of held) this.#spend(check, id);
  }

  #free(checks: readonly Check[], slot: string): void {
    this.#standing.reservations.endSlot(
      slot,
      checks.map(({ key }) => key),
    );
    for (const { key, limit } of checks) {
      const state = this.#standing.load(key, limit);
      if (state?.algorithm !== 'concurrency' || !holdsSlot(state, slot)) continue;
      this.#standing.counters.save(key, limit, freeSlot(state, slot));
    }
  }

  #show(key: string): ShownCounter | null {
    const limit = this.#standing.counters.get(key)?.limit;
    if (limit === undefined || this.#standing.load(key, limit) === null) return null;
    return { limit, figures: this.#standing.peek(key, limit) };
  }

  /** Answers what there was. */
  #reset(key: string): ShownCounter | null {
    const shown = this.#show(key);
    if (this.#standing.counters.get(key) !== null) this.#standing.counters.delete(key);
    this.#standing.reservations.forget(key);
    this.#standing.leases.forget(key);
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
    const state = this.#standing.load(key, limit);
    if (limit.algorithm !== 'concurrency') {
      return { check, state, units, waitMs: this.#standing.waitMs(key, limit, state, units) };
    }
    if (slot === null) throw new TypeError(`the concurrency limit of "${key}" was asked without a slot`);
    const holds = state?.algorithm === 'concurrency' && holdsSlot(state, slot);
    return { check, state, units, waitMs: holds ? 0 : this.#standing.waitMs(key, limit, state, 1) };
  }

  #figures({ check: { key, limit }, state, waitMs }: Judged): Figures {
    return this.#standing.figures(key, limit, state, waitMs);
  }

  #spendJudged(one: Judged, slot: string | null): void {
    const { check, state, units } = one;
    one.state = units === check.cost ? this.#spendFrom(state, check, slot) : this.#spend(check, slot);
  }

  #spend(check: Check, slot: string | null): CounterState {
    return this.#spendFrom(this.#standing.load(check.key, check.limit), check, slot);
  }

  #spendFrom(state: CounterState | null, { key, limit, cost }: Check, slot: string | null): CounterState {
    let spent: CounterState;
    if (limit.algorithm !== 'concurrency') spent = algorithmOf(limit).spend(state, limit, cost, this.#standing.nowMs);
    else if (slot === null) throw new TypeError(`a slot of "${key}" was to be held without a name`);
    else spent = holdSlot(state?.algorithm === 'concurrency' ? state : null, slot, this.#standing.nowMs);
    this.#standing.counters.save(key, limit, spent);
    return spent;
  }
}

function isSlot({ limit }: Check): boolean {
  return limit.algorithm === 'concurrency';
}

function isNoVeto({ check, waitMs }: Judged): boolean {
  return waitMs === 0 || check.shadow === true;
}

function asAllowed(figures: Figures): Figures {
  return { ...figures, allowed: true, retryAfterMs: 0 };
}
