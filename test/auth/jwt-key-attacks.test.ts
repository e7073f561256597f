/** Attacks J4 to J9, J19 and J20 of docs/policies/jwt.md through bare workerd: keys and signatures. */
import * as crypto from 'node:crypto';
import type { JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64Url, signRaw, type SigningKey } from '../policies/authentication/jwt/jwt-stand.ts';
import {
  AttackStand,
  goodClaims,
  hmac,
  INVALID,
  SYMMETRIC,
  setOf,
  SHARED_SECRET,
  TOO_LARGE,
  tokenOf,
  unsigned,
  type AttackKeys,
} from './attack-stand.ts';

const NO_KEYS = '503 jwks-unavailable';

let attacks: AttackStand;
let keys: AttackKeys;

function withKid({ jwk }: SigningKey, kid: string): JWK {
  return { ...jwk, kid };
}

/** What an RSA signature is made of (RFC 8017 §9.2), for 2,048 bits. */
function paddedDigest(input: string): Buffer {
  const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex');
  const digest = Buffer.concat([prefix, crypto.createHash('sha256').update(input).digest()]);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - digest.length, 0xff), Buffer.from([0]), digest]);
}

function withoutKid({ jwk: { kid: _kid, ...jwk } }: SigningKey): JWK {
  return jwk;
}

function weakKeys({ jwk }: SigningKey): readonly JWK[] {
  const short = crypto.generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' });
  return [
    { ...short, alg: 'RS256' },
    { ...jwk, e: 'AQ' },
    { ...jwk, e: 'Ag' },
    { ...jwk, n: rocaModulus() },
  ];
}

/** Of 2,048 bits, and a power of 65537 modulo the product of the primes that RSALib used for this length (CVE-2017-15361). */
function rocaModulus(): string {
  const product = smallPrimes(701).reduce((all, prime) => all * BigInt(prime), 1n);
  const times = (1n << 2_048n) / product - 1n;
  return base64Url(Buffer.from((modularPower(65_537n, 1_234_567n, product) + times * product).toString(16), 'hex'));
}

function smallPrimes(last: number): readonly number[] {
  const numbers = Array.from({ length: last - 1 }, (_, index) => index + 2);
  return numbers.filter((number) => numbers.every((other) => other >= number || number % other !== 0));
}

function modularPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest % 2n === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

beforeAll(async () => {
  attacks = await AttackStand.start((made, provider) => {
    const { rsa, ec, stranger } = made;
    provider.serve('/mixed', setOf(SYMMETRIC, rsa.jwk));
    provider.serve('/odd-kids', setOf(withKid(rsa, '../../dev/null')));
    provider.serve('/no-kid', setOf(withoutKid(rsa)));
    provider.serve('/twins', setOf(withKid(stranger, 'twin'), withKid(rsa, 'twin'), ec.jwk));
    provider.serve('/twins-turned', setOf(ec.jwk, withKid(rsa, 'twin'), withKid(stranger, 'twin')));
    for (const [index, key] of weakKeys(rsa).entries()) provider.serve(`/weak-${index}`, setOf(key));
    const jwks = (path: string, more: object = {}): object => ({ jwksURI: `${provider.url}/${path}`, ...more });
    return {
      'rs-hs': jwks('mixed', { algorithms: ['RS256', 'HS256'] }),
      odd: jwks('odd-kids'),
      'no-kid': jwks('no-kid'),
      twins: jwks('twins'),
      turned: jwks('twins-turned'),
      ...Object.fromEntries([0, 1, 2, 3].map((index) => [`weak-${index}`, jwks(`weak-${index}`)])),
      secret: { secret: { env: 'SHARED' }, algorithm: 'HS256', algorithms: undefined },
      short: { secret: { env: 'SHORT' }, algorithm: 'HS256', algorithms: undefined },
    };
  });
  ({ keys } = attacks);
});
afterAll(() => attacks.close());

describe('J4: a symmetric key in a fetched set', () => {
  it('is not used even where HS256 is listed; the other key is', async () => {
    for (const kid of ['shared', undefined]) {
      expect(await attacks.attack(hmac(unsigned({ alg: 'HS256', kid }), 'k'.repeat(32)), 'rs-hs')).toBe(INVALID);
    }
    expect(await attacks.passes(await tokenOf(keys.rsa), 'rs-hs')).toBe(true);
    expect(attacks.stand.log()).toContain('"jwks-keys-dropped"');
  });
});

describe('J5 to J7: keys that the token brings or points to', () => {
  it('are not looked at, and nobody is asked for them', async () => {
    attacks.evil.serve('/jwks', setOf(keys.stranger.jwk));
    const { url } = attacks.evil;
    const certificate = base64Url('certificate');
    const headers = [
      { jwk: keys.stranger.jwk },
      { jku: `${url}/jwks` },
      { jku: `${url}/jwks`, kid: undefined },
      { jku: 'http://169.254.169.254/latest/meta-data' },
      { x5u: `${url}/chain.pem` },
      { x5c: [certificate] },
      { x5c: [certificate], x5t: 'AAAA', 'x5t#S256': 'AAAA' },
    ];
    for (const header of headers) {
      expect(await attacks.attack(await tokenOf(keys.stranger, {}, header))).toBe(INVALID);
      // They do not harm a token that a configured key signed.
      expect(await attacks.passes(await tokenOf(keys.rsa, {}, header))).toBe(true);
    }
    expect(attacks.evil.connections).toBe(0);
    expect(attacks.provider.requests('/all')).toBe(1);
  });
});

