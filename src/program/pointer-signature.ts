/**
 * Signature of the pointer.
 *
 * The pointer names the index and the history by SHA-256 and these name everything else, so one
 * signature covers a whole version. It guards against a store that others can write to; it does not
 * hide anything.
 */
import type { JWK } from 'jose';
import { isSignedDetached, signDetached } from './detached-signature.ts';
import { POINTER_KEY } from './keys.ts';
import { ProgramRejected } from './rejected.ts';
import type { Pointer } from './stored-form.ts';

const TYPE = 'portolan-pointer';

export type UnsignedPointer = Omit<Pointer, 'signature'>;

/** `key`: a private OKP JWK; its `kid` travels along. */
export async function signPointer(pointer: UnsignedPointer, key: JWK): Promise<Pointer> {
  return { ...pointer, signature: await signDetached(pointer, key, TYPE) };
}

/**
 * Throws ProgramRejected unless one of the keys signed exactly this pointer. Several keys are for the
 * time in which a new one replaces an old one.
 */
export async function assertPointerSignature(pointer: Pointer, keys: readonly JWK[]): Promise<void> {
  const { signature, ...signed } = pointer;
  if (signature === undefined)
    throw new ProgramRejected('unsigned', POINTER_KEY, 'has no signature, but one is required');
  if (!(await isSignedDetached(signed, signature, keys, TYPE)))
    throw new ProgramRejected('bad-signature', POINTER_KEY, 'is not signed by the expected key');
}
