/** Which cluster to talk to, and as whom. */
import type { KubeConfig } from '@kubernetes/client-node';
import { UserError } from '../diagnostics/errors.ts';

export type ClusterChoice = {
  /** Context of the kubeconfig; null: the in-cluster account where there is one, else the current context. */
  readonly context: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** What the client makes up when it finds nothing. */
const NOTHING_FOUND = 'http://localhost:8080';

/** Throws UserError when there is nothing to talk to. */
export async function loadKubeConfig({ context, environment }: ClusterChoice): Promise<KubeConfig> {
  // Loaded here: the client takes longer to load than most commands take to run.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const isInCluster = environment['KUBERNETES_SERVICE_HOST'] !== undefined && environment['KUBECONFIG'] === undefined;
  try {
    if (isInCluster && context === null) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (error) {
    throw new UserError(`the kubeconfig cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (context !== null) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(context)) {
      throw new UserError(`the kubeconfig has no context ${context}; it has ${known.join(', ')}`);
    }
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null || cluster.server === NOTHING_FOUND) {
    throw new UserError('there is no kubeconfig and no in-cluster account: set KUBECONFIG, or run in a cluster');
  }
  return config;
}
