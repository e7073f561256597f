/**
 * The whole gateway as `portolan serve` runs it (launcher, supervisor, edge processes, one process for
 * the counters, program on disk), with 1 and 2 edge processes, against the bare pass-through with as many.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { V8_FLAGS } from '../../src/serve/runtime-config.ts';
import { startServeGateway } from '../faults/serve-gateway.ts';
import { startBackend } from './backend.ts';
import { publishGenerated } from './generated-state.ts';
import { measureRounds, targetsAmong, type RoundResults, type Scenario, type Target } from './load-rounds.ts';
import { round, type Section } from './report.ts';
import { passThroughOptions, startWorkerd } from './workerd-process.ts';

const ROUNDS = 7;
const CONNECTIONS = 32;
const REQUESTS = 2500;
const WARM_UP_REQUESTS = 3200;
const PROCESSES = [1, 2];
const BY_HAND: Target = { host: 'api.example.com', path: '/backend/orders/1' };
/** Answers of a limited route carry it. */
const LIMITED = 'ratelimit';

type Compared = Scenario & { readonly processes: number };
type Closable = { close(): Promise<void> };
type Place = { readonly folder: string; readonly backend: string; readonly started: Closable[] };

export async function benchServe(): Promise<readonly Section[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-'));
  const backend = await startBackend();
  const place = { folder, backend: backend.address, started: [] as Closable[] };
  try {
    const scenarios: Compared[] = [];
    for (const processes of PROCESSES) {
      scenarios.push(...(await startBare(place, processes)), ...(await startServed(place, processes)));
    }
    const options = { rounds: ROUNDS, requests: REQUESTS, warmUpRequests: WARM_UP_REQUESTS };
    return [section(scenarios, await measureRounds(scenarios, options))];
  } finally {
    await Promise.all(place.started.map((one) => one.close()));
    backend.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function bareName(processes: number): string {
  return `bare pass-through ×${processes}`;
}

function openName(processes: number): string {
  return `serve ×${processes}, 10,000 routes, no policies`;
}

/** With the default flags of V8, as the goal is meant, and with those of `serve`. */
async function startBare({ folder, backend, started }: Place, processes: number): Promise<Compared[]> {
  const variants = [
    { name: bareName(processes), v8Flags: [] },
    { name: `${bareName(processes)}, V8 flags of serve`, v8Flags: V8_FLAGS },
  ];
  const scenarios: Compared[] = [];
  for (const [index, { name, v8Flags }] of variants.entries()) {
    const options = passThroughOptions(path.join(folder, `bare-${processes}-${index}`), backend);
    const { port, pids, ...bare } = await startWorkerd({ ...options, processes, v8Flags });
    started.push(bare);
    scenarios.push({ name, port, pids, processes, targets: [BY_HAND], connections: CONNECTIONS });
  }
  return scenarios;
}

async function startServed({ folder, backend, started }: Place, processes: number): Promise<Compared[]> {
  const serve = async (name: string, count: number, policies: boolean): Promise<Omit<Compared, 'name' | 'targets'>> => {
    const state = path.join(folder, `${name}-${processes}`);
    await publishGenerated(state, { count, policies, service: backend });
    const gateway = await startServeGateway({ state, processes, drainSeconds: 1 });
    started.push(gateway);
    const pids = await gateway.edgePids();
    if (pids.length !== processes) throw new Error(`${pids.length} of ${processes} edge processes are up.`);
    const countersPid = await gateway.objectsPid();
    if (countersPid === null) throw new Error('The process of the counters is not up.');
    return { port: gateway.port, pids, countersPid, processes, connections: CONNECTIONS };
  };
  const small = await serve('s', 100, false);
  const large = await serve('l', 10_000, false);
  const full = { ...(await serve('f', 10_000, true)), header: LIMITED };
  const named = (name: string): string => `serve ×${processes}, ${name}`;
  return [
    { ...small, name: named('100 routes, no policies'), targets: targetsAmong(100, 4) },
    { ...large, name: openName(processes), targets: targetsAmong(10_000, 200) },
    { ...full, name: named('10,000 routes, full chain, 1 counter'), targets: targetsAmong(10_000, 1) },
    { ...full, name: named('10,000 routes, full chain, 200 counters'), targets: targetsAmong(10_000, 200) },
  ];
}

function section(scenarios: readonly Compared[], results: RoundResults): Section {
  return {
    title: 'The whole gateway under portolan serve',
    rows: scenarios.map(({ name, processes }) => ({
      gateway: name,
      'req/s': Math.round(results.median(name, ({ perSecond }) => perSecond)),
      'p50 ms': round(results.median(name, ({ p50 }) => p50)),
      'p99 ms': round(results.median(name, ({ p99 }) => p99)),
      // What its policies cost: the same routes and processes without them.
      ...(name.includes('full chain') && {
        'req/s vs no policies': results.against(name, openName(processes), ({ perSecond }) => perSecond),
      }),
      'req/s vs bare': results.against(name, bareName(processes), ({ perSecond }) => perSecond),
      'p50 vs bare': results.against(name, bareName(processes), ({ p50 }) => p50),
      'p99 vs bare': results.against(name, bareName(processes), ({ p99 }) => p99),
      'CPU µs/req': Math.round(results.median(name, ({ cpuUs }) => cpuUs)),
      'counters CPU µs/req': Math.round(results.median(name, ({ countersCpuUs }) => countersCpuUs)),
      'client %': Math.round(100 * results.median(name, ({ clientShare }) => clientShare)),
    })),
    notes: [
      `${ROUNDS} rounds of ${REQUESTS} requests each over ${CONNECTIONS} connections, all in every round, there and back; medians, ratios per round with (lowest–highest). Every answer was the backend's, with its status and body, and with a RateLimit header where there is a limit.`,
      'Bare: the pass-through Worker with the default V8 flags and as many processes, which share one listening socket too.',
      'CPU: edge processes, and the process of the counters apart. Client: share of one processor that the load generator took.',
    ],
  };
}
