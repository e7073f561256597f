/** Several limits on one request, all or none: counters of one object, and counters of several. */
import type { Limit } from '../../src/limits/limit.ts';
import type { LimitCheck } from '../../src/limits/limiter.ts';
import { createRandom, type Section } from '../bench/report.ts';
import { AccuracyStand } from './accuracy-stand.ts';
import { closedLoad, isPassed, isUndecided, sleep, type Asked } from './closed-load.ts';
import { exactCheck } from './exact-part.ts';
import { judge, type Judged, type Judgement } from './judge.ts';
import type { Part } from './part.ts';
import type { Decision } from './protocol.ts';

const PROCESSES = 4;
const CONCURRENCIES = [1, 10, 100];
const SECONDS = 5;
/** Commits follow the answers. Reservations that are not settled by then have lapsed. */
const SETTLE_MS = 10_000;

const LIMITS: readonly Limit[] = [
  { algorithm: 'token-bucket', rate: 200, periodMs: 1_000, burst: 50 },
  { algorithm: 'fixed-window', rate: 60, periodMs: 1_000 },
  { algorithm: 'sliding-window', rate: 40, periodMs: 1_000 },
];
/** Subjects of the second and third limit: each client is one of so many. */
const SUBJECTS = 4;

export type SeveralRun = {
  readonly name: string;
  readonly concurrency: number;
  readonly asked: readonly Asked[];
  readonly judgement: Judgement;
  readonly open: number;
  /** Requests that passed and are not counted everywhere, and refused ones that are counted somewhere. */
  readonly halves: number;
  /** Refused, and yet each of their counters would have let them pass but for places that were given back. */
  readonly byReservation: number;
  readonly objects: number;
};

export type SeveralOptions = {
  readonly run: string;
  /** Whether each limit counts by a part of the request of its own, or all by the same. */
  readonly apart: boolean;
  readonly concurrency: number;
  readonly seconds: number;
  readonly budgetMs?: number;
};

export async function runSeveral(stand: AccuracyStand, options: SeveralOptions): Promise<SeveralRun> {
  const { run, apart, concurrency, seconds, budgetMs = 2_000 } = options;
  const connections = await stand.connect(concurrency);
  await stand.records();
  const random = createRandom(3);
  const pick = (): number => Math.floor(random() * SUBJECTS);
  const asked = await closedLoad({
    connections,
    seconds,
    next: () => {
      const same = pick();
      const subjects = apart ? ['all', `tenant-${pick()}`, `user-${pick()}`] : [same, same, same];
      const checks = LIMITS.map((limit, at): LimitCheck => {
        const key = `${limit.algorithm}|${run}-${subjects[at]}`;
        return exactCheck({ key, limit, cost: 1, budgetMs });
      });
      return { checks };
    },
  });
  for (const connection of connections) connection.close();
  const decisions = await settledRecords(stand);
  const judgement = judge(decisions);
  return {
    name: apart ? 'several objects' : 'one object',
    concurrency,
    asked,
    judgement,
    open: asked.filter(isUndecided).length,
    halves: halves(asked, decisions),
    byReservation: byReservation(asked, judgement.judged),
    objects: new Set(decisions.map(({ object }) => object)).size,
  };
}

async function settledRecords(stand: AccuracyStand): Promise<readonly Decision[]> {
  const decisions: Decision[] = [];
  const deadline = performance.now() + SETTLE_MS;
  do {
    await sleep(100);
    decisions.push(...(await stand.records()));
  } while (hasUnsettled(decisions) && performance.now() < deadline);
  return decisions;
}

function hasUnsettled(decisions: readonly Decision[]): boolean {
  const settling = decisions.filter(({ kind }) => kind === 'commit' || kind === 'release');
  const settled = new Set(settling.map(reservationOf));
  return decisions.some((decision) => isHeld(decision) && !settled.has(reservationOf(decision)));
}

function reservationOf({ object, id }: Decision): string {
  return `${object} ${id}`;
}

function isHeld({ kind, checks }: Decision): boolean {
  return kind === 'reserve' && checks.every(({ allowed }) => allowed);
}

/** By request: how many of its counters counted it in the end. */
function halves(asked: readonly Asked[], decisions: readonly Decision[]): number {
  const counted = new Map<number | null, number>();
  for (const { kind, checks } of decisions) {
    const isCounted = kind === 'commit' || (kind === 'take' && checks.every(({ allowed }) => allowed));
    if (!isCounted) continue;
    for (const { tag } of checks) counted.set(tag, (counted.get(tag) ?? 0) + 1);
  }
  return asked.filter((each) => !isUndecided(each) && (counted.get(each.tag) ?? 0) !== wantedBy(each)).length;
}

/** After a refusal the other counters are asked too, for the figures that the client is told. */
function byReservation(asked: readonly Asked[], judged: readonly Judged[]): number {
  const byTag = Map.groupBy(judged, ({ decision }) => decision.checks[0]?.tag ?? null);
  return asked
    .filter((each) => !isPassed(each) && !isUndecided(each))
    .filter(({ tag }) => byTag.get(tag)?.every(({ foreseen }) => foreseen) ?? false).length;
}

function wantedBy(each: Asked): number {
  return isPassed(each) ? LIMITS.length : 0;
}

export async function measureSeveral(): Promise<Part> {
  const runs: SeveralRun[] = [];
  const stand = await AccuracyStand.start(PROCESSES);
  try {
    for (const apart of [false, true])
      for (const concurrency of CONCURRENCIES)
        runs.push(await runSeveral(stand, { run: `${apart}-${concurrency}`, apart, concurrency, seconds: SECONDS }));
  } finally {
    await stand.close();
  }
  return { sections: [section(runs)], missed: runs.flatMap(missedBySeveral) };
}

export function missedBySeveral({ name, concurrency, judgement, open, halves }: SeveralRun): readonly string[] {
  const { over, wrong, missing } = judgement;
  const figures = { over, 'wrong refusals': wrong, 'open decisions': open, halves, 'missing decisions': missing };
  return Object.entries(figures).flatMap(([figure, count]) =>
    count === 0 ? [] : [`several limits in ${name}, concurrency ${concurrency}: ${figure} ${count}, must be 0`],
  );
}

function section(runs: readonly SeveralRun[]): Section {
  return {
    title: 'Exact mode: three limits on each request, 4 edge processes',
    rows: runs.map(({ name, concurrency, objects, asked, judgement, open, halves, byReservation }) => ({
      'counters in': `${name} (${objects} in use), concurrency ${concurrency}`,
      requests: asked.length,
      passed: asked.filter(isPassed).length,
      over: judgement.over,
      'wrong refusals': judgement.wrong,
      open,
      halves,
      'by reservation': byReservation,
    })),
    notes: [
      `${SECONDS} s each, in bursts. A token bucket, a fixed window and a sliding window. One object: all three count the same one of ${SUBJECTS} subjects. Several: the first counts everybody, the others one of ${SUBJECTS} each.`,
      'over and wrong refusals are judged by counter, a reserved place counting as taken until it is committed or released. halves: requests that some of their counters counted and others did not. by reservation: requests that were refused only because a place was held by another request, which another limit then refused: with foresight the models of all three let them pass.',
    ],
  };
}
