/** Which keys may verify what, and which may not at all. */
import * as nodeCrypto from 'node:crypto';
import * as fc from 'fast-check';
import { CompactSign, compactVerify, exportJWK, generateKeyPair, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../../../../src/model/route-model.ts';
import {
  fingerprintOf,
  importKeys,
  keySetOf,
  parseKeySet,
} from '../../../../../src/policies/authentication/jwt/keys/import-key-set.ts';
import { judgeJwk } from '../../../../../src/policies/authentication/jwt/keys/judge-jwk.ts';
import { rsaDefect } from '../../../../../src/policies/authentication/jwt/keys/rsa-strength.ts';

const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
let rsa: JWK;
let ec: JWK;
let ed: JWK;
let rsaPrivate: JWK;

beforeAll(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  rsa = await exportJWK(pair.publicKey);
  rsaPrivate = await exportJWK(pair.privateKey);
  ec = await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey);
  ed = await exportJWK((await generateKeyPair('EdDSA', { extractable: true })).publicKey);
});

const judge = (jwk: unknown): ReturnType<typeof judgeJwk> => judgeJwk(jwk as Json);
function algorithmsOf(jwk: unknown): readonly string[] | string {
  const judged = judge(jwk);
  return typeof judged === 'string' ? judged : judged.algorithms;
}

describe('what a key may be used with', () => {
  it('follows from its type, and `alg` narrows it', () => {
    expect(algorithmsOf(rsa)).toEqual(RSA_ALGORITHMS);
    for (const alg of RSA_ALGORITHMS) expect(algorithmsOf({ ...rsa, alg })).toEqual([alg]);
    expect(algorithmsOf(ec)).toEqual(['ES256']);
    expect(algorithmsOf({ ...ec, alg: 'ES256' })).toEqual(['ES256']);
    expect(algorithmsOf(ed)).toEqual(['EdDSA', 'Ed25519']);
    expect(algorithmsOf({ ...ed, alg: 'Ed25519' })).toEqual(['EdDSA', 'Ed25519']);
    expect(algorithmsOf({ ...ec, use: 'sig', key_ops: ['verify'] })).toEqual(['ES256']);
  });

  it.each<readonly [string, () => unknown]>([
    ['unsupported-algorithm', () => ({ ...rsa, alg: 'RSA-OAEP' })],
    ['unsupported-algorithm', () => ({ ...rsa, alg: 'HS256' })],
    ['unsupported-algorithm', () => ({ ...rsa, alg: 'none' })],
    ['unsupported-algorithm', () => ({ ...rsa, alg: 'ES256' })],
    ['unsupported-algorithm', () => ({ ...rsa, alg: ['RS256'] })],
    ['unsupported-algorithm', () => ({ ...rsa, alg: null })],
    ['unsupported-algorithm', () => ({ ...ec, alg: 'ES384' })],
    ['unsupported-algorithm', () => ({ ...ec, alg: 'EdDSA' })],
    ['unsupported-algorithm', () => ({ ...ed, alg: 'ES256' })],
    ['wrong-use', () => ({ ...ec, use: 'enc' })],
    ['wrong-use', () => ({ ...ec, use: null })],
    ['wrong-key-ops', () => ({ ...ec, key_ops: ['encrypt'] })],
    ['wrong-key-ops', () => ({ ...ec, key_ops: [] })],
    ['wrong-key-ops', () => ({ ...ec, key_ops: 'verify' })],
    ['wrong-key-ops', () => ({ ...ec, use: 'sig', key_ops: ['sign'] })],
    ['bad-kid', () => ({ ...ec, kid: 7 })],
    ['bad-kid', () => ({ ...ec, kid: ['a'] })],
    ['symmetric', () => ({ kty: 'oct', k: 'A'.repeat(86), alg: 'HS256' })],
    ['symmetric', () => ({ kty: 'oct' })],
    ['private', () => rsaPrivate],
    ['private', () => ({ ...ec, d: '' })],
    ['private', () => ({ ...ec, k: 'AAAA' })],
    ['unsupported-type', () => ({ ...ec, kty: 'ec' })],
    ['unsupported-type', () => ({ kty: 'AKP', alg: 'ML-DSA-65', pub: 'AAAA' })],
    ['unsupported-type', () => ({})],
    ['unsupported-curve', () => ({ ...ec, crv: 'secp256k1' })],
    ['unsupported-curve', () => ({ ...ec, crv: 'constructor' })],
    ['unsupported-curve', () => ({ ...ed, crv: 'X25519' })],
    ['malformed', () => ({ ...ec, x: ec.x?.slice(1) })],
    ['malformed', () => ({ ...ec, x: `${ec.x}=` })],
    ['malformed', () => ({ ...ec, y: undefined })],
    ['malformed', () => ({ ...ec, x: 5 })],
    ['malformed', () => ({ ...rsa, n: `${rsa.n} ` })],
    ['malformed', () => ({ ...rsa, e: '' })],
    ['malformed', () => ({ ...ed, x: 'AAAA' })],
    ['not-an-object', () => [ec]],
    ['not-an-object', () => 'key'],
    ['not-an-object', () => null],
  ])('%s', (defect, jwk) => {
    const value = jwk();
    expect(judge(JSON.parse(JSON.stringify(value)))).toBe(defect);
  });

  it('has one spelling: bits that say nothing are zero', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const { x = '' } = ec;
    // 32 bytes leave two bits of the last of 43 characters unused.
    const other = x.slice(0, -1) + (alphabet[alphabet.indexOf(x.at(-1) ?? '') + 1] ?? '');
    expect(Buffer.from(other, 'base64url')).toEqual(Buffer.from(x, 'base64url'));
    expect(judge({ ...ec, x: other })).toBe('malformed');
  });

  it('takes nothing but the public members to the import', () => {
    expect(judge({ ...ec, kid: 'a', ext: false, x5c: ['x'], jku: 'https://evil.test' })).toEqual({
      kid: 'a',
      jwk: { kty: 'EC', crv: 'P-256', x: ec.x, y: ec.y },
      algorithms: ['ES256'],
    });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('RSA', 'EC', 'OKP', 'oct', 'x'), (value, kty) => {
        judge(value);
        judge({ ...rsa, ...Object(value), kty });
        judge({ kty, crv: value, n: value, e: value, x: value, y: value });
      }),
    );
  });
});

