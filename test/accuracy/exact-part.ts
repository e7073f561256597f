/** Exact mode: every algorithm under load over one and several edge processes, against its naive model. */
import { largestCost, type Limit } from '../../src/limits/limit.ts';
import type { LimitCheck } from '../../src/limits/limiter.ts';
import { round, type Section } from '../bench/report.ts';
import { percentile } from '../faults/scenario.ts';
import { AccuracyStand } from './accuracy-stand.ts';
import { closedLoad, isPassed, isUndecided, type Asked } from './closed-load.ts';
import { judge, type Judged, type Judgement } from './judge.ts';
import type { Part } from './part.ts';
import type { DecidedCheck } from './protocol.ts';
import { worstWindow } from './worst-window.ts';

const CONCURRENCIES = [1, 10, 100, 1_000];
const PROCESSES = [1, 4];
const SECONDS = 5;
/** Of the figures that tell a client when to come again. */
const FIGURES_TARGET_MS = 50;
const SECOND_MS = 1_000;

type Measured = { readonly name: string; readonly limit: Limit; readonly cost: number; readonly holdMs: number };

/** About 20 requests a second each, so that a load of any concurrency is refused often. */
const MEASURED: readonly Measured[] = [
  measured('token-bucket', { algorithm: 'token-bucket', rate: 40, periodMs: SECOND_MS, burst: 40 }, 2),
  measured('fixed-window', { algorithm: 'fixed-window', rate: 20, periodMs: SECOND_MS }, 1),
  measured('sliding-window, log', { algorithm: 'sliding-window', rate: 20, periodMs: SECOND_MS }, 1),
  measured('sliding-window, two counters', { algorithm: 'sliding-window', rate: 2_000, periodMs: SECOND_MS }, 100),
  measured('calendar', { algorithm: 'calendar', rate: 100, per: 'day', zone: 'Asia/Kathmandu' }, 1),
  { name: 'concurrency', limit: { algorithm: 'concurrency', rate: 2 }, cost: 1, holdMs: 10 },
];

function measured(name: string, limit: Limit, cost: number): Measured {
  return { name, limit, cost, holdMs: 0 };
}

export type ExactRun = {
  readonly processes: number;
  readonly concurrency: number;
  readonly asked: readonly Asked[];
  readonly judgement: Judgement;
  /** Requests that no counter decided. */
  readonly open: number;
  /** Requests whose client heard something else than the object decided. */
  readonly differing: number;
};

/** `run` makes the keys of this run its own. */
export async function runExact(
  stand: AccuracyStand,
  options: { readonly run: string; readonly concurrency: number; readonly seconds: number; readonly budgetMs?: number },
): Promise<ExactRun> {
  const { run, concurrency, seconds, budgetMs = 2_000 } = options;
  const connections = await stand.connect(concurrency);
  await stand.records();
  const asked = await closedLoad({
    connections,
    seconds,
    next: (number) => {
      const { name, limit, cost, holdMs } = MEASURED[number % MEASURED.length] ?? MEASURED[0]!;
      const key = `${name.replaceAll(/\W+/g, '-')}|${run}-${name.replaceAll(/\W+/g, '-')}`;
      return { checks: [exactCheck({ key, limit, cost, budgetMs })], holdMs };
    },
  });
  for (const connection of connections) connection.close();
  const judgement = judge(await stand.records());
  return {
    processes: stand.processes,
    concurrency,
    asked,
    judgement,
    open: asked.filter(isUndecided).length,
    differing: differing(asked, judgement.judged),
  };
}

export function exactCheck(check: Pick<LimitCheck, 'key' | 'limit' | 'cost' | 'budgetMs'>): LimitCheck {
  return { ...check, mode: 'exact', onFailure: 'open' };
}

function differing(asked: readonly Asked[], judged: readonly Judged[]): number {
  const byTag = new Map(judged.map(({ decision, passed }) => [decision.checks[0]?.tag ?? null, passed]));
  return asked.filter((each) => !isUndecided(each) && byTag.get(each.tag) !== isPassed(each)).length;
}

export async function measureExact(): Promise<Part> {
  const runs: ExactRun[] = [];
  for (const processes of PROCESSES) {
    const stand = await AccuracyStand.start(processes);
    try {
      for (const concurrency of CONCURRENCIES)
        runs.push(await runExact(stand, { run: `c${concurrency}`, concurrency, seconds: SECONDS }));
    } finally {
      await stand.close();
    }
  }
  const figures = MEASURED.map((measured) => figuresOf(measured, runs));
  const sections = [loadSection(runs), algorithmSection(figures)];
  const missed = runs.flatMap(missedBy);
  for (const { name, retryErrorMs, resetErrorMs } of figures) {
    if (retryErrorMs > FIGURES_TARGET_MS) missed.push(`${name}: retryAfterMs is wrong by ${retryErrorMs} ms at p99`);
    if (resetErrorMs > FIGURES_TARGET_MS) missed.push(`${name}: resetMs is wrong by ${resetErrorMs} ms at p99`);
  }
  return { sections, missed };
}

