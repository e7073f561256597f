/**
 * The objects process is killed again and again under load, and stopped as `serve` stops it.
 *
 * What a crash forgets shows in the figures of those that passed: with a limit that never refills during
 * the run and costs of 1, `rate - remaining` numbers them. A number that two requests were told was given
 * out again, so the first of them was lost.
 */
import type { Limit } from '../../src/limits/limit.ts';
import type { LimitCheck, Verdict } from '../../src/limits/limiter.ts';
import type { Section } from '../bench/report.ts';
import { percentile } from '../faults/scenario.ts';
import { AccuracyStand } from './accuracy-stand.ts';
import { closedLoad, sleep, type Asked } from './closed-load.ts';
import type { Part } from './part.ts';

const PROCESSES = 2;
const CONNECTIONS = 20;
const CRASHES = 10;
const BETWEEN_MS = 2_000;
const STOPS = 5;
const STOP_REQUESTS_SECONDS = 0.5;
/** Of a process that had served: the wait before its next start and that start, on a busy machine. */
const TEN_DAYS_MS = 10 * 86_400_000;

/** Fewer per second than are written one by one, and more: see the object's way of writing. */
const LIMITS: Readonly<Record<'slow' | 'fast', Limit & { readonly rate: number }>> = {
  slow: { algorithm: 'fixed-window', rate: 1_000_000, periodMs: TEN_DAYS_MS },
  fast: { algorithm: 'fixed-window', rate: 1_000_000_000, periodMs: TEN_DAYS_MS },
};
type Pace = keyof typeof LIMITS;

type CrashRun = {
  readonly pace: Pace;
  readonly onFailure: 'open' | 'closed';
  readonly requests: number;
  readonly crashes: readonly Crash[];
};

type Crash = {
  readonly lost: number;
  readonly open: number;
  readonly closed: number;
  /** From the kill to the first decision of the next process; null: there was none before the next crash. */
  readonly backMs: number | null;
};

export async function measureCrash(): Promise<Part> {
  const runs: CrashRun[] = [];
  for (const onFailure of ['closed', 'open'] as const) runs.push(...(await crashRuns(onFailure)));
  const stops = await gracefulStops();
  const missed = [
    ...stops.flatMap(({ pace, lost }) => (lost === 0 ? [] : [`graceful stop, ${pace} limit: ${lost} lost, must be 0`])),
    ...runs.flatMap(({ pace, onFailure, crashes }) =>
      crashes.some(({ backMs }) => backMs === null)
        ? [`crash, ${pace} limit, ${onFailure}: a process never came back`]
        : [],
    ),
    ...runs.flatMap(({ pace, onFailure, crashes }) =>
      crashes.some((crash) => crash[onFailure === 'open' ? 'closed' : 'open'] > 0)
        ? [`crash, ${pace} limit: an undecided request was not ${onFailure}`]
        : [],
    ),
  ];
  return { sections: [crashSection(runs), stopSection(stops)], missed };
}

/** Both limits at once, with half of the connections each. */
async function crashRuns(onFailure: 'open' | 'closed'): Promise<readonly CrashRun[]> {
  const stand = await AccuracyStand.start(PROCESSES);
  try {
    const connections = await stand.connect(CONNECTIONS);
    const kills: number[] = [];
    const state = { isOver: false };
    const killing = async (): Promise<void> => {
      for (let crash = 0; crash < CRASHES; crash += 1) {
        await sleep(BETWEEN_MS);
        kills.push(performance.now());
        stand.killObjects();
      }
      await sleep(BETWEEN_MS);
      state.isOver = true;
    };
    const seconds = ((CRASHES + 2) * BETWEEN_MS) / 1_000;
    const [, asked] = await Promise.all([
      killing(),
      closedLoad({
        connections,
        seconds,
        rests: false,
        pauseMs: 5,
        isOver: () => state.isOver,
        next: (number) => ({ checks: [checkOf(number % 2 === 0 ? 'slow' : 'fast', onFailure)] }),
      }),
    ]);
    for (const connection of connections) connection.close();
    return (['slow', 'fast'] as const).map((pace, parity) => {
      const ofPace = asked.filter(({ tag }) => tag % 2 === parity);
      return { pace, onFailure, requests: ofPace.length, crashes: crashesOf(ofPace, kills, LIMITS[pace].rate) };
    });
  } finally {
    await stand.close();
  }
}

function checkOf(pace: Pace, onFailure: 'open' | 'closed'): LimitCheck {
  const limit = LIMITS[pace];
  return { key: `${pace}|crash-${pace}`, limit, cost: 1, mode: 'exact', onFailure, budgetMs: 2_000 };
}

