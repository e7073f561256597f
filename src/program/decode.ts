/**
 * Stored texts → checked values. Everything that comes out of a store is foreign until it passed
 * here: the hash that its key promised, the format version, the shape. Throws ProgramRejected.
 */
import type { JWK } from 'jose';
import { indexKey, POINTER_KEY, shardKey, sourcesKey } from './keys.ts';
import { assertPointerSignature } from './pointer-signature.ts';
import { ProgramRejected } from './rejected.ts';
import { sha256 } from '../model/sha256.ts';
import { isObject, passed, type Check } from './shape.ts';
import {
  STORED_FORMAT,
  type Pointer,
  type StoredHistory,
  type StoredIndex,
  type StoredIndexPart,
  type StoredShard,
  type StoredSources,
  type StoredUpstreams,
} from './stored-form.ts';
import {
  danglingShard,
  historyShape,
  indexPartShape,
  indexShape,
  pointerShape,
  shardShape,
  sourcesShape,
  upstreamsShape,
} from './stored-shape.ts';

export type PointerTrust = {
  /** Public Ed25519 key or keys (JWK). When given, an unsigned or wrongly signed pointer is refused. */
  readonly verifyKey?: JWK | readonly JWK[];
};

export async function decodePointer(text: string | null, trust: PointerTrust = {}): Promise<Pointer> {
  const pointer = checked(text, POINTER_KEY, pointerShape);
  if (!pointer.index.startsWith(pointer.version)) {
    throw new ProgramRejected('malformed', POINTER_KEY, 'its version is not that of its index');
  }
  if (trust.verifyKey !== undefined) await assertPointerSignature(pointer, [trust.verifyKey].flat());
  return pointer;
}

/**
 * Whether a reader that follows `current` should move to `candidate`. A store that answers with an
 * older pointer (a lagging replica, a replay) changes nothing; a store that was emptied and filled
 * anew starts its sequence again, and its time tells.
 */
export function supersedes(candidate: Pointer, current: Pointer): boolean {
  if (candidate.index === current.index && candidate.sequence === current.sequence) return false;
  return candidate.sequence > current.sequence || Date.parse(candidate.time) > Date.parse(current.time);
}

/** `text`: what the store gave for `indexKey(hash)`; null is refused as missing. The same holds for the others. */
export async function decodeIndex(text: string | null, hash: string): Promise<StoredIndex> {
  return checked(await intact(text, indexKey(hash), hash), indexKey(hash), indexShape);
}

export async function decodeIndexPart(text: string | null, hash: string, root: StoredIndex): Promise<StoredIndexPart> {
  const part = checked(await intact(text, indexKey(hash), hash), indexKey(hash), indexPartShape);
  const problem = danglingShard(part, root.shards);
  if (problem !== null) throw new ProgramRejected('malformed', indexKey(hash), problem);
  return part;
}

export async function decodeUpstreams(text: string | null, hash: string): Promise<StoredUpstreams> {
  return checked(await intact(text, indexKey(hash), hash), indexKey(hash), upstreamsShape);
}

export async function decodeShard(text: string | null, hash: string): Promise<StoredShard> {
  return checked(await intact(text, shardKey(hash), hash), shardKey(hash), shardShape);
}

export async function decodeSources(text: string | null, hash: string): Promise<StoredSources> {
  return checked(await intact(text, sourcesKey(hash), hash), sourcesKey(hash), sourcesShape);
}

/** `hash`: the pointer's word for it, when there is one to compare with. */
export async function decodeHistory(text: string | null, key: string, hash?: string): Promise<StoredHistory> {
  return checked(hash === undefined ? text : await intact(text, key, hash), key, historyShape);
}

async function intact(text: string | null, key: string, hash: string): Promise<string> {
  if (text === null) throw new ProgramRejected('missing', key, 'is not in the store');
  const actual = await sha256(text);
  if (actual !== hash) throw new ProgramRejected('hash-mismatch', key, `holds other content (SHA-256 ${actual})`);
  return text;
}

/** The text as a value of this format and shape. Throws ProgramRejected. */
export function checked<T>(text: string | null, key: string, check: Check<T>): T {
  if (text === null) throw new ProgramRejected('missing', key, 'is not in the store');
  const value = parse(text, key);
  // The version first: a newer format may have any shape, and "unknown version" is the message that helps.
  const format = isObject(value) ? value['format'] : undefined;
  if (format !== STORED_FORMAT) {
    const found = typeof format === 'number' ? `format ${format}` : 'no format version';
    throw new ProgramRejected(
      'unknown-format',
      key,
      `has ${found}; this version of Portolan reads format ${STORED_FORMAT}`,
    );
  }
  const problem = check(value, 'value');
  if (passed(value, check, problem)) return value;
  throw new ProgramRejected('malformed', key, problem ?? 'has another shape');
}

function parse(text: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProgramRejected('not-json', key, 'is not JSON: truncated or altered');
  }
}