function rsaKey(bits: number, e: number): JWK {
  const { publicKey } = nodeCrypto.generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: e });
  return publicKey.export({ format: 'jwk' });
}

describe('RSA keys', () => {
  it('need 2048 bits, counted from the highest one', () => {
    expect(judge(rsaKey(1_024, 65_537))).toBe('rsa-too-short');
    expect(judge(rsaKey(2_047, 65_537))).toBe('rsa-too-short');
    expect(algorithmsOf(rsaKey(2_048, 3))).toEqual(RSA_ALGORITHMS);
    const padded = Buffer.concat([Buffer.alloc(200), Buffer.from(rsaKey(1_024, 65_537).n ?? '', 'base64url')]);
    expect(judge({ ...rsa, n: padded.toString('base64url') })).toBe('rsa-too-short');
    const long = Buffer.alloc(1_025, 0xff).toString('base64url');
    expect(judge({ ...rsa, n: long })).toBe('rsa-too-long');
  });

  it('with a sign byte are the same keys', () => {
    const n = Buffer.concat([Buffer.alloc(1), Buffer.from(rsa.n ?? '', 'base64url')]).toString('base64url');
    expect(judge({ ...rsa, n })).toEqual(judge(rsa));
  });

  it.each<readonly [string, number | string]>([
    ['AQ', 1],
    ['AA', 0],
    ['Ag', 2],
    ['AQAA', 65_536],
    ['AQAAAAE', 'longer than 32 bits'],
    ['AAE', 1],
  ])('with the exponent %s (%s) are refused', (e, _meaning) => {
    expect(judge({ ...rsa, e })).toBe('rsa-exponent');
  });

  it('with an even modulus are refused', () => {
    const n = Buffer.from(rsa.n ?? '', 'base64url');
    n[n.length - 1] = 2;
    expect(judge({ ...rsa, n: n.toString('base64url') })).toBe('rsa-even-modulus');
  });

  it('of the ROCA family are refused, and no others', () => {
    // 39 primes: what the library uses for the shortest keys; longer keys use more, and these among them.
    const primes = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n, 43n, 47n, 53n, 59n, 61n, 67n, 71n];
    for (let candidate = 73n; candidate <= 701n; candidate += 2n) {
      if (primes.every((prime) => candidate % prime !== 0n)) primes.push(candidate);
    }
    expect(primes).toHaveLength(126);
    const product = primes.reduce((all, prime) => all * prime, 1n);
    const exponent = Uint8Array.of(1, 0, 1);
    for (const power of [5n, 1_000_003n, 987_654_321_987_654_321n]) {
      // The product of two such primes has this form; whether the factors are prime, the test cannot see.
      const residue = powerOf(65_537n, power, product);
      const modulus = residue + product * (1n << (2_048n - BigInt(product.toString(2).length)));
      const bytes = Buffer.from(evenDigits(modulus.toString(16)), 'hex');
      const odd = (bytes.at(-1) ?? 0) % 2 === 1;
      expect([odd, rsaDefect(bytes, exponent)]).toEqual([true, 'rsa-roca']);
      const next = Buffer.from(evenDigits((modulus + 2n).toString(16)), 'hex');
      expect(rsaDefect(next, exponent)).toBe(null);
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 255, maxLength: 255 }), (random) => {
        const bytes = Uint8Array.of(0x80, ...random);
        bytes[255] = (bytes[255] ?? 0) | 1;
        expect(rsaDefect(bytes, exponent)).toBe(null);
      }),
    );
  });
});

