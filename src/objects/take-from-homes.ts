/**
 * All or nothing over several objects. In the order of their names: a place is reserved in all but the
 * last, which decides; the others are then told to count it, after the answer. A refusal gives the
 * places back before the answer, so that the client's next request finds them free. Reservations that
 * nobody settles lapse by themselves.
 *
 * While a place is held it may refuse others a request that a later refusal would have left them: for
 * as long as it takes to ask the objects that come after, at most RESERVATION_MS.
 */
import type { Check, LimitAnswer, LimitCall } from '../limits/calls.ts';
import type { WaitUntil } from '../limits/limiter.ts';
import { budgetOf, unavailableAnswer } from './limit-client.ts';
import { type AskHome, type HomePart, partsOf } from './limit-homes.ts';
import { afterRelease, isFigures, isUnavailable, refuses } from './outcomes.ts';

export type TakingFromHomes = {
  readonly homeOf: (key: string) => string;
  readonly ask: AskHome;
  readonly waitUntil: WaitUntil;
  readonly now: () => number;
};

type Take =
  | Extract<LimitCall, { readonly kind: 'take' }>
  | { readonly kind: 'reserve'; readonly checks: readonly Check[]; readonly id: string };
type Part = HomePart & { readonly checks: readonly Check[] };

/** Longest wait for a place to be given back when the budget is used up; it is given back later then. */
const RELEASE_WAIT_MS = 50;

export function takeFromHomes(call: Take, taking: TakingFromHomes): Promise<LimitAnswer> {
  return new TakeFromHomes(call, taking).run();
}

function isEnforced({ shadow }: Check): boolean {
  return shadow !== true;
}

class TakeFromHomes {
  readonly #call: Take;
  readonly #taking: TakingFromHomes;
  /** Of the reservations, and of the slot: what was reserved under a slot's name is that slot. */
  readonly #id: string;
  readonly #untilMs: number;
  readonly #outcomes: LimitAnswer['outcomes'][number][] = [];

  constructor(call: Take, taking: TakingFromHomes) {
    this.#call = call;
    this.#taking = taking;
    this.#id = call.kind === 'reserve' ? call.id : (call.slot ?? crypto.randomUUID());
    this.#untilMs = taking.now() + budgetOf(call);
  }

  async run(): Promise<LimitAnswer> {
    const parts = this.#parts();
    // Shadowed checks beside enforced ones go with them; objects that hold no others are asked last.
    const enforced = parts.filter(({ checks }) => checks.some(isEnforced));
    const shadowed = parts.filter(({ checks }) => !checks.some(isEnforced));
    let last: LimitAnswer | null = null;
    for (const [index, part] of enforced.entries()) {
      last = await this.#ask(part, index === enforced.length - 1 ? this.#deciding(part) : this.#step('reserve', part));
      this.#note(part, last);
      if (refuses(part.checks, last.outcomes)) {
        await this.#refuse(enforced.slice(0, index), part, [...enforced.slice(index + 1), ...shadowed]);
        return this.#answer(last);
      }
    }
    if (this.#call.kind === 'take') {
      const reserved = enforced.slice(0, -1);
      this.#settleLater('commit', reserved.filter(this.#isReserved));
      this.#settleLater('release', reserved.filter(this.#mayHold));
    }
    const shadows = shadowed.map(async (part) => this.#note(part, await this.#ask(part, this.#deciding(part))));
    const shadowAnswers = await Promise.all(shadows);
    return this.#answer(last ?? shadowAnswers.at(-1) ?? null);
  }

  /** The places before the refusing object are given back; those after it are only asked what they would have said. */
  async #refuse(before: readonly Part[], refusing: Part, after: readonly Part[]): Promise<void> {
    if (this.#mayHold(refusing)) this.#settleLater('release', [refusing]);
    const released = before.map(async (part) => {
      const waitMs = Math.max(this.#leftMs(), RELEASE_WAIT_MS);
      this.#noteRelease(part, await this.#taking.ask(part.home, this.#step('release', part), waitMs));
    });
    await Promise.all([...released, ...after.map((part) => this.#judge(part))]);
  }

  /** Reserves and gives back in one go, so that nobody else ever meets the reservation. */
  async #judge(part: Part): Promise<void> {
    const steps = [this.#ask(part, this.#step('reserve', part)), this.#ask(part, this.#step('release', part))] as const;
    const [reserved, released] = await Promise.all(steps);
    this.#note(part, reserved);
    this.#noteRelease(part, released);
  }

  #noteRelease({ places }: Part, { outcomes }: LimitAnswer): void {
    for (const [index, place] of places.entries()) {
      this.#outcomes[place] = afterRelease(this.#outcomes[place], outcomes[index]) ?? { unavailable: 'gone' };
    }
  }

  /** An object that is late may still carry out what it was sent, so what it holds is given back behind it. */
  #settleLater(kind: 'commit' | 'release', parts: readonly Part[]): void {
    const { ask, waitUntil } = this.#taking;
    const work = parts.map((part) => ask(part.home, this.#step(kind, part), budgetOf(this.#call)));
    if (work.length > 0) waitUntil(Promise.all(work));
  }

  #ask(part: Part, call: LimitCall): Promise<LimitAnswer> {
    const leftMs = this.#leftMs();
    if (leftMs <= 0) return Promise.resolve(unavailableAnswer(call, 'late', this.#taking.now()));
    return this.#taking.ask(part.home, call, leftMs);
  }

  #leftMs(): number {
    return this.#untilMs - this.#taking.now();
  }

  #step(kind: 'reserve' | 'commit' | 'release', { checks }: Part): LimitCall {
    return { kind, checks, id: this.#id };
  }

  #deciding(part: Part): LimitCall {
    if (this.#call.kind === 'reserve') return this.#step('reserve', part);
    return { kind: 'take', checks: part.checks, slot: this.#call.slot };
  }

  readonly #isReserved = ({ places }: Part): boolean => places.some((place) => isFigures(this.#outcomes[place]));

  /** The reservation may have been made and its answer lost. */
  readonly #mayHold = ({ places }: Part): boolean =>
    places.some((place) => {
      const outcome = this.#outcomes[place];
      return isUnavailable(outcome) && outcome.unavailable !== 'overloaded';
    });

  #parts(): readonly Part[] {
    const { checks } = this.#call;
    return partsOf(this.#call, this.#taking.homeOf).map(({ home, places }) => ({
      home,
      places,
      checks: places.flatMap((place) => checks.slice(place, place + 1)),
    }));
  }

  #note(part: Part, answer: LimitAnswer): LimitAnswer {
    for (const [index, place] of part.places.entries()) {
      this.#outcomes[place] = answer.outcomes[index] ?? { unavailable: 'gone' };
    }
    return answer;
  }

  #answer(decided: LimitAnswer | null): LimitAnswer {
    const { atMs, order } = decided ?? { atMs: this.#taking.now(), order: 0 };
    return { outcomes: this.#outcomes, atMs, order };
  }
}
