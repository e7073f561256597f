/** What a cluster holds at one moment, as the compiler takes it. */
import type { Finding } from '../diagnostics/finding.ts';
import type { KubernetesObject } from '../resources/ambassador/types.ts';
import { carriesResources } from '../resources/annotation-objects.ts';
import { toLiveObjects } from '../resources/live-object.ts';
import { isRecord } from '../resources/record.ts';
import type { KnownSecrets } from '../follow/secret-keys.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import type { RawObject } from './reflector.ts';
import type { ReadSlice } from './slice-watch.ts';
import { apiVersionOf, discoverKinds, listWatch, type ServedKind } from './watched-kinds.ts';

export type ClusterSnapshot = {
  readonly objects: readonly KubernetesObject[];
  readonly findings: readonly Finding[];
  /** Objects of our own groups, for their status. */
  readonly own: readonly OwnObject[];
  /** Clusters of which nothing is known now: what they held last stays. Absent: none. */
  readonly silent?: readonly string[];
  /** Of Secrets that APIKey Filters name, where they are not read here. Default nothing. */
  readonly secrets?: KnownSecrets['states'];
  /** Where the objects come from slices. */
  readonly slices?: readonly ReadSlice[];
};

export type OwnObject = {
  readonly served: ServedKind;
  readonly raw: RawObject;
  /** Absent: the one and unnamed. */
  readonly cluster?: string;
};

export type ReadObject = { readonly objects: readonly KubernetesObject[]; readonly findings: readonly Finding[] };

/** @param cluster null: the one and unnamed */
export function readObject(raw: RawObject, served: ServedKind, cluster: string | null): ReadObject {
  const findings: Finding[] = [];
  const report = (found: Finding): unknown => findings.push(found);
  const objects = toLiveObjects(raw, { apiVersion: apiVersionOf(served), kind: served.kind, report });
  // Of a cluster's many Services those without the annotation are nobody's business here.
  const isOfUse = served.kind !== 'Service' || objects.some((object) => carriesResources(object));
  const read = { objects: isOfUse ? objects : [], findings };
  return cluster === null ? read : inCluster(read, cluster);
}

/** The same, with the name of the cluster in every source. */
export function inCluster({ objects, findings }: ReadObject, cluster: string): ReadObject {
  return {
    objects: objects.map((object) => Object.assign({}, object, { source: { ...object.source, cluster } })),
    findings: findings.map((one) =>
      one.source === null ? one : Object.assign({}, one, { source: { ...one.source, cluster } }),
    ),
  };
}

/** Lists everything once. Throws what the API threw. */
export async function readCluster(
  api: KubernetesApi,
  signal: AbortSignal,
  cluster: string | null = null,
): Promise<ClusterSnapshot> {
  const objects: KubernetesObject[] = [];
  const findings: Finding[] = [];
  const own: OwnObject[] = [];
  for (const served of await discoverKinds(api, signal)) {
    const { items } = await listWatch(api, served).list(signal);
    for (const raw of items.filter(isRecord)) {
      const read = readObject(raw, served, cluster);
      for (const object of read.objects) objects.push(object);
      for (const found of read.findings) findings.push(found);
      if (served.isOwn) own.push({ served, raw, ...(cluster !== null && { cluster }) });
    }
  }
  return { objects, findings, own };
}
