/** What the supervisor must know of the live program: its version, and what has to be bound for it. */
import type { JWK } from 'jose';
import { decodeIndex, decodePointer, decodeUpstreams } from '../program/decode.ts';
import { indexKey, POINTER_KEY } from '../program/keys.ts';
import type { SnapshotReader } from '../program/program-store.ts';
import type { CompiledUpstream } from '../program/route-program.ts';

export type StoredProgram = {
  readonly version: string;
  readonly sequence: number;
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
  if (typeof upstreams !== 'string') return { version, sequence, upstreams };
  const list = await decodeUpstreams(await reader.get(indexKey(upstreams)), upstreams);
  return { version, sequence, upstreams: list.upstreams };
}
