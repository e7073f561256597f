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

function isPrivateEd25519(value: unknown): value is JWK {
  if (typeof value !== 'object' || value === null) return false;
  const key = { kty: undefined, crv: undefined, x: undefined, d: undefined, ...value };
  return key.kty === 'OKP' && key.crv === 'Ed25519' && typeof key.x === 'string' && typeof key.d === 'string';
}
