/** Which Secrets APIKey Filters name: only these are ever looked at. */
import type { SecretPlace } from '../../model/secret-states.ts';
import { isRecord } from '../record.ts';
import { classifyKind } from '../resource-kinds.ts';
import type { KubernetesObject } from './types.ts';

type FilterObject = Pick<KubernetesObject, 'apiVersion' | 'kind' | 'spec' | 'clusters'> & {
  readonly metadata: Pick<KubernetesObject['metadata'], 'namespace'>;
  readonly source?: KubernetesObject['source'];
};

/** In the namespace of the Filter always. Broken Filters count: an earlier version may stand in for them. */
export function secretReferences(objects: Iterable<FilterObject>): readonly SecretPlace[] {
  const places: SecretPlace[] = [];
  for (const { apiVersion, kind, metadata, spec, clusters, source } of objects) {
    if (kind !== 'Filter' || classifyKind(apiVersion, kind).known !== 'resource') continue;
    const namespace = metadata.namespace ?? 'default';
    const names = secretNames(spec['APIKey']).concat(secretNames(spec['apikey']));
    for (const cluster of clusters ?? [source?.cluster ?? null])
      for (const name of names) places.push({ cluster, namespace, name });
  }
  return places;
}

function secretNames(member: unknown): string[] {
  const keys = isRecord(member) ? member['keys'] : undefined;
  if (!Array.isArray(keys)) return [];
  return keys.flatMap((key: unknown) => {
    const name = isRecord(key) ? key['secretName'] : undefined;
    return typeof name === 'string' && isSecretName(name) ? [name] : [];
  });
}

/** RFC 1123 subdomain: the name becomes part of a path at the API server. */
export function isSecretName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(text);
}
