/** Leased mode: how far what passed is from what an exact limiter would have let pass of the same load. */
import type { Limit } from '../../src/limits/limit.ts';
import type { LimitCheck } from '../../src/limits/limiter.ts';
import type { Section } from '../bench/report.ts';
import { percentile } from '../faults/scenario.ts';
import { AccuracyStand } from './accuracy-stand.ts';
import type { HarnessConnection } from './harness-connection.ts';
import { fillingBucket, naiveModelOf } from './naive-models.ts';
import type { Part } from './part.ts';
import type { FloodAnswer, Moment, Ping, PingAnswer } from './protocol.ts';
import { worstWindow } from './worst-window.ts';

/** Both ways, in percent of what the limit allows over the run. */
const TARGET_PERCENT = 5;
const SECONDS = 12;
const FLOOD_MS = 250;
const LEASED_BUDGET_MS = 50;
const PING_PAUSE_MS = 20;
/** Of one HTTP request to the harness: one of many holds up what the others of it wait for. */
const MOST_PER_FLOOD = 250;

type Flow = {
  readonly name: string;
  readonly limit: Exclude<Limit, { algorithm: 'calendar' | 'concurrency' }>;
  /** Times what the limit allows in the long run. */
  readonly offered: number;
};

export type LeasedRun = Flow & {
  readonly load: string;
  readonly offeredUnits: number;
  readonly passedUnits: number;
  readonly allowedUnits: number;
  readonly undecided: number;
  /** In percent; negative: fewer passed than the model lets pass. */
  readonly deviation: number;
  readonly worst: number;
};

const THOUSAND: Omit<Flow, 'offered'> = {
  name: 'token bucket, 1,000/s',
  limit: { algorithm: 'token-bucket', rate: 1_000, periodMs: 1_000, burst: 1_000 },
};
const TEN_THOUSAND: Omit<Flow, 'offered'> = {
  name: 'token bucket, 10,000/min, burst 1,000',
  limit: { algorithm: 'token-bucket', rate: 10_000, periodMs: 60_000, burst: 1_000 },
};
const FIXED: Omit<Flow, 'offered'> = {
  name: 'fixed window, 5,000/s',
  limit: { algorithm: 'fixed-window', rate: 5_000, periodMs: 1_000 },
};
const SLIDING: Omit<Flow, 'offered'> = {
  name: 'sliding window, 2,000/s',
  limit: { algorithm: 'sliding-window', rate: 2_000, periodMs: 1_000 },
};

/** The smallest that may be leased, when it is written. */
const HUNDRED: Omit<Flow, 'offered'> = {
  name: 'fixed window, 100/s',
  limit: { algorithm: 'fixed-window', rate: 100, periodMs: 1_000 },
};
const LOGGED: Omit<Flow, 'offered'> = {
  name: 'sliding window, 1,000/s',
  limit: { algorithm: 'sliding-window', rate: 1_000, periodMs: 1_000 },
};

/** Each list at the same time; about 10,000 requests a second at most, so that two processors are not what is measured. */
const FLOWS: readonly (readonly Flow[])[] = [
  [offered(THOUSAND, 0.5), offered(THOUSAND, 0.9), offered(THOUSAND, 1.1), offered(THOUSAND, 2), offered(LOGGED, 1.1)],
  [
    offered(THOUSAND, 10),
    offered(TEN_THOUSAND, 0.9),
    offered(TEN_THOUSAND, 2),
    offered(HUNDRED, 1.1),
    offered(HUNDRED, 2),
  ],
  [offered(FIXED, 1.1), offered(SLIDING, 0.9), offered(SLIDING, 2)],
];

function offered(flow: Omit<Flow, 'offered'>, times: number): Flow {
  return { ...flow, offered: times };
}

type Load = {
  readonly processes: number;
  readonly flows: readonly Flow[];
  /** One process gets nothing any more after half of the time; the others take over its part. */
  readonly goesSilent: boolean;
};

const PLACES: readonly Omit<Load, 'flows'>[] = [
  { processes: 1, goesSilent: false },
  { processes: 4, goesSilent: false },
  { processes: 4, goesSilent: true },
];

