import { importJWK, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KeySet, VerifyKey } from '../../../../src/policies/authentication/jwt/keys/key-source.ts';
import { parseJws } from '../../../../src/policies/authentication/jwt/parse-token.ts';
import { signingKey } from '../../../../src/policies/authentication/jwt/verify-signature.ts';
import { makeKey, sign, type SigningKey } from './jwt-stand.ts';

let key: SigningKey;

beforeAll(async () => {
  key = await makeKey('ES256', { kid: 'a' });
});

async function verifyKey(
  kid: string | null,
  jwk: JWK = key.jwk,
  algorithms: readonly string[] = ['ES256'],
): Promise<VerifyKey> {
  return { kid, algorithms, key: await importJWK(jwk, 'ES256'), id: kid ?? 'none' };
}

const set = (list: readonly VerifyKey[]): KeySet => ({ keys: list, version: 1 });

async function judge(
  keys: readonly VerifyKey[],
  { later = keys, kid = 'a' }: { later?: readonly VerifyKey[]; kid?: string | undefined } = {},
): Promise<{ id: string | null; asked: string[] }> {
  const asked: string[] = [];
  const token = parseJws(await sign(key, undefined, { kid }));
  if (token === null) throw new Error('no token');
  const source = {
    current: () => set(keys),
    refreshed: (unknownKid: string) => {
      asked.push(unknownKid);
      return set(later);
    },
  };
  const signed = await signingKey(token, source, () => undefined);
  return { id: signed?.key.id ?? null, asked };
}

describe('signing key', () => {
  it('must be meant for the algorithm, also where it could compute it', async () => {
    expect(await judge([await verifyKey('a')])).toEqual({ id: 'a', asked: [] });
    expect(await judge([await verifyKey('a', key.jwk, ['ES384'])])).toEqual({ id: null, asked: [] });
  });

  it('that the set lacks is asked for, once, by its id', async () => {
    const other = await verifyKey('b', (await makeKey('ES256')).jwk);
    expect(await judge([other], { later: [other, await verifyKey('a')] })).toEqual({ id: 'a', asked: ['a'] });
    expect(await judge([other])).toEqual({ id: null, asked: ['a'] });
  });

  it('without an id is tried when no key has the id of the token', async () => {
    expect(await judge([await verifyKey(null)])).toEqual({ id: 'none', asked: ['a'] });
    const wrong = await verifyKey('a', (await makeKey('ES256')).jwk);
    expect(await judge([await verifyKey(null), wrong])).toEqual({ id: null, asked: [] });
  });
});
