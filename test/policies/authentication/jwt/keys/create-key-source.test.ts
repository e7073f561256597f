/** One source per address, keys that are never fetched, and compiled forms that are not understood. */
import { CompactSign, compactVerify, type JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Json } from '../../../../../src/model/route-model.ts';
import type { PolicyRuntime } from '../../../../../src/policies/contract.ts';
import { createKeySource } from '../../../../../src/policies/authentication/jwt/keys/create-key-source.ts';
import { decodeKeys } from '../../../../../src/policies/authentication/jwt/keys/decode-keys.ts';
import type { CompiledKeys, KeySet } from '../../../../../src/policies/authentication/jwt/keys/key-source.ts';
import { runtimeOf } from '../../../chain.ts';
import { DISCOVERY, failing, HOUR, JWKS, KeyStand, kidsOf, publicJwk, useVirtualTime } from './key-stand.ts';

let a: JWK;
let b: JWK;
beforeAll(async () => {
  a = await publicJwk('a');
  b = await publicJwk('b', 'RS256');
});
beforeEach(useVirtualTime);
afterEach(() => {
  vi.useRealTimers();
});

const nothing = (): void => undefined;

describe('fetched keys', () => {
  it('of one address are one source, whatever route and program version asks', async () => {
    const stand = new KeyStand([a]);
    const first = createKeySource(JWKS, stand.runtime);
    const set = await first.current(stand.waitUntil);
    // What a new program brings is a new runtime over the same ports.
    const later: PolicyRuntime = { ...stand.runtime, failOpen: 'never' };
    const second = createKeySource({ ...JWKS, maxStaleMs: 48 * HOUR }, later);
    expect(second.current(stand.waitUntil)).toBe(set);
    expect(stand.asks).toHaveLength(1);
    stand.answer = failing();
    await vi.advanceTimersByTimeAsync(24 * HOUR);
    await expect(first.current(stand.waitUntil)).rejects.toMatchObject({ code: 'jwks-unavailable' });
    expect(await second.current(stand.waitUntil)).toBe(set);
  });

  it('of other addresses, issuers and processes are not', async () => {
    const stand = new KeyStand([a]);
    const elsewhere = new KeyStand([b]);
    await createKeySource(JWKS, stand.runtime).current(stand.waitUntil);
    await createKeySource({ ...JWKS, path: '/other' }, stand.runtime).current(stand.waitUntil);
    await Promise.resolve(createKeySource(DISCOVERY, stand.runtime).current(stand.waitUntil)).catch(nothing);
    expect(stand.asks.length).toBe(3);
    expect(kidsOf(await createKeySource(JWKS, elsewhere.runtime).current(elsewhere.waitUntil))).toEqual(['b']);
  });
});

describe('inline keys', () => {
  it('are imported once and never asked for', async () => {
    const source = createKeySource({ kind: 'inline', keys: [a, b] }, runtimeOf({}));
    const set = await source.current(nothing);
    expect(kidsOf(set)).toEqual(['a', 'b']);
    expect(source.current(nothing)).toBe(set);
    expect(source.refreshed('c', nothing)).toBe(set);
  });

  it('that are all unusable refuse', async () => {
    const stand = new KeyStand([]);
    const source = createKeySource({ kind: 'inline', keys: [{ kty: 'oct', k: 'AAAA' }] }, stand.runtime);
    await expect(source.current(nothing)).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    await expect(source.current(nothing)).rejects.toMatchObject({ status: 503 });
    expect(stand.reasons('jwks-unusable')).toEqual(['no-usable-key']);
  });
});

function sourceOf(
  secret: string | null,
  algorithm: 'HS256' | 'HS384' | 'HS512',
): { stand: KeyStand; current: () => KeySet | Promise<KeySet> } {
  const stand = new KeyStand([], { secret: (name) => (name === 'TOKENS' ? secret : null) });
  const keys = createKeySource({ kind: 'secret', name: 'TOKENS', algorithm }, stand.runtime);
  return { stand, current: () => keys.current(nothing) };
}

async function idOf(secret: string): Promise<string | undefined> {
  return (await sourceOf(secret, 'HS256').current()).keys[0]?.id;
}

describe('a secret', () => {
  it.each([
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ] as const)('%s needs %d bytes', async (algorithm, bytes) => {
    const right = 'é'.repeat(bytes / 2);
    const set = await sourceOf(right, algorithm).current();
    const [key] = set.keys;
    if (key === undefined) throw new Error('no key');
    expect(key).toMatchObject({ kid: null, algorithms: [algorithm] });
    const jws = await new CompactSign(new Uint8Array([1]))
      .setProtectedHeader({ alg: algorithm })
      .sign(new TextEncoder().encode(right));
    await compactVerify(jws, key.key, { algorithms: [algorithm] });
    const { stand, current } = sourceOf(right.slice(1), algorithm);
    await expect(current()).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    expect(stand.logged).toMatchObject([
      { event: 'jwks-unusable', fields: { address: 'secret TOKENS', reason: 'secret-too-short' } },
    ]);
  });

  it('that is not set refuses and names the variable in the log only', async () => {
    const { stand, current } = sourceOf(null, 'HS256');
    const error: unknown = await Promise.resolve(current()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ status: 503 });
    expect(String(error)).not.toContain('TOKENS');
    expect(stand.reasons('jwks-unusable')).toEqual(['secret-missing']);
  });

  it('has another id when it is another', async () => {
    expect(await idOf('a'.repeat(32))).not.toBe(await idOf('b'.repeat(32)));
  });
});

describe('compiled keys', () => {
  const target = { upstream: 'u', origin: 'https://idp.test', via: { kind: 'binding' } } as const;
  it.each<CompiledKeys>([
    { kind: 'jwks', target, path: '/jwks', maxStaleMs: 5 },
    { kind: 'jwks', target: { ...target, via: { kind: 'vpc', binding: 'V' } }, path: '/', maxStaleMs: 0 },
    { kind: 'discovery', target: { ...target, via: { kind: 'fetch' } }, path: '/d', issuer: 'i', maxStaleMs: 5 },
    { kind: 'inline', keys: [{ kty: 'EC' }] },
    { kind: 'secret', name: 'A', algorithm: 'HS512' },
  ])('are read back: $kind', (keys) => {
    expect(decodeKeys(JSON.parse(JSON.stringify(keys)) as Json)).toEqual(keys);
  });

  it.each<readonly [string, Json]>([
    ['null', null],
    ['a list', []],
    ['no kind', {}],
    ['an unknown kind', { kind: 'pem', text: '' }],
    ['no target', { kind: 'jwks', path: '/', maxStaleMs: 1 }],
    ['no path', { kind: 'jwks', target, maxStaleMs: 1 }],
    ['no bound', { kind: 'jwks', target, path: '/' }],
    ['a negative bound', { kind: 'jwks', target, path: '/', maxStaleMs: -1 }],
    [
      'an unknown transport',
      { kind: 'jwks', target: { ...target, via: { kind: 'pigeon' } }, path: '/', maxStaleMs: 1 },
    ],
    ['no issuer', { kind: 'discovery', target, path: '/', maxStaleMs: 1 }],
    ['no list', { kind: 'inline', keys: {} }],
    ['an unknown algorithm', { kind: 'secret', name: 'A', algorithm: 'none' }],
  ])('with %s are refused', (_name, json) => {
    expect(() => decodeKeys(json)).toThrow();
  });
});
