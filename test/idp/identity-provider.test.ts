import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startIdentityProvider, type IdentityProvider } from './identity-provider.ts';

let provider: IdentityProvider;
beforeEach(async () => {
  provider = await startIdentityProvider();
});
afterEach(() => provider.close());

async function keySet(): Promise<JSONWebKeySet> {
  return (await (await fetch(provider.jwksURI)).json()) as JSONWebKeySet;
}

describe('the identity provider of the tests', () => {
  it('issues what was asked for, signed with a key of its set', async () => {
    for (const algorithm of ['RS256', 'PS256', 'ES256'] as const) {
      const token = await provider.issueToken({
        audience: 'https://api.test',
        scope: 'read write',
        algorithm,
        lifetimeSeconds: 60,
        claims: { plan: 'gold' },
      });
      const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(await keySet()));
      expect(protectedHeader).toMatchObject({ alg: algorithm, typ: 'at+jwt' });
      expect(payload).toMatchObject({
        iss: provider.issuer,
        aud: 'https://api.test',
        sub: provider.clientId,
        scope: 'read write',
        plan: 'gold',
      });
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    }
  });

  it('rotates', async () => {
    const audience = 'a';
    const old = await provider.issueToken({ audience });
    const kids = provider.rotate({ keepOld: true });
    expect((await keySet()).keys).toHaveLength(4);
    const token = await provider.issueToken({ audience });
    expect(kids).toContain(decodeProtectedHeader(token).kid);
    await jwtVerify(old, createLocalJWKSet(await keySet()));
    provider.rotate();
    await expect(jwtVerify(old, createLocalJWKSet(await keySet()))).rejects.toThrow();
    expect(decodeJwt(token).iss).toBe(provider.issuer);
  });
});
