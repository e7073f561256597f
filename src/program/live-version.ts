/** What a publisher knows of a store before it writes. */
import type { JWK } from 'jose';
import { decodeHistory, decodePointer } from './decode.ts';
import { historyKey, historySequence, KEY_PREFIXES, POINTER_KEY } from './keys.ts';
import type { ProgramStore } from './program-store.ts';
import { ProgramRejected } from './rejected.ts';
import type { Pointer, StoredHistory } from './stored-form.ts';

export type LiveVersion = {
  /** The pointer as it lies in the store, to notice another publisher; null: none. */
  readonly text: string | null;
  /** null: none, or not to be trusted. */
  readonly pointer: Pointer | null;
  /** The entry that the pointer names; null when either is missing or damaged. */
  readonly history: StoredHistory | null;
  /** Highest sequence that was ever given out, 0 for a fresh store. */
  readonly sequence: number;
};

/**
 * A damaged or unsigned pointer counts as none: the next publish then writes every value again, which
 * is how a store heals. Throws only when the store cannot be asked.
 */
export async function readLiveVersion(store: ProgramStore, verifyKey: JWK | undefined): Promise<LiveVersion> {
  const text = await store.get(POINTER_KEY);
  const pointer = await unlessRejected(() => decodePointer(text, verifyKey === undefined ? {} : { verifyKey }));
  if (pointer === null) return { text, pointer, history: null, sequence: await highestSequence(store) };
  const key = historyKey(pointer.sequence, pointer.history);
  const entry = await store.get(key);
  const history = await unlessRejected(() => decodeHistory(entry, key, pointer.history));
  return { text, pointer, history, sequence: pointer.sequence };
}

async function unlessRejected<T>(decode: () => Promise<T>): Promise<T | null> {
  try {
    return await decode();
  } catch (error) {
    if (error instanceof ProgramRejected) return null;
    throw error;
  }
}

/** That was ever given out, used or not; 0 for a fresh store. */
export async function highestSequence(store: ProgramStore): Promise<number> {
  const keys = await store.list(KEY_PREFIXES.history);
  return keys.reduce((highest, { key }) => Math.max(highest, historySequence(key) ?? 0), 0);
}
