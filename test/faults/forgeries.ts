/** Pointers that somebody without the key could put into the store. */
import { CompactSign, importJWK, type JWK } from 'jose';
import { canonicalJson } from '../../src/program/canonical-json.ts';
import { signPointer, type UnsignedPointer } from '../../src/program/pointer-signature.ts';
import type { Pointer } from '../../src/program/stored-form.ts';

export type Forgery = { readonly name: string; readonly text: string };

export type ForgeryInput = {
  /** Names the program that must never be served; newer than the genuine one. */
  readonly evil: UnsignedPointer;
  readonly genuine: Pointer;
  /** The publisher's: to sign with it what is no pointer. */
  readonly signKey: JWK;
  readonly publicKey: JWK;
  readonly otherKey: JWK;
};

export async function forgePointers(input: ForgeryInput): Promise<readonly Forgery[]> {
  const { evil, genuine, signKey, publicKey, otherKey } = input;
  const [header = '', tag = ''] = (genuine.signature ?? '').split('..');
  const { signature: _signature, ...plain } = genuine;
  const { sequence } = genuine;
  const later = { ...plain, sequence: sequence + 9, time: '2126-01-01T00:00:00.000Z' };
  const { kty: _kty, ...rest } = publicKey;
  return [
    { name: 'unsigned', text: put(evil) },
    { name: 'unsigned-null', text: JSON.stringify({ ...evil, signature: null }) },
    { name: 'other-key', text: JSON.stringify(await signPointer(evil, otherKey)) },
    { name: 'other-key-same-kid', text: JSON.stringify(await signPointer(evil, { ...otherKey, kid: 'publisher' })) },
    { name: 'signature-of-genuine', text: put(evil, genuine.signature) },
    { name: 'genuine-made-newer', text: put(later, genuine.signature) },
    { name: 'evil-index-only', text: put({ ...plain, index: evil.index, version: evil.version }, genuine.signature) },
    { name: 'alg-none', text: put(evil, `${encode({ alg: 'none', typ: 'portolan-pointer' })}..${tag}`) },
    { name: 'public-key-as-secret', text: put(evil, await hmacSignature(evil, rest)) },
    { name: 'other-type', text: put(evil, await signatureOfType(evil, signKey, 'JWT')) },
    { name: 'no-type', text: put(evil, await signatureOfType(evil, signKey, null)) },
    { name: 'header-only', text: put(evil, `${header}..`) },
    {
      name: 'extra-member',
      text: JSON.stringify({ ...genuine, index: evil.index, version: evil.version, x: plain.index }),
    },
    // Whoever reads the first of two members of one name would verify one thing and serve another.
    { name: 'member-twice', text: twice(genuine, evil) },
  ];
}

function put(pointer: UnsignedPointer, signature?: string): string {
  return JSON.stringify({ ...pointer, signature });
}

function twice(genuine: Pointer, evil: UnsignedPointer): string {
  const text = canonicalJson(genuine);
  return `${text.slice(0, -1)},"index":"${evil.index}","version":"${evil.version}"}`;
}

async function hmacSignature(pointer: UnsignedPointer, publicKey: Readonly<Record<string, unknown>>): Promise<string> {
  const secret = await importJWK({ kty: 'oct', k: String(publicKey['x']) }, 'HS256');
  return detached(
    await new CompactSign(payload(pointer)).setProtectedHeader({ alg: 'HS256', typ: 'portolan-pointer' }).sign(secret),
  );
}

async function signatureOfType(pointer: UnsignedPointer, key: JWK, type: string | null): Promise<string> {
  const signer = new CompactSign(payload(pointer));
  signer.setProtectedHeader({ alg: 'Ed25519', ...(type !== null && { typ: type }) });
  return detached(await signer.sign(await importJWK(key, 'Ed25519')));
}

function payload(pointer: UnsignedPointer): Uint8Array {
  return new TextEncoder().encode(canonicalJson(pointer));
}

function detached(jws: string): string {
  const [header, , tag] = jws.split('.');
  return `${header}..${tag}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
