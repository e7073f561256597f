/** `portolan sync`: what clusters hold → a program store, and its status back. */
import { defineCommand } from './command.ts';
import { usageError } from './parse-arguments.ts';
import { parsePublishTarget } from './publish-targets.ts';
import { syncClusters } from './sync-direct.ts';
import { SYNC_OPTIONS } from './sync-options.ts';
import { syncSlices } from './sync-publisher.ts';
import { syncSlice } from './sync-slice.ts';

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
