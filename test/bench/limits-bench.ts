/**
 * What a rate limit costs: one route without a limit, with a leased and with an exact one, and a gateway
 * written by hand that asks a Durable Object for every request. One key that all requests share, and
 * 10,000 keys in turn.
 */
import * as path from 'node:path';
import { V8_FLAGS } from '../../src/serve/runtime-config.ts';
import { bundleBaseline } from './bundle-baseline.ts';
import { configuredOptions } from './configured-gateway.ts';
import { measureRounds, type RoundResults, type Scenario, type Target } from './load-rounds.ts';
import { round, type Section } from './report.ts';
import { withStand, type Stand } from './with-stand.ts';
import type { WorkerdOptions } from './workerd-process.ts';

const CONNECTIONS = 32;
const WARM_UP_REQUESTS = 12_000;
const KEYS = 10_000;
const MODES = ['leased', 'exact'] as const;
const LIMITS = ['no limit', ...MODES, 'by hand'] as const;
/** A key that is busy is so for longer than a batch lasts; of the many keys each is met at most once a round. */
const LOADS = [
  { name: 'one key', keys: 1, rounds: 11, requests: 10_000 },
  { name: `${KEYS.toLocaleString('en')} keys`, keys: KEYS, rounds: 11, requests: 2_500 },
] as const;
type Load = (typeof LOADS)[number];

type Compared = Scenario & { readonly base: string };

export async function benchLimits(): Promise<readonly Section[]> {
  return withStand(async (stand) => {
    const sections: Section[] = [];
    for (const load of LOADS) {
      const scenarios: Compared[] = [];
      for (const limit of LIMITS) scenarios.push(await scenario(load, limit, stand));
      const results = await measureRounds(scenarios, { ...load, warmUpRequests: WARM_UP_REQUESTS });
      sections.push(section(load, scenarios, results));
    }
    return sections;
  });
}

/** A process for each, so that none has another's counters in its heap. */
async function scenario(load: Load, limit: (typeof LIMITS)[number], stand: Stand): Promise<Compared> {
  const name = nameOf(load, limit);
  const folder = path.join(stand.folder, name.replaceAll(/\W+/g, '-'));
  const { backend } = stand;
  const options = limit === 'by hand' ? await byHand(folder, backend) : await portolan(folder, backend, limit);
  // As `serve` runs gateways; the gateway by hand gets the same.
  const process = await stand.start({ ...options, v8Flags: V8_FLAGS });
  const counts = limit === 'leased' || limit === 'exact';
  return {
    name,
    port: process.port,
    pids: process.pids,
    targets: targets(load),
    connections: CONNECTIONS,
    base: nameOf(load, 'no limit'),
    ...(counts && { header: 'ratelimit' }),
  };
}

function nameOf(load: Load, limit: (typeof LIMITS)[number]): string {
  return `${load.name}, ${limit}`;
}

/** The address stands where the gateway by hand looks for it and, because nobody is trusted there, in a header of its own. */
function targets({ keys }: Load): readonly Target[] {
  return Array.from({ length: keys }, (_, at) => {
    const client = `10.0.${at >> 8}.${at & 255}`;
    return { host: 'api.example.com', path: '/backend/orders/1', client, lines: [`x-client: ${client}`] };
  });
}

function portolan(folder: string, backend: string, limit: Exclude<(typeof LIMITS)[number], 'by hand'>) {
  const limits = [{ name: 'clients', rate: 1_000_000, unit: 'second', key: { header: 'x-client' }, mode: limit }];
  const route = {
    name: 'orders',
    path: '/backend/',
    backend: `http://${backend}`,
    ...(limit !== 'no limit' && { policies: { rateLimit: { limits } } }),
  };
  return configuredOptions({ folder, backend, authored: { routes: [route] } });
}

async function byHand(folder: string, backend: string): Promise<WorkerdOptions> {
  return {
    code: await bundleBaseline('handwritten-worker.ts'),
    folder,
    backends: { BACKEND: backend },
    objects: { LIMITS: 'Counter' },
  };
}

function section(
  { name: title, rounds, requests }: Load,
  scenarios: readonly Compared[],
  results: RoundResults,
): Section {
  return {
    title: `A route with a rate limit, ${title}`,
    rows: scenarios.map(({ name, base }) => ({
      gateway: name,
      'req/s': Math.round(results.median(name, ({ perSecond }) => perSecond)),
      'p50 ms': round(results.median(name, ({ p50 }) => p50)),
      'p99 ms': round(results.median(name, ({ p99 }) => p99)),
      'CPU µs/req': Math.round(results.median(name, ({ cpuUs }) => cpuUs)),
      'req/s vs no limit': results.against(name, base, ({ perSecond }) => perSecond),
      'CPU vs no limit': results.against(name, base, ({ cpuUs }) => cpuUs),
    })),
    notes: [
      `${rounds} rounds of ${requests.toLocaleString('en')} requests each over ${CONNECTIONS} connections, every gateway in every round, there and back; medians, ratios per round with (lowest–highest). Every answer was the backend's, with its status and body, and with a RateLimit header where there is a limit.`,
      'The limit is so high that nothing is refused. By hand: Hono, its CORS middleware, and one call of one Durable Object per key and request, counted in memory only.',
      'All have the V8 flags of `serve`. Gateway and counters are one workerd process; load generator and backend share the processors with it.',
    ],
  };
}