function crashesOf(asked: readonly Asked[], kills: readonly number[], rate: number): readonly Crash[] {
  const sorted = asked.toSorted((a, b) => a.answeredMs - b.answeredMs);
  const seen = new Set<number>();
  const crashes = kills.map(() => ({ lost: 0, open: 0, closed: 0, backMs: null as number | null }));
  for (const { answer, sentMs, answeredMs } of sorted) {
    const at = kills.findLastIndex((killedMs) => killedMs <= answeredMs);
    const crash = crashes[at];
    const verdict = answer.verdicts[0];
    if (verdict === undefined) continue;
    if ('undecided' in verdict) {
      if (crash !== undefined) crash[verdict.undecided] += 1;
      continue;
    }
    const killedMs = kills[at] ?? 0;
    if (crash !== undefined && crash.backMs === null && sentMs > killedMs) crash.backMs = answeredMs - killedMs;
    const number = rate - verdict.remaining;
    if (seen.has(number) && crash !== undefined) crash.lost += 1;
    seen.add(number);
  }
  return crashes;
}

type Stops = { readonly pace: Pace; readonly passed: number; readonly counted: number; readonly lost: number };

/** Each right after the last answer, when nothing may have been written yet. */
async function gracefulStops(): Promise<readonly Stops[]> {
  const stand = await AccuracyStand.start(PROCESSES);
  try {
    const passed = { slow: 0, fast: 0 };
    for (let stop = 0; stop < STOPS; stop += 1) {
      const connections = await stand.connect(CONNECTIONS);
      const asked = await closedLoad({
        connections,
        seconds: STOP_REQUESTS_SECONDS,
        rests: false,
        next: (number) => ({ checks: [checkOf(number % 2 === 0 ? 'slow' : 'fast', 'closed')] }),
      });
      for (const connection of connections) connection.close();
      await stand.stopObjects();
      for (const { tag, answer } of asked)
        if (answer.verdicts.every(isAllowed)) passed[tag % 2 === 0 ? 'slow' : 'fast'] += 1;
      await stand.startObjects();
    }
    return await Promise.all(
      (['slow', 'fast'] as const).map(async (pace) => {
        const counted = await countedOf(stand, pace);
        return { pace, passed: passed[pace], counted, lost: Math.max(0, passed[pace] - counted) };
      }),
    );
  } finally {
    await stand.close();
  }
}

function isAllowed(verdict: Verdict): boolean {
  return 'allowed' in verdict && verdict.allowed;
}

async function countedOf(stand: AccuracyStand, pace: Pace): Promise<number> {
  const [answer] = await stand.ask([{ kind: 'show', keys: [checkOf(pace, 'closed').key] }]);
  const shown = answer?.outcomes[0];
  if (shown === null || shown === undefined || !('figures' in shown)) return 0;
  return LIMITS[pace].rate - shown.figures.remaining;
}

function crashSection(runs: readonly CrashRun[]): Section {
  return {
    title: `Crashes: SIGKILL of the objects process every ${BETWEEN_MS / 1_000} s`,
    rows: runs.map(({ pace, onFailure, requests, crashes }) => {
      const back = crashes.map(({ backMs }) => backMs ?? Infinity);
      return {
        'limit, onFailure': `${pace}, ${onFailure}`,
        crashes: crashes.length,
        requests,
        'lost per crash': perCrash(crashes.map(({ lost }) => lost)),
        'open per crash': perCrash(crashes.map(({ open }) => open)),
        'closed per crash': perCrash(crashes.map(({ closed }) => closed)),
        'back after ms': `${percentile(back, 0.5)} (${Math.round(Math.min(...back))}–${Math.round(Math.max(...back))})`,
      };
    }),
    notes: [
      `${PROCESSES} edge processes, ${CONNECTIONS} connections with 5 ms between answer and next request, both limits at once. Medians, with (lowest–highest).`,
      'lost: requests that passed before the crash and are not in the counter afterwards; open, closed: requests that no counter decided while it was down, which pass or get 503. back after: from the kill to the first decision of the next process, for a request sent after the kill.',
      'slow: 1,000,000 in 10 days. fast: 1,000,000,000 in 10 days, 1,157 a second.',
    ],
  };
}

function perCrash(values: readonly number[]): string {
  return `${percentile(values, 0.5)} (${Math.min(...values)}–${Math.max(...values)})`;
}

function stopSection(stops: readonly Stops[]): Section {
  return {
    title: 'Graceful stops',
    rows: stops.map(({ pace, passed, counted, lost }) => ({ limit: pace, stops: STOPS, passed, counted, lost })),
    notes: [
      'The objects process is stopped as serve stops it, right after the last of a series of requests was answered, and started again. counted: what the counter says after the last start.',
    ],
  };
}
