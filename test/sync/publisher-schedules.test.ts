/**
 * Seeded schedules over everything between a cluster and a program store: several processes, one Lease,
 * one store, and faults of all of them. `SCHEDULES=20000` for more of them.
 */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FAULTS } from './flaky-source.ts';
import { pointerFirst, withoutPointerCheck, withoutSources } from './flaky-store.ts';
import { PROCESS_FAULTS } from './process-life.ts';
import { runSchedule, type Outcome, type Sabotage } from './publisher-schedule.ts';

const SCHEDULES = Number(process.env['SCHEDULES'] ?? 1_000);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  // The platform's own answers from another thread, at no predictable moment. No spy: it would keep every call.
  Object.defineProperty(crypto.subtle, 'digest', {
    configurable: true,
    value: (_: string, data: Uint8Array) => {
      const bytes = createHash('sha256').update(data).digest();
      return Promise.resolve(new Uint8Array(bytes).buffer);
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
  Reflect.deleteProperty(crypto.subtle, 'digest');
});

function summary({ faults, ...run }: Outcome): unknown {
  return { ...run, faults: [...faults] };
}

describe('several sync processes', () => {
  it(
    `publish the truth once things settle, and something whole at every moment: ${SCHEDULES} schedules`,
    { timeout: 3_600_000 },
    async () => {
      const broken: string[] = [];
      const faults = new Map<string, number>();
      let [publishes, leaders, lies] = [0, 0, 0];
      for (let seed = 1; seed <= SCHEDULES; seed += 1) {
        const run = await runSchedule(seed);
        for (const problem of new Set(run.broken)) broken.push(`${seed}: ${problem}`);
        for (const [fault, count] of run.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
        publishes += run.publishes;
        leaders += run.leaders;
        lies += run.wasLiedTo ? 1 : 0;
      }
      console.log(JSON.stringify({ publishes, leaders, lies, faults: Object.fromEntries(faults) }));
      expect(broken.slice(0, 20)).toEqual([]);
      expect(publishes).toBeGreaterThan(SCHEDULES * 5);
      expect(leaders).toBeGreaterThan(SCHEDULES * 1.5);
      expect(lies).toBeLessThan(SCHEDULES / 3);
      for (const fault of [...FAULTS, ...PROCESS_FAULTS, 'killed', 'stopped', 'cut off'])
        expect([fault, (faults.get(fault) ?? 0) > SCHEDULES / 20]).toEqual([fault, true]);
    },
  );

  it('run the same way again from the same seed', async () => {
    expect(summary(await runSchedule(3))).toEqual(summary(await runSchedule(3)));
  });

  it.each<[string, Sabotage, RegExp]>([
    ['the pointer is switched first', { store: pointerFirst }, /^a reader finds/],
    [
      'everybody leads and looks for no other publisher',
      { alwaysLeads: true, store: withoutPointerCheck },
      /it had not seen/,
    ],
    ['nobody remembers what was accepted', { store: withoutSources }, /fragile/],
    [
      'deletions are not heard of',
      {
        api: (api) => ({
          ...api,
          stream: async function* stream(call, signal) {
            for await (const event of api.stream(call, signal))
              if ((event as { type: string }).type !== 'DELETED') yield event;
          },
        }),
      },
      /^ghost/,
    ],
    [
      'statuses are not written, but said to be',
      { api: (api) => ({ ...api, request: async (call) => (call.method === 'PATCH' ? null : api.request(call)) }) },
      /^status of/,
    ],
  ])(
    'are seen to be wrong when %s, so that the test above can fail',
    { timeout: 300_000 },
    async (_, sabotage, expected) => {
      let wrong = 0;
      for (let seed = 1; seed <= 40; seed += 1) {
        const { broken } = await runSchedule(seed, sabotage);
        if (broken.some((problem) => expected.test(problem))) wrong += 1;
      }
      expect(wrong).toBeGreaterThan(4);
    },
  );
});
