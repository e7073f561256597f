/**
 * The leases of this isolate. A batch is fetched by the first request that needs one, and ahead of need
 * while it is still being spent; whoever waits for it has a timer of its own, because the request that
 * fetches may be ended by the runtime.
 */
import { type Check, LEASE_MS } from '../limits/calls.ts';
import { sameLimit } from '../limits/algorithms/algorithm-of.ts';
import type { Figures } from '../limits/limit.ts';
import type { WaitUntil } from '../limits/limiter.ts';
import { Lease } from './lease.ts';
import type { LimitClient, Why } from './limit-client.ts';
import { isUnavailable } from './outcomes.ts';
import { withinBudget } from './within-budget.ts';

/** Bounds memory: some 300 bytes each. What a forgotten one held lapses unspent. */
const MAX_LEASES = 10_000;
/** So often a request waits for a batch that others then use up, before it is decided in the object. */
const ROUNDS = 3;

/**
 * An object that has to be started first is waited for longer than one that is there: 10 to 60 ms were
 * measured on two busy cores, and the first request of a quiet key is no failure.
 */
const COLD_BUDGET_MS = 500;

/** The units are this request's until they are given back. */
export type Spent = { readonly kind: 'spent'; readonly lease: Lease; readonly cost: number };
export type Denied = { readonly kind: 'denied'; readonly figures: Figures };
/** `take`: to be decided in the object, like an exact check. */
export type Obtained = Spent | Denied | { readonly kind: 'take' } | { readonly kind: 'undecided'; readonly why: Why };

type Fetching = { readonly done: Promise<Fetched>; readonly sentAtMs: number };
type Fetched = { readonly granted: number } | { readonly why: Why };
type Entry = { readonly lease: Lease; fetching: Fetching | null; waitingUnits: number };

export type LeasesOptions = {
  readonly client: LimitClient;
  readonly now: () => number;
  readonly maxLeases?: number;
};

export class Leases {
  readonly #client: LimitClient;
  readonly #now: () => number;
  readonly #maxLeases: number;
  /** Of this isolate, for all its leases. Made when it is first needed: no random numbers in the global scope. */
  #holder: string | null = null;
  /** Least recently fetched first. */
  readonly #entries = new Map<string, Entry>();

  constructor({ client, now, maxLeases = MAX_LEASES }: LeasesOptions) {
    this.#client = client;
    this.#now = now;
    this.#maxLeases = maxLeases;
  }

  /** A request with this check is here; to be said once for each. */
  demand(check: Check): void {
    this.#entryOf(check).lease.demand(check.cost, this.#now());
  }

  /** What can be said without asking; null: nothing. */
  here(check: Check, waitUntil: WaitUntil): Spent | Denied | null {
    const entry = this.#entryOf(check);
    const { lease } = entry;
    const { cost } = check;
    const nowMs = this.#now();
    if (lease.holds(cost, nowMs)) {
      lease.spend(cost);
      if (lease.runsLow(nowMs)) void this.#fetch(entry, check, waitUntil);
      return { kind: 'spent', lease, cost };
    }
    const figures = lease.denial(cost, nowMs);
    if (figures === null) return null;
    if (lease.isToConfirm(nowMs)) void this.#fetch(entry, check, waitUntil);
    return { kind: 'denied', figures };
  }

  async obtain(check: Check, waitUntil: WaitUntil): Promise<Obtained> {
    const entry = this.#entryOf(check);
    const { lease } = entry;
    const budgetMs = lease.isCold(this.#now()) ? Math.max(check.budgetMs, COLD_BUDGET_MS) : check.budgetMs;
    const untilMs = this.#now() + budgetMs;
    entry.waitingUnits += check.cost;
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const here = this.here(check, waitUntil);
        if (here !== null) return here;
        if (check.cost > lease.most) return { kind: 'take' };
        const fetched = await withinBudget(this.#fetch(entry, check, waitUntil), Math.max(0, untilMs - this.#now()));
        if (fetched === null) {
          lease.wasLate();
          return { kind: 'undecided', why: 'late' };
        }
        if ('why' in fetched) return { kind: 'undecided', why: fetched.why };
        if (fetched.granted === 0) break;
      }
      return this.here(check, waitUntil) ?? { kind: 'take' };
    } finally {
      entry.waitingUnits -= check.cost;
    }
  }

  /** Never rejects. One at a time for each lease. */
  #fetch(entry: Entry, check: Check, waitUntil: WaitUntil): Promise<Fetched> {
    const nowMs = this.#now();
    // An older one was ended with its request.
    if (entry.fetching !== null && nowMs - entry.fetching.sentAtMs <= 2 * LEASE_MS) return entry.fetching.done;
    this.#entries.delete(check.key);
    this.#entries.set(check.key, entry);
    const fetching: Fetching = { done: this.#fetchNow(entry, check, waitUntil), sentAtMs: nowMs };
    entry.fetching = fetching;
    const forget = () => {
      if (entry.fetching === fetching) entry.fetching = null;
    };
    void fetching.done.then(forget);
    return fetching.done;
  }

  async #fetchNow({ lease, waitingUnits }: Entry, check: Check, waitUntil: WaitUntil): Promise<Fetched> {
    this.#holder ??= crypto.randomUUID();
    const request = lease.request(waitingUnits, this.#now());
    const { wanted, unspent } = request;
    // Whoever waits has the check's budget; the batch is good for those who come later too.
    const checks = [{ ...check, cost: 1, budgetMs: Math.max(check.budgetMs, LEASE_MS) }] as const;
    const call = { kind: 'lease', checks, holder: this.#holder, wanted, unspent } as const;
    const work = this.#client.decide([call], waitUntil).then(([answer]): Fetched => {
      const outcome = answer?.outcomes[0];
      const granted = answer === undefined ? null : lease.answered(request, answer, this.#now());
      if (granted !== null) return { granted };
      return { why: isUnavailable(outcome) ? outcome.unavailable : 'gone' };
    });
    waitUntil(work);
    return work;
  }

  /** A changed limit begins anew: what was denied under the old one may pass under the new one. */
  #entryOf({ key, limit }: Check): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined && (known.lease.limit === limit || sameLimit(known.lease.limit, limit))) return known;
    const entry: Entry = { lease: new Lease(limit), fetching: null, waitingUnits: 0 };
    this.#entries.set(key, entry);
    if (this.#entries.size > this.#maxLeases) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry;
  }
}
