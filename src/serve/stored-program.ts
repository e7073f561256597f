/** What the supervisor must know of the live program: its version, and what has to be bound for it. */
import type { JWK } from 'jose';
import { decodeIndex, decodeIndexPart, decodePointer, decodeShard, decodeUpstreams } from '../program/decode.ts';
import { indexKey, POINTER_KEY, shardKey } from '../program/keys.ts';
import type { SnapshotReader } from '../program/program-store.ts';
import type { CompiledUpstream } from '../program/route-program.ts';

export type StoredProgram = {
  readonly version: string;
  readonly sequence: number;
  /** SHA-256 of its index. */
  readonly index: string;
  readonly upstreams: readonly CompiledUpstream[];
};

/** null: nothing was ever published. Throws ProgramRejected when what is there cannot be trusted. */
export async function readStoredProgram(
  reader: SnapshotReader,
  verifyKey: JWK | readonly JWK[] | null,
): Promise<StoredProgram | null> {
  const text = await reader.get(POINTER_KEY);
  if (text === null) return null;
  const { version, sequence, index } = await decodePointer(text, verifyKey === null ? {} : { verifyKey });
  const { upstreams } = await decodeIndex(await reader.get(indexKey(index)), index);
  if (typeof upstreams !== 'string') return { version, sequence, index, upstreams };
  const list = await decodeUpstreams(await reader.get(indexKey(upstreams)), upstreams);
  return { version, sequence, index, upstreams: list.upstreams };
}

/**
 * Throws ProgramRejected when a value of the version is missing or altered. A process that is
 * exchanged leaves the copy in its memory behind, and its successor loads a shard only when a request
 * needs it: too late to find out.
 */
export async function assertWhole(reader: SnapshotReader, { index }: StoredProgram): Promise<void> {
  const root = await decodeIndex(await reader.get(indexKey(index)), index);
  for (const hash of root.parts ?? []) await decodeIndexPart(await reader.get(indexKey(hash)), hash, root);
  for (const hash of root.shards) if (hash !== null) await decodeShard(await reader.get(shardKey(hash)), hash);
}
