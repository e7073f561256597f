/** Holds the decisions of the objects, in their order and at their times, against the naive models. */
import { largestCost, type Limit } from '../../src/limits/limit.ts';
import { firstAdmissionMs, type NaiveModel, naiveModelOf, NaiveSlots } from './naive-models.ts';
import type { DecidedCheck, Decision } from './protocol.ts';

/** How long a place is held that nobody settles, as the documentation states it. */
const STATED_RESERVATION_MS = 5_000;

export type Judged = {
  readonly decision: Decision;
  /** As the object decided. */
  readonly passed: boolean;
  /** As the models decide, which count what they let pass themselves. */
  readonly expected: boolean;
  /** As the models would decide if they knew which reservations end in nothing: those then hold no place. */
  readonly foreseen: boolean;
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
    missing,
  };
}

/** One object as the specification has it, twice: as it must decide, and with foresight. */
class NaiveObject {
  readonly #committed: ReadonlySet<string | null>;
  readonly #real = new NaiveCounters();
  readonly #foreseeing = new NaiveCounters();

  constructor(committed: ReadonlySet<string | null>) {
    this.#committed = committed;
  }

  follow(decision: Decision): Judged | null {
    if (decision.kind === 'take' || decision.kind === 'reserve') return this.#judge(decision);
    for (const counters of [this.#real, this.#foreseeing]) {
      for (const check of decision.checks) apply(decision, check, counters.of(check));
    }
    return null;
  }

  #judge(decision: Decision): Judged {
    const { kind, id, checks } = decision;
    const passed = checks.every(({ allowed }) => allowed);
    const expected = this.#real.admit(decision);
    const foreseen = this.#foreseeing.admit(decision);
    if (passed && (kind === 'take' || this.#committed.has(id))) this.#foreseeing.count(decision);
    if (expected) this.#real.count(decision);
    const [only, ...others] = checks;
    const hasFigures = only !== undefined && others.length === 0 && !passed && !expected;
    const errors = hasFigures ? this.#real.of(only).figureErrors(only, decision.atMs) : null;
    const figures = { retryErrorMs: errors?.retryMs ?? null, resetErrorMs: errors?.resetMs ?? null };
    return { decision, passed, expected, foreseen, ...figures };
  }
}

function apply({ kind, atMs, id }: Decision, { cost }: DecidedCheck, counter: NaiveCounter): void {
  if (kind === 'commit') counter.commit(atMs, cost, id);
  else if (kind === 'release') counter.release(id);
  else if (kind === 'charge') counter.count(atMs, cost, null);
  else if (kind === 'renew') counter.count(atMs, cost, id);
  else if (kind === 'free') counter.free(id);
}

class NaiveCounters {
  readonly #byKey = new Map<string, NaiveCounter>();

  of({ key, limit }: DecidedCheck): NaiveCounter {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const counter = new NaiveCounter(limit);
    this.#byKey.set(key, counter);
    return counter;
  }

  admit({ atMs, checks }: Decision): boolean {
    return checks.every((check) => this.of(check).admits(atMs, check.cost));
  }

  count({ kind, atMs, id, checks }: Decision): void {
    for (const check of checks) {
      if (kind === 'take') this.of(check).count(atMs, check.cost, id);
      else this.of(check).hold(atMs, check.cost, id);
    }
  }
}

class NaiveCounter {
  readonly #limit: Limit;
  readonly #model: NaiveModel | NaiveSlots;
  /** By reservation. */
  readonly #held = new Map<string | null, { readonly cost: number; readonly lapsesAtMs: number }>();

  constructor(limit: Limit) {
    this.#limit = limit;
    this.#model = limit.algorithm === 'concurrency' ? new NaiveSlots(limit.rate) : naiveModelOf(limit);
  }

  /** A held place counts as if its request came now. */
  admits(atMs: number, cost: number): boolean {
    let held = 0;
    for (const place of this.#held.values()) if (place.lapsesAtMs > atMs) held += place.cost;
    return this.#model.admits(atMs, cost + held);
  }

  count(atMs: number, cost: number, slot: string | null): void {
    const model = this.#model;
    if (!(model instanceof NaiveSlots)) model.count(atMs, cost);
    else if (slot !== null) model.renew(slot, atMs);
  }

  hold(atMs: number, cost: number, id: string | null): void {
    this.#held.set(id, { cost, lapsesAtMs: atMs + STATED_RESERVATION_MS });
  }

  /** Counts whether it lapsed or not: its request was served. */
  commit(atMs: number, cost: number, id: string | null): void {
    this.#held.delete(id);
    this.count(atMs, cost, id);
  }

  release(id: string | null): void {
    this.#held.delete(id);
  }

  free(slot: string | null): void {
    if (this.#model instanceof NaiveSlots && slot !== null) this.#model.free(slot);
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
