/** Plans against the plainest simulation of each algorithm, over logs as files hold them. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOrder } from '../../src/access-log/in-order.ts';
import { needsOf } from '../../src/access-log/log-needs.ts';
import { LimitPlan } from '../../src/access-log/plan-limits.ts';
import { LogTally, readEntries } from '../../src/access-log/read-log.ts';
import type { Limit } from '../../src/limits/limit.ts';
import type { CompiledLimit } from '../../src/policies/rate-limit/compiled.ts';

const START_MS = Date.parse('2025-03-30T00:00:00Z');

type Call = { readonly address: string; readonly atMs: number; readonly durationMs: number; readonly path: string };

/** Requests as they begin; one line each, in the order in which they end. */
const calls = fc
  .array(
    fc.record({
      address: fc.constantFrom('192.0.2.1', '192.0.2.1', '192.0.2.2'),
      // Shares of the period, so that requests come exactly when something ends.
      pauseMs: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(0, 1, 500, 5_000, 15_000, 20_000) },
        { weight: 3, arbitrary: fc.nat(6_000) },
        { weight: 1, arbitrary: fc.constant(20_000_000) },
      ),
      durationMs: fc.oneof(fc.constantFrom(0, 500, 5_000), fc.integer({ min: 25_000, max: 55_000 })),
      path: fc.constantFrom('/a', '/b'),
    }),
    { maxLength: 60, size: 'max' },
  )
  .map((drawn) => {
    let atMs = START_MS;
    return drawn.map(({ pauseMs, ...call }): Call => ({ ...call, atMs: (atMs += pauseMs) }));
  });

function asWritten(all: readonly Call[]): readonly Call[] {
  return all.toSorted((a, b) => a.atMs + a.durationMs - b.atMs - b.durationMs);
}

function logOf(all: readonly Call[]): string {
  return asWritten(all)
    .map(({ atMs, durationMs, address, path }) =>
      JSON.stringify({ start_time: new Date(atMs).toISOString(), duration: durationMs, client_ip: address, path }),
    )
    .join('\n');
}

async function planOf(limits: readonly CompiledLimit[], texts: readonly string[]): Promise<LimitPlan> {
  const config = { limits };
  const { wanted, address: needsAddress } = needsOf(config);
  const options = { fields: new Map<string, string>(), wanted, trustedHops: 0, needsAddress };
  const plan = new LimitPlan(config);
  for await (const entry of inOrder(texts.map((text) => readEntries(chunksOf(text), options, new LogTally()))))
    await plan.add(entry);
  return plan;
}

async function* chunksOf(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 100) yield text.slice(at, at + 100);
}

/** Whether each call of one address would pass, told from the ones that did. */
const NAIVE: Readonly<Record<string, (passed: readonly Call[], call: Call, rate: number) => boolean>> = {
  'fixed-window': (passed, { atMs }, rate) => {
    const window = Math.floor(atMs / 60_000);
    return passed.filter((one) => Math.floor(one.atMs / 60_000) === window).length < rate;
  },
  'sliding-window': (passed, { atMs }, rate) => passed.filter((one) => one.atMs > atMs - 60_000).length < rate,
  calendar: (passed, { atMs }, rate) => {
    const day = new Date(atMs).toISOString().slice(0, 10);
    return passed.filter((one) => new Date(one.atMs).toISOString().startsWith(day)).length < rate;
  },
  concurrency: (passed, { atMs }, rate) => passed.filter((one) => one.atMs + one.durationMs > atMs).length < rate,
  /** The bucket as a reservoir, in 1/60,000 of a token so that nothing is rounded. */
  'token-bucket': (passed, { atMs }, rate) => {
    let tokens = rate * 60_000;
    let beforeMs = passed[0]?.atMs ?? atMs;
    for (const one of passed) {
      tokens = Math.min(rate * 60_000, tokens + (one.atMs - beforeMs) * rate) - 60_000;
      beforeMs = one.atMs;
    }
    return Math.min(rate * 60_000, tokens + (atMs - beforeMs) * rate) >= 60_000;
  },
};

function simulated(all: readonly Call[], algorithm: string, rate: number): ReadonlyMap<string, number> {
  const refused = new Map<string, number>();
  const passed = new Map<string, Call[]>();
  for (const call of all) {
    const before = passed.get(call.address) ?? [];
    if (NAIVE[algorithm]?.(before, call, rate) === true) passed.set(call.address, [...before, call]);
    else refused.set(call.address, (refused.get(call.address) ?? 0) + 1);
  }
  return refused;
}

function limitOf(algorithm: string, rate: number): Limit {
  switch (algorithm) {
    case 'token-bucket':
      return { algorithm, rate, periodMs: 60_000, burst: rate };
    case 'fixed-window':
    case 'sliding-window':
      return { algorithm, rate, periodMs: 60_000 };
    case 'calendar':
      return { algorithm, rate, per: 'day', zone: 'UTC' };
    default:
      return { algorithm: 'concurrency', rate };
  }
}

