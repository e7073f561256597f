/** What finding the route of a request costs in process, by number of routes, and what the routes weigh. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { ProgramView } from '../../src/gateway/program-view.ts';
import { ShardCache } from '../../src/gateway/shard-cache.ts';
import { createStoredView } from '../../src/gateway/stored-view.ts';
import type { RequestFacts } from '../../src/policies/contract.ts';
import { decodePointer } from '../../src/program/decode.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { POINTER_KEY } from '../../src/program/keys.ts';
import { publishProgram } from '../../src/program/publish.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { generateMappings, hostnameOf, prefixOf } from './generate-mappings.ts';
import { buildClean } from './generated-program.ts';
import { createRandom, median, ratioRange, round, type Section } from './report.ts';

/** The first is the baseline that the others are compared with. */
const COUNTS = [100, 10_000, 100_000] as const;
const [BASELINE] = COUNTS;
const LARGEST = COUNTS[COUNTS.length - 1] ?? BASELINE;
const REQUESTS = 20_000;
/** Short and many: a pause of the machine then spoils one round, not the median. */
const ROUNDS = 160;
const REQUESTS_PER_ROUND = 2000;
/** Different routes that the mixes `few` and `miss` ask for, whatever the number of routes. */
const FAVOURITES = 100;

type Shape = { readonly title: string; readonly perHostname: number };
const SHAPES: readonly Shape[] = [
  { title: '50 Mappings per hostname', perHostname: 50 },
  { title: 'all Mappings on every hostname (one table)', perHostname: 0 },
];
/** `few`: always the same routes, as traffic has favourites; `miss`: beside these; `all`: any route as likely as another. */
const MIXES = ['few', 'miss', 'all'] as const;
type Mix = (typeof MIXES)[number];

type Subject = {
  readonly count: number;
  readonly mix: Mix;
  readonly view: ProgramView;
  readonly requests: readonly RequestFacts[];
};
/** Nanoseconds per request in each round. */
type Measured = Pick<Subject, 'count' | 'mix'> & { readonly rounds: readonly number[] };

export async function benchMatch(): Promise<readonly Section[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-bench-'));
  try {
    const sections: Section[] = [];
    for (const shape of SHAPES) {
      const subjects: Subject[] = [];
      for (const count of COUNTS) {
        const state = stateOf(folder, shape, count);
        await publishGenerated(state, count, shape.perHostname);
        const view = await openStoredView(state);
        subjects.push(
          ...MIXES.map((mix) => ({ count, mix, view, requests: requestsOf(mix, count, shape.perHostname) })),
        );
      }
      // Beside the measurements it would take the other core.
      const heapMb = heapBytes(stateOf(folder, shape, LARGEST), LARGEST, shape.perHostname) / 1e6;
      sections.push(sectionOf(shape, await measure(subjects), heapMb));
    }
    return sections;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function stateOf(folder: string, { perHostname }: Shape, count: number): string {
  return path.join(folder, `${perHostname}-${count}`);
}

/** As `kubectl get -o json` prints them: of 100,000, reading YAML would take longer than all the rest. */
async function publishGenerated(state: string, count: number, perHostname: number): Promise<void> {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: generateMappings({ count, perHostname }) });
  const objects = parseManifests([{ file: 'generated.json', text }], ({ message }) => {
    throw new Error(`The generated input has findings: ${message}`);
  });
  const encoded = await encodeProgram(buildClean(objects).program);
  await publishProgram(await openStateFolder(state), encoded, { now: new Date().toISOString(), sources: {} });
}

/** The view that the Worker uses, over a state folder. */
export async function openStoredView(state: string): Promise<ProgramView> {
  const store = await openStateFolder(state);
  const pointer = await decodePointer(await store.get(POINTER_KEY), {});
  return createStoredView(store, pointer, new ShardCache(store));
}

