/**
 * Writes a program to a store so that a reader sees the old version or the new one, never a mixture:
 * shards, index parts, index, kept resources, history, and the pointer last. Interrupted anywhere, the
 * old pointer still names only whole values; what was written in vain is pruned a day later.
 *
 * What the store holds already is known from the history entry of the live version, not by asking
 * for keys: KV remembers for a minute that a key was absent (docs/kv-layout.md).
 */
import type { JWK } from 'jose';
import { UserError } from '../diagnostics/errors.ts';
import type { AcceptedResources } from './accepted.ts';
import { canonicalJson } from './canonical-json.ts';
import type { EncodeCache } from './encode-cache.ts';
import type { EncodedProgram } from './encode.ts';
import { historyKey, POINTER_KEY, sourcesKey } from './keys.ts';
import { readLiveVersion, type LiveVersion } from './live-version.ts';
import { signPointer, type UnsignedPointer } from './pointer-signature.ts';
import type { ProgramStore, StoredValue } from './program-store.ts';
import { pruneStore, type PruneReport } from './prune.ts';
import { assertReadable, assertStored } from './self-check.ts';
import { sha256 } from '../model/sha256.ts';
import { encodeSources, type EncodedSources } from './sources.ts';
import { STORED_FORMAT, type StoredHistory } from './stored-form.ts';

// A publisher needs these two beside publishProgram, and nothing else of the stored form.
export type { ProgramStore } from './program-store.ts';
export { loadSources } from './sources.ts';
export { highestSequence } from './live-version.ts';

export type PublishOptions = {
  /** ISO time. */
  readonly now: string;
  /** The resources that the program was built from, kept for loadSources(). */
  readonly sources: AcceptedResources;
  /** Private Ed25519 key (JWK) that signs the pointer. Readers with the public half refuse every other pointer. */
  readonly signKey?: JWK;
  /** Publish a program without routes. Default false: an empty input is more often a mistake than a wish. */
  readonly allowEmpty?: boolean;
  /** Sequence that the caller believes to be live (0: none); another one is a UserError and nothing is written. */
  readonly expectSequence?: number;
  /**
   * Highest sequence that was ever given out, as far as the caller knows. A pointer of a lower one was written
   * late and over newer ones, which readers may have taken up: they would not go back, and get a new one.
   */
  readonly after?: number;
  /** Write every value, also those that the live version names: repairs a store that lost some. Default false. */
  readonly rewrite?: boolean;
  /** Remembers kept resources from one publish to the next. */
  readonly sourcesCache?: EncodeCache;
  /** Default true. */
  readonly prune?: boolean;
};

export type PublishReport = {
  /** Why nothing was written; null when the program was published. */
  readonly skipped: 'unchanged' | 'empty' | null;
  /** What is live now; null when nothing ever was. */
  readonly version: string | null;
  readonly sequence: number;
  /** Keys in writing order, history and pointer included. */
  readonly written: readonly string[];
  /** Keys that this version needs and the store had already. */
  readonly kept: readonly string[];
  readonly routes: number;
  readonly resources: number;
  /** A failure to prune does not undo a publish: it is told in `blocked`. */
  readonly pruned: PruneReport;
};

/** Of the values of one publish at most this many are read back before the pointer is switched. */
const READ_BACK = 4;

export async function publishProgram(
  store: ProgramStore,
  encoded: EncodedProgram,
  options: PublishOptions,
): Promise<PublishReport> {
  const live = await readLiveVersion(store, options.signKey);
  assertExpected(live, options.expectSequence);
  const sources = await encodeSources(options.sources, options.sourcesCache);
  const values = [...encoded.stages, sources.values];
  const keys = values.flat().map(({ key }) => key);
  const facts = { routes: encoded.routes, resources: sources.resources };
  const skipped = reasonToSkip(live, encoded, sources, options);
  if (skipped !== null) {
    const { pointer, sequence } = live;
    const kept = skipped === 'unchanged' ? keys : [];
    const pruned = { deleted: [], blocked: null };
    return { skipped, version: pointer?.version ?? null, sequence, written: [], kept, ...facts, pruned };
  }
  const known = options.rewrite === true ? new Set<string>() : keysOf(live.history);
  const missing = values.map((stage) => stage.filter(({ key }) => !known.has(key)));
  await writeValues(store, encoded, missing);
  const pointer = await switchPointer(store, live, { encoded, sources, options });
  return {
    skipped: null,
    version: pointer.version,
    sequence: pointer.sequence,
    written: [...missing.flat().map(({ key }) => key), historyKey(pointer.sequence, pointer.history), POINTER_KEY],
    kept: keys.filter((key) => known.has(key)),
    ...facts,
    pruned: options.prune === false ? { deleted: [], blocked: null } : await tryToPrune(store, options.now),
  };
}

