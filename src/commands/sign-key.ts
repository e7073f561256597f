/** The key that signs published versions; from the environment, because a command line shows in process lists. */
import type { JWK } from 'jose';
import { UserError } from '../diagnostics/errors.ts';

/** null: not set, versions stay unsigned. Throws UserError when the text is no private Ed25519 key. */
export function readSignKey(text: string | undefined): JWK | null {
  if (text === undefined || text === '') return null;
  let key: unknown;
  try {
    key = JSON.parse(text);
  } catch {
    key = null;
  }
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
export function readVerifyKey(text: string | undefined): JWK | readonly JWK[] | null {
  if (text === undefined || text === '') return null;
  let keys: unknown;
  try {
    keys = JSON.parse(text);
  } catch {
    keys = null;
  }
  const list: readonly unknown[] = Array.isArray(keys) ? keys : [keys];
  const halves = list.flatMap((key) => (isEd25519(key) ? [{ kty: 'OKP', crv: 'Ed25519', x: key.x }] : []));
  if (halves.length === list.length && halves.length > 0) return halves;
  throw new UserError(
    'PORTOLAN_VERIFY_KEY must be a public Ed25519 key as JWK, or a list: {"kty":"OKP","crv":"Ed25519","x":…}.',
  );
}

function isEd25519(value: unknown): value is JWK & { readonly x: string } {
  if (typeof value !== 'object' || value === null) return false;
  const key = { kty: undefined, crv: undefined, x: undefined, ...value };
  return key.kty === 'OKP' && key.crv === 'Ed25519' && typeof key.x === 'string';
}

function isPrivateEd25519(value: unknown): value is JWK {
  return isEd25519(value) && typeof value.d === 'string';
}
