/** Attacks J1 to J3 and J10 to J14 of docs/policies/jwt.md through bare workerd: algorithms and form. */
import * as crypto from 'node:crypto';
import { CompactEncrypt, exportSPKI, importJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64Url, sign, signRaw } from '../policies/authentication/jwt/jwt-stand.ts';
import {
  AttackStand,
  goodClaims,
  hmac,
  INVALID,
  SYMMETRIC,
  setOf,
  TOO_LARGE,
  tokenOf,
  unsigned,
  withoutAlg,
  type AttackKeys,
} from './attack-stand.ts';

const nested = (depth: number): string =>
  JSON.stringify(goodClaims()).replace('{', `{"deep":${'['.repeat(depth)}${']'.repeat(depth)},`);

let attacks: AttackStand;
let keys: AttackKeys;

beforeAll(async () => {
  attacks = await AttackStand.start(({ rsa, ec, pss }, provider) => {
    provider.serve('/mixed', setOf(SYMMETRIC, rsa.jwk));
    provider.serve('/no-alg', setOf(withoutAlg(rsa), withoutAlg(pss), ec.jwk));
    return {
      rs: { algorithms: ['RS256'] },
      'no-alg': { jwksURI: `${provider.url}/no-alg`, algorithms: ['RS256'] },
      'rs-hs': { jwksURI: `${provider.url}/mixed`, algorithms: ['RS256', 'HS256'] },
    };
  });
  ({ keys } = attacks);
});
afterAll(() => attacks.close());

describe('good tokens', () => {
  it('pass by each key, so that refusing everything would not do', async () => {
    for (const key of [keys.rsa, keys.ec, keys.pss, keys.ed]) {
      const token = await tokenOf(key);
      // Verified, then from the store of verified ones.
      for (const route of ['all', 'all', ...(key === keys.ed ? [] : ['filter'])]) {
        expect([key.alg, route, await attacks.passes(token, route)]).toEqual([key.alg, route, true]);
      }
    }
  });
});

describe('J1: no signature', () => {
  it.each(['none', 'None', 'nOnE', 'NONE'])('alg %s', async (alg) => {
    const signature = (await tokenOf(keys.rsa)).split('.')[2] ?? '';
    for (const input of [unsigned({ alg }), unsigned({ alg, kid: keys.rsa.jwk.kid })]) {
      for (const token of [`${input}.`, input, `${input}.${signature}`])
        expect(await attacks.attack(token)).toBe(INVALID);
    }
  });

  it('an empty signature, a token of two parts', async () => {
    for (const key of [keys.rsa, keys.ec, keys.ed]) {
      const input = (await tokenOf(key)).split('.').slice(0, 2).join('.');
      expect(await attacks.attack(`${input}.`)).toBe(INVALID);
      expect(await attacks.attack(input)).toBe(INVALID);
    }
  });
});

describe('J2: the public key as a shared secret', () => {
  it.each(['all', 'no-alg', 'rs-hs'])('PEM, DER, JWK and modulus at %s', async (route) => {
    const pem = await exportSPKI((await importJWK({ ...keys.rsa.jwk, ext: true }, 'RS256')) as CryptoKey);
    const der = crypto.createPublicKey(pem).export({ type: 'spki', format: 'der' });
    const modulus = Buffer.from(keys.rsa.jwk.n ?? '', 'base64url');
    for (const kid of [keys.rsa.jwk.kid, undefined]) {
      const input = unsigned({ alg: 'HS256', kid });
      for (const secret of [pem, pem.trim(), der, JSON.stringify(keys.rsa.jwk), modulus]) {
        expect(await attacks.attack(hmac(input, secret), route)).toBe(INVALID);
      }
    }
  });
});

