/** A cluster's Secrets behind the API port, and objects that name them. */
import { SecretKeys } from '../../src/follow/secret-keys.ts';
import { importPepper, secretKeyName } from '../../src/keys/key-names.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { ApiSecretReader } from '../../src/sync/api-secrets.ts';
import { inCluster, type ClusterSnapshot } from '../../src/sync/cluster-snapshot.ts';
import { ApiError, ApiUnreachable, type ApiCall, type KubernetesApi } from '../../src/sync/kubernetes-api.ts';
import type { MemoryStore } from '../program/memory-store.ts';

export const PEPPER = 'p'.repeat(43);

export class SecretCluster implements KubernetesApi {
  /** `namespace/name` → its keys, or what the server answers instead. */
  readonly secrets = new Map<string, Readonly<Record<string, string>> | number | 'unreachable'>();
  readonly calls: ApiCall[] = [];

  async request(call: ApiCall): Promise<unknown> {
    this.calls.push(call);
    const [, namespace = '', name = ''] = /^\/api\/v1\/namespaces\/([^/]+)\/secrets\/([^/]+)$/.exec(call.path) ?? [];
    const found = this.secrets.get(`${namespace}/${name}`) ?? 404;
    if (found === 'unreachable') throw new ApiUnreachable('nobody is there');
    if (typeof found === 'number')
      throw new ApiError(`answered ${found}`, { status: found, reason: null, retryAfterMs: null });
    const data = Object.entries(found).map(([entry, key]) => [entry, Buffer.from(key).toString('base64')]);
    return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, data: Object.fromEntries(data) };
  }

  // oxlint-disable-next-line require-yield -- nothing is watched
  async *stream(): AsyncIterable<unknown> {
    throw new Error('Secrets are not watched');
  }
}

export function filteredRoutes(cluster: string | null, secretName = 'keys'): ClusterSnapshot {
  const version = 'apiVersion: getambassador.io/v3alpha1';
  const text = [
    `${version}\nkind: Mapping\nmetadata: { name: a, namespace: shop }\nspec: { hostname: "*", prefix: /a/, service: backend }`,
    `${version}\nkind: Filter\nmetadata: { name: f, namespace: shop }\nspec: { APIKey: { keys: [{ secretName: ${secretName} }] } }`,
    `${version}\nkind: FilterPolicy\nmetadata: { name: p, namespace: shop }\nspec: { rules: [{ host: "*", path: "*", filters: [{ name: f }] }] }`,
  ].join('\n---\n');
  const read = { objects: parseManifests([{ file: '-', text }], () => undefined), findings: [] };
  return { ...(cluster === null ? read : inCluster(read, cluster)), own: [] };
}

export type KeysInput = {
  readonly apis: ReadonlyMap<string | null, KubernetesApi>;
  readonly keys: MemoryStore;
  readonly nowMs: () => number;
  readonly onProblem?: (message: string) => void;
};

export function secretKeysOf({ apis, keys, nowMs, onProblem = () => undefined }: KeysInput): SecretKeys {
  return new SecretKeys({
    place: { open: async () => ({ store: keys, close: async () => undefined }), pepper: async () => PEPPER },
    reader: new ApiSecretReader(apis, onProblem),
    clusters: [...apis.keys()],
    nowMs,
  });
}

/** `set/entry` of each place that the namespace KEYS knows for the key. */
export async function placesOf(keys: MemoryStore, key: string): Promise<readonly string[]> {
  const value = keys.values.get(await secretKeyName(key, await importPepper(PEPPER)))?.value ?? '{"places":[]}';
  const record = JSON.parse(value) as { readonly places: readonly { readonly set: string; readonly entry: string }[] };
  return record.places.map(({ set, entry }) => `${set}/${entry}`);
}
