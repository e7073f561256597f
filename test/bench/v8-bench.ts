/**
 * Sizes of V8's young generation, on edge processes with the configuration that `serve` writes: each
 * size with and without policies, over many and few connections, all in every round.
 */
import { EdgeStand } from '../serve/edge-stand.ts';
import { startBackend } from './backend.ts';
import { publishGenerated } from './generated-state.ts';
import { measureRounds, targetsAmong, type RoundResults, type Scenario } from './load-rounds.ts';
import { residentBytes } from './process-usage.ts';
import { round, type Section } from './report.ts';

const ROUNDS = 7;
const REQUESTS = 2500;
const WARM_UP_REQUESTS = 2000;
const ROUTES = 10_000;
const CONNECTIONS: readonly number[] = [32, 8];
const DEFAULT = 'none';
const SIZES: Readonly<Record<string, readonly string[]>> = {
  [DEFAULT]: [],
  ...Object.fromEntries([1, 2, 4, 16, 64].map((size) => [String(size), [`--max-semi-space-size=${size}`]])),
};

type Sized = Scenario & { readonly size: string };
type Program = { readonly title: string; readonly policies: boolean };

const PROGRAMS: readonly Program[] = [
  { title: 'without policies', policies: false },
  { title: 'with CORS and a rate limit (200 counters)', policies: true },
];

export async function benchV8(): Promise<readonly Section[]> {
  const backend = await startBackend();
  const stands: EdgeStand[] = [];
  try {
    const groups: { title: string; scenarios: Sized[] }[] = [];
    for (const { title, policies } of PROGRAMS) {
      const stand = await EdgeStand.create();
      stands.push(stand);
      const edges = await startSizes(stand, { policies, backend: backend.address });
      for (const connections of CONNECTIONS) {
        const scenarios = edges.map((edge): Sized => {
          const name = `${title} ${connections} ${edge.size}`;
          return Object.assign({ name, connections }, edge);
        });
        groups.push({ title: `${ROUTES} routes ${title}, ${connections} connections`, scenarios });
      }
    }
    const options = { rounds: ROUNDS, requests: REQUESTS, warmUpRequests: WARM_UP_REQUESTS };
    const results = await measureRounds(
      groups.flatMap(({ scenarios }) => scenarios),
      options,
    );
    return groups.map(({ title, scenarios }, at) => section(title, scenarios, results, at === groups.length - 1));
  } finally {
    await Promise.all(stands.map((stand) => stand.close()));
    backend.close();
  }
}

type Input = { readonly policies: boolean; readonly backend: string };

async function startSizes(
  stand: EdgeStand,
  { policies, backend }: Input,
): Promise<Omit<Sized, 'name' | 'connections'>[]> {
  const { upstreams } = await publishGenerated(stand.folder, { count: ROUTES, policies, service: backend });
  await stand.startObjects();
  const started: Omit<Sized, 'name' | 'connections'>[] = [];
  for (const [size, v8Flags] of Object.entries(SIZES)) {
    const edge = await stand.startEdge(upstreams, { v8Flags });
    await edge.reload();
    const { port } = new URL(edge.url);
    started.push({
      size,
      port: Number(port),
      pids: [edge.process.pid ?? 0],
      targets: targetsAmong(ROUTES, 200),
      ...(policies && { header: 'ratelimit' }),
    });
  }
  return started;
}

function section(title: string, scenarios: readonly Sized[], results: RoundResults, isLast: boolean): Section {
  const base = scenarios.find(({ size }) => size === DEFAULT)?.name ?? '';
  return {
    title: `Young generation: ${title}`,
    rows: scenarios.map(({ name, size, pids }) => ({
      'max-semi-space-size': size,
      'req/s': Math.round(results.median(name, ({ perSecond }) => perSecond)),
      'p50 ms': round(results.median(name, ({ p50 }) => p50)),
      'p99 ms': round(results.median(name, ({ p99 }) => p99)),
      'req/s vs none': results.against(name, base, ({ perSecond }) => perSecond),
      'p50 vs none': results.against(name, base, ({ p50 }) => p50),
      'p99 vs none': results.against(name, base, ({ p99 }) => p99),
      'CPU µs/req': Math.round(results.median(name, ({ cpuUs }) => cpuUs)),
      'RSS MB': Math.round(residentBytes(pids[0] ?? 0) / 1e6),
    })),
    notes: isLast
      ? [
          `${ROUNDS} rounds of ${REQUESTS} requests, all in every round, there and back; medians, ratios per round with (lowest–highest).`,
          'RSS after all rounds.',
        ]
      : [],
  };
}
