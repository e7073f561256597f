/** Ed25519 signatures of stored values: detached JWS in compact form (RFC 7515, appendix F) over canonical JSON. */
import { compactVerify, CompactSign, importJWK, type JWK } from 'jose';
import { toBase64Url } from '../model/bytes.ts';
import { canonicalJson } from './canonical-json.ts';

/** RFC 9864 name of EdDSA over edwards25519. No other algorithm is ever accepted. */
const ALGORITHM = 'Ed25519';

/**
 * @param key a private OKP JWK; its `kid` travels along
 * @param type keeps a signature made for something else from passing as one of this
 */
export async function signDetached(value: object, key: JWK, type: string): Promise<string> {
  const { kid } = key;
  const jws = await new CompactSign(payloadOf(value))
    .setProtectedHeader({ alg: ALGORITHM, typ: type, ...(kid !== undefined && { kid }) })
    .sign(await importJWK(key, ALGORITHM));
  const [header, , signature] = jws.split('.');
  return `${header}..${signature}`;
}

/** Whether one of the keys signed exactly this value as one of this type. */
export async function isSignedDetached(
  value: object,
  signature: string,
  keys: readonly JWK[],
  type: string,
): Promise<boolean> {
  const [header, , tag] = signature.split('.');
  const jws = `${header}.${toBase64Url(payloadOf(value))}.${tag}`;
  for (const key of keys) {
    if (await isSignedBy(jws, key, type)) return true;
  }
  return false;
}

async function isSignedBy(jws: string, key: JWK, type: string): Promise<boolean> {
  try {
    const { protectedHeader } = await compactVerify(jws, await importJWK(publicPart(key), ALGORITHM), {
      algorithms: [ALGORITHM],
    });
    return protectedHeader.typ === type;
  } catch {
    // A bad signature, a key of another kind, a broken header: none of them is proof.
    return false;
  }
}

/** Verifying takes the public half; a private JWK is accepted and its secret left out. */
function publicPart({ d: _secret, ...key }: JWK): JWK {
  return key;
}

function payloadOf(value: object): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}
