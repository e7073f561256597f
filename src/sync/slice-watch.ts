/**
 * The slices of a store, as one snapshot. A slice that cannot be read keeps the content it had; one that
 * says nothing new for long keeps it too. Only a slice that was deleted is gone.
 */
import type { JWK } from 'jose';
import { isDeepEqual } from '../compile/deep-equal.ts';
import type { AcceptedResources } from '../program/accepted.ts';
import { SLICE_PREFIX, sliceCluster, sliceKey, sourcesKey } from '../program/keys.ts';
import type { ProgramStore } from '../program/program-store.ts';
import { ProgramRejected } from '../program/rejected.ts';
import type { StoredSlice } from '../program/slice-form.ts';
import { decodeSlice } from '../program/slices.ts';
import { decodeBucket, getAll } from '../program/sources.ts';
import type { KubernetesObject } from '../resources/ambassador/types.ts';
import type { Clock } from './clock.ts';
import type { ClusterSnapshot } from './cluster-snapshot.ts';
import { loadFinding } from './slice-content.ts';

export type SliceWatchOptions = {
  readonly store: ProgramStore;
  readonly clock: Clock;
  /** Slices must be signed by it. Default: they need no signature. */
  readonly verifyKey?: JWK;
  /** Time between two looks at the store. Milliseconds. */
  readonly pollMs: number;
  readonly onChange: () => void;
  readonly onProblem: (message: string) => void;
};

export type ReadSlice = {
  readonly cluster: string;
  /** What an outcome names. */
  readonly content: string;
  /** When it was written last. Milliseconds since 1970. */
  readonly writtenMs: number;
  /** Keys of its resources, and of those that could not be read. */
  readonly keys: readonly string[];
};

/** A slice is renewed every ten minutes: after three times that nobody writes it any more. */
export const SILENT_MS = 1_800_000;

type Known = {
  readonly slice: StoredSlice;
  readonly objects: readonly KubernetesObject[];
  /** Parsed values by hash, so that only changed ones are read. */
  readonly buckets: ReadonlyMap<string, AcceptedResources>;
  readonly byKey: ReadonlyMap<string, KubernetesObject>;
};

export class SliceWatch {
  readonly #options: SliceWatchOptions;
  /** By cluster; null: there is a slice, and none that could be read yet. */
  readonly #known = new Map<string, Known | null>();
  readonly #texts = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  readonly #silent = new Set<string>();
  #isRead = false;
  #isEmptySaid = false;

