/** Holds the decisions of the objects, in their order and at their times, against the naive models. */
import { largestCost, type Limit } from '../../src/limits/limit.ts';
import { firstAdmissionMs, type NaiveModel, naiveModelOf, NaiveSlots } from './naive-models.ts';
import type { DecidedCheck, Decision } from './protocol.ts';

export type Judged = {
  readonly decision: Decision;
  /** As the object decided. */
  readonly passed: boolean;
  /** As the models decide, which count what they let pass themselves. */
  readonly expected: boolean;
  /** Refused although nothing that passed in the end stood in its way: a place was held that was given back. */
  readonly isByReservation: boolean;
  /** By how much the figures of a refused check of its own are wrong, in milliseconds; null: it has none. */
  readonly retryErrorMs: number | null;
  readonly resetErrorMs: number | null;
};

export type Judgement = {
  /** Takes and reservations, in the order of their objects. */
  readonly judged: readonly Judged[];
  /** Passed, and the model refuses. */
  readonly over: number;
  /** Refused, and the model lets pass. */
  readonly wrong: number;
  readonly byReservation: number;
  /** Places in an object's order that no decision has. */
  readonly missing: number;
};

export function judge(decisions: readonly Decision[]): Judgement {
  const committed = new Set(decisions.filter(({ kind }) => kind === 'commit').map(({ id }) => id));
  const judged: Judged[] = [];
  let missing = 0;
  for (const ofObject of Map.groupBy(decisions, ({ object }) => object).values()) {
    const sorted = ofObject.toSorted((a, b) => a.order - b.order);
    const object = new NaiveObject(committed);
    for (const decision of sorted) {
      const verdict = object.follow(decision);
      if (verdict !== null) judged.push(verdict);
    }
    missing += (sorted.at(-1)?.order ?? 0) - (sorted[0]?.order ?? 1) + 1 - sorted.length;
  }
  return {
    judged,
    over: judged.filter(({ passed, expected }) => passed && !expected).length,
    wrong: judged.filter(({ passed, expected }) => !passed && expected).length,
    byReservation: judged.filter(({ isByReservation }) => isByReservation).length,
    missing,
  };
}

/** One object as the specification has it. */
class NaiveObject {
  readonly #committed: ReadonlySet<string | null>;
  readonly #counters = new Map<string, NaiveCounter>();

  constructor(committed: ReadonlySet<string | null>) {
    this.#committed = committed;
  }

  follow(decision: Decision): Judged | null {
    const { kind, atMs, id, checks } = decision;
    if (kind === 'take' || kind === 'reserve') return this.#judge(decision);
    for (const check of checks) {
      const counter = this.#counterOf(check);
      if (kind === 'commit') counter.commit(atMs, check.cost, id);
      else if (kind === 'release') counter.release(id);
      else if (kind === 'charge') counter.count(atMs, check.cost, null);
      else if (kind === 'renew') counter.count(atMs, check.cost, id);
      else if (kind === 'free') counter.free(id);
    }
    return null;
  }

  #judge(decision: Decision): Judged {
    const { kind, atMs, id, checks } = decision;
    const counters = checks.map((check) => ({ check, counter: this.#counterOf(check) }));
    const passed = checks.every(({ allowed }) => allowed);
    const expected = counters.every(({ check, counter }) => counter.admits(atMs, check.cost));
    const isCounted = passed && (kind === 'take' || this.#committed.has(id));
    const isByReservation = !passed && counters.every(({ check, counter }) => counter.wouldAdmit(atMs, check.cost));
    for (const { check, counter } of counters) {
      if (isCounted) counter.countInTheEnd(atMs, check.cost, id);
      if (!expected) continue;
      if (kind === 'take') counter.count(atMs, check.cost, id);
      else counter.hold(check.cost, id);
    }
    const [only, ...others] = counters;
    const hasFigures = only !== undefined && others.length === 0 && !passed && !expected;
    const errors = hasFigures ? only.counter.figureErrors(only.check, atMs) : null;
    return {
      decision,
      passed,
      expected,
      isByReservation,
      retryErrorMs: errors?.retryMs ?? null,
      resetErrorMs: errors?.resetMs ?? null,
    };
  }

  #counterOf({ key, limit }: DecidedCheck): NaiveCounter {
    const known = this.#counters.get(key);
    if (known !== undefined) return known;
    const counter = new NaiveCounter(limit);
    this.#counters.set(key, counter);
    return counter;
  }
}

/** One counter twice: as its object must keep it, reservations included, and as if it knew how they end. */
class NaiveCounter {
  readonly #limit: Limit;
  readonly #model: NaiveModel | NaiveSlots;
  readonly #foresight: NaiveModel | NaiveSlots;
  /** Costs by reservation. */
  readonly #held = new Map<string | null, number>();

  constructor(limit: Limit) {
    const create = () => (limit.algorithm === 'concurrency' ? new NaiveSlots(limit.rate) : naiveModelOf(limit));
    this.#limit = limit;
    this.#model = create();
    this.#foresight = create();
  }

  /** A held place counts as if its request came now. */
  admits(atMs: number, cost: number): boolean {
    const held = [...this.#held.values()].reduce((sum, each) => sum + each, 0);
    return this.#model.admits(atMs, cost + held);
  }

  wouldAdmit(atMs: number, cost: number): boolean {
    return this.#foresight.admits(atMs, cost);
  }

  count(atMs: number, cost: number, slot: string | null): void {
    countIn(this.#model, { atMs, cost, slot });
  }

  countInTheEnd(atMs: number, cost: number, slot: string | null): void {
    countIn(this.#foresight, { atMs, cost, slot });
  }

  hold(cost: number, id: string | null): void {
    this.#held.set(id, cost);
  }

  commit(atMs: number, cost: number, id: string | null): void {
    this.#held.delete(id);
    this.count(atMs, cost, id);
  }

  release(id: string | null): void {
    this.#held.delete(id);
  }

  free(slot: string | null): void {
    for (const model of [this.#model, this.#foresight]) {
      if (model instanceof NaiveSlots && slot !== null) model.free(slot);
    }
  }

  /** Of a refused request. Nobody knows when a slot gets free, and places that are held have no time. */
  figureErrors(check: DecidedCheck, atMs: number): { readonly retryMs: number; readonly resetMs: number } | null {
    const model = this.#model;
    if (model instanceof NaiveSlots || this.#held.size > 0) return null;
    const retryMs = firstAdmissionMs(model, atMs, check.cost);
    const resetMs = firstAdmissionMs(model, atMs, largestCost(this.#limit));
    return {
      retryMs: retryMs === null ? 0 : Math.abs(atMs + (check.retryAfterMs ?? Infinity) - retryMs),
      resetMs: resetMs === null ? 0 : Math.abs(atMs + check.resetMs - resetMs),
    };
  }
}

type Counted = { readonly atMs: number; readonly cost: number; readonly slot: string | null };

function countIn(model: NaiveModel | NaiveSlots, { atMs, cost, slot }: Counted): void {
  if (!(model instanceof NaiveSlots)) model.count(atMs, cost);
  else if (slot !== null) model.renew(slot, atMs);
}
