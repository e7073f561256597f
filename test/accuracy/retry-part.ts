/**
 * Retry-After: clients, one at a time, that wait exactly as many whole seconds as they were told. The
 * whole gateway says them, with its jitter; the naive model, which counts the same requests at the times
 * of their answers, says how long the wait had to be.
 */
import type { Limit } from '../../src/limits/limit.ts';
import type { Section } from '../bench/report.ts';
import { EdgeStand, type Edge } from '../serve/edge-stand.ts';
import { sleep } from './closed-load.ts';
import { firstAdmissionMs, type NaiveModel, naiveModelOf } from './naive-models.ts';
import type { Part } from './part.ts';

const SECONDS = 30;
/** Rounding up to whole seconds; and the jitter as the policy's page states it. */
const ROUNDING_MS = 1_000;
const JITTER_SHARE = 0.1;
const LONGEST_JITTER_MS = 5_000;
/** Between the object's clock at the decision and this client's at the answer, on a busy machine. */
const ON_THE_WAY_MS = 250;

type Client = { readonly name: string; readonly authored: object; readonly limit: Limit };

const CLIENTS: readonly Client[] = [
  {
    name: 'token bucket, 40/min, burst 2',
    authored: { rate: 40, unit: 'minute', burst: 2 },
    limit: { algorithm: 'token-bucket', rate: 40, periodMs: 60_000, burst: 2 },
  },
  {
    name: 'token bucket, 10/min, burst 1',
    authored: { rate: 10, unit: 'minute', burst: 1 },
    limit: { algorithm: 'token-bucket', rate: 10, periodMs: 60_000, burst: 1 },
  },
  {
    name: 'fixed window, 3/s',
    authored: { algorithm: 'fixed-window', rate: 3, unit: 'second' },
    limit: { algorithm: 'fixed-window', rate: 3, periodMs: 1_000 },
  },
  {
    name: 'sliding window, 3/s',
    authored: { algorithm: 'sliding-window', rate: 3, unit: 'second' },
    limit: { algorithm: 'sliding-window', rate: 3, periodMs: 1_000 },
  },
];

type RetryRun = Client & {
  readonly refused: number;
  /** Requests after the wait, and those of them that were refused again. */
  readonly waits: number;
  readonly refusedAgain: number;
  /** Beyond what the model says; and the most that rounding and jitter explain. */
  readonly tooLongMs: readonly number[];
  readonly unexplained: number;
};

export async function measureRetry(): Promise<Part> {
  const stand = await EdgeStand.create();
  try {
    await stand.publish({
      routes: CLIENTS.map(({ authored }, at) => ({
        name: `client-${at}`,
        path: `/client-${at}`,
        respond: { status: 200 },
        policies: { rateLimit: { limits: [{ name: 'waiting', mode: 'exact', ...authored }] } },
      })),
    });
    await stand.startObjects();
    const edge = await stand.startEdge([]);
    await edge.reload();
    const runs = await Promise.all(CLIENTS.map((client, at) => runClient(client, edge, `/client-${at}`)));
    return { sections: [section(runs)], missed: runs.flatMap(missedByRetry) };
  } finally {
    await stand.close();
  }
}

type Answer = { readonly allowed: boolean; readonly retryAfterMs: number; readonly atMs: number };

async function ask(edge: Edge, target: string): Promise<Answer> {
  const answer = await fetch(`${edge.url}${target}`);
  const atMs = Date.now();
  await answer.text();
  if (answer.status !== 200 && answer.status !== 429) throw new Error(`The gateway answered ${answer.status}.`);
  return { allowed: answer.status === 200, retryAfterMs: Number(answer.headers.get('retry-after')) * 1_000, atMs };
}

async function runClient(client: Client, edge: Edge, target: string): Promise<RetryRun> {
  const model = naiveModelOf(client.limit);
  const endMs = performance.now() + SECONDS * 1_000;
  const tooLongMs: number[] = [];
  let [refused, waits, refusedAgain, unexplained] = [0, 0, 0, 0];
  let hasWaited = false;
  while (performance.now() < endMs) {
    const { allowed, retryAfterMs, atMs } = await ask(edge, target);
    if (hasWaited) {
      waits += 1;
      if (!allowed) refusedAgain += 1;
    }
    hasWaited = !allowed;
    if (allowed) {
      model.count(atMs, 1);
      continue;
    }
    refused += 1;
    const neededMs = waitOf(model, atMs);
    tooLongMs.push(retryAfterMs - neededMs);
    const jitterMs = Math.min(neededMs * JITTER_SHARE, LONGEST_JITTER_MS);
    if (retryAfterMs - neededMs > ROUNDING_MS + jitterMs + ON_THE_WAY_MS) unexplained += 1;
    await sleep(retryAfterMs);
  }
  return { ...client, refused, waits, refusedAgain, tooLongMs, unexplained };
}

function waitOf(model: NaiveModel, atMs: number): number {
  return (firstAdmissionMs(model, atMs, 1) ?? Infinity) - atMs;
}

function missedByRetry({ name, waits, refusedAgain, unexplained }: RetryRun): readonly string[] {
  return [
    ...(waits === 0 ? [`retry, ${name}: no client ever waited`] : []),
    ...(refusedAgain > 0 ? [`retry, ${name}: ${refusedAgain} of ${waits} refused after the wait, must be 0`] : []),
    ...(unexplained > 0 ? [`retry, ${name}: ${unexplained} waits longer than rounding and jitter explain`] : []),
  ];
}

function section(runs: readonly RetryRun[]): Section {
  return {
    title: 'Retry-After of the whole gateway, one client each',
    rows: runs.map(({ name, waits, refusedAgain, tooLongMs }) => ({
      limit: name,
      waits,
      'refused again': refusedAgain,
      'too long ms': `${Math.round(Math.min(...tooLongMs))}–${Math.round(Math.max(...tooLongMs))}`,
    })),
    notes: [
      `${SECONDS} s. Each client asks until it is refused, waits exactly Retry-After seconds and asks again. too long: Retry-After less the wait that the model says; explained are up to ${ROUNDING_MS} ms by whole seconds and a tenth of the wait, at most ${LONGEST_JITTER_MS / 1_000} s, by jitter. The model knows the times of answers, some milliseconds after those of decisions.`,
    ],
  };
}