describe('J3: another algorithm than the key or the list has', () => {
  it('one key, the id of another', async () => {
    const pairs = [
      [keys.ec, keys.rsa],
      [keys.rsa, keys.ec],
      [keys.pss, keys.rsa],
      [keys.rsa, keys.pss],
      [keys.ed, keys.ec],
    ] as const;
    for (const [signer, named] of pairs) {
      expect(await attacks.attack(await tokenOf(signer, {}, { kid: named.jwk.kid }))).toBe(INVALID);
    }
  });

  it('an algorithm that is not listed, by a key that could', async () => {
    expect(await attacks.attack(await tokenOf(keys.pss), 'no-alg')).toBe(INVALID);
    for (const key of [keys.ec, keys.pss, keys.ed])
      expect(await attacks.attack(await tokenOf(key), 'rs')).toBe(INVALID);
    expect(await attacks.passes(await tokenOf(keys.rsa), 'rs')).toBe(true);
    expect(await attacks.passes(await tokenOf(keys.rsa), 'no-alg')).toBe(true);
  });

  it('a listed algorithm renamed in the header', async () => {
    const [, claims, signature] = (await tokenOf(keys.rsa)).split('.');
    for (const alg of ['RS384', 'PS256', 'ES256', 'EdDSA']) {
      const header = base64Url(JSON.stringify({ alg, kid: keys.rsa.jwk.kid }));
      expect(await attacks.attack(`${header}.${claims}.${signature}`)).toBe(INVALID);
    }
  });
});

describe('J10: crit and b64', () => {
  it.each([
    { crit: ['exp'] },
    { crit: ['x-unknown'] },
    { crit: [] },
    { crit: null },
    { b64: false },
    { b64: true },
    { b64: false, crit: ['b64'] },
  ])('%j is refused', async (members) => {
    const header = JSON.stringify({ alg: 'RS256', kid: keys.rsa.jwk.kid, ...members });
    expect(await attacks.attack(await signRaw(keys.rsa, header, JSON.stringify(goodClaims())))).toBe(INVALID);
  });

  it('a payload that is not encoded, as b64: false has it', async () => {
    const header = base64Url(JSON.stringify({ alg: 'RS256', kid: keys.rsa.jwk.kid, b64: false, crit: ['b64'] }));
    const signature = (await tokenOf(keys.rsa)).split('.')[2] ?? '';
    for (const payload of ['', 'plain', '{"sub":"admin"}']) {
      expect(await attacks.attack(`${header}.${payload}.${signature}`)).toBe(INVALID);
    }
  });
});

describe('J11: a member twice', () => {
  it.each([
    String.raw`{"alg":"RS256","kid":"kid-RS256","alg":"none"}`,
    String.raw`{"alg":"none","kid":"kid-RS256","alg":"RS256"}`,
    String.raw`{"alg":"RS256","kid":"kid-RS256","\u0061lg":"RS256"}`,
    String.raw`{"alg":"RS256","kid":"kid-RS256","x":{"a":1,"a":1}}`,
  ])('in the header: %s', async (header) =>
    expect(await attacks.attack(await signRaw(keys.rsa, header, JSON.stringify(goodClaims())))).toBe(INVALID),
  );

  it('in the claims, also where both would do', async () => {
    const header = JSON.stringify({ alg: 'RS256', kid: keys.rsa.jwk.kid });
    const claims = JSON.stringify(goodClaims());
    for (const more of ['"exp":1', '"exp":9999999999', '"aud":"other"', String.raw`"s\u0075b":"admin"`]) {
      const twice = claims.replace('{', `{${more},`);
      expect(await attacks.attack(await signRaw(keys.rsa, header, twice))).toBe(INVALID);
    }
  });
});

describe('J12: other forms', () => {
  it('JWE, nested tokens, JSON serialisation, zip, a list', async () => {
    const token = await tokenOf(keys.rsa);
    const [header, payload, signature] = token.split('.');
    const publicKey = await importJWK({ ...withoutAlg(keys.rsa), ext: true }, 'RSA-OAEP');
    const encrypted = await new CompactEncrypt(new TextEncoder().encode(token))
      .setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A256GCM', cty: 'JWT', kid: keys.rsa.jwk.kid ?? '' })
      .encrypt(publicKey);
    const json = JSON.stringify({ payload, protected: header, signature });
    for (const text of [
      encrypted,
      `${token}.a.b`,
      json,
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }).replaceAll(',', ' '),
      base64Url(json),
      await sign(keys.rsa, token, { cty: 'JWT' }),
      await sign(keys.rsa, JSON.stringify(token), { cty: 'JWT' }),
      await sign(keys.rsa, goodClaims(), { zip: 'DEF' }),
      await sign(keys.rsa, [goodClaims()]),
    ]) {
      // A comma may be a second credential: 400 by the gateway, before any method.
      expect(await attacks.attack(text)).toBe(text.includes(',') ? '400 duplicate-header' : INVALID);
    }
  });
});