const compiled = (limit: Limit, more: Partial<CompiledLimit> = {}): CompiledLimit => ({
  label: 'plan',
  counter: 'rl/plan/plan/0',
  limit,
  ...more,
});

const line = (fields: object): string => JSON.stringify({ ts: START_MS, path: '/', ...fields });

describe('LimitPlan', () => {
  it.each(Object.keys(NAIVE))('%s: refuses what the simulation refuses', async (algorithm) => {
    await fc.assert(
      fc.asyncProperty(
        calls,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: algorithm === 'concurrency' ? 1 : 3 }),
        async (all, rate, nodes) => {
          const texts = Array.from({ length: nodes }, (_, node) =>
            logOf(all.filter((_, index) => index % nodes === node)),
          );
          const plan = await planOf([compiled(limitOf(algorithm, rate))], texts);
          // Of those that begin in one millisecond, the one that is written first.
          const inTurn = asWritten(all).toSorted((a, b) => a.atMs - b.atMs);
          const expected = simulated(inTurn, algorithm, rate);
          const refused = new Map(
            plan.keys.top(9).flatMap(({ key, refused }) => (refused === 0 ? [] : [[key.split('|a:')[1], refused]])),
          );
          expect(Object.fromEntries(refused)).toEqual(Object.fromEntries(expected));
          const total = [...expected.values()].reduce((sum, count) => sum + count, 0);
          expect(plan.counts).toMatchObject({ requests: all.length, refused: total, late: 0 });
          expect(plan.hours.reduce((sum, { requests }) => sum + requests, 0)).toBe(all.length);
          expect(plan.hours.reduce((sum, { refused }) => sum + refused, 0)).toBe(total);
        },
      ),
    );
  });

  it('of several limits a refused request uses up none', async () => {
    const limits = [
      compiled(limitOf('fixed-window', 1), { label: 'a', counter: 'rl/a/a/0', pattern: ['/a'] }),
      compiled(limitOf('fixed-window', 2), { label: 'all', counter: 'rl/a/all/0' }),
    ];
    const paths = ['/a', '/a', '/a', '/b', '/b'];
    const log = paths.map((path, index) => ({ address: '192.0.2.1', atMs: START_MS + index, durationMs: 0, path }));
    const plan = await planOf(limits, [logOf(log)]);
    expect(plan.counts).toMatchObject({ requests: 5, refused: 3, unconcerned: 0 });
    expect(Object.fromEntries(plan.refusedBy)).toEqual({ a: 2, all: 1 });
  });

  it('counts apart what no limit concerns, and what the gateway refuses before', async () => {
    const limits = [compiled(limitOf('fixed-window', 1), { pattern: ['/a', ''] })];
    const paths = ['/a/1', '/b', '/a/../b', '/a/%31'];
    const log = paths.map((path, index) => ({ address: '192.0.2.1', atMs: START_MS + index, durationMs: 0, path }));
    const plan = await planOf(limits, [logOf(log)]);
    expect(plan.counts).toMatchObject({ requests: 4, refused: 1, unconcerned: 1, invalid: 1 });
  });

  it('counts IPv6 by network, keys by header and claim, costs by header', async () => {
    const one = limitOf('fixed-window', 5);
    const addresses = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'];
    const networks = await planOf([compiled(one)], [addresses.map((client_ip) => line({ client_ip })).join('\n')]);
    expect(networks.keys.counts.keys).toBe(2);

    const key = [{ from: 'header', name: 'x-tenant' }] as const;
    const cost = { header: 'x-cost', maxCost: 5 };
    const tenants = [
      { x_tenant: 'a', x_cost: 4 },
      { x_tenant: 'a', x_cost: 2 },
      { x_tenant: 'b', x_cost: 99 },
      { x_tenant: 'b', x_cost: 4 },
    ];
    const text = tenants.map((fields) => line({ client_ip: '192.0.2.1', ...fields })).join('\n');
    const plan = await planOf([compiled(one, { key, cost })], [text]);
    expect(plan.keys.top(2)).toMatchObject([
      { key: 'rl/plan/plan/0|h:x-tenant=a', requests: 2, refused: 1 },
      { key: 'rl/plan/plan/0|h:x-tenant=b', requests: 2, refused: 0 },
    ]);
  });

  it('hashes long keys as the gateway does', async () => {
    const key = [{ from: 'header', name: 'x-tenant' }] as const;
    const long = line({ client_ip: '192.0.2.1', x_tenant: 'x'.repeat(5_000) });
    const plan = await planOf([compiled(limitOf('fixed-window', 1), { key })], [`${long}\n${long}`]);
    expect(plan.keys.top(1)).toMatchObject([
      { key: expect.stringMatching(/\|h:x-tenant=sha256:[0-9a-f]{64}$/), refused: 1 },
    ]);
  });
});
