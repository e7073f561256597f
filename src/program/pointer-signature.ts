/**
 * Ed25519 signature of the pointer: a detached JWS in compact form (RFC 7515, appendix F).
 *
 * The pointer names the index and the history by SHA-256 and these name everything else, so one
 * signature covers a whole version. It guards against a store that others can write to; it does not
 * hide anything.
 */
import { compactVerify, CompactSign, importJWK, type JWK } from 'jose';
import { canonicalJson } from './canonical-json.ts';
import { POINTER_KEY } from './keys.ts';
import { ProgramRejected } from './rejected.ts';
import type { Pointer } from './stored-form.ts';

/** RFC 9864 name of EdDSA over edwards25519. No other algorithm is ever accepted. */
const ALGORITHM = 'Ed25519';
/** Keeps a signature made for something else from passing as one of a pointer. */
const TYPE = 'portolan-pointer';

export type UnsignedPointer = Omit<Pointer, 'signature'>;

/** `key`: a private OKP JWK; its `kid` travels along. */
export async function signPointer(pointer: UnsignedPointer, key: JWK): Promise<Pointer> {
  const { kid } = key;
  const jws = await new CompactSign(payloadOf(pointer))
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, ...(kid !== undefined && { kid }) })
    .sign(await importJWK(key, ALGORITHM));
  const [header, , signature] = jws.split('.');
  return { ...pointer, signature: `${header}..${signature}` };
}

/**
 * Throws ProgramRejected unless one of the keys signed exactly this pointer. Several keys are for the
 * time in which a new one replaces an old one.
 */
export async function assertPointerSignature(pointer: Pointer, keys: readonly JWK[]): Promise<void> {
  const { signature, ...signed } = pointer;
  if (signature === undefined)
    throw new ProgramRejected('unsigned', POINTER_KEY, 'has no signature, but one is required');
  const [header, , tag] = signature.split('.');
  const jws = `${header}.${base64Url(payloadOf(signed))}.${tag}`;
  for (const key of keys) {
    if (await isSignedBy(jws, key)) return;
  }
  throw new ProgramRejected('bad-signature', POINTER_KEY, 'is not signed by the expected key');
}

async function isSignedBy(jws: string, key: JWK): Promise<boolean> {
  try {
    const { protectedHeader } = await compactVerify(jws, await importJWK(publicPart(key), ALGORITHM), {
      algorithms: [ALGORITHM],
    });
    return protectedHeader.typ === TYPE;
  } catch {
    // A bad signature, a key of another kind, a broken header: none of them is proof.
    return false;
  }
}

/** Verifying takes the public half; a private JWK is accepted and its secret left out. */
function publicPart({ d: _secret, ...key }: JWK): JWK {
  return key;
}

function payloadOf(pointer: UnsignedPointer): Uint8Array {
  return new TextEncoder().encode(canonicalJson(pointer));
}

function base64Url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
