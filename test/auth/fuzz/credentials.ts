/** Credentials of the fuzz: those the test issued as good, and those that are good for nothing. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { JWK } from 'jose';
import { generateApiKey, type KeyEnvironment } from '../../../src/keys/api-key.ts';
import { encodeApiKeyRecord, type ApiKeyRecord } from '../../../src/keys/api-key-record.ts';
import { apiKeyName, generateKeyId } from '../../../src/keys/key-names.ts';
import { makeKey, sign } from '../../policies/authentication/jwt/jwt-stand.ts';
import { goodClaims, nowS, unsigned } from '../attack-stand.ts';

export type Credential = {
  readonly kind: 'token' | 'key' | 'caller';
  readonly text: string;
  /** Whom it makes of its bearer; null: it is not good. */
  readonly consumer: string | null;
  readonly isAdmin: boolean;
};

export type Credentials = {
  readonly jwks: readonly JWK[];
  readonly good: readonly Credential[];
  readonly bad: readonly Credential[];
  /** Writes the records of the keys, good and bad ones. */
  store(folder: string): void;
};

/** `x-who` of callers whom the external service knows. */
export const KNOWN_CALLER = 'caller-1';

function token(text: string, consumer: string | null, isAdmin = false): Credential {
  return { kind: 'token', text, consumer, isAdmin };
}

function lasting(claims: object): object {
  return goodClaims({ exp: nowS() + 86_400, ...claims });
}

export async function makeCredentials(): Promise<Credentials> {
  const records = new Map<string, string>();
  const [rsa, ec, stranger] = await Promise.all([makeKey('RS256'), makeKey('ES256'), makeKey('ES256')]);
  const issueKey = async (consumer: string | null, more: Partial<ApiKeyRecord> = {}): Promise<Credential> => {
    const env: KeyEnvironment = more.env ?? 'live';
    const text = generateApiKey(env);
    const dates = { createdAt: '2026-01-01T00:00:00.000Z', expiresAt: null, revokedAt: null };
    const id = generateKeyId();
    const record = {
      v: 1,
      id,
      consumer: consumer ?? 'nobody',
      plan: null,
      env,
      metadata: {},
      ...dates,
      ...more,
    } as const;
    records.set(await apiKeyName(text), encodeApiKeyRecord(record));
    return { kind: 'key', text, consumer, isAdmin: false };
  };
  const good = [
    token(await sign(rsa, lasting({ sub: 'user-1' })), 'user-1'),
    token(await sign(ec, lasting({ sub: 'user-2' })), 'user-2'),
    token(await sign(ec, lasting({ sub: 'user-3', scope: 'admin' })), 'user-3', true),
    await issueKey('acme-1'),
    await issueKey('acme-2'),
    { kind: 'caller', text: KNOWN_CALLER, consumer: KNOWN_CALLER, isAdmin: false },
  ] as const;
  const past = '2026-01-02T00:00:00.000Z';
  const bad = [
    token(await sign(stranger, lasting({ sub: 'user-2' })), null),
    token(await sign(ec, lasting({ exp: nowS() - 120 })), null),
    token(await sign(ec, lasting({ aud: 'other' })), null),
    token(await sign(ec, lasting({ iss: 'https://other.example/' })), null),
    token(`${unsigned({ alg: 'none' })}.`, null),
    token(await sign(ec, lasting({}), { kid: rsa.jwk.kid }), null),
    token('not a token', null),
    await issueKey(null, { revokedAt: past }),
    await issueKey(null, { expiresAt: past }),
    await issueKey(null, { env: 'test' }),
    { kind: 'key', text: generateApiKey('live'), consumer: null, isAdmin: false },
    { kind: 'caller', text: 'stranger', consumer: null, isAdmin: false },
  ] as const;
  return {
    jwks: [rsa.jwk, ec.jwk],
    good,
    bad,
    store: (folder) => {
      for (const [name, text] of records) fs.writeFileSync(path.join(folder, name), text);
    },
  };
}
