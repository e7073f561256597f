/** What finding the route of a request costs in process, by number of routes, and what the routes weigh. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { createMemoryView, type ProgramView } from '../../src/gateway/program-view.ts';
import { SnapshotCache } from '../../src/gateway/snapshot-cache.ts';
import type { RequestFacts } from '../../src/policies/contract.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { publishProgram } from '../../src/program/publish.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { hostnameOf, prefixOf } from './generate-mappings.ts';
import { buildGenerated } from './generated-program.ts';
import { createRandom, median, ratio, round, type Section } from './report.ts';

const COUNTS = [100, 1000, 10_000, 100_000] as const;
/** Different requests per measurement; over this many routes and more, each is asked for about once. */
const REQUESTS = 20_000;
const ROUNDS = 5;

type Shape = { readonly title: string; readonly perHostname: number };
const SHAPES: readonly Shape[] = [
  { title: '50 Mappings per hostname', perHostname: 50 },
  { title: 'all Mappings on every hostname (one table)', perHostname: 0 },
];
/** `few`: always the same 100 routes, as traffic has favourites; `all`: any route as likely as another. */
type Mix = 'few' | 'all' | 'miss';
const MIXES: readonly Mix[] = ['few', 'all', 'miss'];

type Measured = { readonly count: number; readonly view: 'memory' | 'stored'; readonly mix: Mix; readonly ns: number };

export async function benchMatch(): Promise<readonly Section[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-bench-'));
  try {
    const sections: Section[] = [];
    for (const shape of SHAPES) {
      const measured: Measured[] = [];
      const heaps = new Map<number, string>();
      for (const count of COUNTS) {
        const state = path.join(folder, `${shape.perHostname}-${count}`);
        const { program } = buildGenerated({ count, perHostname: shape.perHostname });
        await publishProgram(await openStateFolder(state), await encodeProgram(program), {
          now: new Date().toISOString(),
          sources: {},
        });
        measured.push(...(await measure(program, state, shape, count)));
        heaps.set(count, (heapBytes(state, shape, count) / 1e6).toFixed(1));
        fs.rmSync(state, { recursive: true, force: true });
      }
      sections.push(sectionOf(shape, measured, heaps));
    }
    return sections;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(program: RouteProgram, state: string, shape: Shape, count: number): Promise<Measured[]> {
  const views = [
    { name: 'memory', view: createMemoryView(program, 'bench') },
    { name: 'stored', view: await openStoredView(state) },
  ] as const;
  const measured: Measured[] = [];
  for (const { name, view } of views) {
    for (const mix of MIXES) {
      const requests = requestsOf(mix, count, shape.perHostname);
      // Loads every shard and, as far as they are kept, every route.
      for (const facts of requests) await findRoute(view, facts);
      const rounds = Array.from({ length: ROUNDS }, () => timeOf(view, requests));
      measured.push({ count, view: name, mix, ns: median(rounds) });
    }
  }
  return measured;
}

/** The view that the Worker uses, over a state folder. */
export async function openStoredView(state: string): Promise<ProgramView> {
  const store = await openStateFolder(state);
  const programs = new SnapshotCache({ reader: store, refreshMs: 3_600_000, log: () => undefined });
  const pending: Promise<unknown>[] = [];
  const view = await programs.current((work) => void pending.push(work));
  await Promise.all(pending);
  return view;
}

export function requestsOf(mix: Mix, count: number, perHostname: number): readonly RequestFacts[] {
  const random = createRandom(count);
  const asked = mix === 'few' ? Array.from({ length: 100 }, () => Math.floor(random() * count)) : null;
  // One object per route, so that few routes are few objects: a real request's facts are in the cache.
  const made = new Map<number, RequestFacts>();
  return Array.from({ length: REQUESTS }, () => {
    const index = asked === null ? Math.floor(random() * count) : (asked[Math.floor(random() * asked.length)] ?? 0);
    const facts = made.get(index) ?? factsOf(index, perHostname, mix === 'miss');
    made.set(index, facts);
    return facts;
  });
}

const HEADERS = new Headers();

function factsOf(index: number, perHostname: number, misses: boolean): RequestFacts {
  const hostname = hostnameOf(index, Math.max(perHostname, 50));
  // A miss goes as deep into the index as a hit and ends beside a route.
  const path = misses ? `${prefixOf(index).slice(0, -1)}x/orders/1` : `${prefixOf(index)}orders/1`;
  return {
    requestId: 'bench',
    method: 'GET',
    scheme: 'http',
    hostname,
    authority: hostname,
    // Of request targets, the runtime makes flat strings; a concatenation would be a rope.
    path: Buffer.from(path).toString(),
    query: null,
    clientIp: '127.0.0.1',
    headers: HEADERS,
  };
}

/** What the request path does between reading a request and running its policies; true: there is a route. */
export async function findRoute(view: ProgramView, facts: RequestFacts): Promise<boolean> {
  const site = await view.find(facts.hostname, facts.authority);
  return site !== null && site.matcher.match(facts, 0) !== null;
}

/** Nanoseconds per request. */
function timeOf(view: ProgramView, requests: readonly RequestFacts[]): number {
  const started = process.hrtime.bigint();
  for (const facts of requests) {
    const site = view.find(facts.hostname, facts.authority);
    if (site instanceof Promise) throw new Error('A part of the program was not loaded by the warm-up.');
    site?.matcher.match(facts, 0);
  }
  return Number(process.hrtime.bigint() - started) / requests.length;
}

function heapBytes(state: string, { perHostname }: Shape, count: number): number {
  const script = path.join(import.meta.dirname, 'match-heap.ts');
  const flags = ['--expose-gc', '--conditions=portolan-source'];
  return Number(
    execFileSync(process.execPath, [...flags, script, state, String(count), String(perHostname)], { encoding: 'utf8' }),
  );
}

function sectionOf({ title }: Shape, measured: readonly Measured[], heaps: ReadonlyMap<number, string>): Section {
  const nsOf = (count: number, view: Measured['view'], mix: Mix): number =>
    measured.find((one) => one.count === count && one.view === view && one.mix === mix)?.ns ?? NaN;
  return {
    title: `Match: ${title}`,
    rows: COUNTS.map((count) => ({
      routes: count,
      ...Object.fromEntries(
        (['memory', 'stored'] as const).flatMap((view) =>
          MIXES.map((mix) => {
            const ns = nsOf(count, view, mix);
            return [`${view}, ${mix}`, `${round(ns)} ns ${ratio(ns / nsOf(COUNTS[0], view, mix))}`];
          }),
        ),
      ),
      'heap MB': heaps.get(count) ?? '',
    })),
    notes: [
      `Time per request with its ratio to ${COUNTS[0]} routes; median of ${ROUNDS} rounds of ${REQUESTS} requests. "memory": the whole program as one table per hostname; "stored": loaded from KV values as the Worker does.`,
      '"few": the same 100 routes, "all": every route as likely as another, which no processor cache holds at 100,000; "miss": beside a route.',
      '"heap": growth of the heap in a process of its own after loading everything and serving the "all" requests; budget 64 MB at 100,000 routes.',
    ],
  };
}
