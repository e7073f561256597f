/**
 * The RateLimiter port: what can be decided here is, all the rest is asked for in one call. Leased
 * units are taken first and given back when something else refuses, so that all or nothing counts.
 */
import { type Check, LEASABLE_FROM } from '../limits/calls.ts';
import { largestCost } from '../limits/limit.ts';
import type { LimitCheck, RateLimiter, Reserved, Taken, Verdict, WaitUntil } from '../limits/limiter.ts';
import { Leases, type Obtained } from './leases.ts';
import type { LimitClient, Why } from './limit-client.ts';
import { afterRelease, isFigures, isUnavailable, type Outcome } from './outcomes.ts';
import { holdSlot } from './request-slot.ts';

/** Requests of this isolate since it started, by what became of them: decided, or undecided and let through or refused for it. */
export type LimitCounts = { readonly decided: number; readonly open: number; readonly closed: number };

export type CountingRateLimiter = RateLimiter & { counts(): LimitCounts };

export type RateLimiterOptions = {
  /** Milliseconds. Default `Date.now`. */
  readonly now?: () => number;
  readonly maxLeases?: number;
};

export function createRateLimiter(client: LimitClient, options: RateLimiterOptions = {}): CountingRateLimiter {
  const { now = Date.now, maxLeases } = options;
  const leases = new Leases({ client, now, ...(maxLeases !== undefined && { maxLeases }) });
  return new ObjectRateLimiter(client, leases, now);
}

class ObjectRateLimiter implements CountingRateLimiter {
  readonly #client: LimitClient;
  readonly #leases: Leases;
  readonly #now: () => number;
  readonly #counts = { decided: 0, open: 0, closed: 0 };

  constructor(client: LimitClient, leases: Leases, now: () => number) {
    this.#client = client;
    this.#leases = leases;
    this.#now = now;
  }

