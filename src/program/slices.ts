/**
 * Slices in a store: what each cluster holds, written by a process that can read the cluster and read
 * by the one that publishes. The resources lie in `sources-` values as kept resources do, so one changed
 * resource rewrites one of them; the slice itself is written last, and so is always whole.
 */
import type { JWK } from 'jose';
import type { AcceptedResources } from './accepted.ts';
import { canonicalJson } from './canonical-json.ts';
import { checked } from './decode.ts';
import { isSignedDetached, signDetached } from './detached-signature.ts';
import type { EncodeCache } from './encode-cache.ts';
import { outcomeKey, sliceKey, sourcesKey } from './keys.ts';
import type { StoredValue } from './program-store.ts';
import { ProgramRejected } from './rejected.ts';
import { sha256 } from '../model/sha256.ts';
import { outcomeShape, sliceShape, type StoredFinding, type StoredOutcome, type StoredSlice } from './slice-form.ts';
import { encodeSources } from './sources.ts';
import { STORED_FORMAT } from './stored-form.ts';

const TYPE = 'portolan-slice';

/** Workers KV takes 25 MiB; resources lie elsewhere, so only findings can fill a slice. */
const MAX_BYTES = 20 * 1024 * 1024;

export type SliceContent = {
  readonly resources: AcceptedResources;
  readonly findings: readonly StoredFinding[];
  /** See StoredSlice. Default none. */
  readonly secrets?: NonNullable<StoredSlice['secrets']>;
};

export type EncodedSlice = {
  /** Unsigned and without its time: equal content, equal slice. */
  readonly slice: Omit<StoredSlice, 'time' | 'signature'>;
  readonly values: readonly StoredValue[];
};

export async function encodeSlice(cluster: string, content: SliceContent, cache?: EncodeCache): Promise<EncodedSlice> {
  const { resources, buckets, values } = await encodeSources(content.resources, cache);
  const findings = content.findings
    .map((one) => ({ one, text: canonicalJson(one) }))
    .toSorted((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ one }) => one);
  const { secrets = {} } = content;
  const said = { buckets, findings, ...(Object.keys(secrets).length > 0 && { secrets }) };
  const hash = await sha256(canonicalJson(said));
  return {
    slice: { format: STORED_FORMAT, kind: 'slice', cluster, content: hash, resources, ...said },
    values,
  };
}

/** @throws RangeError when the text is longer than a store takes */
export async function sealSlice(
  slice: EncodedSlice['slice'],
  time: string,
  signKey: JWK | undefined,
): Promise<StoredValue> {
  const unsigned = { ...slice, time };
  const signed =
    signKey === undefined ? unsigned : { ...unsigned, signature: await signDetached(unsigned, signKey, TYPE) };
  const value = canonicalJson(signed);
  if (new TextEncoder().encode(value).length > MAX_BYTES)
    throw new RangeError(
      `${slice.findings.length} findings about cluster ${slice.cluster} are too long for one value: correct the objects that cannot be read`,
    );
  return { key: sliceKey(slice.cluster), value };
}

/** @param keys when given, a slice that none of them signed is refused. Throws ProgramRejected. */
export async function decodeSlice(
  text: string | null,
  cluster: string,
  keys: readonly JWK[] = [],
): Promise<StoredSlice> {
  const key = sliceKey(cluster);
  const slice = checked(text, key, sliceShape);
  if (slice.cluster !== cluster) throw new ProgramRejected('malformed', key, `is the slice of ${slice.cluster}`);
  if (keys.length === 0) return slice;
  const { signature, ...signed } = slice;
  if (signature === undefined) throw new ProgramRejected('unsigned', key, 'has no signature, but one is required');
  if (!(await isSignedDetached(signed, signature, keys, TYPE)))
    throw new ProgramRejected('bad-signature', key, 'is not signed by the expected key');
  return slice;
}

/** Keys of the values that hold a slice's resources. */
export function bucketKeys({ buckets }: Pick<StoredSlice, 'buckets'>): readonly string[] {
  return buckets.map(sourcesKey);
}

/** Throws ProgramRejected. */
export function decodeOutcome(text: string | null, cluster: string): StoredOutcome {
  return checked(text, outcomeKey(cluster), outcomeShape);
}