function assertExpected({ sequence }: LiveVersion, expected: number | undefined): void {
  if (expected === undefined || expected === sequence) return;
  throw new UserError(`publish ${sequence} is live, not ${expected}: someone else published; build again and repeat`);
}

function reasonToSkip(
  { pointer, history }: LiveVersion,
  encoded: EncodedProgram,
  sources: EncodedSources,
  { allowEmpty = false, rewrite = false, after = 0 }: PublishOptions,
): PublishReport['skipped'] {
  if (encoded.routes === 0 && !allowEmpty) return 'empty';
  if (rewrite || pointer === null || history === null || pointer.index !== encoded.index) return null;
  if (pointer.sequence < after) return null;
  const buckets = history.sources.buckets;
  const same = buckets.length === sources.buckets.length && buckets.every((hash, at) => hash === sources.buckets[at]);
  return same ? 'unchanged' : null;
}

function keysOf(history: StoredHistory | null): ReadonlySet<string> {
  return new Set(history === null ? [] : [...history.values, ...history.sources.buckets.map(sourcesKey)]);
}

/** One stage after the other, each complete before the next begins. */
async function writeValues(
  store: ProgramStore,
  encoded: EncodedProgram,
  stages: readonly (readonly StoredValue[])[],
): Promise<void> {
  await assertReadable(encoded, stages.slice(0, encoded.stages.length).flat());
  for (const stage of stages) {
    if (stage.length > 0) await store.putMany(stage);
  }
  await assertStored(store, stages.slice(0, encoded.stages.length).flat(), READ_BACK);
}

type Switch = {
  readonly encoded: EncodedProgram;
  readonly sources: EncodedSources;
  readonly options: PublishOptions;
};

/** Writes history and pointer. A pointer that changed meanwhile belongs to another publisher and stays. */
async function switchPointer(
  store: ProgramStore,
  live: LiveVersion,
  { encoded, sources, options }: Switch,
): Promise<UnsignedPointer> {
  const { index, version, stages } = encoded;
  const sequence = Math.max(live.sequence, options.after ?? 0) + 1;
  const time = laterTime(options.now, live.pointer?.time);
  const history: StoredHistory = {
    format: STORED_FORMAT,
    version,
    sequence,
    time,
    index,
    values: stages.flatMap((stage) => stage.map(({ key }) => key)).toSorted(),
    sources: { resources: sources.resources, buckets: sources.buckets },
  };
  const historyText = canonicalJson(history);
  const pointer: UnsignedPointer = {
    format: STORED_FORMAT,
    version,
    sequence,
    index,
    history: await sha256(historyText),
    time,
    sources: { resources: sources.resources },
  };
  const signed = options.signKey === undefined ? pointer : await signPointer(pointer, options.signKey);
  await store.put(historyKey(sequence, pointer.history), historyText);
  if ((await store.get(POINTER_KEY)) !== live.text) {
    throw new UserError('someone else published meanwhile and their version stays live: build again and repeat');
  }
  await store.put(POINTER_KEY, canonicalJson(signed));
  return pointer;
}

/** Times of pointers only grow, whatever the clocks of the publishers say: see supersedes(). */
function laterTime(now: string, before: string | undefined): string {
  const earliest = before === undefined ? Number.NEGATIVE_INFINITY : Date.parse(before) + 1;
  return new Date(Math.max(Date.parse(now), earliest)).toISOString();
}

async function tryToPrune(store: ProgramStore, now: string): Promise<PruneReport> {
  try {
    return await pruneStore(store, { now });
  } catch (error) {
    return { deleted: [], blocked: error instanceof Error ? error.message : String(error) };
  }
}
