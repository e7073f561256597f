/**
 * Over how many objects counters should be spread, how often they should be written, and what a million
 * keys leave behind. No gateway: a Worker that calls the objects.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { DEFAULT_OBJECTS } from '../../src/objects/limit-objects.ts';
import { bundleBaseline } from './bundle-baseline.ts';
import { generateLoad } from './load-generator.ts';
import { cpuMs, residentBytes } from './process-usage.ts';
import { ratio, round, type Section } from './report.ts';
import { startWorkerd, type WorkerdProcess } from './workerd-process.ts';

const SPREAD = [1, 4, 16, 64, 0] as const;
const SPREAD_KEYS = 10_000;
const SPREAD_REQUESTS = 20_000;
const CONNECTIONS = 32;

/** As `serve` has. */
const OBJECTS = 1;

/** Milliseconds between two writes; null: each change at once, unconfirmed, as a value of the key-value storage. */
const WRITES = [0, 10, 50, 200, 1_000, null] as const;

const FEW_KEYS = 10_000;
const ALL_KEYS = 1_000_000;
const BATCH = 1_000;
const WINDOW_MS = 10_000;
/** After the last counter has reset. */
const CLEAN_AFTER_MS = 120_000;

type Place = { readonly worker: WorkerdProcess; readonly folder: string };
/** In a process and a folder of its own; `text`: variables of the Worker. */
type InOne = <T>(
  name: string,
  text: Readonly<Record<string, string>>,
  work: (place: Place) => Promise<T>,
) => Promise<T>;