  constructor(options: SliceWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, pollMs, onChange, onProblem } = this.#options;
    while (!signal.aborted) {
      try {
        if (await this.poll()) onChange();
      } catch (error) {
        onProblem(`the slices cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }
      await clock.sleep(pollMs, signal);
    }
  }

  /** Whether anything changed. Throws when the store cannot be asked. */
  async poll(): Promise<boolean> {
    const { store } = this.#options;
    const listed = (await store.list(SLICE_PREFIX)).flatMap(({ key }) => sliceCluster(key) ?? []);
    // A listing may lag behind: what was there is asked for by name.
    const clusters = [...new Set([...listed, ...this.#known.keys()])].toSorted();
    const texts = await getAll(store, clusters.map(sliceKey));
    let changed = !this.#isRead && clusters.length > 0;
    for (const cluster of clusters) {
      const text = texts.get(sliceKey(cluster)) ?? null;
      if (await this.#take(cluster, text)) changed = true;
      this.#warnOfSilence(cluster);
    }
    this.#isRead = true;
    this.#warnOfNone();
    return changed;
  }

  /** null: nothing was read yet, or there is no slice at all, which is a mistake more often than a wish. */
  snapshot(): ClusterSnapshot | null {
    if (!this.#isRead || this.#known.size === 0) return null;
    const read = [...this.#known].flatMap(([cluster, known]) => (known === null ? [] : [{ cluster, known }]));
    return {
      objects: read.flatMap(({ known }) => known.objects),
      findings: read.flatMap(({ cluster, known }) => known.slice.findings.map((one) => loadFinding(one, cluster))),
      own: [],
      secrets: Object.fromEntries(
        read.flatMap(({ cluster, known }) =>
          Object.entries(known.slice.secrets ?? {}).map(([name, state]) => [`${cluster}/${name}`, state]),
        ),
      ),
      silent: [...this.#known].flatMap(([cluster, known]) => (known === null ? [cluster] : [])),
      slices: read.map(({ cluster, known }) => ({
        cluster,
        content: known.slice.content,
        writtenMs: Date.parse(known.slice.time),
        keys: keysOf(known),
      })),
    };
  }

  /** Seconds since each slice was written; null of one that cannot be read. */
  ages(): ReadonlyMap<string, number | null> {
    const nowMs = this.#options.clock.nowMs();
    return new Map(
      [...this.#known].map(([cluster, known]) => [
        cluster,
        known === null ? null : Math.max(0, Math.round((nowMs - Date.parse(known.slice.time)) / 1000)),
      ]),
    );
  }

  async #take(cluster: string, text: string | null): Promise<boolean> {
    if (text === null) {
      this.#texts.delete(cluster);
      this.#problems.delete(cluster);
      return this.#known.delete(cluster);
    }
    if (this.#texts.get(cluster) === text) return false;
    const before = this.#known.get(cluster) ?? null;
    try {
      const known = await this.#read(cluster, text, before);
      this.#known.set(cluster, known);
      this.#texts.set(cluster, text);
      this.#problems.delete(cluster);
      return known.slice.content !== before?.slice.content;
    } catch (error) {
      if (!(error instanceof ProgramRejected)) throw error;
      this.#tellOnce(cluster, error.message);
      const isNew = !this.#known.has(cluster);
      this.#known.set(cluster, before);
      return isNew;
    }
  }

  async #read(cluster: string, text: string, before: Known | null): Promise<Known> {
    const { store, verifyKey } = this.#options;
    const slice = await decodeSlice(text, cluster, verifyKey === undefined ? [] : [verifyKey]);
    // Written again without a change.
    if (before !== null && slice.content === before.slice.content) return { ...before, slice };
    const fresh = slice.buckets.filter((hash) => before?.buckets.has(hash) !== true);
    const texts = await getAll(store, fresh.map(sourcesKey));
    const buckets = new Map<string, AcceptedResources>();
    const byKey = new Map<string, KubernetesObject>();
    for (const hash of slice.buckets) {
      const resources = before?.buckets.get(hash) ?? (await decodeBucket(texts.get(sourcesKey(hash)) ?? null, hash));
      buckets.set(hash, resources);
      for (const [key, { object }] of Object.entries(resources))
        byKey.set(key, sameOrNew(object, cluster, before?.byKey.get(key)));
    }
    return { slice, objects: [...byKey.values()], buckets, byKey };
  }

  #tellOnce(cluster: string, problem: string): void {
    if (this.#problems.get(cluster) === problem) return;
    this.#problems.set(cluster, problem);
    this.#options.onProblem(`${problem}; what cluster ${cluster} held last stays`);
  }

  #warnOfNone(): void {
    const isEmpty = this.#known.size === 0;
    if (isEmpty && !this.#isEmptySaid)
      this.#options.onProblem(
        'the store holds no slice, so nothing is published; `portolan sync --slice CLUSTER` writes one',
      );
    this.#isEmptySaid = isEmpty;
  }

  #warnOfSilence(cluster: string): void {
    const known = this.#known.get(cluster);
    if (known === undefined || known === null) return;
    const silentMs = this.#options.clock.nowMs() - Date.parse(known.slice.time);
    if (silentMs < SILENT_MS) this.#silent.delete(cluster);
    else if (!this.#silent.has(cluster)) {
      this.#silent.add(cluster);
      this.#options.onProblem(
        `cluster ${cluster} has said nothing for ${Math.round(silentMs / 60_000)} min; what it held last stays`,
      );
    }
  }
}

/** The object of before where nothing changed: what is the same object costs a rebuild nothing. */
function sameOrNew(
  object: AcceptedResources[string]['object'],
  cluster: string,
  before: KubernetesObject | undefined,
): KubernetesObject {
  const { kind, metadata } = object;
  if (before !== undefined) {
    const { source: _source, locate: _locate, ...plain } = before;
    if (isDeepEqual(plain, object)) return before;
  }
  const { namespace, name } = metadata;
  return { ...object, source: { kind, namespace, name, file: null, line: null, cluster }, locate: () => null };
}

function keysOf({ byKey, slice }: Known): readonly string[] {
  const unreadable = slice.findings.flatMap(({ about }) =>
    about === null ? [] : [`${about.kind}/${about.namespace ?? ''}/${about.name}`],
  );
  return [...new Set([...byKey.keys(), ...unreadable])];
}
