/** Reads values back as the gateway will, before a pointer names them. */
import { decodeIndex, decodeIndexPart, decodeShard, decodeUpstreams } from './decode.ts';
import type { EncodedProgram } from './encode.ts';
import { KEY_PREFIXES } from './keys.ts';
import type { ProgramStore, StoredValue } from './program-store.ts';

/** Throws ProgramRejected when the gateway would refuse one of `fresh`: a bug in the compiler, found in time. */
export async function assertReadable(encoded: EncodedProgram, fresh: readonly StoredValue[]): Promise<void> {
  const rootText = encoded.stages.at(-1)?.[0]?.value ?? null;
  const root = await decodeIndex(rootText, encoded.index);
  const parts = new Set(root.parts);
  for (const { key, value } of fresh) {
    const hash = key.slice(key.indexOf('-') + 1);
    if (key.startsWith(KEY_PREFIXES.shard)) await decodeShard(value, hash);
    else if (parts.has(hash)) await decodeIndexPart(value, hash, root);
    else if (hash === root.upstreams) await decodeUpstreams(value, hash);
  }
}

const ATTEMPTS = 4;
const WAIT_MS = 250;

/**
 * Reads a few of the values just written, the last ones first (they end with the index). Throws when
 * the store keeps answering with something else: switching the pointer would then break readers.
 */
export async function assertStored(store: ProgramStore, written: readonly StoredValue[], limit: number): Promise<void> {
  for (const { key, value } of written.slice(-limit)) {
    for (let attempt = 1; (await store.get(key)) !== value; attempt += 1) {
      if (attempt === ATTEMPTS) {
        throw new Error(`the store does not give back ${key} as it was written; the version that was live stays live`);
      }
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS * attempt));
    }
  }
}
