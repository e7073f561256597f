/** Whether one of the configured keys signed a token. The token never chooses: neither its algorithm nor its key. */
import { compactVerify } from 'jose';
import type { KeySet, KeySource, VerifyKey } from './keys/key-source.ts';
import type { ParsedJws } from './parse-token.ts';

type SignedText = Pick<ParsedJws, 'text' | 'alg' | 'kid'>;
type WaitUntil = (work: Promise<unknown>) => void;

/** Of several keys those that may have signed it are tried, one after the other. null: none did. */
export async function signingKey(
  token: SignedText,
  source: KeySource,
  waitUntil: WaitUntil,
): Promise<{ readonly key: VerifyKey; readonly set: KeySet } | null> {
  let set = await source.current(waitUntil);
  if (token.kid !== null && !set.keys.some(({ kid }) => kid === token.kid)) {
    set = await source.refreshed(token.kid, waitUntil);
  }
  for (const key of candidates(token, set)) {
    if (await isSignedBy(token, key)) return { key, set };
  }
  return null;
}

/**
 * A `kid` is compared as text, and as nothing else. Without one, and for keys that have none, the
 * algorithm alone says which keys fit.
 */
function candidates({ kid, alg }: SignedText, { keys }: KeySet): readonly VerifyKey[] {
  const fitting = keys.filter((key) => key.algorithms.includes(alg));
  if (kid === null) return fitting;
  const named = fitting.filter((key) => key.kid === kid);
  return named.length > 0 ? named : fitting.filter((key) => key.kid === null);
}

async function isSignedBy({ text, alg }: SignedText, { key }: VerifyKey): Promise<boolean> {
  try {
    await compactVerify(text, key, { algorithms: [alg] });
    return true;
  } catch {
    // A wrong signature, one of a wrong length, a key that cannot do this: none of them is proof.
    return false;
  }
}
