/**
 * The objects that hold the counters. A call whose counters live in one object goes there as it is;
 * one that needs several is split, and a decision over several is made by take-from-homes.ts.
 */
import type { LimitAnswer, LimitCall } from '../limits/calls.ts';
import type { WaitUntil } from '../limits/limiter.ts';
import type { Send } from './carry-calls.ts';
import { Lane } from './lane.ts';
import { budgetOf, type LimitClient } from './limit-client.ts';
import { takeFromHomes } from './take-from-homes.ts';

export type LimitHomesOptions = {
  /** Which object a counter lives in, by the counter's key. */
  readonly homeOf: (key: string) => string;
  /** Carries calls to an object by its name. */
  readonly send: (home: string, calls: Parameters<Send>[0]) => ReturnType<Send>;
  readonly callsInFlight?: number;
  readonly now?: () => number;
};

/** Asks one object; answered within the budget. */
export type AskHome = (home: string, call: LimitCall, budgetMs: number) => Promise<LimitAnswer>;

/** The part of a call that one object decides. */
export type HomePart = {
  readonly home: string;
  /** Where the part's checks or keys stand in the whole call. */
  readonly places: readonly number[];
};

export class LimitHomes implements LimitClient {
  readonly #options: LimitHomesOptions;
  /** As many as there are objects. */
  readonly #lanes = new Map<string, Lane>();

  constructor(options: LimitHomesOptions) {
    this.#options = options;
  }

  decide(calls: readonly LimitCall[], waitUntil: WaitUntil): Promise<readonly LimitAnswer[]> {
    return Promise.all(calls.map((call) => this.#decide(call, waitUntil)));
  }

  /** Asks in this very turn, so that the calls of a turn keep their order. */
  #decide(call: LimitCall, waitUntil: WaitUntil): Promise<LimitAnswer> {
    const { homeOf, now = Date.now } = this.#options;
    const ask: AskHome = (home, part, budgetMs) => this.#laneOf(home).ask(part, { budgetMs, waitUntil });
    const parts = partsOf(call, homeOf);
    const [only] = parts;
    if (only === undefined) return Promise.resolve({ outcomes: [], atMs: now(), order: 0 });
    if (parts.length === 1) return ask(only.home, call, budgetOf(call));
    const taking = { homeOf, ask, waitUntil, now };
    if (call.kind === 'take') return takeFromHomes(call, taking);
    if (call.kind === 'reserve') return takeFromHomes({ ...call, kind: 'reserve' }, taking);
    return askEach(call, parts, ask);
  }

  #laneOf(home: string): Lane {
    const known = this.#lanes.get(home);
    if (known !== undefined) return known;
    const { send, callsInFlight, now } = this.#options;
    const lane = new Lane({
      send: (calls) => send(home, calls),
      pauseMs: 0,
      ...(callsInFlight !== undefined && { callsInFlight }),
      ...(now !== undefined && { now }),
    });
    this.#lanes.set(home, lane);
    return lane;
  }
}

/** In the order of the names, which is the order of all who ask several objects. */
export function partsOf(call: LimitCall, homeOf: (key: string) => string): readonly HomePart[] {
  const keys = 'keys' in call ? call.keys : call.checks.map(({ key }) => key);
  const places = new Map<string, number[]>();
  for (const [place, key] of keys.entries()) {
    const home = homeOf(key);
    const known = places.get(home);
    if (known === undefined) places.set(home, [place]);
    else known.push(place);
  }
  const parts = Array.from(places, ([home, places]) => ({ home, places }));
  return parts.toSorted((one, other) => (one.home < other.home ? -1 : 1));
}

/** What needs no common decision. */
async function askEach(call: LimitCall, parts: readonly HomePart[], ask: AskHome): Promise<LimitAnswer> {
  const asked = parts.map(({ home, places }) => ask(home, partOf(call, places), budgetOf(call)));
  const answers = await Promise.all(asked);
  const outcomes: LimitAnswer['outcomes'][number][] = [];
  for (const [index, { places }] of parts.entries()) {
    for (const [part, place] of places.entries()) outcomes[place] = answers[index]?.outcomes[part] ?? null;
  }
  const last = answers.at(-1);
  return { outcomes, atMs: last?.atMs ?? 0, order: last?.order ?? 0 };
}

function partOf(call: LimitCall, places: readonly number[]): LimitCall {
  const pick = <T>(all: readonly T[]) => places.flatMap((place) => all.slice(place, place + 1));
  if ('keys' in call) return { ...call, keys: pick(call.keys) };
  // A lease has one check, so it is never split.
  return call.kind === 'lease' ? call : { ...call, checks: pick(call.checks) };
}
