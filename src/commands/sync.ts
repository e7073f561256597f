/** `portolan sync`: a cluster's resources → a program store, and their status back. */
import { BuildCache } from '../compile/build-program.ts';
import { UserError } from '../diagnostics/errors.ts';
import { SourcePublisher } from '../follow/source-publisher.ts';
import type { OpenTarget, StoreTarget } from '../stores/store-target.ts';
import type { ClusterSnapshot } from '../sync/cluster-snapshot.ts';
import type { KubernetesApi } from '../sync/kubernetes-api.ts';
import type { SyncRun, SyncRunOptions } from '../sync/sync-run.ts';
import { buildOptions } from './build-from-options.ts';
import { defineCommand, EXIT_OK, type CommandContext } from './command.ts';
import { INPUT_OPTIONS } from './input-options.ts';
import { openStore } from './open-store.ts';
import { usageError } from './parse-arguments.ts';
import { parsePublishTarget } from './publish-targets.ts';
import { tellOutcome } from './publish-outcome.ts';
import { readSignKey } from './sign-key.ts';
import { loadInput, readConfig } from './sources.ts';
import { statusPorts, watchCluster } from './sync-watch.ts';

const { strict: _strict, target: _target, ...sourceOptions } = INPUT_OPTIONS;

const SYNC_OPTIONS = {
  to: { type: 'string', value: 'PLACE', help: 'local, dir:PATH or cloudflare' },
  once: { type: 'boolean', help: 'one pass, for CI and CronJobs; the default' },
  watch: { type: 'boolean', help: 'follow the cluster until stopped' },
  context: {
    type: 'string',
    value: 'NAME',
    help: 'context of the kubeconfig; default in-cluster, else the current one',
  },
  ...sourceOptions,
  'allow-mass-delete': { type: 'boolean', help: 'publish although many resources are gone at once' },
  'no-status': { type: 'boolean', help: 'write no status and no Events' },
  health: { type: 'string', value: 'HOST:PORT', help: 'with --watch: /healthz, /readyz and /metrics there' },
  'lease-namespace': { type: 'string', value: 'NS', help: 'with --watch: elect a leader by a Lease there' },
  'lease-name': { type: 'string', value: 'NAME', help: 'default portolan-sync' },
} as const;

export type SyncContext = CommandContext<typeof SYNC_OPTIONS>;

export const syncCommand = defineCommand({
  name: 'sync',
  summary: 'Publish what a Kubernetes cluster holds, and write status back.',
  usage: '--to local|dir:PATH|cloudflare [--once|--watch] [-f PATH]… [options]',
  details: `
Reads Mappings, Hosts and their companions from the cluster of the kubeconfig (KUBECONFIG, --context) or
of the in-cluster account, builds the program, publishes it when it changed, and writes conditions into
the status of every object. With -f the objects come from there and no cluster is asked:
\`kubectl get mappings,hosts -A -o json | portolan sync -f - --once --to dir:state\`. The loss of more than
30 % and more than 20 resources at once is refused. With --watch logs are JSON lines on stdout. Exit
codes of --once as of publish. See docs/sync.md.`,
  options: SYNC_OPTIONS,
  async run(context) {
    const { options, terminal } = context;
    if (options.once === true && options.watch === true) throw usageError('sync', 'Give --once or --watch, not both.');
    const target = parsePublishTarget(options.to);
    if (options.file !== undefined) {
      if (options.watch === true)
        throw usageError('sync', '--watch follows a cluster; `serve` and `dev` follow what -f names.');
      return runOnce(context, target, null);
    }
    const { loadKubeConfig } = await import('../sync/kube-config.ts');
    const { connectApi } = await import('../sync/api-connection.ts');
    const config = await loadKubeConfig({ context: options.context ?? null, environment: terminal.env });
    const api = connectApi(config);
    if (options.watch !== true) return runOnce(context, target, api);
    const opened = await openStore(target, terminal);
    try {
      await watchCluster(context, {
        api,
        // Cloudflare takes one write a second of one key.
        intervalMs: target.kind === 'cloudflare' ? 1_000 : 0,
        createRun: (given) => createRun(context, target, opened, given),
      });
      return EXIT_OK;
    } finally {
      await opened.close();
    }
  },
});

type Given = Pick<SyncRunOptions, 'mayAct' | 'status' | 'onProblem'>;

async function createRun(
  { options, terminal }: SyncContext,
  target: StoreTarget,
  opened: OpenTarget,
  given: Given,
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
    ...given,
  });
}

async function runOnce(context: SyncContext, target: StoreTarget, api: KubernetesApi | null): Promise<number> {
  const { options, terminal, note } = context;
  const opened = await openStore(target, terminal);
  const onProblem = (message: string): void => note(message);
  try {
    const status = api === null || options['no-status'] === true ? null : await statusPorts(api, terminal, onProblem);
    const run = await createRun(context, target, opened, { mayAct: () => true, status, onProblem });
    const pass = await run.pass(api === null ? await snapshotOfFiles(context) : await snapshotOf(api));
    return tellOutcome(context, target, pass.result, { reason: pass.withheld, report: pass.report, poke: pass.poke });
  } finally {
    await opened.close();
  }
}

async function snapshotOf(api: KubernetesApi): Promise<ClusterSnapshot> {
  const { readCluster } = await import('../sync/cluster-snapshot.ts');
  try {
    return await readCluster(api, new AbortController().signal);
  } catch (error) {
    throw new UserError(`the cluster cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function snapshotOfFiles({ options, terminal }: SyncContext): Promise<ClusterSnapshot> {
  const { input } = await loadInput({ ...options, config: 'none' }, terminal);
  if (input.objects.length === 0 && (input.initialFindings ?? []).every(({ severity }) => severity !== 'error'))
    throw new UserError('nothing was published: what -f names holds no Kubernetes object');
  return { objects: input.objects, findings: input.initialFindings ?? [], own: [] };
}
