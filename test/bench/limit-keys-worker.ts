/** The objects of rate limits by themselves, for measuring: no gateway in front, and their tables can be looked into. */
import { DurableObject } from 'cloudflare:workers';
import { counterKey, type Check, type LimitAnswer, type LimitCall } from '../../src/limits/calls.ts';
import type { Counter, CounterStore } from '../../src/limits/counter.ts';
import { Ledger } from '../../src/limits/ledger.ts';
import type { Limit } from '../../src/limits/limit.ts';
import { objectName } from '../../src/objects/limit-objects.ts';
import { RateLimitObject } from '../../src/objects/rate-limit-object.ts';

type Env = {
  readonly LIMITS: DurableObjectNamespace<OpenObject>;
  readonly UNCONFIRMED?: DurableObjectNamespace<UnconfirmedObject>;
  readonly WRITE_SPACING_MS?: string;
  readonly CLEANUP_SPACING_MS?: string;
};

export class OpenObject extends RateLimitObject {
  constructor(ctx: DurableObjectState, env: Env) {
    const { WRITE_SPACING_MS: write, CLEANUP_SPACING_MS: cleanup } = env;
    super(ctx, env, {
      ...(write !== undefined && { writeSpacingMs: Number(write) }),
      ...(cleanup !== undefined && { cleanupSpacingMs: Number(cleanup) }),
    });
  }

  /** The platform's own, or null. */
  nextAlarm(): Promise<number | null> {
    return this.ctx.storage.getAlarm();
  }

  rows(): number {
    const { sql } = this.ctx.storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'counters'").toArray().length === 0) return 0;
    return sql.exec<{ count: number }>('SELECT COUNT(*) AS count FROM counters').one().count;
  }
}

/** The other way to store: every change at once under the key's own name, without waiting for the disk. Nothing finds what is idle. */
export class UnconfirmedObject extends DurableObject<Env> implements CounterStore {
  readonly #counters = new Map<string, Counter | null>();
  readonly #ledger = new Ledger(this);

  decide(calls: readonly LimitCall[]): readonly LimitAnswer[] {
    const nowMs = Date.now();
    return calls.map((call) => this.#ledger.decide(call, nowMs));
  }

  get(key: string): Counter | null {
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = this.ctx.storage.kv.get<Counter>(key) ?? null;
      this.#counters.set(key, counter);
    }
    return counter;
  }

  set(key: string, counter: Counter): void {
    this.#counters.set(key, counter);
    void this.ctx.storage.put(key, counter, { allowUnconfirmed: true, noCache: true });
  }

  delete(key: string): void {
    this.#counters.set(key, null);
    void this.ctx.storage.delete(key, { allowUnconfirmed: true });
  }
}

function window(periodMs: number): Limit {
  return { algorithm: 'fixed-window', rate: 5, periodMs };
}
/** Never refuses and is worth writing: what a busy counter costs. */
const BUSY: Limit = { algorithm: 'token-bucket', rate: 1_000_000, periodMs: 86_400_000, burst: 1_000_000 };

function check(subject: string, limit: Limit): Check {
  return { key: counterKey('bench', subject), limit, cost: 1, onFailure: 'open', budgetMs: 2_000 };
}

/** 0 objects: one for each key. */
function homeOf({ key }: Check, objects: number): string {
  return objects === 0 ? `limits-each-${key}` : objectName(key, objects);
}

type Many = { readonly from: number; readonly count: number; readonly objects: number; readonly periodMs: number };

async function takeMany(env: Env, { from, count, objects, periodMs }: Many): Promise<number> {
  const calls = new Map<string, LimitCall[]>();
  for (let index = from; index < from + count; index += 1) {
    const one = check(`a:${index}`, window(periodMs));
    const home = homeOf(one, objects);
    const list = calls.get(home) ?? [];
    calls.set(home, list);
    list.push({ kind: 'take', checks: [one], slot: null });
  }
  const answers = await Promise.all([...calls].map(([home, list]) => env.LIMITS.getByName(home).decide(list)));
  return answers
    .flat()
    .filter(
      ({ outcomes: [outcome] }) => outcome !== null && outcome !== undefined && 'allowed' in outcome && outcome.allowed,
    ).length;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const number = (name: string): number => Number(searchParams.get(name));
    const objects = number('objects');
    if (pathname === '/many') {
      const many = { from: number('from'), count: number('count'), objects, periodMs: number('periodMs') };
      return Response.json(await takeMany(env, many));
    }
    if (pathname === '/one') {
      const one = check(`a:${number('key')}`, BUSY);
      const namespace = searchParams.has('unconfirmed') ? env.UNCONFIRMED : env.LIMITS;
      await namespace?.getByName(homeOf(one, objects)).decide([{ kind: 'take', checks: [one], slot: null }]);
      return new Response('ok');
    }
    if (pathname === '/collect') {
      // With `--expose-gc`: what nobody holds any more is no memory of the counters.
      const collect: unknown = Reflect.get(globalThis, 'gc');
      if (typeof collect !== 'function') return new Response('no gc', { status: 500 });
      collect();
      return Response.json(0);
    }
    const homes = Array.from({ length: objects }, (_, at) => env.LIMITS.getByName(`limits-${objects}-${at}`));
    if (pathname === '/rows') {
      const rows = await Promise.all(homes.map((home) => home.rows()));
      return Response.json(rows.reduce((sum, count) => sum + count, 0));
    }
    if (pathname === '/alarms') {
      const alarms = await Promise.all(homes.map((home) => home.nextAlarm()));
      return Response.json(alarms.filter((at) => at !== null).length);
    }
    return new Response(null, { status: 404 });
  },
} satisfies ExportedHandler<Env>;