export async function measureLeased(): Promise<Part> {
  const runs: LeasedRun[] = [];
  const controls: Control[] = [];
  const missed: string[] = [];
  for (const place of PLACES) {
    const stand = await AccuracyStand.start(place.processes);
    try {
      for (const flows of FLOWS) {
        const load = { ...place, flows };
        const [control, found] = await Promise.all([runControl(stand, load), runLeased(stand, load)]);
        controls.push(control);
        runs.push(...found);
        missed.push(...found.flatMap((run) => missedByLeased(run, control.late === 0)));
      }
    } catch (error) {
      throw new Error(`The processes wrote:\n${stand.log()}`, { cause: error });
    } finally {
      await stand.close();
    }
  }
  return { sections: [section(runs), controlSection(controls)], missed };
}

/** All flows at once, each with a key of its own. */
async function runLeased(stand: AccuracyStand, load: Load): Promise<readonly LeasedRun[]> {
  const streams = load.flows.map(async (flow, at): Promise<LeasedRun> => {
    const perProcess = Math.ceil((unitsPerMs(flow) * FLOOD_MS) / load.processes / MOST_PER_FLOOD);
    const connections = await stand.connect(load.processes * perProcess);
    const key = `leased|${flow.limit.algorithm}-${flow.offered}-${at}`;
    const moments = await sendFlow({ flow, connections, processes: load.processes, key, goesSilent: load.goesSilent });
    for (const connection of connections) connection.close();
    return { ...flow, load: nameOf(load), ...compare(flow, moments) };
  });
  return Promise.all(streams);
}

function unitsPerMs({ limit, offered }: Flow): number {
  return (limit.rate / limit.periodMs) * offered;
}

function nameOf({ processes, goesSilent }: Load): string {
  return `${processes} edge ${processes === 1 ? 'process' : 'processes'}${goesSilent ? ', one goes silent' : ''}`;
}

type Control = {
  readonly load: string;
  readonly pings: number;
  readonly late: number;
  readonly tookMs: readonly number[];
};

/** What an answer of the objects process takes at the same time when there is nothing to decide. */
async function runControl(stand: AccuracyStand, load: Load): Promise<Control> {
  const connections = await stand.connect(load.processes);
  const question: Ping = { forMs: SECONDS * 1_000, pauseMs: PING_PAUSE_MS };
  const answers = await Promise.all(connections.map((connection) => connection.ask<PingAnswer>('/ping', question)));
  for (const connection of connections) connection.close();
  const tookMs = answers.flatMap((answer) => answer.tookMs);
  const [first] = load.flows;
  const late = tookMs.filter((each) => each > LEASED_BUDGET_MS).length;
  return { load: `${nameOf(load)}, beside ${first?.name} ${first?.offered}×`, pings: tookMs.length, late, tookMs };
}

type Sending = {
  readonly flow: Flow;
  /** Of all processes in turn. */
  readonly connections: readonly HarnessConnection[];
  readonly processes: number;
  readonly key: string;
  readonly goesSilent: boolean;
};

async function sendFlow({ flow, connections, processes, key, goesSilent }: Sending): Promise<readonly Moment[]> {
  const { limit } = flow;
  const checks: readonly LimitCheck[] = [
    { key, limit, cost: 1, mode: 'leased', onFailure: 'open', budgetMs: LEASED_BUDGET_MS },
  ];
  const startMs = performance.now();
  const moments: Moment[] = [];
  const isLate = (): boolean => performance.now() - startMs >= (SECONDS * 1_000) / 2;
  const silent = connections.length / processes;
  const share = (): number => unitsPerMs(flow) / (connections.length - (goesSilent && isLate() ? silent : 0));
  const send = async (connection: HarnessConnection, number: number): Promise<void> => {
    // Due in the time to come; what is no whole request is carried over.
    let owed = FLOOD_MS * share();
    while (performance.now() - startMs < SECONDS * 1_000) {
      if (goesSilent && number % processes === 0 && isLate()) return;
      const sentMs = performance.now();
      const times = Math.floor(owed);
      const answer = await connection.ask<FloodAnswer>('/flood', { checks, times, spreadMs: FLOOD_MS });
      moments.push(...answer.moments);
      owed += (performance.now() - sentMs) * share() - times;
    }
  };
  await Promise.all(connections.map(send));
  return moments;
}

type Comparison = Pick<
  LeasedRun,
  'offeredUnits' | 'passedUnits' | 'allowedUnits' | 'undecided' | 'deviation' | 'worst'
>;

