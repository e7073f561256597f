/**
 * Requests through one workerd build: a bare pass-through Worker, a gateway written by hand with Hono,
 * and Portolan.
 */
import * as path from 'node:path';
import { bundleBaseline } from './bundle-baseline.ts';
import type { GenerateOptions } from './generate-mappings.ts';
import { portolanOptions } from './generated-state.ts';
import { measureRounds, targetsAmong, type RoundResults, type Scenario, type Target } from './load-rounds.ts';
import { residentBytes } from './process-usage.ts';
import { round, type Section } from './report.ts';
import { withStand, type Stand } from './with-stand.ts';
import { passThroughOptions, type WorkerdProcess } from './workerd-process.ts';

const ROUNDS = 5;
const CONNECTIONS = 32;
const WARM_UP_REQUESTS = 3000;
const REQUESTS = 4000;

/** Of which hand-written gateway the ratio is taken. */
type Compared = Scenario & { readonly byHand: string };

export async function benchProxy(): Promise<readonly Section[]> {
  return withStand(async (stand) => {
    const scenarios = await startScenarios(stand);
    const plan = { rounds: ROUNDS, requests: REQUESTS, warmUpRequests: WARM_UP_REQUESTS };
    return [section(scenarios, await measureRounds(scenarios, plan))];
  });
}

async function startScenarios({ folder, backend, start }: Stand): Promise<readonly Compared[]> {
  const passThrough = await start(passThroughOptions(path.join(folder, 'pass-through'), backend));
  const handwritten = await start({
    code: await bundleBaseline('handwritten-worker.ts'),
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
  const one = 'hand-written, 1 counter';
  const many = 'hand-written, 200 counters';
  return [
    compared('bare pass-through', passThrough, [byHand], one),
    compared(one, handwritten, [byHand], one),
    { ...compared('Portolan 100 routes, 1 counter', small, targetsAmong(100, 1), one), header: 'ratelimit' },
    { ...compared('Portolan 10,000 routes, 1 counter', large, targetsAmong(10_000, 1), one), header: 'ratelimit' },
    compared(many, handwritten, manyClients, many),
    {
      ...compared('Portolan 10,000 routes, 200 counters', large, targetsAmong(10_000, 200), many),
      header: 'ratelimit',
    },
    compared('Portolan 10,000 routes, no policies', bare, targetsAmong(10_000, 200), one),
  ];
}

function compared(name: string, process: WorkerdProcess, targets: readonly Target[], byHand: string): Compared {
  return { name, port: process.port, pids: process.pids, targets, connections: CONNECTIONS, byHand };
}

function section(scenarios: readonly Compared[], results: RoundResults): Section {
  return {
    title: 'Requests through one workerd build',
    rows: scenarios.map(({ name, pids, byHand }) => ({
      gateway: name,
      'req/s': Math.round(results.median(name, ({ perSecond }) => perSecond)),
      'p50 ms': round(results.median(name, ({ p50 }) => p50)),
      'p99 ms': round(results.median(name, ({ p99 }) => p99)),
      'vs pass-through': results.against(name, 'bare pass-through', ({ perSecond }) => perSecond),
      'vs hand-written': results.against(name, byHand, ({ perSecond }) => perSecond),
      'CPU µs/req': Math.round(results.median(name, ({ cpuUs }) => cpuUs)),
      'RSS MB': Math.round(residentBytes(pids[0] ?? 0) / 1e6),
    })),
    notes: [
      `${ROUNDS} rounds of ${REQUESTS} requests each over ${CONNECTIONS} connections, all gateways in every round; medians, ratios per round with (lowest–highest). Every answer was the backend's, with its status and body, and with a RateLimit header where there is a limit.`,
      'Load generator, backend and workerd share the processors: rates are lower than workerd alone could do, and ratios nearer to 1.',
      'All requests come from 127.0.0.1, so a Mapping has one rate limit counter; 200 counters are 200 Mappings in turn (hand-written: 200 client addresses).',
      'The hand-written limiter counts in memory and forgets when its object is evicted; Portolan stores every count.',
    ],
  };
}
