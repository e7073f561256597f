/** What probes and Prometheus ask: `/healthz`, `/readyz`, `/metrics`. Nothing on it is authenticated or secret. */
import * as http from 'node:http';
import { UserError } from '../diagnostics/errors.ts';

export type HealthFacts = {
  /** Everything was listed once. */
  readonly isSynced: boolean;
  readonly isLeader: boolean;
  readonly objects: number;
  readonly publishes: number;
  readonly problems: number;
  /** Seconds since 1970 of the last pass that went well; 0: none yet. */
  readonly lastPass: number;
  /** Seconds since the slice of each cluster was written; null: it cannot be read. Default none. */
  readonly sliceAges?: ReadonlyMap<string, number | null>;
};

export type HealthServer = { close(): Promise<void> };

/** @throws UserError when the address cannot be used */
export async function startHealthServer(
  { host, port }: { readonly host: string; readonly port: number },
  facts: () => HealthFacts,
): Promise<HealthServer> {
  const server = http.createServer((request, response) => {
    const now = facts();
    if (request.method !== 'GET') return void response.writeHead(405, { allow: 'GET' }).end();
    if (request.url === '/healthz') return void response.end('ok\n');
    if (request.url === '/readyz')
      return void response
        .writeHead(now.isSynced ? 200 : 503)
        .end(now.isSynced ? 'ok\n' : 'not everything was listed yet\n');
    if (request.url === '/metrics')
      return void response.setHeader('content-type', 'text/plain; version=0.0.4').end(metrics(now));
    return void response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new UserError(`cannot listen on ${host}:${port}: ${error.message}`)));
    server.listen(port, host, resolve);
  });
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function metrics(facts: HealthFacts): string {
  const rows: readonly (readonly [string, string, string, number])[] = [
    ['portolan_sync_leader', 'gauge', 'Whether this process publishes.', Number(facts.isLeader)],
    ['portolan_sync_objects', 'gauge', 'Objects read from the cluster.', facts.objects],
    ['portolan_sync_publishes_total', 'counter', 'Programs published.', facts.publishes],
    ['portolan_sync_problems_total', 'counter', 'Problems with the API server or the store.', facts.problems],
    ['portolan_sync_last_pass_seconds', 'gauge', 'When the last pass went well, seconds since 1970.', facts.lastPass],
  ];
  return (
    rows
      .map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`)
      .join('') + sliceMetrics(facts.sliceAges ?? new Map())
  );
}

/** Names of clusters need no escapes: see isClusterName. */
function sliceMetrics(ages: ReadonlyMap<string, number | null>): string {
  if (ages.size === 0) return '';
  const name = 'portolan_sync_slice_age_seconds';
  const lines = [...ages].map(([cluster, age]) => `${name}{cluster="${cluster}"} ${age ?? 'NaN'}\n`);
  return `# HELP ${name} Since the slice of a cluster was written; NaN: it cannot be read.\n# TYPE ${name} gauge\n${lines.join('')}`;
}
