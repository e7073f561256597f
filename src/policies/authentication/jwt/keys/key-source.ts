/** Where the keys of an issuer come from, as the `jwt` method sees it. Types only; imported by both sides. */
import type { Json } from '../../../../model/route-model.ts';
import type { PolicyTarget } from '../../../contract.ts';

/** Keys that may verify tokens of one issuer. */
export type VerifyKey = {
  readonly kid: string | null;
  /** JWS algorithms this key may be used with, by kty/crv/alg/use/key_ops of the JWK. */
  readonly algorithms: readonly string[];
  readonly key: CryptoKey | Uint8Array;
  /** Identity of the key material (RFC 7638 thumbprint); changes when the key does. */
  readonly id: string;
};
export type KeySet = { readonly keys: readonly VerifyKey[]; readonly version: number };
export interface KeySource {
  /** The usable set now; a promise only while there is none yet. Rejects with GatewayError 503 `jwks-unavailable` (Retry-After) when there is none. `waitUntil` keeps refreshing alive. */
  current(waitUntil: (work: Promise<unknown>) => void): KeySet | Promise<KeySet>;
  /** After a token named a kid that `current` lacks: a set that may be newer; the same set when the cooldown forbids asking. */
  refreshed(unknownKid: string, waitUntil: (work: Promise<unknown>) => void): KeySet | Promise<KeySet>;
}
/** Compiled description of where keys come from. */
export type CompiledKeys =
  | { readonly kind: 'jwks'; readonly target: PolicyTarget; readonly path: string; readonly maxStaleMs: number }
  | {
      readonly kind: 'discovery';
      readonly target: PolicyTarget;
      readonly path: string;
      readonly issuer: string;
      readonly maxStaleMs: number;
    }
  | { readonly kind: 'inline'; readonly keys: readonly Json[] }
  | { readonly kind: 'secret'; readonly name: string; readonly algorithm: 'HS256' | 'HS384' | 'HS512' };
