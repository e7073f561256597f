/** A real identity provider behind the whole gateway: its tokens, its key rotations, its outages. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startIdentityProvider, type FailMode, type IdentityProvider } from '../idp/identity-provider.ts';
import { CLOCK_HEADER } from './bundle-clocked-worker.ts';
import { send, startProtectedStand, type ProtectedStand } from './protected-stand.ts';

const AUDIENCE = 'https://api.test';
const ALGORITHMS = ['RS256', 'PS256', 'ES256'] as const;
const ROUTES = ['by-url', 'by-discovery'] as const;

let provider: IdentityProvider;
let other: IdentityProvider;
let stand: ProtectedStand;

function route(name: string, auth: unknown): object {
  const set = { 'X-Consumer': '%CONSUMER_ID%', 'X-Issuer': '%CONSUMER_ISSUER%' };
  return { name, path: `/${name}/`, backend: 'BACKEND', policies: { auth }, requestHeaders: { set } };
}

beforeAll(async () => {
  [provider, other] = await Promise.all([startIdentityProvider(), startIdentityProvider()]);
  const { issuer, jwksURI } = provider;
  const common = { issuer, audience: AUDIENCE, algorithms: [...ALGORITHMS], typ: 'at+jwt', refuseIdTokens: true };
  stand = await startProtectedStand({
    config: {
      authentication: {
        'by-url': { jwt: { ...common, jwksURI } },
        'by-discovery': { jwt: { ...common, discovery: true } },
        scoped: { jwt: { ...common, jwksURI, scopes: ['orders:read'] } },
        other: { jwt: { ...common, issuer: other.issuer, discovery: true } },
      },
      routes: [
        ...ROUTES.map((name) => route(name, name)),
        route('scoped', 'scoped'),
        route('either', { anyOf: ['by-url', 'other'] }),
      ],
    },
    movesClock: true,
  });
});
afterAll(async () => {
  await stand.close();
  await Promise.all([provider.close(), other.close()]);
});

async function outcome(name: string, token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const before = stand.arrived.length;
  const { status, code } = await send(stand.port, { path: `/${name}/x`, headers });
  expect(stand.arrived.length - before).toBe(status === 200 ? 1 : 0);
  return code === null ? String(status) : `${status} ${code}`;
}

async function pass(seconds: number): Promise<void> {
  await send(stand.port, { path: '/', headers: { [CLOCK_HEADER]: String(seconds * 1_000) } });
}

const issue = (algorithm: (typeof ALGORITHMS)[number], from = provider): Promise<string> =>
  from.issueToken({ audience: AUDIENCE, algorithm, lifetimeSeconds: 86_400 });

describe('tokens of a provider', () => {
  it.each(ALGORITHMS)('with %s pass, found by URL and by discovery', async (algorithm) => {
    const token = await issue(algorithm);
    for (const name of ROUTES) expect([name, await outcome(name, token)]).toEqual([name, '200']);
    expect(stand.arrived.at(-1)?.headers).toMatchObject({
      'x-consumer': provider.clientId,
      'x-issuer': provider.issuer.replaceAll('%', '%25'),
    });
  });

  it('for somebody else, or of somebody else, do not', async () => {
    const elsewhere = await provider.issueToken({ audience: 'https://other.test' });
    for (const token of [elsewhere, await issue('RS256', other)]) {
      for (const name of ROUTES) expect(await outcome(name, token)).toBe('401 token-invalid');
    }
  });

  it('end when they say, also where they were verified before', async () => {
    const token = await provider.issueToken({ audience: AUDIENCE, lifetimeSeconds: 100 });
    expect(await outcome('by-url', token)).toBe('200');
    // And a minute of leeway.
    await pass(100 + 60);
    for (const name of ROUTES) expect(await outcome(name, token)).toBe('401 token-invalid');
  });

  it('of either of two providers, where both are accepted', async () => {
    for (const from of [provider, other]) {
      expect(await outcome('either', await issue('ES256', from))).toBe('200');
      expect(stand.arrived.at(-1)?.headers['x-issuer']).toBe(from.issuer);
    }
  });

  it('with the scope that is asked for', async () => {
    for (const [scope, expected] of [
      ['orders:read orders:write', '200'],
      ['orders:readall', '403 insufficient-scope'],
    ] as const) {
      expect(await outcome('scoped', await provider.issueToken({ audience: AUDIENCE, scope }))).toBe(expected);
    }
  });
});

describe('keys that a provider rotates', () => {
  it('are picked up, the old ones go on while it names them', async () => {
    const old = await issue('RS256');
    for (const name of ROUTES) expect(await outcome(name, old)).toBe('200');
    provider.rotate({ keepOld: true });
    await pass(31);
    const young = await issue('RS256');
    for (const name of ROUTES) {
      expect([name, await outcome(name, young), await outcome(name, old)]).toEqual([name, '200', '200']);
    }
    provider.rotate();
    await pass(600);
    for (const name of ROUTES) {
      const outcomes = [
        await outcome(name, await issue('ES256')),
        await outcome(name, young),
        await outcome(name, old),
      ];
      expect([name, ...outcomes]).toEqual([name, '200', '401 token-invalid', '401 token-invalid']);
    }
  });
});

describe('a provider that is away for 30 minutes', () => {
  it('refuses no good token: new ones, known ones, by any algorithm', async () => {
    const known = await Promise.all(ALGORITHMS.map((algorithm) => issue(algorithm)));
    for (const name of ROUTES) for (const token of known) expect(await outcome(name, token)).toBe('200');
    const fresh = await Promise.all(Array.from({ length: 60 }, (_, index) => issue(ALGORITHMS[index % 3] ?? 'RS256')));
    const modes: readonly FailMode[] = ['status-500', 'reset', 'html', 'huge', 'empty', 'redirect', 'invalid-json'];
    const outcomes = new Map<string, number>();
    const requestsBefore = provider.requests.jwks + provider.requests.discovery;
    let sent = 0;
    for (let step = 0; step < 600; step += 1) {
      provider.fail(modes[Math.floor(step / 20) % modes.length] ?? null);
      const token = step % 10 === 0 ? (fresh[step / 10] ?? '') : (known[step % 3] ?? '');
      for (const name of ROUTES) {
        const result = await outcome(name, token);
        outcomes.set(result, (outcomes.get(result) ?? 0) + 1);
        sent += 1;
      }
      await pass(3);
    }
    expect([...outcomes]).toEqual([['200', sent]]);
    const asked = provider.requests.jwks + provider.requests.discovery - requestsBefore;
    process.stdout.write(`30 minutes of outage: ${sent} requests, 0 refused, the provider was asked ${asked} times\n`);
    expect(asked).toBeGreaterThan(20);
    // A token that nobody signed is no better for it.
    const strange = (await issue('RS256', other)).replace(/\.[^.]*$/, '.AAAA');
    expect(await outcome('by-url', strange)).toBe('401 token-invalid');
    provider.fail(null);
    provider.rotate();
    await pass(120);
    for (const name of ROUTES) expect(await outcome(name, await issue('PS256'))).toBe('200');
  });
});
