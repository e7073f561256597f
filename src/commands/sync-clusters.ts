/** `--context` and `--slice` → the clusters to talk to, and the names they have. */
import { isClusterName } from '../program/keys.ts';
import type { KubernetesApi } from '../sync/kubernetes-api.ts';
import type { Terminal } from './command.ts';
import { usageError } from './parse-arguments.ts';

export type ClusterChoice = {
  /** Of the kubeconfig; null: the in-cluster account, else the current one. */
  readonly context: string | null;
  /** null: the one and unnamed. */
  readonly cluster: string | null;
};

export type ConnectedCluster = ClusterChoice & { readonly api: KubernetesApi };

/** One choice, or several that all have a name. */
export function chooseClusters(contexts: readonly string[], slice: string | undefined): readonly ClusterChoice[] {
  if (slice !== undefined) {
    if (contexts.length > 1) throw usageError('sync', '--slice is about one cluster: give one --context.');
    return [{ context: contexts[0] ?? null, cluster: checkName(slice, '--slice') }];
  }
  const choices = contexts.map((text) => parseContext(text, contexts.length > 1));
  if (choices.length === 0) return [{ context: null, cluster: null }];
  const names = choices.map(({ cluster }) => cluster);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw usageError('sync', `Two contexts are called ${twice}: give each cluster a name of its own.`);
  return choices;
}

export async function connectClusters(
  choices: readonly ClusterChoice[],
  { env }: Pick<Terminal, 'env'>,
): Promise<readonly ConnectedCluster[]> {
  const { loadKubeConfig } = await import('../sync/kube-config.ts');
  const { connectApi } = await import('../sync/api-connection.ts');
  return Promise.all(
    choices.map(async ({ context, cluster }) => {
      const config = await loadKubeConfig({ context, environment: env });
      return { context, cluster, api: connectApi(config) };
    }),
  );
}

/** `NAME` or `NAME=CLUSTER`; a context alone has no cluster name, unless it must have one. */
function parseContext(text: string, needsName: boolean): ClusterChoice {
  const at = text.lastIndexOf('=');
  if (at > 0) return { context: text.slice(0, at), cluster: checkName(text.slice(at + 1), `--context ${text}`) };
  return { context: text, cluster: needsName ? checkName(text, `--context ${text}`) : null };
}

function checkName(name: string, where: string): string {
  if (isClusterName(name)) return name;
  throw usageError(
    'sync',
    `${where}: "${name}" cannot be the name of a cluster (letters, digits and . _ - inside, 63 at most); --context NAME=CLUSTER gives another.`,
  );
}
