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
    const own = lastIn(previous, key, cluster);
    const isKnown = own !== null || Object.hasOwn(previous, key);
    if (!isKnown || unreadable.get(key)?.includes(cluster) === true) continue;
    unreadable.set(key, [...(unreadable.get(key) ?? []), cluster]);
    if (own !== null) add(own, source, 'kept');
  }
  return { candidates, unreadable };
}

/**
 * The accepted versions as a build takes them: of resources, not of single clusters, and without the
 * clusters that hold nothing of their name any more. Should one stand in today, no request goes to a
 * cluster from which the resource was deleted.
 */
export function previousOfResources(
  previous: AcceptedResources,
  candidates: Iterable<readonly Candidate[]>,
  { unreadable }: LastVersions,
  order: ClusterOrder,
): AcceptedResources {
  const changed: [string, AcceptedResource][] = [];
  const seen = new Set<string>();
  const judge = (key: string, present: readonly string[]): void => {
    const now = standInFor(previous, key, present);
    if (now !== null && now !== previous[key]) changed.push([key, now]);
  };
  for (const all of candidates) {
    const [first] = all;
    if (first === undefined) continue;
    const key = resourceKey(withoutCluster(first.object.source));
    const clusters = all.map(({ cluster }) => cluster);
    seen.add(key);
    judge(key, order.sortedNames([...clusters, ...(unreadable.get(key) ?? [])]));
  }
  // Of the others nothing is known but that they are there.
  for (const [key, clusters] of unreadable) if (!seen.has(key)) judge(key, order.sortedNames(clusters));
  const entries = Object.entries(previous);
  const ofResources = entries.filter(([key, { object }]) => !isOfOneCluster(key, object));
  if (changed.length === 0 && ofResources.length === entries.length) return previous;
  return Object.fromEntries([...ofResources, ...changed]);
}

/** The key under which the version of one cluster is kept that another cluster's goes before. */
export function overruledKey(key: string, cluster: string): string {
  return `${cluster}:${key}`;
}

function standInFor(previous: AcceptedResources, key: string, present: readonly string[]): AcceptedResource | null {
  const accepted = Object.hasOwn(previous, key) ? previous[key] : undefined;
  const before = accepted?.object.clusters ?? [];
  const still = before.filter((cluster) => present.includes(cluster));
  if (accepted !== undefined && still.length > 0)
    return still.length === before.length ? accepted : within(accepted, still);
  for (const cluster of present) {
    const own = lastIn(previous, key, cluster);
    if (own !== null) return within(own, [cluster]);
  }
  return accepted === undefined ? null : within(accepted, present);
}

function within(accepted: AcceptedResource, clusters: readonly string[]): AcceptedResource {
  return { ...accepted, object: { ...accepted.object, clusters } };
}

/** What this cluster had of a resource, whether it served or not. */
function lastIn(previous: AcceptedResources, key: string, cluster: string): AcceptedResource | null {
  const own = overruledKey(key, cluster);
  if (Object.hasOwn(previous, own)) return previous[own] ?? null;
  const accepted = Object.hasOwn(previous, key) ? previous[key] : undefined;
  return accepted?.object.clusters?.includes(cluster) === true ? accepted : null;
}

function isOfOneCluster(key: string, { clusters }: AcceptedObject): boolean {
  return clusters?.length === 1 && key.startsWith(`${clusters[0]}:`);
}

function sourceOf({ kind, metadata }: AcceptedObject, cluster: string): SourceRef {
  return { kind, namespace: metadata.namespace, name: metadata.name, file: null, line: null, cluster };
}
