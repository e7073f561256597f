/**
 * Removes what no reader can need any more.
 *
 * What stays: the last histories and everything they and the slices name, everything written within the grace time
 * (a reader may be a minute late, a publish may be under way), and whatever has no known age.
 */
import { decodeHistory, decodePointer } from './decode.ts';
import {
  historyKey,
  historySequence,
  KEY_PREFIXES,
  POINTER_KEY,
  SLICE_PREFIX,
  sliceCluster,
  sliceKey,
  sourcesKey,
} from './keys.ts';
import type { ProgramStore } from './program-store.ts';
import { ProgramRejected } from './rejected.ts';
import { bucketKeys, decodeSlice } from './slices.ts';
import { getAll } from './sources.ts';

export type PruneOptions = {
  /** ISO time. */
  readonly now: string;
  /** Histories that stay whatever their age. Default 50. */
  readonly keep?: number;
  /** Nothing younger is deleted. Default 24 hours. */
  readonly graceMs?: number;
};

export type PruneReport = {
  readonly deleted: readonly string[];
  /** Why nothing was deleted although something could be; null otherwise. */
  readonly blocked: string | null;
};

type Listed = { readonly key: string; readonly writtenAt: string | null };

const KEEP = 50;
const GRACE_MS = 86_400_000;
const NOTHING: PruneReport = { deleted: [], blocked: null };

export async function pruneStore(store: ProgramStore, options: PruneOptions): Promise<PruneReport> {
  const { keep = KEEP, graceMs = GRACE_MS } = options;
  const latest = Date.parse(options.now) - graceMs;
  const isOld = ({ writtenAt }: Listed): boolean => writtenAt !== null && Date.parse(writtenAt) < latest;

  const histories = (await store.list(KEY_PREFIXES.history))
    .filter(({ key }) => historySequence(key) !== null)
    .toSorted((a, b) => (historySequence(b.key) ?? 0) - (historySequence(a.key) ?? 0));
  const expired = new Set(histories.slice(keep).filter(isOld));
  const old = (await listValues(store)).filter(isOld);
  if (expired.size === 0 && old.length === 0) return NOTHING;
  try {
    const kept = histories.filter((history) => !expired.has(history)).map(({ key }) => key);
    const live = await liveHistoryKey(store);
    const needed = new Set([...(await neededBy(store, new Set([live, ...kept]))), ...(await neededBySlices(store))]);
    const historyKeys = [...expired].map(({ key }) => key).filter((key) => key !== live);
    const valueKeys = old.map(({ key }) => key).filter((key) => !needed.has(key));
    // Histories first: interrupted in between, values are left over, and none is missing.
    if (historyKeys.length > 0) await store.deleteMany(historyKeys);
    if (valueKeys.length > 0) await store.deleteMany(valueKeys);
    return { deleted: [...historyKeys, ...valueKeys], blocked: null };
  } catch (error) {
    // A history or a slice that cannot be read may name anything: better too much in the store than too little.
    if (error instanceof ProgramRejected) return { deleted: [], blocked: error.message };
    throw error;
  }
}

async function listValues(store: ProgramStore): Promise<readonly Listed[]> {
  const { shard, index, sources } = KEY_PREFIXES;
  return [...(await store.list(shard)), ...(await store.list(index)), ...(await store.list(sources))];
}

async function liveHistoryKey(store: ProgramStore): Promise<string> {
  const { sequence, history } = await decodePointer(await store.get(POINTER_KEY));
  return historyKey(sequence, history);
}

/** Of all slices, signed or not: what is no slice of anybody's is left over for somebody to look at. */
async function neededBySlices(store: ProgramStore): Promise<readonly string[]> {
  const clusters = (await store.list(SLICE_PREFIX)).flatMap(({ key }) => sliceCluster(key) ?? []);
  const texts = await getAll(store, clusters.map(sliceKey));
  const needed: string[] = [];
  for (const cluster of clusters) {
    const text = texts.get(sliceKey(cluster));
    // Deleted meanwhile.
    if (text !== undefined) needed.push(...bucketKeys(await decodeSlice(text, cluster)));
  }
  return needed;
}

async function neededBy(store: ProgramStore, historyKeys: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const texts = await getAll(store, [...historyKeys]);
  const needed = new Set<string>();
  for (const key of historyKeys) {
    const { values, sources } = await decodeHistory(texts.get(key) ?? null, key);
    for (const value of values) needed.add(value);
    for (const bucket of sources.buckets) needed.add(sourcesKey(bucket));
  }
  return needed;
}
