/** What a cluster holds at one moment, as the compiler takes it. */
import type { Finding } from '../diagnostics/finding.ts';
import type { KubernetesObject } from '../resources/ambassador/types.ts';
import { carriesResources } from '../resources/annotation-objects.ts';
import { toLiveObjects } from '../resources/live-object.ts';
import { isRecord } from '../resources/record.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import type { RawObject } from './reflector.ts';
import { apiVersionOf, discoverKinds, listWatch, type ServedKind } from './watched-kinds.ts';

export type ClusterSnapshot = {
  readonly objects: readonly KubernetesObject[];
  readonly findings: readonly Finding[];
  /** Objects of our own groups, for their status. */
  readonly own: readonly OwnObject[];
};

export type OwnObject = { readonly served: ServedKind; readonly raw: RawObject };

export type ReadObject = { readonly objects: readonly KubernetesObject[]; readonly findings: readonly Finding[] };

export function readObject(raw: RawObject, served: ServedKind): ReadObject {
  const findings: Finding[] = [];
  const report = (found: Finding): unknown => findings.push(found);
  const objects = toLiveObjects(raw, { apiVersion: apiVersionOf(served), kind: served.kind, report });
  // Of a cluster's many Services those without the annotation are nobody's business here.
  const isOfUse = served.kind !== 'Service' || objects.some((object) => carriesResources(object));
  return { objects: isOfUse ? objects : [], findings };
}

/** Lists everything once. Throws what the API threw. */
export async function readCluster(api: KubernetesApi, signal: AbortSignal): Promise<ClusterSnapshot> {
  const objects: KubernetesObject[] = [];
  const findings: Finding[] = [];
  const own: OwnObject[] = [];
  for (const served of await discoverKinds(api, signal)) {
    const { items } = await listWatch(api, served).list(signal);
    for (const raw of items.filter(isRecord)) {
      const read = readObject(raw, served);
      for (const object of read.objects) objects.push(object);
      for (const found of read.findings) findings.push(found);
      if (served.isOwn) own.push({ served, raw });
    }
  }
  return { objects, findings, own };
}
