/**
 * Requests through one workerd build: a bare pass-through Worker, a gateway written by hand with Hono,
 * and Portolan. Every round runs all of them, one after the other, and ratios are taken inside a round,
 * so that a machine that slows down for a while slows all of them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { bindingName } from '../../src/program/binding-name.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram } from '../../src/program/publish.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { generateMappings, hostnameOf, prefixOf, type GenerateOptions } from './generate-mappings.ts';
import { buildClean, parseGenerated } from './generated-program.ts';
import { generateLoad, type LoadResult } from './load-generator.ts';
import { median, ratioRange, round, type Section } from './report.ts';
import { startWorkerd, type WorkerdOptions, type WorkerdProcess } from './workerd-process.ts';

const ROUNDS = 5;
const CONNECTIONS = 32;
const WARM_UP_REQUESTS = 3000;
const REQUESTS = 4000;

type Target = { readonly host: string; readonly path: string; readonly client?: string };

type Scenario = {
  readonly name: string;
  readonly process: WorkerdProcess;
  /** What requests ask for, in turn. */
  readonly targets: readonly Target[];
};

/** `cpuUs`: processor time of workerd per request, in microseconds; NaN where the system does not say. */
type Measured = LoadResult & { readonly cpuUs: number };

export async function benchProxy(): Promise<readonly Section[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-bench-'));
  const backend = await startBackend();
  const started: WorkerdProcess[] = [];
  const start = async (options: WorkerdOptions): Promise<WorkerdProcess> => {
    const process = await startWorkerd(options);
    started.push(process);
    return process;
  };
  try {
    const scenarios = await startScenarios(folder, backend.address, start);
    for (const scenario of scenarios) await runLoad(scenario, WARM_UP_REQUESTS);
    const rounds: ReadonlyMap<string, Measured>[] = [];
    for (let count = 0; count < ROUNDS; count += 1) {
      const results = new Map<string, Measured>();
      for (const scenario of scenarios) results.set(scenario.name, await runLoad(scenario, REQUESTS));
      rounds.push(results);
    }
    return [section(scenarios, rounds)];
  } finally {
    for (const process of started) await process.close();
    backend.child.kill();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

type Start = (options: WorkerdOptions) => Promise<WorkerdProcess>;

async function startScenarios(folder: string, backend: string, start: Start): Promise<readonly Scenario[]> {
  const passThrough = await start({
    code: fs.readFileSync(path.join(import.meta.dirname, 'pass-through-worker.js'), 'utf8'),
    folder: path.join(folder, 'pass-through'),
    backends: { BACKEND: backend },
  });
  const handwritten = await start({
    code: await bundleHandwritten(),
    folder: path.join(folder, 'handwritten'),
    backends: { BACKEND: backend },
    objects: { LIMITS: 'Counter' },
  });
  const portolan = async (name: string, options: GenerateOptions): Promise<WorkerdProcess> =>
    start(await portolanOptions(path.join(folder, name), backend, options));
  const small = await portolan('small', { count: 100, policies: true });
  const large = await portolan('large', { count: 10_000, policies: true });
  const bare = await portolan('bare', { count: 10_000, policies: false });
  const byHand = { host: 'api.example.com', path: '/backend/orders/1' };
  const manyClients = Array.from({ length: 200 }, (_, index) => ({ ...byHand, client: `192.0.2.${index}` }));
  return [
    { name: 'bare pass-through', process: passThrough, targets: [byHand] },
    { name: 'hand-written, 1 counter', process: handwritten, targets: [byHand] },
    { name: 'Portolan 100 routes, 1 counter', process: small, targets: targetsAmong(100, 1) },
    { name: 'Portolan 10,000 routes, 1 counter', process: large, targets: targetsAmong(10_000, 1) },
    { name: 'hand-written, 200 counters', process: handwritten, targets: manyClients },
    { name: 'Portolan 10,000 routes, 200 counters', process: large, targets: targetsAmong(10_000, 200) },
    { name: 'Portolan 10,000 routes, no policies', process: bare, targets: targetsAmong(10_000, 200) },
  ];
}

/** Routes that requests go to: spread evenly, so that all hostnames and shards take part. */
function indexesAmong(count: number, used: number): readonly number[] {
  // 1 beside the multiples: every tenth Mapping takes GET only and every 25th wants a header.
  return Array.from({ length: used }, (_, at) => Math.floor((at * count) / used) + 1);
}

function targetsAmong(count: number, used: number): readonly Target[] {
  return indexesAmong(count, used).map((index) => ({ host: hostnameOf(index), path: `${prefixOf(index)}orders/1` }));
}

/** Publishes a program of generated Mappings into a state folder and says how to run the Worker over it. */
export async function portolanOptions(
  folder: string,
  backend: string,
  options: GenerateOptions,
): Promise<WorkerdOptions> {
  const mappings = generateMappings(options);
  const built = buildClean(parseGenerated(mappings));
  await publishProgram(await openStateFolder(folder), await encodeProgram(built.program), {
    now: new Date().toISOString(),
    sources: built.accepted,
  });
  const services = new Set(indexesAmong(options.count, 200).map((index) => mappings[index]?.spec['service']));
  const upstreams = built.program.upstreams.filter(({ service }) => services.has(withoutNamespace(service)));
  return {
    code: (await bundleWorker({ minify: true })).code,
    folder,
    kvFolder: path.join(folder, 'kv'),
    objects: { RATE_LIMITS: 'RateLimitObject' },
    backends: Object.fromEntries(upstreams.map(({ id }) => [bindingName(id), backend])),
  };
}

/** `name.namespace:port` → `name:port`. */
function withoutNamespace(service: string): string {
  return service.replace(/\.[^:]*/, '');
}

async function bundleHandwritten(): Promise<string> {
  const result = await build({
    entryPoints: [path.join(import.meta.dirname, 'handwritten-worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*'],
    target: 'es2024',
    minify: true,
  });
  return result.outputFiles[0]?.text ?? '';
}

async function runLoad(scenario: Scenario, requests: number): Promise<Measured> {
  const heads = scenario.targets.map(requestHead);
  const { port, pid } = scenario.process;
  const cpuBefore = cpuMs(pid);
  const result = await generateLoad({
    port,
    connections: CONNECTIONS,
    requests,
    request: (index) => heads[index % heads.length] ?? '',
  });
  if (result.lost > 0 || result.statuses['200'] !== requests) {
    throw new Error(`${scenario.name}: ${JSON.stringify(result.statuses)}, ${result.lost} lost; all must be 200.`);
  }
  return { ...result, cpuUs: ((cpuMs(pid) - cpuBefore) / requests) * 1000 };
}

/** What a browser's script sends, near enough. */
function requestHead({ host, path, client }: Target): string {
  const headers = [
    `host: ${host}`,
    'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
    'accept: application/json, text/plain, */*',
    'accept-encoding: gzip, deflate, br',
    'accept-language: en-GB,en;q=0.9',
    'origin: https://app.example.com',
    'referer: https://app.example.com/orders',
    'cookie: session=0123456789abcdef0123456789abcdef',
    ...(client === undefined ? [] : [`cf-connecting-ip: ${client}`]),
  ];
  return `GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}

function section(scenarios: readonly Scenario[], rounds: readonly ReadonlyMap<string, Measured>[]): Section {
  const of = (name: string, pick: (result: Measured) => number): number[] =>
    rounds.map((results) => {
      const result = results.get(name);
      return result === undefined ? NaN : pick(result);
    });
  const rates = (name: string): number[] => of(name, ({ perSecond }) => perSecond);
  const against = (name: string, base: string): string => {
    const bases = rates(base);
    return ratioRange(rates(name).map((rate, at) => rate / (bases[at] ?? NaN)));
  };
  return {
    title: 'Requests through one workerd build',
    rows: scenarios.map(({ name, process }) => ({
      gateway: name,
      'req/s': Math.round(median(rates(name))),
      'p50 ms': round(median(of(name, ({ p50 }) => p50))),
      'p99 ms': round(median(of(name, ({ p99 }) => p99))),
      'vs pass-through': against(name, 'bare pass-through'),
      'vs hand-written': against(name, name.includes('200') ? 'hand-written, 200 counters' : 'hand-written, 1 counter'),
      'CPU µs/req': Math.round(median(of(name, ({ cpuUs }) => cpuUs))),
      'RSS MB': Math.round(residentBytes(process.pid) / 1e6),
    })),
    notes: [
      `${ROUNDS} rounds of ${REQUESTS} requests each over ${CONNECTIONS} connections, all gateways in every round; medians, ratios per round with (lowest–highest). Every answer was 200.`,
      'Load generator, backend and workerd share the processors: rates are lower than workerd alone could do, and ratios nearer to 1.',
      'All requests come from 127.0.0.1, so a Mapping has one rate limit counter; 200 counters are 200 Mappings in turn (hand-written: 200 client addresses).',
      'The hand-written limiter counts in memory and forgets when its object is evicted; Portolan stores every count.',
    ],
  };
}

/** Linux only: clock ticks are 10 ms. */
function cpuMs(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!fs.existsSync(file)) return NaN;
  // The name in parentheses may hold spaces; the fields after it are counted from the third.
  const fields = fs.readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function residentBytes(pid: number): number {
  const status = fs.existsSync(`/proc/${pid}/status`) ? fs.readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024;
}

export async function startBackend(): Promise<{ readonly child: ChildProcess; readonly address: string }> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'light-backend.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once('exit', () => reject(new Error('The backend of the bench ended at once.')));
  });
  return { child, address: `127.0.0.1:${port}` };
}
