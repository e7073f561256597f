/** What `portolan sync` takes, in all its forms. */
import type { CommandContext } from './command.ts';
import { INPUT_OPTIONS } from './input-options.ts';

const { strict: _strict, target: _target, ...sourceOptions } = INPUT_OPTIONS;

export const SYNC_OPTIONS = {
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
