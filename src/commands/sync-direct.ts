/** `portolan sync` of one cluster or several: from their objects to a live program. */
import { BuildCache } from '../compile/build-program.ts';
import { UserError } from '../diagnostics/errors.ts';
import { countFindings } from '../diagnostics/finding.ts';
import type { SecretKeys } from '../follow/secret-keys.ts';
import { SourcePublisher } from '../follow/source-publisher.ts';
import type { OpenTarget, StoreTarget } from '../stores/store-target.ts';
import type { ClusterSnapshot } from '../sync/cluster-snapshot.ts';
import type { StatusPorts } from '../sync/object-statuses.ts';
import type { SyncPass, SyncRun, SyncRunOptions } from '../sync/sync-run.ts';
import { buildOptions } from './build-from-options.ts';
import { EXIT_OK } from './command.ts';
import { openStore } from './open-store.ts';
import { tellOutcome } from './publish-outcome.ts';
import { readSignKey } from './sign-key.ts';
import { keysOfDocuments, secretKeys } from './secret-keys.ts';
import { loadInput, readConfig, type LoadedInput } from './sources.ts';
import { chooseClusters, connectClusters, type ConnectedCluster } from './sync-clusters.ts';
import { statusPorts, watchUntilStopped, type Watched, type WatchTools } from './sync-watch.ts';
import type { SyncContext } from './sync-options.ts';

export async function syncClusters(context: SyncContext, target: StoreTarget): Promise<number> {
  const { options, terminal } = context;
  const clusters =
    options.file === undefined ? await connectClusters(chooseClusters(options.context ?? [], undefined), terminal) : [];
  const opened = await openStore(target, terminal);
  try {
    if (options.watch !== true) return await runOnce(context, target, opened, clusters);
    await watchUntilStopped(context, {
      leaseApi: clusters[0]?.api ?? null,
      intervalMs: publishIntervalMs(target),
      create: (tools) => watchClusters(context, target, opened, { clusters, tools }),
    });
    return EXIT_OK;
  } finally {
    await opened.close();
  }
}

/** Cloudflare takes one write a second of one key. */
export function publishIntervalMs(target: StoreTarget): number {
  return target.kind === 'cloudflare' ? 1_000 : 0;
}

export type RunParts = Pick<
  SyncRunOptions,
  'mayAct' | 'status' | 'clusterStatus' | 'outcomes' | 'onProblem' | 'secretKeys'
>;

export async function createRun(
  { options, terminal }: SyncContext,
  target: StoreTarget,
  opened: OpenTarget,
  parts: RunParts,
): Promise<SyncRun> {
  const { SyncRun } = await import('../sync/sync-run.ts');
  const signKey = readSignKey(terminal.env['PORTOLAN_SIGN_KEY']);
  const build = buildOptions({ ...options, target: target.kind === 'cloudflare' ? 'cloudflare' : 'self-hosted' });
  const unresolved = target.kind === 'local' ? 'echo' : 'refuse';
  return new SyncRun({
    publisher: new SourcePublisher({
      build: { ...build, unresolved, cache: new BuildCache() },
      ...(signKey !== null && { signKey }),
    }),
    store: opened.store,
    announce: () => opened.announce(),
    loadConfig: () => readConfig(options.config, terminal.cwd),
    allowMassDelete: options['allow-mass-delete'] === true,
    ...parts,
  });
}

/** The log of a pass that publishes. */
export function logPass({ log }: Pick<WatchTools, 'log'>): (pass: SyncPass, tookMs: number) => void {
  return (pass, tookMs) => {
    if (isNews(pass)) log(pass.withheld === null ? 'info' : 'warning', 'pass', passFields(pass, tookMs));
  };
}

