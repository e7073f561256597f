import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/model/route-model.ts';
import {
  decodeApiKeyRecord,
  decodeKeyPointer,
  encodeApiKeyRecord,
  encodeKeyPointer,
  type ApiKeyRecord,
} from '../../src/keys/api-key-record.ts';
import { createBasicUser, decodeBasicUser, encodeBasicUser, isUserName } from '../../src/keys/basic-user.ts';
import { fromBase64, toBase64 } from '../../src/model/bytes.ts';
import { apiKeyName, generateKeyId, isKeyId, isKeyName, keyIdName } from '../../src/keys/key-names.ts';
import { decodeSecretKeyRecord, encodeSecretKeyRecord } from '../../src/keys/secret-set.ts';
import { isGood, isTime, scopesOf } from '../../src/keys/record-fields.ts';

const names = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text));
const times = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString());
const metadata = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });

const records: fc.Arbitrary<ApiKeyRecord> = fc.record({
  v: fc.constant(1 as const),
  id: fc.constant(null).map(() => generateKeyId()),
  consumer: names,
  plan: fc.option(names),
  env: fc.constantFrom('live' as const, 'test' as const),
  createdAt: times,
  expiresAt: fc.option(times),
  revokedAt: fc.option(times),
  // Through JSON once: -0 is the only value that JSON does not give back.
  metadata: metadata.map((value) => JSON.parse(JSON.stringify(value)) as { readonly [name: string]: Json }),
});

describe('records of keys', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(decodeApiKeyRecord(encodeApiKeyRecord(record))).toEqual(record);
      }),
    );
  });

  it('are none when a member is missing, unknown or of another type', () => {
    fc.assert(
      fc.property(records, fc.nat(8), fc.jsonValue({ maxDepth: 1 }), (record, index, value) => {
        const members = Object.entries(record);
        const [name = ''] = members[index] ?? [];
        expect(
          decodeApiKeyRecord(JSON.stringify(Object.fromEntries(members.filter(([key]) => key !== name)))),
        ).toBeNull();
        expect(decodeApiKeyRecord(JSON.stringify({ ...record, more: value }))).toBeNull();
        const changed = decodeApiKeyRecord(JSON.stringify({ ...record, [name]: value }));
        // A text may be right for a text; nothing else may take its place.
        if (typeof value === 'number' && name !== 'v') expect(changed).toBeNull();
        if (Array.isArray(value) || typeof value === 'boolean') expect(changed).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it.each(['', 'null', '[]', '"x"', '{"v":2}', '{', '{"v":1}', 'x'.repeat(20_000)])('are not %.20j', (text) => {
    expect(decodeApiKeyRecord(text)).toBeNull();
    expect(decodeBasicUser(text)).toBeNull();
    expect(decodeSecretKeyRecord(text)).toBeNull();
    expect(decodeKeyPointer(text)).toBeNull();
  });

  it.each([
    ['2026-02-30T00:00:00.000Z', false],
    ['2026-01-01', false],
    ['2026-01-01T00:00:00Z', false],
    ['2026-01-01T00:00:00.000+01:00', false],
    ['2026-01-01T00:00:00.000Z', true],
  ])('the time %s is one: %s', (text, good) => expect(isTime(text)).toBe(good));

  it('are good until their very expiry, and not after a revocation', () => {
    const expiresAt = '2026-01-01T00:00:00.000Z';
    const end = Date.parse(expiresAt);
    expect(isGood({ expiresAt, revokedAt: null }, end - 1)).toBe(true);
    expect(isGood({ expiresAt, revokedAt: null }, end)).toBe(false);
    expect(isGood({ expiresAt: null, revokedAt: null }, end)).toBe(true);
    expect(isGood({ expiresAt: null, revokedAt: '2999-01-01T00:00:00.000Z' }, end)).toBe(false);
  });

  it('give scopes only when they are a list of texts', () => {
    expect(scopesOf({ scopes: ['a', 'b'] })).toEqual(['a', 'b']);
    for (const scopes of ['a b', 1, null, {}, ['a', 1]]) expect(scopesOf({ scopes })).toEqual([]);
    expect(scopesOf({})).toEqual([]);
  });
});

describe('names', () => {
  it('are digests, known vectors included', async () => {
    // SHA-256 of "abc", FIPS 180-2, appendix B.1.
    expect(await apiKeyName('abc')).toBe('apikey-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('of ids are no path and survive a file system that ignores case', () => {
    for (let count = 0; count < 200; count += 1) {
      const id = generateKeyId();
      expect(isKeyId(id) && isKeyName(keyIdName(id))).toBe(true);
      expect(id).toBe(id.toLowerCase());
    }
  });

  it.each([
    'apikey-',
    'apikey-XYZ',
    `apikey-${'A'.repeat(64)}`,
    'keyid-../current',
    'current',
    '',
    'basic-1',
    '.writing-1',
  ])('%j is none', (name) => expect(isKeyName(name)).toBe(false));

  it('of pointers are checked', () => {
    const name = `apikey-${'0'.repeat(64)}`;
    expect(decodeKeyPointer(encodeKeyPointer(name))).toBe(name);
    expect(decodeKeyPointer(encodeKeyPointer('../x'))).toBeNull();
  });
});

describe('users', () => {
  const fields = {
    user: 'bob',
    consumer: 'bob',
    plan: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    expiresAt: null,
    metadata: {},
  };
  it('come back as they were written, and hold no password', async () => {
    const user = await createBasicUser(fields, 'hunter2');
    const text = encodeBasicUser(user);
    expect(text).not.toContain('hunter2');
    expect(decodeBasicUser(text)).toEqual(user);
    const { password } = user;
    for (const broken of [
      { ...password, rounds: 100_001 },
      { ...password, rounds: 0 },
      { ...password, salt: 'AAAA' },
      { ...password, digest: `${password.digest.slice(0, -2)}!=` },
      { ...password, algorithm: 'md5' },
      { ...password, prehash: 'md5' },
      { ...password, more: 1 },
    ])
      expect(decodeBasicUser(JSON.stringify({ ...user, password: broken }))).toBeNull();
  });

  it('have names that the header can carry', () => {
    expect(['bob', 'b o b', 'Jürgen', '用户'].every(isUserName)).toBe(true);
    expect(['', 'a:b', 'a\n', 'a\u0000', 'x'.repeat(257), 'Ju\u0308rgen'].some(isUserName)).toBe(false);
  });
});

describe('records of keys in Secrets', () => {
  it('come back as they were written', () => {
    const record = { v: 1 as const, places: [{ set: 'shop/keys', entry: 'alice' }] };
    expect(decodeSecretKeyRecord(encodeSecretKeyRecord(record))).toEqual(record);
    expect(decodeSecretKeyRecord('{"v":1,"places":[]}')).toEqual({ v: 1, places: [] });
    for (const places of [
      null,
      {},
      [1],
      [{ set: 'a/b' }],
      [{ set: 'a/b', entry: 1 }],
      [{ set: 'a/b', entry: 'c', more: 1 }],
    ])
      expect(decodeSecretKeyRecord(JSON.stringify({ v: 1, places }))).toBeNull();
  });
});

it('base64 is read in its one form only', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromBase64(toBase64(bytes))).toEqual(Uint8Array.from(bytes));
    }),
  );
  for (const text of ['A', 'AA', 'AAA', 'AB==', 'AAB=', 'A A=', 'AA-_', '====', 'AAAA\n'])
    expect(fromBase64(text)).toBeNull();
});