describe('J8: kid', () => {
  it.each(['../../dev/null', "' OR 1=1 --", 'x'.repeat(4_000), '__proto__', 'constructor', ''])(
    '%j is only a text',
    async (kid) => {
      expect(await attacks.attack(await tokenOf(keys.rsa, {}, { kid }))).toBe(INVALID);
      expect(await attacks.attack(await tokenOf(keys.stranger, {}, { kid }), 'odd')).toBe(INVALID);
    },
  );

  it('is found by exactly its text', async () =>
    expect(await attacks.passes(await tokenOf(keys.rsa, {}, { kid: '../../dev/null' }), 'odd')).toBe(true));

  it('of 10 KB is over the cap', async () =>
    expect(await attacks.attack(await tokenOf(keys.rsa, {}, { kid: 'x'.repeat(10_000) }))).toBe(TOO_LARGE));

  it.each([['kid-RS256'], 7, null, {}, true])('%j is refused', async (...[kid]) => {
    for (const value of [kid, [kid]]) {
      const header = JSON.stringify({ alg: 'RS256', kid: value });
      expect(await attacks.attack(await signRaw(keys.rsa, header, JSON.stringify(goodClaims())))).toBe(INVALID);
    }
  });

  it('absent: the keys that fit the algorithm are tried, and no others', async () => {
    for (const route of ['all', 'no-kid', 'twins']) {
      expect(await attacks.passes(await tokenOf(keys.rsa, {}, { kid: undefined }), route)).toBe(true);
    }
    expect(await attacks.attack(await tokenOf(keys.stranger, {}, { kid: undefined }))).toBe(INVALID);
    expect(await attacks.attack(await tokenOf(keys.strangerEc, {}, { kid: undefined }))).toBe(INVALID);
  });
});

describe('J9: one kid for two keys', () => {
  it.each(['twins', 'turned'])('each of them is tried, whatever the order (%s)', async (route) => {
    const kid = 'twin';
    expect(await attacks.passes(await tokenOf(keys.rsa, {}, { kid }), route)).toBe(true);
    expect(await attacks.passes(await tokenOf(keys.stranger, {}, { kid }), route)).toBe(true);
    // By the name alone, not by trying on.
    expect(await attacks.attack(await tokenOf(keys.ec, {}, { kid }), route)).toBe(INVALID);
    expect(await attacks.attack(await tokenOf(keys.rsa, {}, { kid: 'Twin' }), route)).toBe(INVALID);
  });
});

/** Order of P-256. */
const N = 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n;
const bytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

describe('J19: edges of ECDSA', () => {
  it('zeros, the order, DER, wrong lengths, halves exchanged', async () => {
    const [header, claims, signature = ''] = (await tokenOf(keys.ec)).split('.');
    const raw = Buffer.from(signature, 'base64url');
    const [r, s] = [raw.subarray(0, 32), raw.subarray(32)];
    const zero = bytes(0n);
    const der = Buffer.concat([Buffer.from([0x30, 70, 2, 33, 0]), r, Buffer.from([2, 33, 0]), s]);
    for (const bad of [
      Buffer.alloc(64),
      Buffer.concat([r, zero]),
      Buffer.concat([zero, s]),
      Buffer.concat([bytes(N), bytes(N)]),
      Buffer.concat([bytes(1n), bytes(1n)]),
      Buffer.concat([r, bytes(N)]),
      der,
      raw.subarray(0, 63),
      Buffer.concat([raw, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), raw]),
      Buffer.concat([s, r]),
    ]) {
      expect(await attacks.attack(`${header}.${claims}.${base64Url(bad)}`)).toBe(INVALID);
    }
  });

  it('s and n - s are both signatures: pinned', async () => {
    const [header, claims, signature = ''] = (await tokenOf(keys.ec)).split('.');
    const raw = Buffer.from(signature, 'base64url');
    const other = N - BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([raw.subarray(0, 32), bytes(other)]);
    expect(await attacks.passes(`${header}.${claims}.${base64Url(twin)}`)).toBe(true);
  });
});

describe('J20: weak keys', () => {
  it.each([
    [0, 'RSA of 1024 bits'],
    [1, 'exponent 1'],
    [2, 'an even exponent'],
    [3, 'a modulus of the ROCA family'],
  ])('weak-%i (%s) is no key: 503, never open', async (index) => {
    const route = `weak-${index}`;
    expect(await attacks.attack(await tokenOf(keys.rsa), route)).toBe(NO_KEYS);
    // With e = 1 the padded digest is its own signature.
    const input = unsigned({ alg: 'RS256', kid: 'kid-RS256' });
    expect(await attacks.attack(`${input}.${base64Url(paddedDigest(input))}`, route)).toBe(NO_KEYS);
    // What is wrong anyway needs no key.
    expect(await attacks.attack(await tokenOf(keys.rsa, { aud: 'other' }), route)).toBe(INVALID);
  });

  it('a secret shorter than the digest', async () => {
    const input = unsigned({ alg: 'HS256' });
    expect(await attacks.attack(hmac(input, 'k'.repeat(31)), 'short')).toBe(NO_KEYS);
    expect(await attacks.passes(hmac(input, SHARED_SECRET), 'secret')).toBe(true);
    for (const wrong of ['', '\0', SHARED_SECRET.slice(1), 'SHARED', '{"env":"SHARED"}']) {
      expect(await attacks.attack(hmac(input, wrong), 'secret')).toBe(INVALID);
    }
  });
});

describe('all of them', () => {
  it('left no trace at the backend, and all refusals are one', () => {
    const { attacks: made, reached } = attacks.broken;
    expect(made).toBeGreaterThan(50);
    expect(reached).toBe(0);
    expect(attacks.invalidAnswers.auth.size).toBe(1);
    expect(attacks.invalidAnswers.filters.size).toBe(1);
    expect(attacks.evil.connections).toBe(0);
  });

  it('made no fault of the gateway', () => expect(attacks.stand.log()).not.toMatch(/"code":"internal"|Uncaught/));
});
