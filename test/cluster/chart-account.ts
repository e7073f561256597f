/** `portolan sync` as the chart's account may run it: with its permissions and nothing more. */
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import type { Cluster, Ran } from './cluster.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
export const CHART = path.join(ROOT, 'deploy', 'helm', 'portolan');
export const DEFINITIONS = path.join(ROOT, 'deploy', 'crds');

const NAMESPACE = 'gateway';
const VALUES = '--set=cloudflare.accountId=a,cloudflare.kvNamespaceId=b,cloudflare.tokenSecret.name=c';

/** Creates the account in the namespace `gateway`, with further values of the chart; returns a kubeconfig of it. The pods themselves need nodes. */
export function grantChartAccount(cluster: Cluster, ...values: string[]): string {
  cluster.kubectl(['create', 'namespace', NAMESPACE]);
  const { stdout } = cluster.helm(['template', 'routes', CHART, `--namespace=${NAMESPACE}`, VALUES, ...values]);
  const granted = stdout.split(/^---$/m).filter((text) => /^kind: (\w*Role\w*|ServiceAccount)$/m.test(text));
  if (granted.length < 3) throw new Error(`the chart grants too little: ${stdout}`);
  cluster.kubectl(['apply', '-f', '-'], granted.join('\n---\n'));
  const token = cluster.kubectl(['create', 'token', 'routes-portolan', '-n', NAMESPACE]).trim();
  return cluster.writeKubeconfig('sync.kubeconfig', token);
}

export type SyncOnce = Ran & { readonly outcome: Readonly<Record<string, unknown>> };

/** One pass into the state folder `state` of the cluster's folder. `outcome`: what `--json` prints. */
export function syncOnce(cluster: Cluster, kubeconfig: string, ...args: string[]): SyncOnce {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--conditions=portolan-source',
      path.join(ROOT, 'src', 'cli.ts'),
      'sync',
      '--once',
      '--json',
      '--to=dir:state',
      ...args,
    ],
    { cwd: cluster.folder, encoding: 'utf8', env: { ...process.env, KUBECONFIG: kubeconfig }, timeout: 60_000 },
  );
  const outcome: unknown = stdout.startsWith('{') ? JSON.parse(stdout) : {};
  return { code: status, stdout, stderr, outcome: { ...(outcome as object) } };
}