  counts(): LimitCounts {
    return { ...this.#counts };
  }

  take(checks: readonly LimitCheck[], waitUntil: WaitUntil): Taken | Promise<Taken> {
    let areLeased = true;
    for (const check of checks) {
      if (isLeasable(check)) this.#leases.demand(check);
      else areLeased = false;
    }
    return (areLeased ? this.#takeHere(checks, waitUntil) : null) ?? this.#takeThere(checks, waitUntil);
  }

  async reserve(checks: readonly LimitCheck[], waitUntil: WaitUntil): Promise<Reserved> {
    if (checks.length === 0) return { verdicts: [], commit: nothing, release: nothing };
    const id = crypto.randomUUID();
    const [answer] = await this.#client.decide([{ kind: 'reserve', checks, id }], waitUntil);
    const verdicts = checks.map((check, place) => verdictOf(check, answer?.outcomes[place]));
    this.#count(checks, verdicts);
    const settle = (kind: 'commit' | 'release', some: readonly Check[]) => {
      if (some.length > 0) waitUntil(this.#client.decide([{ kind, checks: some, id }], waitUntil));
    };
    // What could not be asked may hold a place all the same.
    settle(
      'release',
      checks.filter((_, place) => mayHold(answer?.outcomes[place])),
    );
    const held = checks.filter((_, place) => isAllowed(verdicts[place]));
    let isSettled = isRefused(checks, verdicts);
    const once = (kind: 'commit' | 'release') => () => {
      if (!isSettled) settle(kind, held);
      isSettled = true;
    };
    return { verdicts, commit: once('commit'), release: once('release') };
  }

  charge(checks: readonly LimitCheck[], waitUntil: WaitUntil): void {
    const there = checks.filter((check) => !isLeasable(check) || this.#leases.here(check, waitUntil)?.kind !== 'spent');
    if (there.length === 0) return;
    waitUntil(this.#client.decide([{ kind: 'charge', checks: there }], waitUntil));
  }

  /** null: something must be asked for; then nothing was taken. */
  #takeHere(checks: readonly LimitCheck[], waitUntil: WaitUntil): Taken | null {
    const obtained: Obtained[] = [];
    for (const check of checks) {
      const here = this.#leases.here(check, waitUntil);
      if (here === null) {
        giveBack(obtained);
        return null;
      }
      obtained.push(here);
    }
    return this.#conclude(checks, obtained, []);
  }

  async #takeThere(checks: readonly LimitCheck[], waitUntil: WaitUntil): Promise<Taken> {
    const obtained = await Promise.all(
      checks.map(async (check): Promise<Obtained> =>
        isLeasable(check) ? this.#leases.obtain(check, waitUntil) : { kind: 'take' },
      ),
    );
    const asked = checks.flatMap((check, place) => (obtained[place]?.kind === 'take' ? [check] : []));
    if (asked.length === 0) return this.#conclude(checks, obtained, []);
    const slot = asked.some(isSlot) ? crypto.randomUUID() : null;
    const undecided = obtained.find((one, place) => one.kind === 'undecided' && stops(checks[place], one));
    if (undecided?.kind === 'undecided') {
      // Refused for it whatever the others say, so they are not waited for.
      const unasked = asked.map(() => ({ unavailable: undecided.why }));
      return this.#conclude(checks, obtained, unasked);
    }
    const isStopped = obtained.some((one, place) => stops(checks[place], one));
    const outcomes = await (isStopped ? this.#judge(asked, waitUntil) : this.#ask(asked, slot, waitUntil));
    const taken = this.#conclude(checks, obtained, outcomes);
    if (slot === null || isStopped) return taken;
    const isHeld = !isRefused(checks, taken.verdicts);
    return { ...taken, endSlots: this.#slotOf({ asked, outcomes, slot, isHeld }, waitUntil) };
  }

  async #ask(checks: readonly Check[], slot: string | null, waitUntil: WaitUntil): Promise<Outcomes> {
    const [answer] = await this.#client.decide([{ kind: 'take', checks, slot }], waitUntil);
    return answer?.outcomes ?? [];
  }

  /** What they would have said: reserved and given back in one go, so that nobody else ever meets the reservation. */
  async #judge(checks: readonly Check[], waitUntil: WaitUntil): Promise<Outcomes> {
    const id = crypto.randomUUID();
    const calls = [{ kind: 'reserve', checks, id } as const, { kind: 'release', checks, id } as const];
    const [reserved, released] = await this.#client.decide(calls, waitUntil);
    return checks.map((_, place) => afterRelease(reserved?.outcomes[place], released?.outcomes[place]));
  }

  #conclude(checks: readonly LimitCheck[], obtained: readonly Obtained[], outcomes: Outcomes): Taken {
    let verdicts = verdictsOf(checks, obtained, outcomes, this.#now());
    if (isRefused(checks, verdicts)) {
      giveBack(obtained);
      // Once more: what is left has changed with it.
      verdicts = verdictsOf(checks, obtained, outcomes, this.#now());
    }
    this.#count(checks, verdicts);
    return { verdicts, endSlots: null };
  }

  /** null: the request holds none. */
  #slotOf({ asked, outcomes, slot, isHeld }: AskedSlot, waitUntil: WaitUntil): (() => void) | null {
    const slots = (holds: (outcome: Outcome) => boolean) =>
      asked.filter((check, place) => isSlot(check) && holds(outcomes[place]));
    const unsure = slots(mayHold);
    if (unsure.length > 0) waitUntil(this.#client.decide([{ kind: 'free', checks: unsure, slot }], waitUntil));
    const held = slots((outcome) => isFigures(outcome) && outcome.allowed);
    return isHeld && held.length > 0 ? holdSlot({ checks: held, slot }, this.#client, waitUntil) : null;
  }

  #count(checks: readonly Check[], verdicts: readonly Verdict[]): void {
    let became: keyof LimitCounts = 'decided';
    for (let place = 0; place < checks.length; place += 1) {
      const verdict = verdicts[place];
      if (verdict === undefined || !('undecided' in verdict) || checks[place]?.shadow === true) continue;
      if (became !== 'closed') became = verdict.undecided;
    }
    this.#counts[became] += 1;
  }
}

type Outcomes = readonly Outcome[];
type AskedSlot = {
  readonly asked: readonly Check[];
  readonly outcomes: Outcomes;
  readonly slot: string;
  /** The request passed. */
  readonly isHeld: boolean;
};

function nothing(): void {
  // A reservation of nothing has nothing to settle.
}

/** Lowering decides this too; a program of another version may say more than it should. */
function isLeasable({ mode, limit }: LimitCheck): boolean {
  return (
    mode === 'leased' && limit.algorithm !== 'concurrency' && Math.min(limit.rate, largestCost(limit)) >= LEASABLE_FROM
  );
}

function isSlot({ limit }: Check): boolean {
  return limit.algorithm === 'concurrency';
}

function giveBack(obtained: readonly Obtained[]): void {
  for (const one of obtained) if (one.kind === 'spent') one.lease.giveBack(one.cost);
}

/** Refuses the request before the objects are asked. */
function stops(check: Check | undefined, obtained: Obtained): boolean {
  if (check === undefined || check.shadow === true) return false;
  return obtained.kind === 'denied' || (obtained.kind === 'undecided' && check.onFailure === 'closed');
}

/** `outcomes`: of those that had to be asked for, in order. */
function verdictsOf(
  checks: readonly Check[],
  obtained: readonly Obtained[],
  outcomes: Outcomes,
  nowMs: number,
): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  let asked = 0;
  for (const check of checks) {
    const one = obtained[verdicts.length];
    verdicts.push(one?.kind === 'take' ? verdictOf(check, outcomes[asked++]) : verdictHere(check, one, nowMs));
  }
  return verdicts;
}

function verdictHere({ onFailure }: Check, obtained: Obtained | undefined, nowMs: number): Verdict {
  if (obtained?.kind === 'spent') return obtained.lease.figures(nowMs);
  if (obtained?.kind === 'denied') return obtained.figures;
  return { undecided: onFailure, why: obtained?.kind === 'undecided' ? obtained.why : ('gone' satisfies Why) };
}

function verdictOf({ onFailure }: Check, outcome: Outcome): Verdict {
  if (isFigures(outcome)) return outcome;
  return { undecided: onFailure, why: isUnavailable(outcome) ? outcome.unavailable : ('gone' satisfies Why) };
}

function isAllowed(verdict: Verdict | undefined): boolean {
  return verdict !== undefined && 'allowed' in verdict && verdict.allowed;
}

function isRefused(checks: readonly Check[], verdicts: readonly Verdict[]): boolean {
  for (const [place, verdict] of verdicts.entries()) {
    const refuses = 'undecided' in verdict ? verdict.undecided === 'closed' : !verdict.allowed;
    if (refuses && checks[place]?.shadow !== true) return true;
  }
  return false;
}

/** It could not be asked, or its answer was lost on the way back. */
function mayHold(outcome: Outcome): boolean {
  return isUnavailable(outcome) && outcome.unavailable !== 'overloaded';
}
