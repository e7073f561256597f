/** Secrets of clusters, each asked for by its name alone: permissions can then name them too. */
import type { SecretAnswer, SecretReader } from '../follow/secret-keys.ts';
import { isRecord } from '../resources/record.ts';
import { readSecret } from '../resources/secret-document.ts';
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';

type Place = Parameters<SecretReader['read']>[0][number];

/** Requests at once. */
const PARALLEL = 8;
/** A server that is slower cannot be asked now: other clusters are not to wait for it. */
const PATIENCE_MS = 10_000;

export class ApiSecretReader implements SecretReader {
  readonly #apis: ReadonlyMap<string | null, KubernetesApi>;
  readonly #onProblem: (message: string) => void;
  /** What was wrong last, for as long as nothing new is known. */
  readonly #refused = new Map<string, 'missing' | 'forbidden'>();

  /** @param apis by cluster; null: the one and unnamed */
  constructor(apis: ReadonlyMap<string | null, KubernetesApi>, onProblem: (message: string) => void) {
    this.#apis = apis;
    this.#onProblem = onProblem;
  }

  async read(places: readonly Place[]): Promise<readonly SecretAnswer[]> {
    const answers: SecretAnswer[] = [];
    let next = 0;
    const ask = async (): Promise<void> => {
      for (let at = next++; at < places.length; at = next++) {
        const place = places[at];
        if (place !== undefined) answers[at] = await this.#ask(place);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, ask));
    return answers;
  }

  async #ask({ cluster, namespace, name }: Place): Promise<SecretAnswer> {
    const api = this.#apis.get(cluster);
    if (api === undefined) return 'missing';
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
    const id = `${cluster ?? ''} ${path}`;
    try {
      const found = await api.request({ method: 'GET', path }, AbortSignal.timeout(PATIENCE_MS));
      const secret = isRecord(found) ? readSecret(found) : null;
      if (secret === null) throw new Error('the answer is no Secret');
      this.#refused.delete(id);
      return { data: secret.data };
    } catch (error) {
      const refused = refusalOf(error);
      if (refused !== null) {
        this.#refused.set(id, refused);
        return refused;
      }
      const whose = cluster === null ? '' : `cluster ${cluster}: `;
      const why = error instanceof Error ? error.message : String(error);
      this.#onProblem(`${whose}the Secret ${namespace}/${name} cannot be read, its keys of before stay: ${why}`);
      return this.#refused.get(id) ?? 'unread';
    }
  }
}

function refusalOf(error: unknown): 'missing' | 'forbidden' | null {
  if (!(error instanceof ApiError)) return null;
  return error.status === 404 ? 'missing' : error.status === 403 ? 'forbidden' : null;
}
