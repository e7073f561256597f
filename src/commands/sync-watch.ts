/** `portolan sync --watch`: the parts of a long-running sync, put together. */
import { hostname } from 'node:os';
import { createLog, type ServeLog } from '../serve/serve-log.ts';
import type { Clock } from '../sync/clock.ts';
import type { ClusterSnapshot } from '../sync/cluster-snapshot.ts';
import type { Debounce } from '../sync/debounce.ts';
import type { HealthFacts } from '../sync/health-server.ts';
import type { KubernetesApi } from '../sync/kubernetes-api.ts';
import type { StatusPorts } from '../sync/object-statuses.ts';
import type { LoopPass } from '../sync/sync-loop.ts';
import type { Terminal } from './command.ts';
import { usageError } from './parse-arguments.ts';
import type { SyncContext } from './sync-options.ts';

export type WatchTools = {
  readonly clock: Clock;
  readonly changes: Debounce;
  readonly log: ServeLog;
  readonly mayAct: () => boolean;
  readonly onProblem: (message: string) => void;
  readonly signal: AbortSignal;
};

export type Watched<Pass extends LoopPass> = {
  readonly watch: { snapshot(): ClusterSnapshot | null; run(signal: AbortSignal): Promise<void> };
  readonly run: { pass(snapshot: ClusterSnapshot): Promise<Pass>; forget(): void };
  readonly onPass: (pass: Pass, tookMs: number) => void;
  /** Seconds since each slice was written. */
  readonly ages?: () => ReadonlyMap<string, number | null>;
  /** Called when everything has stopped. */
  readonly close?: () => Promise<void>;
};

export type WatchParts<Pass extends LoopPass> = {
  /** Holds the Lease. null: no leader is elected. */
  readonly leaseApi: KubernetesApi | null;
  /** Least time between two publishes. Milliseconds. */
  readonly intervalMs: number;
  readonly create: (tools: WatchTools) => Promise<Watched<Pass>>;
};

/** Until SIGTERM or SIGINT. */
export async function watchUntilStopped<Pass extends LoopPass>(
  { options, terminal }: Pick<SyncContext, 'options' | 'terminal'>,
  parts: WatchParts<Pass>,
): Promise<void> {
  const { systemClock } = await import('../sync/clock.ts');
  const { Debounce } = await import('../sync/debounce.ts');
  const { runSyncLoop } = await import('../sync/sync-loop.ts');
  const log = createLog('sync', terminal.stdout);
  const facts = { publishes: 0, problems: 0, lastPass: 0 };
  const onProblem = (message: string): void => {
    facts.problems += 1;
    log('error', 'problem', { message });
  };
  const stop = new AbortController();
  const changes = new Debounce(systemClock);
  const election = await createElection(parts.leaseApi, { options, terminal }, onProblem, (isLeader) => {
    log('info', isLeader ? 'leading' : 'following');
    // Another may have published meanwhile.
    run.forget();
    changes.touch();
  });
  const mayAct = (): boolean => election === null || election.isLeader;
  const tools = { clock: systemClock, changes, log, mayAct, onProblem, signal: stop.signal };
  const { watch, run, onPass, ages, close } = await parts.create(tools);
  const server = await startHealth(options.health, () => {
    const snapshot = watch.snapshot();
    const objects = snapshot?.objects.length ?? 0;
    return { ...facts, isSynced: snapshot !== null, isLeader: mayAct(), objects, sliceAges: ages?.() ?? new Map() };
  });
  // A pass may still be publishing when the process is told to stop: the Lease is given back after it.
  const release = new AbortController();
  const electing = election?.run(release.signal);
  const running = [
    watch.run(stop.signal),
    runSyncLoop(
      {
        watch,
        run,
        clock: systemClock,
        changes,
        mayAct,
        onProblem,
        intervalMs: parts.intervalMs,
        onPass: (pass: Pass, tookMs) => {
          facts.lastPass = Math.floor(Date.now() / 1000);
          if (pass.report?.skipped === null) facts.publishes += 1;
          onPass(pass, tookMs);
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
  release.abort();
  await electing;
  await close?.();
  await server?.close();
  log('info', 'stopped');
}

export async function statusPorts(
  api: KubernetesApi,
  { env }: Pick<Terminal, 'env'>,
  onProblem: (message: string) => void,
): Promise<StatusPorts> {
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

async function startHealth(
  address: string | undefined,
  facts: () => HealthFacts,
): Promise<{ close(): Promise<void> } | null> {
  if (address === undefined) return null;
  const { startHealthServer } = await import('../sync/health-server.ts');
  return startHealthServer(parseAddress(address), facts);
}

async function createElection(
  api: KubernetesApi | null,
  { options, terminal }: Pick<SyncContext, 'options' | 'terminal'>,
  onError: (message: string) => void,
  onChange: (isLeader: boolean) => void,
) {
  const namespace = options['lease-namespace'];
  if (namespace === undefined || api === null) return null;
  const { LeaderElection } = await import('../sync/lease.ts');
  const { systemClock } = await import('../sync/clock.ts');
  const identity = `${identityOf(terminal.env)}-${crypto.randomUUID().slice(0, 8)}`;
  // A publisher beside the slice of its cluster must not wait for that one's Lease.
  const name = options['lease-name'] ?? (options.publisher === true ? 'portolan-publisher' : 'portolan-sync');
  return new LeaderElection({ api, clock: systemClock, namespace, name, identity, onChange, onError });
}

function identityOf(env: Terminal['env']): string {
  return env['POD_NAME'] ?? hostname();
}

function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === '' || Number(port) > 65_535) throw usageError('sync', `--health ${text} is not HOST:PORT.`);
  return { host: host === '' ? '0.0.0.0' : host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
