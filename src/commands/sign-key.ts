/** The keys of signed versions; from the environment, because a command line shows in process lists. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { JWK } from 'jose';
import { UserError } from '../diagnostics/errors.ts';

/** null: not set, versions stay unsigned. Throws UserError when the text is no private Ed25519 key. */
export function readSignKey(text: string | undefined): JWK | null {
  if (text === undefined || text === '') return null;
  const key = parseJson(text);
  if (isPrivateEd25519(key)) return key;
  // Never quotes the value: it is a secret.
  throw new UserError(
    'PORTOLAN_SIGN_KEY must be a private Ed25519 key as JWK: {"kty":"OKP","crv":"Ed25519","x":…,"d":…}.',
  );
}

/**
 * The public half of a key, or of several; a private key may be given too. null: not set.
 * Throws UserError when the text is no Ed25519 key.
 */
export function readVerifyKey(text: string | undefined): readonly JWK[] | null {
  if (text === undefined || text === '') return null;
  const keys = parseJson(text);
  const list: readonly unknown[] = Array.isArray(keys) ? keys : [keys];
  const halves = list.flatMap((key) => (isEd25519(key) ? [publicHalf(key)] : []));
  if (halves.length === list.length && halves.length > 0) return halves;
  throw new UserError(
    'PORTOLAN_VERIFY_KEY must be a public Ed25519 key as JWK, or a list: {"kty":"OKP","crv":"Ed25519","x":…}.',
  );
}

export function publicHalf({ x }: JWK): JWK {
  return { kty: 'OKP', crv: 'Ed25519', ...(x !== undefined && { x }) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A text of the right shape may still be no point of the curve, which would come out at the first version only. */
function isEd25519(value: unknown): value is JWK & { readonly x: string } {
  if (typeof value !== 'object' || value === null) return false;
  const key = { kty: undefined, crv: undefined, x: undefined, ...value };
  if (key.kty !== 'OKP' || key.crv !== 'Ed25519' || typeof key.x !== 'string') return false;
  try {
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.x }, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

function isPrivateEd25519(value: unknown): value is JWK {
  if (!isEd25519(value) || typeof value.d !== 'string') return false;
  const { x, d } = value;
  try {
    // Its halves belong together, or nobody could verify what it signs.
    const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x, d }, format: 'jwk' });
    return createPublicKey(key).export({ format: 'jwk' }).x === x;
  } catch {
    return false;
  }
}
