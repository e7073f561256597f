/**
 * The objects process is killed again and again under load, and stopped as `serve` stops it.
 *
 * What a crash forgets shows in the figures of those that passed: with a limit that never refills during
 * the run and costs of 1, `rate - remaining` numbers them. A number that two requests were told was given
 * out again, so the first of them was lost.
 */
import type { FixedWindow } from '../../src/limits/limit.ts';
import type { LimitCheck, Verdict } from '../../src/limits/limiter.ts';
import type { Section } from '../bench/report.ts';
import { percentile } from '../faults/scenario.ts';
import { AccuracyStand } from './accuracy-stand.ts';
import { closedLoad, sleep, type Asked, type LoadPlan } from './closed-load.ts';
import type { Part } from './part.ts';

const PROCESSES = 2;
const CRASHES = 10;
const BETWEEN_MS = 2_000;
const STOPS = 5;
const STOP_REQUESTS_SECONDS = 0.5;

const LIMIT: FixedWindow = { algorithm: 'fixed-window', rate: 1_000_000, periodMs: 10 * 86_400_000 };

/** Of one counter each: one that is always in use, and one that is asked five times a second. */
const CLIENTS = {
  busy: { connections: 20, pauseMs: 5 },
  rare: { connections: 1, pauseMs: 200 },
} as const;
type Client = keyof typeof CLIENTS;
const NAMES: readonly Client[] = ['busy', 'rare'];

type CrashRun = {
  readonly client: Client;
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
    ...(stops.lost === 0 ? [] : [`graceful stop: ${stops.lost} lost, must be 0`]),
    ...runs.flatMap(missedByCrash),
  ];
  return { sections: [crashSection(runs), stopSection(stops)], missed };
}

function missedByCrash({ client, onFailure, crashes }: CrashRun): readonly string[] {
  const other = onFailure === 'open' ? 'closed' : 'open';
  const what = `crash, ${client} counter, ${onFailure}`;
  return [
    ...(crashes.some(({ backMs }) => backMs === null) ? [`${what}: no decision between two crashes`] : []),
    ...(crashes.some((crash) => crash[other] > 0) ? [`${what}: an undecided request was ${other}`] : []),
  ];
}

/** Both clients at once. */
async function crashRuns(onFailure: 'open' | 'closed'): Promise<readonly CrashRun[]> {
  const stand = await AccuracyStand.start(PROCESSES);
  try {
    const kills: number[] = [];
    const state = { isOver: false };
    const killing = async (): Promise<void> => {
      for (let crash = 0; crash < CRASHES; crash += 1) {
        await sleep(BETWEEN_MS);
        await stand.killObjects();
        kills.push(performance.now());
      }
      await sleep(BETWEEN_MS);
      state.isOver = true;
    };
    const loads = NAMES.map(async (client) => ({
      client,
      asked: await load(stand, client, { onFailure, seconds: 60, isOver: () => state.isOver }),
    }));
    const [, ...asked] = await Promise.all([killing(), ...loads]);
    return asked.map((each) => ({
      client: each.client,
      onFailure,
      requests: each.asked.length,
      crashes: crashesOf(each.asked, kills),
    }));
  } finally {
    await stand.close();
  }
}

type ClientLoad = Pick<LoadPlan, 'seconds' | 'isOver'> & { readonly onFailure: 'open' | 'closed' };

async function load(stand: AccuracyStand, client: Client, plan: ClientLoad): Promise<readonly Asked[]> {
  const { connections: count, pauseMs } = CLIENTS[client];
  const { onFailure, ...rest } = plan;
  const connections = await stand.connect(count);
  const check = checkOf(client, onFailure);
  const asked = await closedLoad({ ...rest, connections, rests: false, pauseMs, next: () => ({ checks: [check] }) });
  for (const connection of connections) connection.close();
  return asked;
}

function checkOf(client: Client, onFailure: 'open' | 'closed'): LimitCheck {
  return { key: `crash|${client}`, limit: LIMIT, cost: 1, mode: 'exact', onFailure, budgetMs: 2_000 };
}

function crashesOf(asked: readonly Asked[], kills: readonly number[]): readonly Crash[] {
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
    const number = LIMIT.rate - verdict.remaining;
    if (seen.has(number) && crash !== undefined) crash.lost += 1;
    seen.add(number);
  }
  return crashes;
}

type Stops = { readonly passed: number; readonly counted: number; readonly lost: number };

/** Each right after the last answer, when nothing may have been written yet. */
async function gracefulStops(): Promise<Stops> {
  const stand = await AccuracyStand.start(PROCESSES);
  try {
    let passed = 0;
    for (let stop = 0; stop < STOPS; stop += 1) {
      const asked = await load(stand, 'busy', { onFailure: 'closed', seconds: STOP_REQUESTS_SECONDS });
      await stand.stopObjects();
      passed += asked.filter(({ answer }) => answer.verdicts.every(isAllowed)).length;
      await stand.startObjects();
    }
    const counted = await countedOf(stand);
    return { passed, counted, lost: Math.max(0, passed - counted) };
  } finally {
    await stand.close();
  }
}

function isAllowed(verdict: Verdict): boolean {
  return 'allowed' in verdict && verdict.allowed;
}

async function countedOf(stand: AccuracyStand): Promise<number> {
  const [answer] = await stand.ask([{ kind: 'show', keys: [checkOf('busy', 'closed').key] }]);
  const shown = answer?.outcomes[0];
  if (shown === null || shown === undefined || !('figures' in shown)) return 0;
  return LIMIT.rate - shown.figures.remaining;
}

function crashSection(runs: readonly CrashRun[]): Section {
  return {
    title: `Crashes: SIGKILL of the objects process every ${BETWEEN_MS / 1_000} s`,
    rows: runs.map(({ client, onFailure, requests, crashes }) => {
      const back = crashes.map(({ backMs }) => backMs ?? Infinity);
      return {
        'counter, onFailure': `${client}, ${onFailure}`,
        crashes: crashes.length,
        requests,
        'lost per crash': perCrash(crashes.map(({ lost }) => lost)),
        'open per crash': perCrash(crashes.map(({ open }) => open)),
        'closed per crash': perCrash(crashes.map(({ closed }) => closed)),
        'back after ms': `${Math.round(percentile(back, 0.5))} (${Math.round(Math.min(...back))}–${Math.round(Math.max(...back))})`,
      };
    }),
    notes: [
      `${PROCESSES} edge processes. busy: ${CLIENTS.busy.connections} connections with ${CLIENTS.busy.pauseMs} ms between answer and next request; rare: one with ${CLIENTS.rare.pauseMs} ms; at the same time. Medians, with (lowest–highest).`,
      'lost: requests that passed before the crash and are not in the counter afterwards; open, closed: requests that no counter decided while it was down, which pass or get 503. back after: from the kill to the first decision of the next process, for a request sent after the kill.',
    ],
  };
}

function perCrash(values: readonly number[]): string {
  return `${percentile(values, 0.5)} (${Math.min(...values)}–${Math.max(...values)})`;
}

function stopSection({ passed, counted, lost }: Stops): Section {
  return {
    title: 'Graceful stops',
    rows: [{ stops: STOPS, passed, counted, lost }],
    notes: [
      'The objects process is stopped as serve stops it, right after the last of a series of requests was answered, and started again. counted: what the counter says after the last start.',
    ],
  };
}
