/** The `jwt` method on the runtime's own cryptography, which is not Node's. The attacks themselves: test/policies/authentication/jwt. */
import { base64url, CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/model/route-model.ts';
import { jwtMethod } from '../../src/policies/authentication/jwt/method.ts';
import type { AuthMethod, AuthVerdict } from '../../src/policies/authentication/method.ts';
import type { PolicyRuntime, RequestFacts } from '../../src/policies/contract.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const NOW_S = 1_795_636_800;
const SECRET = 'a secret of the process, 32 bytes or more';

const unused = (): Promise<never> => Promise.reject(new Error('not used in this test'));

function methodOf(keys: Json, algorithms: readonly string[], realm: string): AuthMethod {
  const config = {
    keys,
    algorithms,
    issuers: ['iss'],
    audiences: ['aud'],
    required: [{ name: 'exp' }],
    leeway: { exp: 0, nbf: 0, iat: 0 },
    scopes: [],
    token: { authorization: true },
    realm,
    inject: [
      {
        name: 'x-sub',
        value: [{ node: 'print', pipe: { commands: [{ args: [{ is: 'dot', fields: ['token', 'Claims', 'sub'] }] }] } }],
      },
    ],
  } satisfies Json;
  const runtime: PolicyRuntime = {
    rateLimiter: { take: unused, reserve: unused, charge: () => undefined },
    fence: () => null,
    log: () => undefined,
    askPublic: null,
    keys: { get: unused },
    secret: () => SECRET,
    shared: null,
    failOpen: 'never',
    now: () => NOW_S * 1_000,
    ask: unused,
    regex: () => false,
  };
  return jwtMethod.create(config, runtime);
}

function check(method: AuthMethod, token: string): AuthVerdict | Promise<AuthVerdict> {
  const facts: RequestFacts = {
    requestId: 'r',
    method: 'GET',
    scheme: 'https',
    hostname: 'a.example',
    authority: 'a.example',
    path: '/',
    query: null,
    clientIp: '203.0.113.7',
    peerIp: '203.0.113.7',
    place: null,
    headers: new Headers({ authorization: `Bearer ${token}` }),
  };
  const body = { peek: () => Promise.resolve({ bytes: new Uint8Array(), isWhole: true }) };
  return method.check({ facts, body, waitUntil: () => undefined, routeId: 'r', scopes: [] });
}

async function outcome(method: AuthMethod, token: string): Promise<string> {
  const verdict = await check(method, token);
  return verdict.kind === 'allow' ? `allow ${verdict.consumer?.id} ${verdict.edits[0]?.value}` : verdict.code;
}

function sign(alg: string, key: CryptoKey | Uint8Array, kid: string): Promise<string> {
  const claims = { iss: 'iss', aud: 'aud', sub: 'Zoë', exp: NOW_S + 60 };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg, kid }).sign(key);
}

/** Other signatures: one bit, all zeros, too short, too long, somebody else's. */
function forgeries(token: string): string[] {
  const at = token.lastIndexOf('.') + 1;
  const signature = base64url.decode(token.slice(at));
  const flipped = signature.slice();
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  const others = [flipped, new Uint8Array(signature.length), signature.slice(1), Uint8Array.from([...signature, 0])];
  return others.map((each) => token.slice(0, at) + base64url.encode(each));
}

describe('jwt in workerd', () => {
  it.each(ALGORITHMS)('%s: good tokens pass, the second time at once; forged ones never', async (alg) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk: JWK = { ...(await exportJWK(publicKey)), alg, kid: alg };
    const method = methodOf({ kind: 'inline', keys: [JSON.parse(JSON.stringify(jwk)) as Json] }, [alg], alg);
    const token = await sign(alg, privateKey, alg);
    for (const forged of forgeries(token)) expect(await outcome(method, forged)).toBe('token-invalid');
    expect(await outcome(method, token)).toBe('allow Zoë Zo%C3%AB');
    expect(check(method, token)).not.toBeInstanceOf(Promise);
    expect(await outcome(method, token)).toBe('allow Zoë Zo%C3%AB');
    for (const forged of forgeries(token)) expect(await outcome(method, forged)).toBe('token-invalid');
    const stranger = await generateKeyPair(alg, { extractable: true });
    expect(await outcome(method, await sign(alg, stranger.privateKey, alg))).toBe('token-invalid');
  });

  it.each(['HS256'])('%s: by a secret of the process', async (alg) => {
    const method = methodOf({ kind: 'secret', name: 'S', algorithm: alg }, [alg], alg);
    const token = await sign(alg, new TextEncoder().encode(SECRET), 'any');
    expect(await outcome(method, token)).toBe('allow Zoë Zo%C3%AB');
    for (const forged of forgeries(token)) expect(await outcome(method, forged)).toBe('token-invalid');
  });

  it('reads no token that is not canonical', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk: JWK = { ...(await exportJWK(publicKey)), alg: 'ES256' };
    const method = methodOf(
      { kind: 'inline', keys: [JSON.parse(JSON.stringify(jwk)) as Json] },
      ['ES256'],
      'canonical',
    );
    const token = await sign('ES256', privateKey, 'k');
    expect(await outcome(method, token)).toBe('allow Zoë Zo%C3%AB');
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const next = last[last.indexOf(token.at(-1) ?? '') + 1] ?? '';
    for (const text of [
      `${token}=`,
      `${token}==`,
      token.slice(0, -1) + next,
      token.replace('.', '..'),
      `${token}.`,
      token.replaceAll('.', '. '),
    ]) {
      expect(await outcome(method, text)).toBe('token-invalid');
    }
  });
});
