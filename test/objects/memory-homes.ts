/** Objects in memory, each with a ledger of its own, that take their time and fail on request. */
import type { LimitAnswer, LimitCall } from '../../src/limits/calls.ts';
import type { Counter, CounterStore } from '../../src/limits/counter.ts';
import { Ledger } from '../../src/limits/ledger.ts';
import type { LimitCheck, WaitUntil } from '../../src/limits/limiter.ts';
import type { Limit, TokenBucket } from '../../src/limits/limit.ts';

class MemoryCounters implements CounterStore {
  readonly #counters = new Map<string, Counter>();
  get(key: string): Counter | null {
    return this.#counters.get(key) ?? null;
  }
  set(key: string, counter: Counter): void {
    this.#counters.set(key, counter);
  }
  delete(key: string): void {
    this.#counters.delete(key);
  }
}

export type Rpc = { readonly home: string; readonly calls: readonly LimitCall[] };
/** Stands between an RPC and its object; `carryOut` lets the object decide. */
export type Script = (
  rpc: Rpc,
  carryOut: () => readonly LimitAnswer[],
) => readonly LimitAnswer[] | Promise<readonly LimitAnswer[]>;

export class MemoryHomes {
  readonly #ledgers = new Map<string, Ledger>();
  /** What was sent, in order. */
  readonly rpcs: Rpc[] = [];
  script: Script = (_, carryOut) => carryOut();

  readonly send = async (home: string, calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]> => {
    const rpc = { home, calls };
    this.rpcs.push(rpc);
    return this.script(rpc, () => this.decide(home, calls));
  };

  decide(home: string, calls: readonly LimitCall[]): readonly LimitAnswer[] {
    const ledger = this.#ledgers.get(home) ?? new Ledger(new MemoryCounters());
    this.#ledgers.set(home, ledger);
    return calls.map((call) => ledger.decide(call, Date.now()));
  }

  /** `HOME.KIND` of every call, in order. */
  kinds(): readonly string[] {
    return this.rpcs.flatMap(({ home, calls }) => calls.map(({ kind }) => `${home}.${kind}`));
  }
}

/** The home of a counter is what stands before the first `:` of its subject. */
export function homeOf(key: string): string {
  return key.slice(key.indexOf('|') + 1).split(':')[0] ?? '';
}

/** Requests that end with their work: what they hold on to is awaited by `settled`. */
export class HeldWork {
  readonly #work: Promise<unknown>[] = [];
  readonly waitUntil: WaitUntil = (work) => void this.#work.push(work);
  async settled(): Promise<void> {
    for (let done = 0; done < this.#work.length; done += 1) await this.#work[done];
  }
}

export function bucket(rate: number, periodMs: number, burst = rate): TokenBucket {
  return { algorithm: 'token-bucket', rate, periodMs, burst };
}

export function check(key: string, limit: Limit, change: Partial<LimitCheck> = {}): LimitCheck {
  return { key, limit, cost: 1, onFailure: 'open', budgetMs: 2_000, mode: 'exact', ...change };
}

export function platformError(flags: { readonly retryable?: boolean; readonly overloaded?: boolean }): Error {
  return Object.assign(new Error('platform'), flags);
}