/** Of a request that waited the exact limiter may have decided at any time from its sending on; the nearer end counts. */
function compare({ limit }: Flow, moments: readonly Moment[]): Comparison {
  const sum = (of: (moment: Moment) => number): number => moments.reduce((total, moment) => total + of(moment), 0);
  const passedUnits = sum(({ passed }) => passed);
  const [sent, decided] = [allowedOf(limit, moments, 'sentMs'), allowedOf(limit, moments, 'decidedMs')];
  const allowedUnits = Math.abs(passedUnits - sent) < Math.abs(passedUnits - decided) ? sent : decided;
  const passings = moments.map(({ decidedMs, passed }) => ({ atMs: decidedMs, cost: passed }));
  return {
    offeredUnits: sum(({ requests }) => requests),
    passedUnits,
    allowedUnits,
    undecided: sum(({ undecided }) => undecided),
    deviation: (100 * (passedUnits - allowedUnits)) / allowedUnits,
    worst: worstWindow(passings, limit.periodMs, limit.rate),
  };
}

/** What the model lets pass of those that were decided. */
function allowedOf(limit: Flow['limit'], moments: readonly Moment[], time: 'sentMs' | 'decidedMs'): number {
  // The definition of the bucket looks at all that passed before; these runs are too long for it.
  const model = limit.algorithm === 'token-bucket' ? fillingBucket(limit) : naiveModelOf(limit);
  let allowed = 0;
  for (const moment of moments.toSorted((a, b) => a[time] - b[time])) {
    for (let decided = moment.requests - moment.undecided; decided > 0; decided -= 1) {
      if (!model.admits(moment[time], 1)) break;
      model.count(moment[time], 1);
      allowed += 1;
    }
  }
  return allowed;
}

/** On a machine on which an empty answer is late, decisions are too. */
export function missedByLeased(
  { name, load, offered, deviation, undecided }: LeasedRun,
  isPunctual: boolean,
): readonly string[] {
  const what = `leased, ${name}, ${offered}× offered, ${load}`;
  return [
    ...(Math.abs(deviation) > TARGET_PERCENT ? [`${what}: ${percent(deviation)}, must be within ±5 %`] : []),
    ...(undecided > 0 && isPunctual ? [`${what}: open decisions ${undecided}, must be 0`] : []),
  ];
}

function percent(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(1)} %`;
}

function section(runs: readonly LeasedRun[]): Section {
  return {
    title: 'Leased mode',
    rows: runs.map(({ name, load, offered, deviation, worst, undecided, ...units }) => ({
      limit: `${name}, ${load}`,
      offered: `${offered}×`,
      requests: units.offeredUnits,
      passed: units.passedUnits,
      model: units.allowedUnits,
      deviation: percent(deviation),
      open: undecided,
      'worst window': `${worst.toFixed(2)}×`,
    })),
    notes: [
      `${SECONDS} s each. deviation: (passed − model) / model, where model is what the exact algorithm lets pass of the same requests. Of those that waited for a batch it takes the time at which they were sent, or at which they were decided, whichever is nearer to what passed. Below zero it is under-allowance: what was refused with demand there. open: not decided within the ${LEASED_BUDGET_MS} ms that a leased request waits at most, and not part of passed and model. Target: within ±${TARGET_PERCENT} %.`,
      `The flows run three to five at a time, each with a key of its own. An edge process gets up to ${MOST_PER_FLOOD} requests as one HTTP request that makes them evenly over ${FLOOD_MS} ms: the limiter is called once per request, HTTP is not what is measured.`,
      'One goes silent: after half of the time one of four processes, which holds leases, gets no more requests; the others get its part.',
    ],
  };
}

function controlSection(controls: readonly Control[]): Section {
  return {
    title: 'Leased mode, control: empty calls to the objects process during these runs',
    rows: controls.map(({ load, pings, late, tookMs }) => ({
      load,
      calls: pings,
      'p50 ms': percentile(tookMs, 0.5),
      'p99 ms': percentile(tookMs, 0.99),
      'longest ms': Math.max(...tookMs),
      late,
    })),
    notes: [
      `Each edge process calls every ${PING_PAUSE_MS} ms with nothing to decide. late: no answer within ${LEASED_BUDGET_MS} ms, which no limiter can do anything about. Open decisions of a run are a missed target when it had none of these.`,
    ],
  };
}