export function requestsOf(mix: Mix, count: number, perHostname: number): readonly RequestFacts[] {
  const random = createRandom(count);
  const draw = (below: number): number => Math.floor(random() * below);
  const asked = new Set<number>();
  // As many for every number of routes, or the ratio would compare two sizes of traffic.
  while (asked.size < FAVOURITES) asked.add(draw(count));
  const favourites = [...asked];
  // One object per route, so that few routes are few objects: a real request's facts are in the cache.
  const made = new Map<number, RequestFacts>();
  return Array.from({ length: REQUESTS }, () => {
    const index = mix === 'all' ? draw(count) : (favourites[draw(FAVOURITES)] ?? 0);
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
    peerIp: '127.0.0.1',
    place: null,
    headers: HEADERS,
  };
}

/** What the request path does between reading a request and running its policies; true: there is a route. */
export async function findRoute(view: ProgramView, facts: RequestFacts): Promise<boolean> {
  const site = await view.find(facts.hostname, facts.authority);
  return site !== null && site.matcher.match(facts, 0) !== null;
}

/** The numbers of routes take turns in every round, so that what else the machine does hits all of them. */
async function measure(subjects: readonly Subject[]): Promise<readonly Measured[]> {
  for (const { view, requests } of subjects) {
    // Loads what is needed, so that the timed rounds never wait.
    for (const facts of requests) await findRoute(view, facts);
  }
  return MIXES.flatMap((mix) => {
    const rivals = subjects.filter((subject) => subject.mix === mix);
    const measured = rivals.map(({ count }) => ({ count, mix, rounds: new Array<number>() }));
    for (let number = 0; number < ROUNDS; number += 1) {
      const start = (number * REQUESTS_PER_ROUND) % REQUESTS;
      for (const [position, { view, requests }] of rivals.entries()) {
        const asked = requests.slice(start, start + REQUESTS_PER_ROUND);
        // Brings back to the caches what the turn before has pushed out.
        timeOf(view, requests.slice(0, REQUESTS_PER_ROUND / 4));
        measured[position]?.rounds.push(timeOf(view, asked));
      }
    }
    return measured;
  });
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

function heapBytes(state: string, count: number, perHostname: number): number {
  const script = path.join(import.meta.dirname, 'match-heap.ts');
  const flags = ['--expose-gc', '--conditions=portolan-source'];
  return Number(
    execFileSync(process.execPath, [...flags, script, state, String(count), String(perHostname)], { encoding: 'utf8' }),
  );
}

function sectionOf({ title }: Shape, measured: readonly Measured[], heapMb: number): Section {
  const roundsOf = (count: number, mix: Mix): readonly number[] =>
    measured.find((one) => one.count === count && one.mix === mix)?.rounds ?? [];
  return {
    title: `Match: ${title}`,
    rows: COUNTS.map((count) => {
      const row: Record<string, string | number> = { routes: count };
      for (const mix of MIXES) row[mix] = cellOf(roundsOf(count, mix), roundsOf(BASELINE, mix));
      if (count === LARGEST) row['heap MB'] = round(heapMb);
      return row;
    }),
    notes: [
      `Time per request, median of ${ROUNDS} rounds of ${REQUESTS_PER_ROUND} requests, and ratio to ${BASELINE} routes within a round (in brackets the middle half of the rounds). Goal for "few": 1.30×.`,
      `"few": ${FAVOURITES} routes; "miss": beside these; "all": every route as likely as another, so that with thousands of routes most requests parse the route they want.`,
      '"heap": heap and buffers of a process of its own after loading everything and serving the "all" requests; budget 64 MB.',
    ],
  };
}

function cellOf(rounds: readonly number[], baseline: readonly number[]): string {
  const ns = `${round(median(rounds))} ns`;
  if (rounds === baseline) return ns;
  const ratios = rounds.map((each, index) => each / (baseline[index] ?? NaN)).toSorted((a, b) => a - b);
  return `${ns} ${ratioRange(ratios.slice(ROUNDS / 4, -ROUNDS / 4))}`;
}