describe('J13: base64url that is not canonical', () => {
  it('padding, the other alphabet, spaces, escapes', async () => {
    const [header = '', claims = '', signature = ''] = (await tokenOf(keys.ec)).split('.');
    const cut = `${signature.slice(0, 8)} ${signature.slice(8)}`;
    for (const text of [
      `${header}=.${claims}.${signature}`,
      `${header}.${claims}=.${signature}`,
      `${header}.${claims}.${signature}==`,
      `${header}.${claims}.${cut}`,
      `${header}.${claims}.${cut.replace(' ', '\t')}`,
      `${header}.${claims}.${cut.replace(' ', '%0A')}`,
      `${header}.${claims}.${signature}A`,
      `${header}.${claims}.+${signature.slice(1)}`,
      `${header}.${claims}./${signature.slice(1)}`,
    ]) {
      expect(await attacks.attack(text)).toBe(INVALID);
    }
  });

  it('line breaks and other control characters', async () => {
    const token = await tokenOf(keys.ec);
    for (const control of ['\n', '\r', '\r\n ', '\0', '\x0b', '\x7f']) {
      const answer = await attacks.rawAttack([
        `Authorization: Bearer ${token.slice(0, 40)}${control}${token.slice(40)}`,
      ]);
      expect([control, answer]).toEqual([control, expect.stringMatching(/^400 (?:header-invalid)?$/)]);
    }
  });

  it('leftover bits in each part', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    let tried = 0;
    // An ES256 signature (64 bytes) always has bits over; header and claims by their length.
    for (const pad of ['', 'x', 'xx']) {
      const token = await tokenOf(keys.ec, { pad }, { pad });
      const parts = token.split('.');
      for (const [index, part] of parts.entries()) {
        const used = [0, 0, 4, 2][part.length % 4] ?? 0;
        const last = alphabet.indexOf(part.at(-1) ?? '');
        for (let bits = 1; bits < 2 ** used; bits += 1) {
          const changed = parts.with(index, part.slice(0, -1) + (alphabet[last + bits] ?? '?'));
          expect(await attacks.attack(changed.join('.'))).toBe(INVALID);
          tried += 1;
        }
      }
      expect(await attacks.passes(token)).toBe(true);
    }
    expect(tried).toBeGreaterThan(50);
  });
});

describe('J14: size and depth', () => {
  it('nothing above 8 KB is decoded', async () => {
    const fitting = await tokenOf(keys.rsa, { pad: 'x'.repeat(5_000) });
    expect(await attacks.passes(fitting)).toBe(true);
    const large = await tokenOf(keys.rsa, { pad: 'x'.repeat(8_000) });
    for (const token of [large, 'a'.repeat(8_193), 'a'.repeat(16_384)]) {
      expect(await attacks.attack(token)).toBe(TOO_LARGE);
    }
    expect(await attacks.attack('a'.repeat(8_192))).toBe(INVALID);
    expect(await attacks.passes(await tokenOf(keys.rsa, {}, { pad: 'x'.repeat(4_096) }))).toBe(true);
  });

  it('1 MB does not get as far as that', async () => {
    const answer = await attacks.rawAttack([`Authorization: Bearer ${'a'.repeat(1_048_576)}`]);
    expect(answer).toBe('431 ');
    expect(await attacks.passes(await tokenOf(keys.rsa))).toBe(true);
  });

  it('nesting ends at 32', async () => {
    const header = JSON.stringify({ alg: 'RS256', kid: keys.rsa.jwk.kid });
    expect(await attacks.passes(await signRaw(keys.rsa, header, nested(31)))).toBe(true);
    for (const depth of [32, 2_500]) {
      expect(await attacks.attack(await signRaw(keys.rsa, header, nested(depth)))).toBe(INVALID);
    }
    expect(await attacks.attack(await signRaw(keys.rsa, header, nested(10_000)))).toBe(TOO_LARGE);
  });
});

describe('all of them', () => {
  it('left no trace at the backend, and all refusals are one', () => {
    const { attacks: made, reached } = attacks.broken;
    expect(made).toBeGreaterThan(150);
    expect(reached).toBe(0);
    expect(attacks.invalidAnswers.auth.size).toBe(1);
    expect(attacks.invalidAnswers.filters.size).toBe(1);
    expect(attacks.evil.connections).toBe(0);
  });

  it('made no fault of the gateway', () => expect(attacks.stand.log()).not.toMatch(/"code":"internal"|Uncaught/));
});