/** Everything that is there now. Throws UserError when a cluster cannot be read. */
export async function snapshotOf(clusters: readonly ConnectedCluster[]): Promise<ClusterSnapshot> {
  const { readCluster } = await import('../sync/cluster-snapshot.ts');
  const { joinSnapshots } = await import('../sync/clusters-watch.ts');
  const snapshots = await Promise.all(
    clusters.map(async ({ api, cluster }) => {
      try {
        return await readCluster(api, new AbortController().signal, cluster);
      } catch (error) {
        const which = cluster === null ? 'the cluster' : `cluster ${cluster}`;
        throw new UserError(`${which} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }
    }),
  );
  return joinSnapshots(snapshots);
}

/** Keys of the Secrets of these clusters. */
export async function keysOfClusters(
  clusters: readonly ConnectedCluster[],
  target: StoreTarget,
  { terminal, onProblem }: Pick<SyncContext, 'terminal'> & { readonly onProblem: (message: string) => void },
): Promise<SecretKeys> {
  const { ApiSecretReader } = await import('../sync/api-secrets.ts');
  const apis = new Map(clusters.map(({ cluster, api }) => [cluster, api]));
  const reader = new ApiSecretReader(apis, onProblem);
  return secretKeys({ reader, clusters: clusters.map(({ cluster }) => cluster) }, target, terminal);
}

export async function snapshotOfFiles(
  { options, terminal }: Pick<SyncContext, 'options' | 'terminal'>,
  cluster: string | null = null,
): Promise<{ readonly snapshot: ClusterSnapshot; readonly secrets: LoadedInput['secrets'] }> {
  const { inCluster } = await import('../sync/cluster-snapshot.ts');
  const { input, secrets } = await loadInput({ ...options, config: 'none' }, terminal);
  const read = { objects: input.objects, findings: input.initialFindings ?? [] };
  if (read.objects.length === 0 && countFindings(read.findings).error === 0)
    throw new UserError('nothing was published: what -f names holds no Kubernetes object');
  return { snapshot: { ...(cluster === null ? read : inCluster(read, cluster)), own: [] }, secrets };
}

async function runOnce(
  context: SyncContext,
  target: StoreTarget,
  opened: OpenTarget,
  clusters: readonly ConnectedCluster[],
): Promise<number> {
  const onProblem = (message: string): void => context.note(message);
  const statuses = await statusesOf(context, clusters, onProblem);
  const files = clusters.length === 0 ? await snapshotOfFiles(context) : null;
  const keys =
    files === null
      ? await keysOfClusters(clusters, target, { ...context, onProblem })
      : keysOfDocuments(() => files.secrets, target, context.terminal);
  const parts = { mayAct: () => true, ...statuses, secretKeys: keys, onProblem };
  try {
    const run = await createRun(context, target, opened, parts);
    const pass = await run.pass(files?.snapshot ?? (await snapshotOf(clusters)));
    return tellOutcome(context, target, pass.result, { reason: pass.withheld, report: pass.report, poke: pass.poke });
  } finally {
    await keys.close();
  }
}

async function watchClusters(
  context: SyncContext,
  target: StoreTarget,
  opened: OpenTarget,
  { clusters, tools }: { readonly clusters: readonly ConnectedCluster[]; readonly tools: WatchTools },
): Promise<Watched<SyncPass>> {
  const { clock, changes, mayAct, onProblem } = tools;
  const { ClustersWatch } = await import('../sync/clusters-watch.ts');
  const watches = await Promise.all(
    clusters.map(async (each) => [each.cluster, await clusterWatch(each, tools)] as const),
  );
  const statuses = await statusesOf(context, clusters, onProblem);
  const keys = await keysOfClusters(clusters, target, { ...context, onProblem });
  const [first] = watches;
  const isNamed = first === undefined || first[0] !== null;
  const named = new Map(watches.flatMap(([cluster, watch]) => (cluster === null ? [] : [[cluster, watch] as const])));
  return {
    watch: isNamed ? new ClustersWatch(named, clock, () => changes.touch()) : first[1],
    run: await createRun(context, target, opened, { mayAct, ...statuses, secretKeys: keys, onProblem }),
    close: () => keys.close(),
    onPass: logPass(tools),
  };
}

/** A watch that says which cluster has a problem. */
export async function clusterWatch(
  { api, cluster }: ConnectedCluster,
  { clock, changes, onProblem }: Pick<WatchTools, 'clock' | 'changes' | 'onProblem'>,
): Promise<Watched<SyncPass>['watch']> {
  const { ClusterWatch } = await import('../sync/cluster-watch.ts');
  return new ClusterWatch({
    api,
    clock,
    cluster,
    onChange: () => changes.touch(),
    onProblem: (message) => onProblem(cluster === null ? message : `cluster ${cluster}: ${message}`),
  });
}

async function statusesOf(
  { options, terminal }: SyncContext,
  clusters: readonly ConnectedCluster[],
  onProblem: (message: string) => void,
): Promise<{ readonly status: StatusPorts | null; readonly clusterStatus: ReadonlyMap<string, StatusPorts> }> {
  let status: StatusPorts | null = null;
  const clusterStatus = new Map<string, StatusPorts>();
  if (options['no-status'] === true) return { status, clusterStatus };
  for (const { api, cluster } of clusters) {
    const ports = await statusPorts(api, terminal, onProblem);
    if (cluster === null) status = ports;
    else clusterStatus.set(cluster, ports);
  }
  return { status, clusterStatus };
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
