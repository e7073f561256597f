/** Credentials of the auth bench: tokens of one issuer and one API key, good ones and bad ones. */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { generateApiKey } from '../../src/keys/api-key.ts';
import { encodeApiKeyRecord } from '../../src/keys/api-key-record.ts';
import { apiKeyName, generateKeyId } from '../../src/keys/key-names.ts';

export const ISSUER = 'https://id.example.com';
export const AUDIENCE = 'orders-api';
const LIFE_S = 3_600;

type KeyPair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };

/** ES256, and what an access token of a common provider holds: 0.5 KB. */
export class TokenMint {
  readonly #pair: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #stranger: KeyPair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #nowS = Math.floor(Date.now() / 1_000);
  readonly #kid = crypto.randomUUID();

  get jwk(): JWK & { readonly kid: string } {
    return { ...this.#pair.publicKey.export({ format: 'jwk' }), kid: this.#kid, alg: 'ES256', use: 'sig' };
  }

  /** Distinct ones. */
  many(count: number): readonly string[] {
    return Array.from({ length: count }, () => this.#mint({}, this.#pair));
  }

  /** What must be refused, by what is wrong with it. `good` is one that may have been accepted before. */
  bad(good: string): Readonly<Record<string, string>> {
    const [header = '', payload = ''] = good.split('.');
    const [otherHeader, otherPayload, otherSignature] = this.#mint({ sub: 'somebody-else' }, this.#pair).split('.');
    return {
      'signed by a stranger': this.#mint({}, this.#stranger),
      'signature of another token': `${header}.${payload}.${otherSignature}`,
      'claims of another token': `${otherHeader}.${otherPayload}.${good.split('.')[2]}`,
      expired: this.#mint({ exp: this.#nowS - LIFE_S }, this.#pair),
      'of another issuer': this.#mint({ iss: 'https://other.example.com' }, this.#pair),
      'for another audience': this.#mint({ aud: 'other-api' }, this.#pair),
    };
  }

  #mint(changes: Readonly<Record<string, string | number>>, { privateKey }: KeyPair): string {
    const claims = {
      iss: ISSUER,
      aud: AUDIENCE,
      sub: crypto.randomUUID(),
      jti: crypto.randomUUID(),
      azp: 'web-app',
      scope: 'openid profile orders:read orders:write',
      iat: this.#nowS - 60,
      exp: this.#nowS + LIFE_S,
      ...changes,
    };
    const text = `${encoded({ alg: 'ES256', typ: 'JWT', kid: this.#kid })}.${encoded(claims)}`;
    // The raw form of RFC 7518 §3.4 in place of DER.
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }
}

function encoded(part: Readonly<Record<string, string | number>>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

export type IssuedKey = { readonly key: string; readonly name: string; readonly record: string };

/** As `portolan keys create` issues one. */
export async function issueKey(): Promise<IssuedKey> {
  const key = generateApiKey('live');
  const record = encodeApiKeyRecord({
    v: 1,
    id: generateKeyId(),
    consumer: 'partner',
    plan: null,
    env: 'live',
    createdAt: new Date().toISOString(),
    expiresAt: null,
    revokedAt: null,
    metadata: {},
  });
  return { key, name: await apiKeyName(key), record };
}
