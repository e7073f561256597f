/**
 * Objects of several clusters → objects that know their clusters. One resource is one object, whichever
 * clusters hold it: its key, and so the id of its route, says nothing of them. Where versions differ the
 * first cluster's counts, and the others are told so. The same input in any order gives an equal result.
 */
import { finding, resourceKey, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { AcceptedResource, AcceptedResources } from '../program/accepted.ts';
import { competitorId, withoutCluster, type Candidate, type MergeRules } from './cluster-candidates.ts';
import { ClusterOrder } from './cluster-order.ts';
import { compareSources } from './compare-sources.ts';
import { lastVersions, overruledKey, previousOfResources, type LastVersions } from './last-in-cluster.ts';
import type { ManifestObject, PlainForm } from './last-accepted.ts';
import type { ResourceStatus } from './resource-status.ts';

export type MergeInput<Item extends ManifestObject> = {
  /** Those with `source.cluster` are merged; the others are left alone. */
  readonly objects: readonly Item[];
  readonly findings: readonly Finding[];
  /** Clusters whose content is not known now: what they held last stays. */
  readonly silent: readonly string[];
  readonly previous: AcceptedResources;
  /** Names of clusters, the most wanted first; others follow by name. */
  readonly order: readonly string[];
};

export type Merged<Item extends ManifestObject> = {
  readonly objects: readonly (Item | ManifestObject)[];
  /** About what serves: without a cluster. About a version that does not: with it. */
  readonly findings: readonly Finding[];
  /** See previousOfResources(). */
  readonly previous: AcceptedResources;
  /** Resource key → the clusters that have the version which this key stands for. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
  /** Versions that another cluster's goes before. */
  readonly overruled: readonly OfCluster[];
  /** Unreadable versions whose last accepted one goes on beside those of other clusters. */
  readonly kept: readonly SourceRef[];
  /** Last accepted versions that go on under the name of their cluster. */
  readonly keptApart: readonly OfCluster[];
};

/** A version that is only of one cluster; the object knows no other. */
export type OfCluster = { readonly source: SourceRef; readonly object: ManifestObject };

export function mergeClusters<Item extends ManifestObject>(
  input: MergeInput<Item>,
  rules: MergeRules,
  cache: MergeCache = new MergeCache(),
): Merged<Item> {
  const { objects, findings, previous, silent } = input;
  const isNamed = silent.length > 0 || [...objects, ...findings].some(({ source }) => source?.cluster !== undefined);
  if (!isNamed) return { objects, findings, previous, holders: new Map(), overruled: [], kept: [], keptApart: [] };
  const order = new ClusterOrder(input.order);
  const { candidates, others, duplicates } = collect(objects, rules, order, cache);
  const last = lastVersions(input, candidates, rules);
  for (const [id, more] of last.candidates) candidates.set(id, [...(candidates.get(id) ?? []), ...more]);
  const outcome = new Outcome(cache);
  for (const all of candidates.values()) outcome.judge(order.sorted(all), rules);
  return {
    objects: [...others, ...outcome.objects],
    findings: [...outcome.place(findings, last), ...outcome.conflicts, ...duplicates],
    previous: previousOfResources(previous, candidates.values(), last, order),
    holders: outcome.holders(last),
    overruled: outcome.overruled,
    kept: outcome.kept,
    keptApart: outcome.keptApart,
  };
}

/** The statuses of what was merged: whose they are, and what became of the versions that do not serve. */
export function withClusters(
  statuses: readonly ResourceStatus[],
  { holders, overruled, kept }: Merged<ManifestObject>,
): readonly ResourceStatus[] {
  if (holders.size === 0 && kept.length === 0) return statuses;
  const stale = new Set(kept.map(resourceKey));
  const all = statuses.flatMap((status) => {
    const key = resourceKey(status.source);
    const clusters = holders.get(key);
    return stale.has(key) ? [] : clusters === undefined ? status : { ...status, clusters };
  });
  for (const { source } of overruled) all.push({ source, state: 'overruled', codes: ['cluster-conflict'] });
  for (const source of kept) all.push({ source, state: 'stale', codes: [] });
  return all.toSorted((a, b) => compareCodePoints(resourceKey(a.source), resourceKey(b.source)));
}

/**
 * What to keep: of resources, and of single clusters the versions that do not serve now or cannot be read. Were theirs the last cluster that
 * can be read, or should the other version be deleted meanwhile, nothing else would know them.
 */
export function withSingleVersions(
  accepted: AcceptedResources,
  { overruled, keptApart }: Merged<ManifestObject>,
  plain: PlainForm,
): AcceptedResources {
  if (overruled.length + keptApart.length === 0) return accepted;
  const more = [...overruled, ...keptApart].map(({ source, object }): [string, AcceptedResource] => [
    overruledKey(resourceKey(withoutCluster(source)), source.cluster ?? ''),
    plain.entry(object),
  ]);
  const all = [...Object.entries(accepted), ...more];
  return Object.fromEntries(all.toSorted(([a], [b]) => compareCodePoints(a, b)));
}

/** Merged objects by the object they were made of: the same content gives the same object, which makes rebuilds cheap. */
export class MergeCache {
  #ids = new WeakMap<ManifestObject, { readonly id: string | null }>();
  #options = '';
  readonly #merged = new WeakMap<ManifestObject, ManifestObject>();
  readonly #apart = new WeakMap<ManifestObject, ManifestObject>();

  /** Identity among competitors; null: not a resource of ours. */
  idOf(object: ManifestObject, { scopeOf, options }: MergeRules): string | null {
    if (options !== this.#options) {
      this.#ids = new WeakMap();
      this.#options = options;
    }
    const known = this.#ids.get(object);
    if (known !== undefined) return known.id;
    const scope = scopeOf(object);
    const id = scope === null ? null : competitorId(object, scope);
    this.#ids.set(object, { id });
    return id;
  }

  merged(winner: ManifestObject, clusters: readonly string[]): ManifestObject {
    const known = this.#merged.get(winner);
    if (known?.clusters?.join(' ') === clusters.join(' ')) return known;
    const merged = { ...winner, source: withoutCluster(winner.source), clusters };
    this.#merged.set(winner, merged);
    return merged;
  }

  apart(object: ManifestObject, cluster: string): ManifestObject {
    const apart = this.#apart.get(object) ?? { ...object, source: { ...object.source, cluster }, clusters: [cluster] };
    this.#apart.set(object, apart);
    return apart;
  }
}

type Collected<Item> = {
  readonly candidates: Map<string, readonly Candidate[]>;
  /** Of no cluster, not ours, or of another installation. */
  readonly others: readonly Item[];
  readonly duplicates: readonly Finding[];
};

function collect<Item extends ManifestObject>(
  objects: readonly Item[],
  rules: MergeRules,
  order: ClusterOrder,
  cache: MergeCache,
): Collected<Item> {
  const candidates = new Map<string, Candidate[]>();
  const others: Item[] = [];
  const duplicates: Finding[] = [];
  for (const object of inOrder(objects, order)) {
    const { cluster } = object.source;
    const id = cluster === undefined ? null : cache.idOf(object, rules);
    if (cluster === undefined || id === null) {
      others.push(object);
      continue;
    }
    const competitors = candidates.get(id);
    if (competitors === undefined) candidates.set(id, [{ object, cluster, as: 'held' }]);
    else if (competitors.at(-1)?.cluster === cluster) duplicates.push(duplicate(object));
    else competitors.push({ object, cluster, as: 'held' });
  }
  return { candidates, others, duplicates };
}

function inOrder<Item extends ManifestObject>(objects: readonly Item[], order: ClusterOrder): readonly Item[] {
  const compare = (a: Item, b: Item): number =>
    order.compare(a.source.cluster ?? '', b.source.cluster ?? '') || compareSources(a.source, b.source);
  const isSorted = objects.every((object, at) => {
    const before = objects[at - 1];
    return before === undefined || compare(before, object) <= 0;
  });
  return isSorted ? objects : objects.toSorted(compare);
}

/** Who serves what, gathered resource by resource. */
class Outcome {
  readonly objects: ManifestObject[] = [];
  readonly conflicts: Finding[] = [];
  readonly overruled: OfCluster[] = [];
  readonly keptApart: OfCluster[] = [];
  readonly kept: SourceRef[] = [];
  readonly #cache: MergeCache;
  readonly #holders = new Map<string, readonly string[]>();

  constructor(cache: MergeCache) {
    this.#cache = cache;
  }

  /** `candidates` of one resource, in cluster order. */
  judge(candidates: readonly Candidate[], rules: MergeRules): void {
    const { isSame, allCount, isApart } = rules;
    const winner = strictest(
      candidates.filter(({ as }) => as === 'held'),
      rules,
    );
    const isCounted = candidates.some(({ object }) => allCount(object));
    if (winner === undefined) {
      // Nothing readable: what is kept for it stands in, as in a single cluster.
      if (isCounted) for (const each of candidates) this.#setApart(each);
      return;
    }
    const same = candidates.filter(({ object }) => object === winner.object || isSame(object, winner.object));
    const clusters = same.map(({ cluster }) => cluster);
    this.objects.push(this.#cache.merged(winner.object, clusters));
    const held = same.filter(({ as }) => as === 'held').map(({ cluster }) => cluster);
    this.#holders.set(resourceKey(withoutCluster(winner.object.source)), held);
    for (const each of candidates) {
      const { object, cluster, as } = each;
      const source = { ...object.source, cluster };
      if (clusters.includes(cluster)) {
        if (as === 'kept') this.kept.push(source);
      } else if (isCounted || isApart(object, winner.object)) this.#setApart(each);
      else {
        this.overruled.push({ source, object: this.#cache.merged(object, [cluster]) });
        this.conflicts.push(conflict(source, cluster, winner.cluster, isStricter(winner, each, rules)));
      }
    }
  }

  /** A version that counts beside the others, under the name of its cluster. */
  #setApart({ object, cluster, as }: Candidate): void {
    const apart = this.#cache.apart(object, cluster);
    this.objects.push(apart);
    if (as !== 'kept') return;
    this.kept.push(apart.source);
    this.keptApart.push({ source: apart.source, object: apart });
  }

  /** The clusters of a finding, where it is about what serves or about what something stands in for. */
  place(findings: readonly Finding[], { unreadable }: LastVersions): readonly Finding[] {
    const placed = new Map<string, Finding>();
    return findings.flatMap((one) => {
      const { source } = one;
      if (source?.cluster === undefined) return [one];
      const bare = withoutCluster(source);
      const key = resourceKey(bare);
      const holders = this.#holders.get(key);
      const isOfResource = holders === undefined ? unreadable.has(key) : holders.includes(source.cluster);
      if (!isOfResource) return [one];
      const said = { ...one, source: bare };
      // Equal objects have equal findings.
      const text = JSON.stringify(said);
      if (placed.has(text)) return [];
      placed.set(text, said);
      return [said];
    });
  }

  holders({ unreadable }: LastVersions): ReadonlyMap<string, readonly string[]> {
    const holders = new Map(this.#holders);
    for (const [key, clusters] of unreadable) if (!holders.has(key)) holders.set(key, clusters);
    return holders;
  }
}

/** The first of equal ones. A version that lets less through must not be lost to the order of clusters. */
function strictest(candidates: readonly Candidate[], { strictnessOf, isApart }: MergeRules): Candidate | undefined {
  const [first] = candidates;
  if (first === undefined || candidates.length === 1) return first;
  const rivals = candidates.filter(({ object }) => !isApart(object, first.object));
  return rivals.reduce((best, each) => (strictnessOf(each.object) > strictnessOf(best.object) ? each : best));
}

function isStricter(winner: Candidate, other: Candidate, { strictnessOf }: MergeRules): boolean {
  return strictnessOf(winner.object) > strictnessOf(other.object);
}

function conflict(source: SourceRef, cluster: string, winner: string, byStrictness: boolean): Finding {
  const why = byStrictness ? 'is stricter' : 'comes first';
  return finding(
    'warning',
    'cluster-conflict',
    `This ${source.kind} of cluster ${cluster} differs from that of cluster ${winner}, which ${why}: that one is served, this one is not.`,
    { source, hint: 'Make the two equal, and both clusters serve it; or rename or delete one of them.' },
  );
}

function duplicate({ source }: ManifestObject): Finding {
  return finding(
    'error',
    'resource-duplicate',
    `Cluster ${source.cluster} has another ${source.kind} of this name; that one is used, this one is not.`,
    { source, path: 'metadata.name', hint: 'Remove one of the two, or rename it.' },
  );
}
