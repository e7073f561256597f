/**
 * Names of the values of a program store. Flat: no `/`, so the same layout works as files of one
 * folder. Everything but the pointer, and what clusters write, is immutable: its key names its content.
 */

/** Which version is live. The one key of a program that changes. */
export const POINTER_KEY = 'current';

/** Prefixes of the immutable keys, as `list` and prune use them. */
export const KEY_PREFIXES = {
  shard: 'shard-',
  index: 'index-',
  sources: 'sources-',
  history: 'history-',
} as const;

/** What each cluster holds, where several feed one store. Changes with the cluster. */
export const SLICE_PREFIX = 'slice-';
export const sliceKey = (cluster: string): string => SLICE_PREFIX + cluster;
/** What became of it. */
export const outcomeKey = (cluster: string): string => `outcome-${cluster}`;

const CLUSTER = '[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?';
const CLUSTER_NAME = new RegExp(`^${CLUSTER}$`);
const CLUSTER_KEY = new RegExp(`^(?:slice|outcome)-${CLUSTER}$`);

/** Whether a cluster of this name can have a slice: letters, digits, `.`, `_` and `-` inside, 63 at most. */
export function isClusterName(name: string): boolean {
  return CLUSTER_NAME.test(name);
}

/** The cluster of a slice's key; null when it is none. */
export function sliceCluster(key: string): string | null {
  const name = key.startsWith(SLICE_PREFIX) ? key.slice(SLICE_PREFIX.length) : '';
  return isClusterName(name) ? name : null;
}

export const shardKey = (hash: string): string => KEY_PREFIXES.shard + hash;
/** Root indexes, parts of two-level indexes and upstream lists: told apart by their `kind`. */
export const indexKey = (hash: string): string => KEY_PREFIXES.index + hash;
export const sourcesKey = (hash: string): string => KEY_PREFIXES.sources + hash;

const SEQUENCE_DIGITS = 10;

/**
 * The sequence is padded, so that a listing is in the order of publishing. The hash is of the entry: two
 * publishers may give one sequence and version to entries that differ, and each pointer keeps its own.
 */
export function historyKey(sequence: number, hash: string): string {
  return `${KEY_PREFIXES.history}${String(sequence).padStart(SEQUENCE_DIGITS, '0')}-${hash}`;
}

/** The sequence in a history key; null when it is not one of ours. */
export function historySequence(key: string): number | null {
  const found = /^history-(\d{10,15})-[0-9a-f]+$/.exec(key);
  return found === null ? null : Number(found[1]);
}

/** Whether the text can be a key of this layout: what a store may turn into a file name. */
export function isProgramKey(key: string): boolean {
  return (
    key === POINTER_KEY ||
    /^(shard|index|sources)-[0-9a-f]{64}$/.test(key) ||
    historySequence(key) !== null ||
    CLUSTER_KEY.test(key)
  );
}
