/** The text of a JWK set → keys that can verify. One bad key costs itself, never the others. */
import { calculateJwkThumbprint } from 'jose';
import type { Json } from '../../../../model/route-model.ts';
import { judgeJwk, type JudgedJwk, type JwkDefect } from './judge-jwk.ts';
import type { KeySet, VerifyKey } from './key-source.ts';

export type DroppedKey = {
  /** Position in the set. */
  readonly index: number;
  readonly kid: string | null;
  readonly reason: JwkDefect | 'import-failed' | 'too-many';
};

export type ImportedKeys = {
  readonly keys: readonly VerifyKey[];
  readonly dropped: readonly DroppedKey[];
};

/** Importing costs time that the provider must not be able to choose; real sets hold a handful. */
const MAX_KEYS = 100;

/** The elements of `keys`, or why the text is no set. */
export function parseKeySet(text: string): readonly Json[] | 'invalid-json' | 'no-keys-array' | 'empty-set' {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'invalid-json';
  }
  const keys: unknown = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  if (!isList(keys)) return 'no-keys-array';
  return keys.length === 0 ? 'empty-set' : keys;
}

export async function importKeys(jwks: readonly Json[]): Promise<ImportedKeys> {
  const keys: VerifyKey[] = [];
  const dropped: DroppedKey[] = [];
  for (const [index, jwk] of jwks.entries()) {
    const result = index < MAX_KEYS ? await importJwk(jwk) : 'too-many';
    if (typeof result === 'string') dropped.push({ index, kid: kidOf(jwk), reason: result });
    else keys.push(...result);
  }
  return { keys, dropped };
}

/** One entry per algorithm for RSA: the runtime's keys are bound to one hash and one padding. */
async function importJwk(jwk: Json): Promise<readonly VerifyKey[] | DroppedKey['reason']> {
  const judged = judgeJwk(jwk);
  if (typeof judged === 'string') return judged;
  const { kid, algorithms } = judged;
  try {
    const id = await calculateJwkThumbprint(judged.jwk);
    if (judged.jwk.kty !== 'RSA')
      return [{ kid, algorithms, key: await importPublic(judged, algorithms[0] ?? ''), id }];
    return await Promise.all(
      algorithms.map(async (algorithm) => ({
        kid,
        algorithms: [algorithm],
        key: await importPublic(judged, algorithm),
        id,
      })),
    );
  } catch {
    // A point that is not on its curve, for example.
    return 'import-failed';
  }
}

function importPublic({ jwk }: JudgedJwk, algorithm: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('jwk', { ...jwk }, importParameters(jwk, algorithm), false, ['verify']);
}

function importParameters(
  jwk: JudgedJwk['jwk'],
  algorithm: string,
): { readonly name: string } & ({ readonly hash: string } | { readonly namedCurve: string } | object) {
  switch (jwk.kty) {
    case 'RSA':
      return {
        name: algorithm.startsWith('PS') ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5',
        hash: `SHA-${algorithm.slice(2)}`,
      };
    case 'EC':
      return { name: 'ECDSA', namedCurve: jwk.crv };
    default:
      return { name: 'Ed25519' };
  }
}

/** For the log; a set may say anything here. */
function kidOf(jwk: Json): string | null {
  if (typeof jwk !== 'object' || jwk === null || !('kid' in jwk)) return null;
  return typeof jwk.kid === 'string' ? jwk.kid.slice(0, 64) : null;
}

function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

let versions = 0;

/** Versions never repeat in an isolate, whatever the source: what was verified under one belongs to one set. */
export function keySetOf(keys: readonly VerifyKey[]): KeySet {
  versions += 1;
  return { keys, version: versions };
}

/** Equal for sets that verify the same tokens. */
export function fingerprintOf(keys: readonly VerifyKey[]): string {
  return JSON.stringify(keys.map(({ id, kid, algorithms }) => [id, kid, algorithms]));
}
