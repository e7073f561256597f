/** `portolan sync --watch`: the parts of a long-running sync, put together. */
import { hostname } from 'node:os';
import { countFindings } from '../diagnostics/finding.ts';
import { createLog } from '../serve/serve-log.ts';
import type { KubernetesApi } from '../sync/kubernetes-api.ts';
import type { HealthFacts } from '../sync/health-server.ts';
import type { SyncPass, SyncRun, SyncRunOptions } from '../sync/sync-run.ts';
import type { Terminal } from './command.ts';
import { usageError } from './parse-arguments.ts';
import type { SyncContext } from './sync.ts';

type Given = Pick<SyncRunOptions, 'mayAct' | 'status' | 'onProblem'>;

export type WatchParts = {
  readonly api: KubernetesApi;
  /** Least time between two publishes. */
  readonly intervalMs: number;
  readonly createRun: (given: Given) => Promise<SyncRun>;
};

/** Until SIGTERM or SIGINT. */
export async function watchCluster({ options, terminal }: SyncContext, parts: WatchParts): Promise<void> {
  const { systemClock } = await import('../sync/clock.ts');
  const { ClusterWatch } = await import('../sync/cluster-watch.ts');
  const { Debounce } = await import('../sync/debounce.ts');
  const { runSyncLoop } = await import('../sync/sync-loop.ts');
  const { startHealthServer } = await import('../sync/health-server.ts');
  const log = createLog('sync', terminal.stdout);
  const facts = { publishes: 0, problems: 0, lastPass: 0 };
  const onProblem = (message: string): void => {
    facts.problems += 1;
    log('error', 'problem', { message });
  };
  const stop = new AbortController();
  const changes = new Debounce(systemClock);
  const watch = new ClusterWatch({ api: parts.api, clock: systemClock, onChange: () => changes.touch(), onProblem });
  const election = await createElection(parts.api, { options, terminal }, onProblem, (isLeader) => {
    log('info', isLeader ? 'leading' : 'following');
    // Another may have published meanwhile.
    run.forget();
    changes.touch();
  });
  const mayAct = (): boolean => election === null || election.isLeader;
  const status = options['no-status'] === true ? null : await statusPorts(parts.api, terminal, onProblem);
  const run = await parts.createRun({ mayAct, status, onProblem });
  const health = async (): Promise<{ close(): Promise<void> } | null> =>
    options.health === undefined
      ? null
      : startHealthServer(parseAddress(options.health), (): HealthFacts => {
          const snapshot = watch.snapshot();
          const objects = snapshot?.objects.length ?? 0;
          return { ...facts, isSynced: snapshot !== null, isLeader: mayAct(), objects };
        });
  const server = await health();
  const running = [
    watch.run(stop.signal),
    ...(election === null ? [] : [election.run(stop.signal)]),
    runSyncLoop(
      {
        watch,
        run,
        clock: systemClock,
        changes,
        mayAct,
        onProblem,
        intervalMs: parts.intervalMs,
        onPass: (pass, tookMs) => {
          facts.lastPass = Math.floor(Date.now() / 1000);
          if (pass.report?.skipped === null) facts.publishes += 1;
          if (isNews(pass)) log(pass.withheld === null ? 'info' : 'warning', 'pass', passFields(pass, tookMs));
        },
      },
      stop.signal,
    ),
  ];
  log('info', 'started', { leaderElection: election !== null });
  await terminal.stopped();
  log('info', 'stopping');
  stop.abort();
  await Promise.all(running);
  await server?.close();
  log('info', 'stopped');
}

export async function statusPorts(
  api: KubernetesApi,
  { env }: Pick<Terminal, 'env'>,
  onProblem: (message: string) => void,
): Promise<NonNullable<SyncRunOptions['status']>> {
  const { StatusWriter } = await import('../sync/status-writer.ts');
  const { ResourceEvents } = await import('../sync/resource-events.ts');
  const { definitionShapes } = await import('../sync/definition-shapes.ts');
  const { systemClock } = await import('../sync/clock.ts');
  return {
    writer: new StatusWriter(api, currentTime),
    events: new ResourceEvents(api, { identity: identityOf(env), now: currentTime }),
    shapeOf: definitionShapes(api, systemClock, onProblem),
  };
}

function currentTime(): Date {
  return new Date();
}

async function createElection(
  api: KubernetesApi,
  { options, terminal }: Pick<SyncContext, 'options' | 'terminal'>,
  onError: (message: string) => void,
  onChange: (isLeader: boolean) => void,
) {
  const namespace = options['lease-namespace'];
  if (namespace === undefined) return null;
  const { LeaderElection } = await import('../sync/lease.ts');
  const { systemClock } = await import('../sync/clock.ts');
  const identity = `${identityOf(terminal.env)}-${crypto.randomUUID().slice(0, 8)}`;
  const name = options['lease-name'] ?? 'portolan-sync';
  return new LeaderElection({ api, clock: systemClock, namespace, name, identity, onChange, onError });
}

function identityOf(env: Terminal['env']): string {
  return env['POD_NAME'] ?? hostname();
}

function isNews({ report, withheld, statuses }: SyncPass): boolean {
  return withheld !== null || report?.skipped === null || statuses.written > 0 || statuses.failed > 0;
}

function passFields(
  { result, withheld, report, statuses }: SyncPass,
  tookMs: number,
): Readonly<Record<string, unknown>> {
  return {
    version: report?.version ?? null,
    published: report !== null && report.skipped === null,
    ...(withheld !== null && { withheld }),
    routes: result.counts.routes,
    resources: result.counts.resources,
    findings: countFindings(result.findings),
    statuses,
    tookMs: Math.round(tookMs),
  };
}

function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === '' || Number(port) > 65_535) throw usageError('sync', `--health ${text} is not HOST:PORT.`);
  return { host: host === '' ? '0.0.0.0' : host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
