/** What a cluster held last, where what it holds now is not known: as a whole, or of a single resource. */
import { resourceKey, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import type { AcceptedObject, AcceptedResource, AcceptedResources } from '../program/accepted.ts';
import { competitorId, withoutCluster, type Candidate, type MergeRules } from './cluster-candidates.ts';
import type { ClusterOrder } from './cluster-order.ts';
import type { ManifestObject } from './last-accepted.ts';

export type LastVersions = {
  /** By identity among competitors. */
  readonly candidates: ReadonlyMap<string, readonly Candidate[]>;
  /** Resource key → clusters that have a version of which only the identity could be read. Only of accepted resources. */
  readonly unreadable: ReadonlyMap<string, readonly string[]>;
};

export function lastVersions(
  {
    findings,
    silent,
    previous,
  }: {
    readonly findings: readonly Finding[];
    readonly silent: readonly string[];
    readonly previous: AcceptedResources;
  },
  readable: ReadonlyMap<string, readonly Candidate[]>,
  { scopeOf }: MergeRules,
): LastVersions {
  const candidates = new Map<string, Candidate[]>();
  const add = ({ object }: AcceptedResource, source: SourceRef, as: Candidate['as']): void => {
    const cluster = source.cluster ?? '';
    const standIn: ManifestObject = { ...object, source, locate: () => source.line };
    const scope = scopeOf(standIn);
    if (scope === null) return;
    const id = competitorId(standIn, scope);
    const known = [...(readable.get(id) ?? []), ...(candidates.get(id) ?? [])];
    if (known.some((candidate) => candidate.cluster === cluster)) return;
    candidates.set(id, [...(candidates.get(id) ?? []), { object: standIn, cluster, as }]);
  };
  const quiet = new Set(silent);
  if (quiet.size > 0) {
    for (const accepted of Object.values(previous)) {
      for (const cluster of accepted.object.clusters ?? []) {
        if (quiet.has(cluster)) add(accepted, sourceOf(accepted.object, cluster), 'held');
      }
    }
  }
  const unreadable = new Map<string, string[]>();
  const present = new Set([...readable.values()].flat().map(({ object }) => resourceKey(object.source)));
  for (const { severity, source } of findings) {
    if (severity !== 'error' || source?.cluster === undefined || present.has(resourceKey(source))) continue;
    const { cluster } = source;
    const key = resourceKey(withoutCluster(source));
    const accepted = Object.hasOwn(previous, key) ? previous[key] : undefined;
    if (accepted === undefined || unreadable.get(key)?.includes(cluster) === true) continue;
    unreadable.set(key, [...(unreadable.get(key) ?? []), cluster]);
    if (accepted.object.clusters?.includes(cluster) === true) add(accepted, source, 'kept');
  }
  return { candidates, unreadable };
}

/**
 * The accepted versions without the clusters that hold nothing of their name any more: should one stand
 * in today, no request goes to a cluster from which the resource was deleted.
 */
export function keepInClusters(
  previous: AcceptedResources,
  candidates: Iterable<readonly Candidate[]>,
  order: ClusterOrder,
): AcceptedResources {
  const changed: [string, AcceptedResource][] = [];
  for (const all of candidates) {
    const first = all[0];
    const key = first === undefined ? '' : resourceKey(withoutCluster(first.object.source));
    const accepted = Object.hasOwn(previous, key) ? previous[key] : undefined;
    if (accepted === undefined) continue;
    const present = new Set(all.map(({ cluster }) => cluster));
    const before = accepted.object.clusters ?? [];
    const still = before.filter((cluster) => present.has(cluster));
    if (still.length === before.length && still.length > 0) continue;
    const clusters = still.length > 0 ? still : [...present].toSorted((a, b) => order.compare(a, b));
    changed.push([key, { ...accepted, object: { ...accepted.object, clusters } }]);
  }
  return changed.length === 0 ? previous : { ...previous, ...Object.fromEntries(changed) };
}

function sourceOf({ kind, metadata }: AcceptedObject, cluster: string): SourceRef {
  return { kind, namespace: metadata.namespace, name: metadata.name, file: null, line: null, cluster };
}
