/** OpenID Connect discovery: whose document it is, and where it may send us. */
import type { JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RemoteKeys } from '../../../../../src/policies/authentication/jwt/keys/remote-keys.ts';
import { DISCOVERY, HOUR, KeyStand, kidsOf, MINUTE, publicJwk, SECOND, useVirtualTime } from './key-stand.ts';

const DAY = 24 * HOUR;
const PROVIDER = 'https://idp.test';
let a: JWK;

beforeAll(async () => {
  a = await publicJwk('a');
});
beforeEach(useVirtualTime);
afterEach(() => {
  vi.useRealTimers();
});

/** A provider with this document; its key set is wherever it is asked for. */
function standOf(document: object | string, ports: { readonly isolated?: true } = {}): KeyStand {
  const stand = new KeyStand([], ports.isolated === true ? { askPublic: null } : {});
  stand.answer = () =>
    stand.asks.at(-1)?.url.endsWith('/openid-configuration') === true
      ? new Response(typeof document === 'string' ? document : JSON.stringify(document))
      : Response.json({ keys: [a] });
  return stand;
}

function sourceOf(stand: KeyStand, issuer: string | null = null): () => Promise<readonly (string | null)[]> {
  const address = issuer === null ? DISCOVERY : { ...DISCOVERY, issuer };
  const keys = new RemoteKeys(address, stand.runtime, () => 0.5);
  keys.join(stand.runtime, DAY);
  return async () => kidsOf(await keys.current(DAY, stand.waitUntil));
}

describe('discovery', () => {
  it('finds the set on the issuer’s own origin, through the way configured for it', async () => {
    const stand = standOf({ issuer: PROVIDER, jwks_uri: `${PROVIDER}:443/oauth/keys?v=1` });
    expect(await sourceOf(stand)()).toEqual(['a']);
    expect(stand.asks.map(({ url }) => url)).toEqual([
      `${PROVIDER}/.well-known/openid-configuration`,
      `${PROVIDER}/oauth/keys?v=1`,
    ]);
  });

  it('does so on a private or plain-http origin as well, because the operator wrote it', async () => {
    const stand = standOf({ issuer: 'http://10.0.0.7:8080/realms/a', jwks_uri: 'http://10.0.0.7:8080/realms/a/certs' });
    expect(await sourceOf(stand, 'http://10.0.0.7:8080/realms/a')()).toEqual(['a']);
    // The address to connect to is the target's, wherever that was mapped.
    expect(stand.asks[1]?.url).toBe(`${PROVIDER}/realms/a/certs`);
  });

  it.each(['https://keys.cdn.example/jwks', 'https://8.8.8.8/jwks', 'https://[2606:4700::1111]/jwks'])(
    'finds it on another public https host: %s',
    async (uri) => {
      const stand = standOf({ issuer: PROVIDER, jwks_uri: uri });
      expect(await sourceOf(stand)()).toEqual(['a']);
      expect(stand.asks[1]?.url).toBe(uri);
    },
  );

  it.each([
    'http://keys.cdn.example/jwks',
    'http://idp.test/jwks',
    'https://10.0.0.1/jwks',
    'https://0x7f.1/jwks',
    'https://2130706433/jwks',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/jwks',
    'https://[::ffff:10.0.0.1]/jwks',
    'https://localhost/jwks',
    'https://LOCALHOST./jwks',
    'https://vault/jwks',
    'https://keys.default.svc.cluster.local/jwks',
    'https://metadata.google.internal/jwks',
    'ftp://keys.cdn.example/jwks',
    'data:application/json,{"keys":[]}',
  ])('refuses %s by a code of its own, without asking', async (uri) => {
    const stand = standOf({ issuer: PROVIDER, jwks_uri: uri });
    await expect(sourceOf(stand)()).rejects.toMatchObject({ status: 503, code: 'jwks-uri-not-public' });
    expect(stand.asks).toHaveLength(1);
    expect(stand.reasons()).toEqual(['jwks-uri-not-public']);
  });

  it('says when the process has no way to public addresses', async () => {
    const other = standOf({ issuer: PROVIDER, jwks_uri: 'https://keys.cdn.example/jwks' }, { isolated: true });
    await expect(sourceOf(other)()).rejects.toMatchObject({ status: 503, code: 'jwks-network-missing' });
    const own = standOf({ issuer: PROVIDER, jwks_uri: `${PROVIDER}/jwks` }, { isolated: true });
    expect(await sourceOf(own)()).toEqual(['a']);
  });

  it.each<readonly [string, object | string]>([
    ['discovery-issuer-mismatch', { issuer: `${PROVIDER}/`, jwks_uri: `${PROVIDER}/jwks` }],
    ['discovery-issuer-mismatch', { issuer: 'https://IDP.test', jwks_uri: `${PROVIDER}/jwks` }],
    ['discovery-issuer-mismatch', { issuer: [PROVIDER], jwks_uri: `${PROVIDER}/jwks` }],
    ['discovery-issuer-mismatch', { jwks_uri: `${PROVIDER}/jwks` }],
    ['discovery-issuer-mismatch', '[]'],
    ['discovery-invalid-json', '{"issuer"'],
    ['discovery-invalid-json', ''],
    ['discovery-invalid-json', '{} {}'],
    ['discovery-no-jwks-uri', { issuer: PROVIDER }],
    ['discovery-no-jwks-uri', { issuer: PROVIDER, jwks_uri: '/jwks' }],
    ['discovery-no-jwks-uri', { issuer: PROVIDER, jwks_uri: ['https://idp.test/jwks'] }],
    ['discovery-no-jwks-uri', { issuer: PROVIDER, jwks_uri: 'https://user:word@keys.cdn.example/jwks' }],
  ])('refuses a document: %s', async (reason, document) => {
    const stand = standOf(document);
    await expect(sourceOf(stand)()).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    expect(stand.asks).toHaveLength(1);
    expect(stand.reasons()).toEqual([reason]);
  });

  it('gives both requests together five seconds', async () => {
    const stand = standOf({ issuer: PROVIDER, jwks_uri: `${PROVIDER}/jwks` });
    stand.latencyMs = 3 * SECOND;
    const refused = expect(sourceOf(stand)()).rejects.toMatchObject({ status: 503 });
    await vi.advanceTimersByTimeAsync(5 * SECOND);
    await refused;
    expect(stand.reasons()).toEqual(['timeout']);
  });

  it('follows a set that moves, and keeps the old one when it moves out of reach', async () => {
    let uri = `${PROVIDER}/one`;
    const stand = new KeyStand([]);
    stand.answer = () =>
      stand.asks.at(-1)?.url.endsWith('/openid-configuration') === true
        ? Response.json({ issuer: PROVIDER, jwks_uri: uri })
        : Response.json({ keys: [a] });
    const current = sourceOf(stand);
    await current();
    uri = `${PROVIDER}/two`;
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    await current();
    expect(stand.asks.at(-1)?.url).toBe(`${PROVIDER}/two`);
    uri = 'https://10.0.0.1/jwks';
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(await current()).toEqual(['a']);
  });
});
