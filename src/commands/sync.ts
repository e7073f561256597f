/** `portolan sync`: what clusters hold → a program store, and its status back. */
import { defineCommand, type CommandContext } from './command.ts';
import { INPUT_OPTIONS } from './input-options.ts';
import { usageError } from './parse-arguments.ts';
import { parsePublishTarget } from './publish-targets.ts';
import { syncClusters } from './sync-direct.ts';
import { syncSlices } from './sync-publisher.ts';
import { syncSlice } from './sync-slice.ts';

const { strict: _strict, target: _target, ...sourceOptions } = INPUT_OPTIONS;

const SYNC_OPTIONS = {
  to: { type: 'string', value: 'PLACE', help: 'local, dir:PATH or cloudflare' },
  once: { type: 'boolean', help: 'one pass, for CI and CronJobs; the default' },
  watch: { type: 'boolean', help: 'follow the cluster until stopped' },
  context: {
    type: 'string',
    multiple: true,
    value: 'NAME[=CLUSTER]',
    help: 'context of the kubeconfig; several: one program of several clusters; default in-cluster, else the current one',
  },
  slice: { type: 'string', value: 'CLUSTER', help: 'write what the cluster holds for a publisher; publish nothing' },
  publisher: { type: 'boolean', help: 'publish what the slices in the store hold' },
  ...sourceOptions,
  'allow-mass-delete': { type: 'boolean', help: 'publish although many resources, or all routes, are gone' },
  'no-status': { type: 'boolean', help: 'write no status and no Events' },
  health: { type: 'string', value: 'HOST:PORT', help: 'with --watch: /healthz, /readyz and /metrics there' },
  'lease-namespace': { type: 'string', value: 'NS', help: 'with --watch: elect a leader by a Lease there' },
  'lease-name': { type: 'string', value: 'NAME', help: 'default portolan-sync; portolan-publisher with --publisher' },
} as const;

export type SyncContext = CommandContext<typeof SYNC_OPTIONS>;

export const syncCommand = defineCommand({
  name: 'sync',
  summary: 'Publish what Kubernetes clusters hold, and write status back.',
  usage: '--to local|dir:PATH|cloudflare [--once|--watch] [-f PATH]… [options]',
  details: `
Reads Mappings, Hosts and their companions from the cluster of the kubeconfig (KUBECONFIG, --context) or
of the in-cluster account, builds the program, publishes it when it changed, and writes conditions into
the status of every object. With -f the objects come from there and no cluster is asked:
\`kubectl get mappings,hosts -A -o json > c.json && portolan sync -f c.json --once --to dir:state\`. A pipe into
\`portolan sync -f -\` works too, but goes on with part of the objects when kubectl fails. The loss of more
than 30 % and more than 20 resources at once is refused, and so is that of all routes at the start. With
--watch logs are JSON lines on stdout. Exit codes of --once as of publish. Several clusters: name several
contexts, or run one sync with --slice for each and one with --publisher. See docs/sync.md.`,
  options: SYNC_OPTIONS,
  async run(context) {
    const { options } = context;
    if (options.once === true && options.watch === true) throw usageError('sync', 'Give --once or --watch, not both.');
    const target = parsePublishTarget(options.to, 'sync');
    if (options.slice !== undefined && options.publisher === true)
      throw usageError('sync', 'One process writes a slice, another publishes: give --slice or --publisher, not both.');
    if (options.file !== undefined && options.watch === true)
      throw usageError('sync', '--watch follows a cluster; `serve` and `dev` follow what -f names.');
    if (options.publisher === true) return syncSlices(context, target);
    return options.slice === undefined ? syncClusters(context, target) : syncSlice(context, target, options.slice);
  },
});
