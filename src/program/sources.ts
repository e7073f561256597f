/**
 * The last accepted resources as stored values: some hundred KB each, spread by a stable hash of the
 * resource key, so that one changed resource rewrites one of them.
 */
import type { Json } from '../model/route-model.ts';
import type { AcceptedResource, AcceptedResources } from './accepted.ts';
import { bucketCount, bucketOf, VALUE_TARGET } from './buckets.ts';
import { canonicalJson } from './canonical-json.ts';
import { decodeHistory, decodePointer, decodeSources, type PointerTrust } from './decode.ts';
import { hashOf, textOf, type EncodeCache } from './encode-cache.ts';
import { historyKey, POINTER_KEY, sourcesKey } from './keys.ts';
import type { ProgramStore, SnapshotReader, StoredValue } from './program-store.ts';
import { ProgramRejected } from './rejected.ts';
import { anything, array, integer, nullable, object, optional, passed, record, string, type Check } from './shape.ts';
import { STORED_FORMAT, type StoredHistory } from './stored-form.ts';

export type EncodedSources = {
  readonly resources: number;
  /** SHA-256 of each bucket, in bucket order, as the history names them. */
  readonly buckets: readonly string[];
  readonly values: readonly StoredValue[];
};

/** `cache`: keep one per sequence of encodings, and not the one of encodeProgram. */
export async function encodeSources(accepted: AcceptedResources, cache?: EncodeCache): Promise<EncodedSources> {
  cache?.begin();
  const entries = Object.keys(accepted)
    .toSorted()
    .flatMap((key) => {
      const resource = accepted[key];
      return resource === undefined ? [] : [{ key, text: `${JSON.stringify(key)}:${resourceText(resource, cache)}` }];
    });
  if (entries.length === 0) return { resources: 0, buckets: [], values: [] };
  const size = entries.reduce((sum, { text }) => sum + text.length, 0);
  const count = bucketCount(size, VALUE_TARGET);
  const contents: string[][] = Array.from({ length: count }, () => []);
  for (const { key, text } of entries) contents[bucketOf(key, count)]?.push(text);
  const values = await Promise.all(
    contents.map(async (texts, position) => {
      const value = `{"format":${STORED_FORMAT},"resources":{${texts.join(',')}}}`;
      return { hash: await hashOf(`sources ${position}`, value, cache), value };
    }),
  );
  return {
    resources: entries.length,
    buckets: values.map(({ hash }) => hash),
    values: values.map(({ hash, value }) => ({ key: sourcesKey(hash), value })),
  };
}

/** The object is remembered, not its wrapper: builds make new wrappers around unchanged objects. */
function resourceText({ object, staleSince }: AcceptedResource, cache: EncodeCache | undefined): string {
  return `{"object":${textOf(object, cache)},"staleSince":${canonicalJson(staleSince)}}`;
}

/**
 * The resources that the live version was built from; empty when nothing was ever published, or when
 * what the store holds cannot be trusted: then last-good starts afresh, which is safe, where resources
 * of doubtful origin would not be. Throws only when the store cannot be asked.
 */
export async function loadSources(
  store: SnapshotReader & Pick<ProgramStore, 'getMany'>,
  trust: PointerTrust = {},
): Promise<AcceptedResources> {
  try {
    const live = await loadLive(store, trust);
    return live === null ? {} : await readSources(store, live);
  } catch (error) {
    if (error instanceof ProgramRejected) return {};
    throw error;
  }
}

/** History entry of the live version, verified through the pointer; null when nothing is published. Throws ProgramRejected. */
async function loadLive(store: SnapshotReader, trust: PointerTrust): Promise<StoredHistory | null> {
  const text = await store.get(POINTER_KEY);
  if (text === null) return null;
  const pointer = await decodePointer(text, trust);
  const key = historyKey(pointer.sequence, pointer.history);
  return decodeHistory(await store.get(key), key, pointer.history);
}

async function readSources(
  store: SnapshotReader & Pick<ProgramStore, 'getMany'>,
  { sources }: StoredHistory,
): Promise<AcceptedResources> {
  return loadBuckets(store, sources.buckets);
}

/** The resources of these `sources-` values. Throws ProgramRejected when one is missing or damaged. */
export async function loadBuckets(
  store: SnapshotReader & Pick<ProgramStore, 'getMany'>,
  buckets: readonly string[],
): Promise<AcceptedResources> {
  const texts = await getAll(store, buckets.map(sourcesKey));
  const entries: [string, AcceptedResource][] = [];
  for (const hash of buckets) {
    const resources = await decodeBucket(texts.get(sourcesKey(hash)) ?? null, hash);
    for (const entry of Object.entries(resources)) entries.push(entry);
  }
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Throws ProgramRejected. */
export async function decodeBucket(text: string | null, hash: string): Promise<AcceptedResources> {
  const { resources } = await decodeSources(text, hash);
  const problem = acceptedShape(resources, 'resources');
  if (passed(resources, acceptedShape, problem)) return resources;
  throw new ProgramRejected('malformed', sourcesKey(hash), problem ?? 'is damaged');
}

/** Several values in as few round trips as the store allows; absent keys are left out. */
export async function getAll(
  store: SnapshotReader & Pick<ProgramStore, 'getMany'>,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (keys.length === 0) return new Map();
  if (store.getMany !== undefined) return store.getMany(keys);
  const texts = await Promise.all(keys.map(async (key) => [key, await store.get(key)] as const));
  return new Map(texts.flatMap(([key, text]) => (text === null ? [] : [[key, text]])));
}

const texts = record(string);
const acceptedShape: Check<AcceptedResources> = record<AcceptedResource>(
  object<AcceptedResource>({
    object: object<AcceptedResource['object']>({
      apiVersion: string,
      kind: string,
      metadata: object<AcceptedResource['object']['metadata']>({
        name: string,
        namespace: nullable(string),
        labels: texts,
        annotations: texts,
        generation: nullable(integer(0)),
        creationTimestamp: nullable(string),
      }),
      spec: record(anything<Json>()),
      clusters: optional(array(string)),
    }),
    staleSince: nullable(string),
  }),
);
