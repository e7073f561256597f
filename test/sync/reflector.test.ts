/** Seeded schedules of edits and faults against one truth. `SCHEDULES=20000` for more of them. */
import { describe, expect, it } from 'vitest';
import { Reflector, type ListWatch, type ReflectorOptions } from '../../src/sync/reflector.ts';
import { seededRandom } from '../faults/scenario.ts';
import { FAULTS, FlakySource, type Fault } from './flaky-source.ts';
import { settle, VirtualTime } from './virtual-time.ts';

const SCHEDULES = Number(process.env['SCHEDULES'] ?? 1_000);

type Run = {
  /** Within a minute of the last fault. */
  readonly isRightSoon: boolean;
  readonly isRight: boolean;
  readonly faults: ReadonlyMap<Fault, number>;
  readonly broken: string | null;
};

/** @param between what stands between reflector and source: the control breaks it */
async function runSchedule(seed: number, between: (source: ListWatch) => ListWatch = (source) => source): Promise<Run> {
  const random = seededRandom(seed);
  const time = new VirtualTime();
  const source = new FlakySource(random, () => time.nowMs);
  const stop = new AbortController();
  let told = 0;
  let broken: string | null = null;
  const options: ReflectorOptions = {
    source: between(source),
    clock: time.clock(0, random),
    onChange: () => (told += 1),
    onProblem: () => undefined,
  };
  const reflector = new Reflector(options);
  for (let count = 0; count < 5; count += 1) source.edit();
  source.faultiness = 0.3 * random();
  const running = reflector.run(stop.signal);
  let before = snapshotOf(reflector);
  for (let step = 0; step < 40; step += 1) {
    const edits = Math.floor(random() * 4);
    for (let count = 0; count < edits; count += 1) source.edit();
    if (random() < 0.05) source.compact();
    await settle();
    await time.advance(Math.floor(random() * 3_000));
    source.stir();
    await settle();
    const now = snapshotOf(reflector);
    if (now !== before && told === 0) broken = 'a change was not told';
    if (reflector.entries.size > 0 && !reflector.isSynced) broken = 'entries before the first list';
    [before, told] = [now, 0];
  }
  source.faultiness = 0;
  for (let step = 0; step < 60; step += 1) {
    await time.advance(1_000);
    source.stir();
    await settle();
  }
  const isRightSoon = snapshotOf(reflector) === truthOf(source);
  // A list that lied, or an event that was lost without a trace, is made good by the list that comes anyway.
  await time.advance(13 * 60_000);
  source.stir();
  await settle();
  for (let step = 0; step < 10; step += 1) {
    source.edit();
    await settle();
    await time.advance(1_000);
    source.stir();
    await settle();
  }
  const isRight = snapshotOf(reflector) === truthOf(source);
  stop.abort();
  source.stir();
  await running;
  return { isRightSoon, isRight, faults: source.seen, broken };
}

function snapshotOf(reflector: Reflector): string {
  return JSON.stringify([...reflector.entries].map(([key, { raw }]) => [key, raw]).toSorted(byKey));
}

function truthOf(source: FlakySource): string {
  return JSON.stringify([...source.objects].toSorted(byKey));
}

function byKey([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return String(a) < String(b) ? -1 : 1;
}

describe('Reflector', () => {
  it(
    `holds exactly what the cluster holds once things settle: ${SCHEDULES} schedules`,
    { timeout: 600_000 },
    async () => {
      const wrong: number[] = [];
      const broken: string[] = [];
      let judgedSoon = 0;
      const faults = new Map<Fault, number>();
      for (let seed = 1; seed <= SCHEDULES; seed += 1) {
        const run = await runSchedule(seed);
        // An empty list is no different from the truth until the next one.
        const mustBeSoon = !run.faults.has('empty list');
        if (!run.isRight || (mustBeSoon && !run.isRightSoon)) wrong.push(seed);
        if (mustBeSoon && run.faults.size > 5) judgedSoon += 1;
        if (run.broken !== null) broken.push(`${seed}: ${run.broken}`);
        for (const [fault, count] of run.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
      }
      expect({ wrong, broken }).toEqual({ wrong: [], broken: [] });
      expect(judgedSoon).toBeGreaterThan(SCHEDULES / 10);
      for (const fault of FAULTS) expect([fault, (faults.get(fault) ?? 0) > SCHEDULES / 20]).toEqual([fault, true]);
    },
  );

  it.each<[string, (source: ListWatch) => ListWatch]>([
    [
      'events are swallowed and no list follows',
      (source) => ({
        list: (signal) => source.list(signal),
        watch: async function* watch(version, signal) {
          for await (const event of source.watch(version, signal))
            if ((event as { type: string }).type !== 'DELETED') yield event;
        },
      }),
    ],
    [
      'a list is out of date but claims to be new',
      (source) => {
        let first: Awaited<ReturnType<ListWatch['list']>> | null = null;
        return {
          list: async (signal) => {
            const now = await source.list(signal);
            first ??= now;
            return { ...now, items: first.items };
          },
          watch: (version, signal) => source.watch(version, signal),
        };
      },
    ],
  ])('is seen to be wrong when %s, so that the test above can fail', async (_, between) => {
    const runs = await Promise.all(Array.from({ length: 30 }, (_, seed) => runSchedule(seed + 1, between)));
    expect(runs.filter(({ isRight }) => !isRight).length).toBeGreaterThan(5);
  });

  it.each([
    [3, 0, 2],
    [3, 2, 2],
    [4, 3, 1],
    [30, 9, 2],
    [300, 279, 2],
    [300, 280, 1],
  ])('of %i a list holds %i more: that is asked for %i times', async (before, after, times) => {
    const time = new VirtualTime();
    const stop = new AbortController();
    const all = Array.from({ length: before }, (_, index) => ({
      metadata: { name: `o-${index}`, resourceVersion: '1' },
    }));
    const lists: (typeof all)[] = [all, all.slice(0, after)];
    let lost = false;
    let asked = 0;
    const reflector = new Reflector({
      clock: time.clock(0, () => 0.5),
      onChange: () => undefined,
      onProblem: () => undefined,
      source: {
        list: async () => {
          asked += 1;
          return { items: lists.shift() ?? all, resourceVersion: '1' };
        },
        watch: async function* watch() {
          if (!lost) {
            lost = true;
            yield {};
          }
          await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
        },
      },
    });
    const running = reflector.run(stop.signal);
    await settle();
    await time.run(10_000);
    expect(asked).toBe(1 + times);
    expect(reflector.entries.size).toBe(times === 1 ? after : before);
    stop.abort();
    await running;
  });
});