async function printOf(...jwks: readonly unknown[]): Promise<string> {
  return fingerprintOf((await importKeys(jwks as Json[])).keys);
}

describe('importing', () => {
  it('gives keys that verify with each of their algorithms, and with no other', async () => {
    for (const alg of [...RSA_ALGORITHMS, 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']) {
      const pair = await generateKeyPair(alg, { extractable: true });
      const jws = await new CompactSign(new Uint8Array([1])).setProtectedHeader({ alg }).sign(pair.privateKey);
      const jwk = (await exportJWK(pair.publicKey)) as Json;
      const { keys } = await importKeys([jwk]);
      const fitting = keys.filter(({ algorithms }) => algorithms.includes(alg));
      expect(fitting).toHaveLength(1);
      const [key] = fitting;
      if (key === undefined) throw new Error('no key');
      await compactVerify(jws, key.key, { algorithms: [alg] });
      expect(key.id).toMatch(/^[\w-]{43}$/);
      expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
    }
  });

  it('keeps both keys of one kid, in the order of the set', async () => {
    const other = await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey);
    const { keys } = await importKeys([
      { ...ec, kid: 'a' },
      { ...other, kid: 'a' },
    ]);
    expect(keys.map(({ kid }) => kid)).toEqual(['a', 'a']);
    expect(new Set(keys.map(({ id }) => id)).size).toBe(2);
  });

  it('drops a point that is not on its curve', async () => {
    const y = Buffer.from(ec.y ?? '', 'base64url');
    y[5] = (y[5] ?? 0) ^ 1;
    const off = { ...ec, kid: 'off', y: y.toString('base64url') } as Json;
    expect(await importKeys([off, ec as Json])).toMatchObject({
      keys: [{ kid: null }],
      dropped: [{ index: 0, kid: 'off', reason: 'import-failed' }],
    });
  });

  it('stops at 100 keys', async () => {
    const { keys, dropped } = await importKeys(Array.from({ length: 103 }, () => ec as Json));
    expect(keys).toHaveLength(100);
    expect(dropped.map(({ reason }) => reason)).toEqual(['too-many', 'too-many', 'too-many']);
  });

  it('tells sets apart by keys, ids and what they may be used with', async () => {
    const prints = [
      await printOf(ec),
      await printOf({ ...ec, kid: 'a' }),
      await printOf(ec, rsa),
      await printOf(rsa, ec),
      await printOf({ ...rsa, alg: 'RS256' }),
    ];
    expect(new Set(prints).size).toBe(prints.length);
    expect(await printOf({ ...ec, use: 'sig' })).toBe(prints[0]);
  });

  it('never gives two sets one version', () => {
    expect(keySetOf([]).version).not.toBe(keySetOf([]).version);
  });
});

describe('the text of a set', () => {
  it.each([
    ['', 'invalid-json'],
    ['['.repeat(200_000), 'invalid-json'],
    ['[]', 'no-keys-array'],
    ['{"keys":{}}', 'no-keys-array'],
    ['{"__proto__":{"keys":[1]}}', 'no-keys-array'],
    ['{"keys":[]}', 'empty-set'],
  ])('%.20s: %s', (text, problem) => {
    expect(parseKeySet(text)).toBe(problem);
  });
});

function powerOf(base: bigint, power: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = power; rest > 0n; rest >>= 1n, square = (square * square) % modulus) {
    if (rest % 2n === 1n) result = (result * square) % modulus;
  }
  return result;
}

function evenDigits(hex: string): string {
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}