export async function benchLimitKeys(): Promise<readonly Section[]> {
  const code = await bundleBaseline('limit-keys-worker.ts');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-bench-'));
  const inOne: InOne = async (name, text, work) => {
    const own = path.join(folder, name);
    const worker = await startWorkerd({
      code,
      folder: own,
      objects: { LIMITS: 'OpenObject', UNCONFIRMED: 'UnconfirmedObject' },
      text,
      backends: {},
      // A small young generation: else what calls leave behind hides what keys need.
      v8Flags: ['--expose-gc', '--max-semi-space-size=1'],
    });
    try {
      return await work({ worker, folder: own });
    } finally {
      await worker.close();
    }
  };
  try {
    const spread = [];
    for (const objects of SPREAD) {
      spread.push(await inOne(`spread-${objects}`, {}, (place) => spreadOver(objects, place)));
    }
    return [
      {
        title: 'Counters of 10,000 keys, by the number of objects',
        rows: spread,
        notes: [
          `${SPREAD_REQUESTS} requests over ${CONNECTIONS} connections, each with one call of its own to the object of its key; every count is written.`,
        ],
      },
      await benchWrites(inOne),
      await inOne('million', {}, millionKeys),
    ];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function spreadOver(objects: number, { worker, folder }: Place): Promise<Section['rows'][number]> {
  const figures = await callEach(worker, SPREAD_KEYS, `objects=${objects}`);
  return {
    objects: objects === 0 ? 'one per key' : objects,
    ...figures,
    files: databases(folder),
    'RSS MB': megabytes(worker),
  };
}

async function benchWrites(inOne: InOne): Promise<Section> {
  const rows = [];
  for (const keys of [SPREAD_KEYS, 1]) {
    for (const spacingMs of WRITES) {
      const text: Record<string, string> = spacingMs === null ? {} : { WRITE_SPACING_MS: String(spacingMs) };
      const query = `objects=${DEFAULT_OBJECTS}${spacingMs === null ? '&unconfirmed' : ''}`;
      const figures = await inOne(`writes-${keys}-${spacingMs}`, text, ({ worker }) => callEach(worker, keys, query));
      rows.push({ keys, written: spacingMs === null ? 'put, unconfirmed' : `every ${spacingMs} ms`, ...figures });
    }
  }
  return {
    title: `Counters over ${DEFAULT_OBJECTS} objects, by how they are written`,
    rows,
    notes: ['Requests as above. Every 0 ms: with each decision, which its answer then waits for.'],
  };
}

/** One request after the other on each connection; each is one call on the next of the keys. */
async function callEach(worker: WorkerdProcess, keys: number, query: string): Promise<Section['rows'][number]> {
  const run = (requests: number, first: number) =>
    generateLoad({
      port: worker.port,
      connections: CONNECTIONS,
      requests,
      request: (index) => `GET /one?${query}&key=${(first + index) % keys} HTTP/1.1\r\nhost: bench\r\n\r\n`,
      isRight: ({ status }) => status === '200',
    });
  await run(2_000, 0);
  const before = cpuMs(worker.pid);
  const { perSecond, p50, p99, wrong, lost } = await run(SPREAD_REQUESTS, 2_000);
  if (wrong + lost > 0) throw new Error(`${query}: ${wrong} wrong, ${lost} lost`);
  return {
    'calls/s': Math.round(perSecond),
    'p50 ms': round(p50),
    'p99 ms': round(p99),
    'CPU µs/call': Math.round(((cpuMs(worker.pid) - before) / SPREAD_REQUESTS) * 1_000),
  };
}

async function millionKeys({ worker, folder }: Place): Promise<Section> {
  const ask = async (query: string): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${worker.port}/${query}&objects=${OBJECTS}`);
    if (!answer.ok) throw new Error(`${query}: ${answer.status}`);
    return Number(await answer.text());
  };
  const rows = () => ask('rows?');
  const take = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += BATCH) {
      const allowed = await ask(`many?from=${at}&count=${BATCH}&periodMs=${WINDOW_MS}`);
      if (allowed !== BATCH) throw new Error(`${BATCH - allowed} of ${BATCH} keys were refused their first request`);
    }
  };
  /** The same keys again and again, mostly refused: what so many calls leave behind, however many keys there are. */
  const repeat = async (): Promise<void> => {
    for (let call = 0; call < ALL_KEYS; call += BATCH)
      await ask(`many?from=${call % FEW_KEYS}&count=${BATCH}&periodMs=${WINDOW_MS}`);
  };
  const table: Section['rows'][number][] = [];
  const rss: number[] = [];
  const note = async (when: string): Promise<void> => {
    for (let round = 0; round < 3; round += 1) await ask('collect?');
    await sleep(1_000);
    rss.push(megabytes(worker));
    const mb = rss.at(-1) ?? NaN;
    const [first = mb, repeated] = rss;
    const asMany = repeated === undefined ? '' : ratio(mb / repeated);
    const ratios = { 'vs 10,000 keys': ratio(mb / first), 'vs as many calls on them': asMany };
    table.push({ when, rows: await rows(), files: databases(folder), 'RSS MB': mb, ...ratios });
  };
  await take(0, FEW_KEYS);
  await sleep(1_000);
  await note('after the first 10,000 keys');
  await repeat();
  await note('after 1,000,000 calls on the same keys');
  const started = Date.now();
  await take(FEW_KEYS, ALL_KEYS);
  const seconds = (Date.now() - started) / 1_000;
  await sleep(1_000);
  await note('after 1,000,000 keys');
  await sleep(WINDOW_MS + CLEAN_AFTER_MS);
  await note('2 minutes after the last reset');
  return {
    title: `1,000,000 keys with a window of 10 s, in one object`,
    rows: table,
    notes: [
      `Taken in batches of ${BATCH} calls, in ${round(seconds)} s. RSS is that of the whole process, after a full collection.`,
    ],
  };
}

function databases(folder: string): number {
  const files = fs.readdirSync(path.join(folder, 'objects'), { recursive: true, encoding: 'utf8' });
  return files.filter((name) => name.endsWith('.sqlite')).length;
}

function megabytes({ pid }: WorkerdProcess): number {
  return Math.round(residentBytes(pid) / 1e6);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