export function missedBy({ processes, concurrency, judgement, open, differing }: ExactRun): readonly string[] {
  const { over, wrong, missing } = judgement;
  const figures = { over, 'wrong refusals': wrong, 'open decisions': open, differing, 'missing decisions': missing };
  return Object.entries(figures).flatMap(([name, count]) =>
    count === 0 ? [] : [`exact, ${processes} processes, concurrency ${concurrency}: ${name} ${count}, must be 0`],
  );
}

function loadSection(runs: readonly ExactRun[]): Section {
  return {
    title: 'Exact mode: every algorithm at once, against its naive model',
    rows: runs.map(({ processes, concurrency, asked, judgement, open, differing }) => ({
      load: `${processes} edge ${processes === 1 ? 'process' : 'processes'}, concurrency ${concurrency.toLocaleString('en')}`,
      requests: asked.length,
      passed: asked.filter(isPassed).length,
      over: judgement.over,
      'wrong refusals': judgement.wrong,
      open,
      differing,
      'p50 ms': percentile(asked.map(latency), 0.5),
      'p99 ms': percentile(asked.map(latency), 0.99),
    })),
    notes: [
      `${SECONDS} s each, in bursts with rests of 100 to 800 ms. Each sixth request is one of the algorithm below. over: passed, and the model refuses; wrong refusals: the other way round; open: no counter decided; differing: the client heard something else than the object decided.`,
      'The models get the decisions in the order and at the times that the object gives, and count what they let pass themselves.',
    ],
  };
}

function latency({ sentMs, answeredMs }: Asked): number {
  return answeredMs - sentMs;
}

type AlgorithmFigures = {
  readonly name: string;
  readonly limit: Limit;
  readonly judged: readonly Judged[];
  readonly worst: number | null;
  readonly retryErrorMs: number;
  readonly resetErrorMs: number;
};

function figuresOf({ name, limit }: Measured, runs: readonly ExactRun[]): AlgorithmFigures {
  const ofRuns = runs.map(({ judgement }) =>
    judgement.judged.filter(({ decision }) => isOf(decision.checks[0], limit)),
  );
  const judged = ofRuns.flat();
  const errors = (of: (each: Judged) => number | null): number =>
    percentile(
      judged.map(of).filter((error) => error !== null),
      0.99,
    );
  return {
    name,
    limit,
    judged,
    worst: 'periodMs' in limit ? Math.max(...ofRuns.map((each) => worstOf(each, limit.periodMs, limit.rate))) : null,
    retryErrorMs: errors(({ retryErrorMs }) => retryErrorMs),
    resetErrorMs: errors(({ resetErrorMs }) => resetErrorMs),
  };
}

function isOf(check: DecidedCheck | undefined, limit: Limit): boolean {
  return check?.limit.algorithm === limit.algorithm && largestCost(check.limit) === largestCost(limit);
}

function worstOf(judged: readonly Judged[], periodMs: number, rate: number): number {
  const passings = judged.flatMap(({ passed, decision: { atMs, checks } }) =>
    passed ? [{ atMs, cost: checks[0]?.cost ?? 0 }] : [],
  );
  return worstWindow(passings, periodMs, rate);
}

function algorithmSection(figures: readonly AlgorithmFigures[]): Section {
  return {
    title: 'Exact mode: the algorithms',
    rows: figures.map(({ name, judged, worst, retryErrorMs, resetErrorMs }) => ({
      algorithm: name,
      decisions: judged.length,
      passed: judged.filter(({ passed }) => passed).length,
      over: judged.filter(({ passed, expected }) => passed && !expected).length,
      'wrong refusals': judged.filter(({ passed, expected }) => !passed && expected).length,
      'worst window': worst === null ? '–' : `${round(worst)}×`,
      'retry p99 ms': retryErrorMs,
      'reset p99 ms': resetErrorMs,
    })),
    notes: [
      'worst window: the most that passed in any stretch of one period, as a multiple of the limit. A token bucket with burst = rate and a fixed window may reach 2×, a sliding window with a log 1×.',
      'retry, reset: how far the wait and the reset that a refused request was told are from those of the model. A concurrency limit cannot know either.',
    ],
  };
}
