/** The table of an object against a plain map, over real SQLite. */
import { reset, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Counter } from '../../src/limits/counter.ts';
import { CounterTable } from '../../src/objects/counter-table.ts';

const PERIOD_MS = 60_000;

/** Says something until the end of its window. */
function counter(startMs: number, used: number): Counter {
  return {
    limit: { algorithm: 'fixed-window', rate: 1_000_000, periodMs: PERIOD_MS },
    state: { algorithm: 'fixed-window', startMs, used },
  };
}

function inTable<T>(work: (sql: SqlStorage) => T): Promise<T> {
  const stub = env.RATE_LIMITS.get(env.RATE_LIMITS.idFromName('table'));
  return runInDurableObject(stub, (_, { storage }) => work(storage.sql));
}

afterEach(() => reset());

/** Few of them, so that each is written, forgotten and read again. */
const KEYS = ['a|1', 'b|1', 'a|2', "it's|3", '|'] as const;
/** More than memory keeps. */
const CROWD = 2_001;

class Pair {
  readonly table: CounterTable;
  readonly model = new Map<string, Counter>();
  nowMs = 0;
  #used = 0;

  constructor(sql: SqlStorage) {
    sql.exec('DROP TABLE IF EXISTS counters');
    this.table = new CounterTable(sql);
  }

  set(key: string, windows: number): void {
    this.#used += 1;
    const one = counter(windows * PERIOD_MS, this.#used);
    this.table.set(key, one);
    this.model.set(key, one);
  }

  delete(key: string): void {
    this.table.delete(key);
    this.model.delete(key);
  }

  compare(key: string, table: CounterTable): void {
    expect(this.#telling(table.get(key))).toEqual(this.#telling(this.model.get(key) ?? null));
  }

  /** A counter that says nothing any more may be there or not. */
  #telling(found: Counter | null): Counter | null {
    if (found?.state.algorithm !== 'fixed-window') return null;
    return found.state.startMs + PERIOD_MS <= this.nowMs ? null : found;
  }
}

type Step = (pair: Pair) => void;
const keys = fc.constantFrom(...KEYS);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.tuple(keys, fc.nat(5)).map(
      ([key, windows]): Step =>
        (pair) =>
          pair.set(key, windows),
    ),
    keys.map(
      (key): Step =>
        (pair) =>
          pair.delete(key),
    ),
    keys.map(
      (key): Step =>
        (pair) =>
          pair.compare(key, pair.table),
    ),
    fc.nat(2 * PERIOD_MS).map(
      (ms): Step =>
        (pair) =>
          void (pair.nowMs += ms),
    ),
    fc.constantFrom<Step[]>(
      ({ table, nowMs }) => table.write(nowMs),
      ({ table }) => table.age(),
      ({ table, nowMs }) => {
        while (table.deleteIdle(nowMs));
      },
      ({ table }) => {
        for (let at = 0; at < CROWD; at += 1) table.get(`crowd|${at}`);
      },
    ),
  ),
  { maxLength: 60, size: 'max' },
);

describe('CounterTable', () => {
  it('answers what was set, whatever of it is in memory', async () => {
    await inTable((sql) =>
      fc.assert(
        fc.property(steps, (drawn) => {
          const pair = new Pair(sql);
          for (const step of drawn) step(pair);
          pair.table.write(pair.nowMs);
          const restarted = new CounterTable(sql);
          for (const key of KEYS) for (const table of [pair.table, restarted]) pair.compare(key, table);
        }),
        { numRuns: 200 },
      ),
    );
  });

  it('makes no table before there is something to write', async () => {
    const made = await inTable((sql) => {
      const table = new CounterTable(sql);
      table.set('a|1', counter(0, 1));
      table.delete('b|1');
      expect(table.write(PERIOD_MS)).toBeNull();
      return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'counters'").toArray().length;
    });
    expect(made).toBe(0);
  });

  it('says when the first of the rows becomes idle, and finds it by the index', async () => {
    await inTable((sql) => {
      const table = new CounterTable(sql);
      table.set('a|1', counter(2 * PERIOD_MS, 1));
      table.set('a|2', counter(PERIOD_MS, 1));
      expect(table.write(0)).toBe(2 * PERIOD_MS);
      expect(table.nextIdleMs()).toBe(2 * PERIOD_MS);
      const plans = [
        'SELECT MIN(idle_at) FROM counters',
        'SELECT key FROM counters WHERE idle_at <= 1 LIMIT 1',
        "SELECT counter FROM counters WHERE key = 'a|1'",
      ].map((query) =>
        sql
          .exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`)
          .toArray()
          .map(({ detail }) => detail)
          .join(),
      );
      expect(plans[0]).toContain('counters_idle_at');
      expect(plans[1]).toContain('counters_idle_at (idle_at<?)');
      expect(plans[2]).toContain('PRIMARY KEY (key=?)');
    });
  });
});
