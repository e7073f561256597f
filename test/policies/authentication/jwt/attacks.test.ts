/** The list of attacks on JWT, row by row, each through the method with real cryptography. */
import * as crypto from 'node:crypto';
import { exportSPKI, importJWK, type JWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  AUDIENCE,
  base64Url,
  goodClaims,
  ISSUER,
  lowerJwt,
  makeKey,
  NOW_S,
  outcomeOf,
  sign,
  signRaw,
  standOf,
  type SigningKey,
  type Stand,
} from './jwt-stand.ts';

const INVALID = '401 token-invalid';
const ALL = ['RS256', 'RS384', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

let rsa: SigningKey;
let ec: SigningKey;
let stranger: SigningKey;
let stand: Stand;

beforeAll(async () => {
  rsa = await makeKey('RS256');
  ec = await makeKey('ES256');
  stranger = await makeKey('RS256');
  stand = standOf([rsa.jwk, ec.jwk], { algorithms: ALL });
});

const outcome = (token: string, at: Stand = stand): Promise<string> => outcomeOf(at.check(token));
const unsigned = (header: object, claims: object = goodClaims()): string =>
  `${base64Url(JSON.stringify(header))}.${base64Url(JSON.stringify(claims))}`;
const hmac = (input: string, secret: string | Uint8Array): string =>
  `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`;

const judgeClaims = async (claims: object, options: object = {}): Promise<string> =>
  outcome(await sign(rsa, goodClaims(claims)), standOf([rsa.jwk], options));
const judgeType = async (typ: unknown, options: object): Promise<string> =>
  outcome(await sign(rsa, goodClaims(), { typ }), standOf([rsa.jwk], options));
const judgeAuthorization = (authorization: string): Promise<string> =>
  outcomeOf(stand.check({ headers: { authorization } }));
const nested = (depth: number): string =>
  JSON.stringify(goodClaims()).replace('{', `{"deep":${'['.repeat(depth)}${']'.repeat(depth)},`);

/** Order of P-256. */
const N = 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n;
const bytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

describe('a good token', () => {
  it('passes, by each key', async () => {
    expect(await outcome(await sign(rsa))).toBe('allow');
    expect(await outcome(await sign(ec))).toBe('allow');
  });
});

describe('J1: no signature', () => {
  it.each(['none', 'None', 'nOnE', 'NONE'])('alg %s', async (alg) => {
    const signature = (await sign(rsa)).split('.')[2] ?? '';
    for (const token of [`${unsigned({ alg })}.`, unsigned({ alg }), `${unsigned({ alg })}.${signature}`]) {
      expect(await outcome(token)).toBe(INVALID);
    }
  });

  it('an empty signature, a token of two parts', async () => {
    const [header = '', claims = ''] = (await sign(rsa)).split('.');
    expect(await outcome(`${header}.${claims}.`)).toBe(INVALID);
    expect(await outcome(`${header}.${claims}`)).toBe(INVALID);
  });

  it('cannot be configured', () => {
    const { config, findings } = lowerJwt({
      issuer: 'any',
      audience: 'any',
      jwks: { keys: [rsa.jwk] },
      algorithms: ['RS256', 'none'],
    });
    expect(config).toBeNull();
    expect(findings.map(({ code }) => code)).toContain('jwt-algorithm-none');
  });
});

describe('J2: the public key as a shared secret', () => {
  it('PEM, DER, JWK and modulus', async () => {
    const key = await importJWK({ ...rsa.jwk, ext: true }, 'RS256');
    const pem = await exportSPKI(key as CryptoKey);
    const der = crypto.createPublicKey(pem).export({ type: 'spki', format: 'der' });
    const input = unsigned({ alg: 'HS256', kid: rsa.jwk.kid });
    for (const secret of [pem, pem.trim(), der, JSON.stringify(rsa.jwk), Buffer.from(rsa.jwk.n ?? '', 'base64url')]) {
      expect(await outcome(hmac(input, secret))).toBe(INVALID);
    }
  });

  it('also with a key that does not say its algorithm, and HS256 listed', async () => {
    const { alg: _alg, ...jwk } = rsa.jwk;
    const open = standOf([jwk], { algorithms: ['RS256', 'HS256'] });
    const pem = await exportSPKI((await importJWK({ ...rsa.jwk, ext: true }, 'RS256')) as CryptoKey);
    expect(await outcome(hmac(unsigned({ alg: 'HS256' }), pem), open)).toBe(INVALID);
    expect(await outcome(await sign(rsa), open)).toBe('allow');
  });
});

describe('J3: another algorithm than the key or the list has', () => {
  it('ES256 with the id of the RSA key, and the reverse', async () => {
    expect(await outcome(await sign(ec, goodClaims(), { kid: rsa.jwk.kid }))).toBe(INVALID);
    expect(await outcome(await sign(rsa, goodClaims(), { kid: ec.jwk.kid }))).toBe(INVALID);
  });

  it('PS256 where RS256 is listed, and where the key is for RS256', async () => {
    const { alg: _alg, ...jwk } = rsa.jwk;
    const pss = { privateKey: await rewrapAsPss(rsa), alg: 'PS256', jwk: rsa.jwk };
    const token = await sign(pss);
    expect(await outcome(token, standOf([jwk]))).toBe(INVALID);
    expect(await outcome(token, stand)).toBe(INVALID);
    expect(await outcome(token, standOf([jwk], { algorithms: ['RS256', 'PS256'] }))).toBe('allow');
  });

  it('a listed algorithm renamed in the header', async () => {
    const [, claims, signature] = (await sign(rsa)).split('.');
    const header = base64Url(JSON.stringify({ alg: 'RS384', kid: rsa.jwk.kid }));
    expect(await outcome(`${header}.${claims}.${signature}`)).toBe(INVALID);
  });
});

async function rewrapAsPss({ privateKey }: SigningKey): Promise<SigningKey['privateKey']> {
  const pkcs8 = await globalThis.crypto.subtle.exportKey('pkcs8', privateKey);
  return globalThis.crypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSA-PSS', hash: 'SHA-256' }, false, ['sign']);
}

describe('J4: symmetric keys in a set', () => {
  const oct: JWK = { kty: 'oct', k: base64Url('k'.repeat(32)), alg: 'HS256', kid: 'shared' };

  it('inline: the route refuses', () => {
    const { config, findings } = lowerJwt({ issuer: 'any', audience: 'any', jwks: { keys: [rsa.jwk, oct] } });
    expect(config).toBeNull();
    expect(findings.filter(({ severity }) => severity === 'error')).toHaveLength(1);
  });

  it('fetched: the symmetric key is not used, the others are', async () => {
    const remote = standOf(
      [],
      { jwksURI: 'https://idp.example/jwks', algorithms: ['RS256', 'HS256'] },
      {
        ask: () => Promise.resolve(Response.json({ keys: [oct, rsa.jwk] })),
      },
    );
    expect(await outcome(hmac(unsigned({ alg: 'HS256', kid: 'shared' }), 'k'.repeat(32)), remote)).toBe(INVALID);
    expect(await outcome(await sign(rsa), remote)).toBe('allow');
  });
});

describe('J5 to J7: keys that the token brings or points to', () => {
  it('are not looked at, and nothing is fetched', async () => {
    const asked: string[] = [];
    const remote = standOf(
      [],
      { jwksURI: 'https://idp.example/jwks' },
      {
        ask: (target, path) => {
          asked.push(target.origin + path);
          return Promise.resolve(Response.json({ keys: [rsa.jwk] }));
        },
        askPublic: (url) => Promise.reject(new Error(`asked ${url}`)),
      },
    );
    const headers = [
      { jwk: stranger.jwk },
      { jku: 'https://attacker.example/jwks' },
      { x5u: 'http://169.254.169.254/latest/meta-data' },
      { x5c: [base64Url('certificate')], x5t: 'AAAA' },
    ];
    for (const header of headers) {
      expect(await outcome(await sign(stranger, goodClaims(), header), remote)).toBe(INVALID);
      // They do not harm a token that a configured key signed.
      expect(await outcome(await sign(rsa, goodClaims(), header), remote)).toBe('allow');
    }
    expect(asked).toEqual(['https://idp.example/jwks']);
  });
});

describe('J8: kid', () => {
  it.each(['../../dev/null', "' OR 1=1 --", 'x'.repeat(4_000), '__proto__', ''])('%j is only a text', async (kid) => {
    expect(await outcome(await sign(rsa, goodClaims(), { kid }))).toBe(INVALID);
    const named = standOf([{ ...rsa.jwk, kid }]);
    if (kid !== '') expect(await outcome(await sign(rsa, goodClaims(), { kid }), named)).toBe('allow');
  });

  it('of 10 KB is over the cap', async () => {
    expect(await outcome(await sign(rsa, goodClaims(), { kid: 'x'.repeat(10_000) }))).toBe('431 credential-too-large');
  });

  it.each([
    ['a list', ['kid-RS256']],
    ['a number', 7],
    ['null', null],
    ['an object', {}],
    ['a boolean', true],
  ])('%s is refused', async (_, kid) => {
    const header = JSON.stringify({ alg: 'RS256', kid });
    expect(await outcome(await signRaw(rsa, header, JSON.stringify(goodClaims())))).toBe(INVALID);
  });

  it('absent: the keys that fit the algorithm are tried', async () => {
    const { kid: _kid, ...jwk } = rsa.jwk;
    expect(await outcome(await sign(rsa, goodClaims(), { kid: undefined }), standOf([jwk]))).toBe('allow');
    const several = standOf([stranger.jwk, { ...rsa.jwk, kid: 'second' }, ec.jwk]);
    expect(await outcome(await sign(rsa, goodClaims(), { kid: undefined }), several)).toBe('allow');
    const other = await makeKey('RS256');
    expect(await outcome(await sign(other, goodClaims(), { kid: undefined }), several)).toBe(INVALID);
  });
});

describe('J9: two keys with one kid', () => {
  it('each verifies its own tokens, no other does', async () => {
    const second = await makeKey('RS256');
    const twins = standOf([
      { ...rsa.jwk, kid: 'same' },
      { ...second.jwk, kid: 'same' },
    ]);
    expect(await outcome(await sign(rsa, goodClaims(), { kid: 'same' }), twins)).toBe('allow');
    expect(await outcome(await sign(second, goodClaims(), { kid: 'same' }), twins)).toBe('allow');
    expect(await outcome(await sign(stranger, goodClaims(), { kid: 'same' }), twins)).toBe(INVALID);
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
    const header = JSON.stringify({ alg: 'RS256', kid: rsa.jwk.kid, ...members });
    expect(await outcome(await signRaw(rsa, header, JSON.stringify(goodClaims())))).toBe(INVALID);
  });
});

describe('J11: a member twice', () => {
  const claims = JSON.stringify(goodClaims());

  it.each([
    String.raw`{"alg":"RS256","kid":"kid-RS256","alg":"none"}`,
    String.raw`{"alg":"none","kid":"kid-RS256","alg":"RS256"}`,
    String.raw`{"alg":"RS256","kid":"kid-RS256","\u0061lg":"RS256"}`,
    String.raw`{"alg":"RS256","kid":"kid-RS256","x":{"a":1,"a":1}}`,
    String.raw`{"alg":"RS256","kid":"kid-RS256","x":[{"a":{"b":1,"b":2}}]}`,
  ])('in the header: %s', async (header) => {
    expect(await outcome(await signRaw(rsa, header, claims))).toBe(INVALID);
  });

  it('in the claims', async () => {
    const header = JSON.stringify({ alg: 'RS256', kid: rsa.jwk.kid });
    const twice = claims.replace('{', `{"exp":1,`);
    expect(await outcome(await signRaw(rsa, header, twice))).toBe(INVALID);
    // Names that only look alike, or stand in different objects, are no duplicates.
    const fine = claims.replace('{', String.raw`{"a":{"exp":1},"b":[{"exp":1},{"exp":1}],"c":"\"exp\":1","EXP":1,`);
    expect(await outcome(await signRaw(rsa, header, fine))).toBe('allow');
  });
});

describe('J12: other forms', () => {
  it('JWE, nested tokens, JSON serialisation, zip', async () => {
    const token = await sign(rsa);
    const [header, claims, signature] = token.split('.');
    const json = JSON.stringify({ payload: claims, protected: header, signature });
    for (const text of [
      `${token}.a.b`,
      `${base64Url('{"alg":"RSA-OAEP","enc":"A256GCM"}')}.a.b.c.d`,
      json,
      base64Url(json),
    ]) {
      expect(await outcome(text)).toBe(INVALID);
    }
    expect(await outcome(await sign(rsa, token, { cty: 'JWT' }))).toBe(INVALID);
    expect(await outcome(await sign(rsa, JSON.stringify(token), { cty: 'JWT' }))).toBe(INVALID);
    expect(await outcome(await sign(rsa, goodClaims(), { zip: 'DEF' }))).toBe(INVALID);
    expect(await outcome(await sign(rsa, [goodClaims()]))).toBe(INVALID);
  });
});

describe('J13: base64url that is not canonical', () => {
  it('padding, the other alphabet, spaces, leftover bits', async () => {
    const token = await sign(ec);
    const [header = '', claims = '', signature = ''] = token.split('.');
    const plain = signature.replaceAll('-', '+').replaceAll('_', '/');
    const bad = [
      `${header}=.${claims}.${signature}`,
      `${header}.${claims}=.${signature}`,
      `${header}.${claims}.${signature}==`,
      `${header}.${claims}.${signature.slice(0, 8)} ${signature.slice(8)}`,
      `${header}.${claims}.${signature.slice(0, 8)}%0A${signature.slice(8)}`,
      `${header}.${claims}.${signature}A`,
      ...(plain === signature ? [] : [`${header}.${claims}.${plain}`]),
    ];
    for (const text of bad) expect(await outcome(text)).toBe(INVALID);
  });

  it('leftover bits in each part', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // Claims and header whose length leaves bits over; an ES256 signature (64 bytes) always does.
    for (const pad of ['', 'x', 'xx']) {
      const token = await sign(ec, goodClaims({ pad }), { pad });
      const parts = token.split('.');
      for (const [index, part] of parts.entries()) {
        const used = [0, 0, 4, 2][part.length % 4] ?? 0;
        const last = alphabet.indexOf(part.at(-1) ?? '');
        for (let bits = 1; bits < 2 ** used; bits += 1) {
          const changed = parts.with(index, part.slice(0, -1) + (alphabet[last + bits] ?? '?'));
          expect(await outcome(changed.join('.'))).toBe(INVALID);
        }
      }
      expect(await outcome(token)).toBe('allow');
    }
  });
});

describe('J14: size and depth', () => {
  it('nothing above 8 KB is decoded', async () => {
    const fitting = await sign(rsa, goodClaims({ pad: 'x'.repeat(5_000) }));
    expect(fitting.length).toBeLessThan(8_192);
    expect(await outcome(fitting)).toBe('allow');
    for (const size of [8_193, 16_384, 1_048_576]) {
      expect(await outcome('a'.repeat(size))).toBe('431 credential-too-large');
    }
    expect(await outcome('a'.repeat(8_192))).toBe(INVALID);
    expect(await outcome(await sign(rsa, goodClaims(), { pad: 'x'.repeat(4_096) }))).toBe('allow');
  });

  it('nesting ends at 32', async () => {
    const header = JSON.stringify({ alg: 'RS256', kid: rsa.jwk.kid });
    expect(await outcome(await signRaw(rsa, header, nested(31)))).toBe('allow');
    expect(await outcome(await signRaw(rsa, header, nested(32)))).toBe(INVALID);
    expect(await outcome(await signRaw(rsa, header, nested(2_500)))).toBe(INVALID);
  });
});

describe('J15: times', () => {
  it('exp must be there, a number, and to come', async () => {
    expect(await judgeClaims({ exp: undefined })).toBe(INVALID);
    for (const exp of [NOW_S - 1, NOW_S, String(NOW_S + 300), 1e20, -1, null, true, [NOW_S + 300], {}]) {
      expect(await judgeClaims({ exp })).toBe(INVALID);
    }
    expect(await judgeClaims({ exp: NOW_S + 0.5 })).toBe('allow');
    const header = JSON.stringify({ alg: 'RS256', kid: rsa.jwk.kid });
    const huge = JSON.stringify(goodClaims({ exp: 'E' })).replace('"E"', '1e400');
    expect(await outcome(await signRaw(rsa, header, huge))).toBe(INVALID);
  });

  it('nbf and iat must not be to come, nor anything but numbers', async () => {
    expect(await judgeClaims({ nbf: NOW_S, iat: NOW_S })).toBe('allow');
    expect(await judgeClaims({ nbf: NOW_S + 1 })).toBe(INVALID);
    expect(await judgeClaims({ iat: NOW_S + 1 })).toBe(INVALID);
    expect(await judgeClaims({ nbf: '0' })).toBe(INVALID);
    expect(await judgeClaims({ iat: '0' })).toBe(INVALID);
  });

  it('leeway counts to the second', async () => {
    const leeway = { leewayMs: 60_000 };
    expect(await judgeClaims({ exp: NOW_S - 59 }, leeway)).toBe('allow');
    expect(await judgeClaims({ exp: NOW_S - 60 }, leeway)).toBe(INVALID);
    expect(await judgeClaims({ exp: NOW_S - 61 }, leeway)).toBe(INVALID);
    expect(await judgeClaims({ nbf: NOW_S + 60, iat: NOW_S + 60 }, leeway)).toBe('allow');
    expect(await judgeClaims({ nbf: NOW_S + 61 }, leeway)).toBe(INVALID);
    expect(await judgeClaims({ iat: NOW_S + 61 }, leeway)).toBe(INVALID);
    expect(await judgeClaims({ exp: NOW_S - 59 }, { leewayMs: { nbf: 60_000 } })).toBe(INVALID);
    expect(await judgeClaims({ exp: NOW_S - 59 }, { leewayMs: undefined })).toBe('allow');
  });

  it('an absent exp passes only where it is written', async () => {
    expect(await judgeClaims({ exp: undefined }, { mayLack: ['exp'] })).toBe('allow');
    expect(await judgeClaims({ exp: NOW_S - 1 }, { mayLack: ['exp'] })).toBe(INVALID);
  });
});

describe('J16: audience', () => {
  it('is a member, exactly', async () => {
    for (const aud of [AUDIENCE, [AUDIENCE], ['x', AUDIENCE]]) expect(await judgeClaims({ aud })).toBe('allow');
    const bad = [
      undefined,
      null,
      [],
      'x',
      ['x'],
      'orders2',
      'xorders',
      'Orders',
      'orders ',
      ['orders', 7],
      [['orders']],
      { orders: 1 },
      7,
    ];
    for (const aud of bad) expect(await judgeClaims({ aud })).toBe(INVALID);
  });

  it('of several: any one, or all', async () => {
    expect(await judgeClaims({ aud: 'b' }, { audience: ['a', 'b'] })).toBe('allow');
    expect(await judgeClaims({ aud: 'b' }, { audience: ['a', 'b'], audienceMatch: 'all' })).toBe(INVALID);
    expect(await judgeClaims({ aud: ['b', 'a', 'c'] }, { audience: ['a', 'b'], audienceMatch: 'all' })).toBe('allow');
    expect(await judgeClaims({ aud: undefined }, { mayLack: ['aud'] })).toBe('allow');
    expect(await judgeClaims({ aud: 'x' }, { mayLack: ['aud'] })).toBe(INVALID);
    expect(await judgeClaims({ aud: undefined }, { audience: 'any' })).toBe('allow');
    expect(await judgeClaims({ aud: undefined }, { audience: 'any', requiredClaims: { aud: true } })).toBe(INVALID);
    expect(await judgeClaims({ aud: 'whatever' }, { audience: 'any', requiredClaims: { aud: true } })).toBe('allow');
  });
});

describe('J17: issuer', () => {
  it('is compared exactly', async () => {
    const bad = [
      undefined,
      null,
      'https://idp.example',
      'https://IDP.example/',
      'https://idp.example//',
      'https://іdp.example/',
      ` ${ISSUER}`,
      [ISSUER],
      7,
    ];
    for (const iss of bad) expect(await judgeClaims({ iss })).toBe(INVALID);
    expect(await judgeClaims({ iss: 'b' }, { issuer: ['a', 'b'] })).toBe('allow');
    expect(await judgeClaims({ iss: 'c' }, { issuer: ['a', 'b'] })).toBe(INVALID);
    expect(await judgeClaims({ iss: undefined }, { mayLack: ['iss'] })).toBe('allow');
    expect(await judgeClaims({ iss: 'c' }, { mayLack: ['iss'] })).toBe(INVALID);
    expect(await judgeClaims({ iss: 'c' }, { issuer: 'any' })).toBe('allow');
    expect(await judgeClaims({ iss: 'any' }, { issuer: ['any'] })).toBe('allow');
    expect(await judgeClaims({ iss: 'c' }, { issuer: ['any'] })).toBe(INVALID);
  });
});

describe('J18: kinds of tokens', () => {
  it('typ, when it is configured', async () => {
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt']) {
      expect(await judgeType(typ, { typ: 'at+jwt' })).toBe('allow');
    }
    for (const typ of [undefined, 'JWT', 'dpop+jwt', 'x/at+jwt', 7, null]) {
      expect(await judgeType(typ, { typ: 'at+jwt' })).toBe(INVALID);
    }
    expect(await judgeType('JWT', { typ: ['at+jwt', 'jwt'] })).toBe('allow');
  });

  it('an ID token is no access token, when that is configured', async () => {
    for (const claims of [{ nonce: 'n' }, { at_hash: 'h' }, { c_hash: 'h' }]) {
      const token = await sign(rsa, goodClaims(claims));
      expect(await outcome(token, standOf([rsa.jwk], { refuseIdTokens: true }))).toBe(INVALID);
      expect(await outcome(token)).toBe('allow');
    }
    expect(await outcome(await sign(rsa), standOf([rsa.jwk], { refuseIdTokens: true }))).toBe('allow');
  });
});

describe('J19: edges of ECDSA', () => {
  it('zeros, the order, DER, wrong lengths', async () => {
    const [header, claims, signature = ''] = (await sign(ec)).split('.');
    const raw = Buffer.from(signature, 'base64url');
    const [r, s] = [raw.subarray(0, 32), raw.subarray(32)];
    const der = Buffer.concat([Buffer.from([0x30, 70, 2, 33, 0]), r, Buffer.from([2, 33, 0]), s]);
    const bad = [
      Buffer.alloc(64),
      Buffer.concat([r, bytes(0n)]),
      Buffer.concat([bytes(0n), s]),
      Buffer.concat([bytes(N), bytes(N)]),
      Buffer.concat([bytes(1n), bytes(1n)]),
      der,
      raw.subarray(0, 63),
      Buffer.concat([raw, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), raw]),
      Buffer.concat([s, r]),
    ];
    for (const each of bad) expect(await outcome(`${header}.${claims}.${base64Url(each)}`)).toBe(INVALID);
  });

  it('s and n - s are both signatures (RFC 7518 demands no low s): pinned', async () => {
    const [header, claims, signature = ''] = (await sign(ec)).split('.');
    const raw = Buffer.from(signature, 'base64url');
    const other = N - BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([raw.subarray(0, 32), bytes(other)]);
    expect(await outcome(`${header}.${claims}.${base64Url(twin)}`)).toBe('allow');
  });
});

describe('J20: weak keys', () => {
  it('are not used: RSA of 1024 bits, exponent 1, short secrets', async () => {
    const weak = crypto.generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' });
    for (const key of [weak, { ...rsa.jwk, e: 'AQ' }, { ...rsa.jwk, e: 'Ag' }]) {
      expect(lowerJwt({ issuer: 'any', audience: 'any', jwks: { keys: [key] } }).config).toBeNull();
    }
    const short = standOf([], { secret: { env: 'S' }, algorithm: 'HS256' }, { secret: () => 'k'.repeat(31) });
    const token = hmac(unsigned({ alg: 'HS256' }), 'k'.repeat(31));
    await expect(short.check(token)).rejects.toMatchObject({ status: 503, code: 'jwks-unavailable' });
    const long = standOf([], { secret: { env: 'S' }, algorithm: 'HS256' }, { secret: () => 'k'.repeat(32) });
    expect(await outcome(hmac(unsigned({ alg: 'HS256' }), 'k'.repeat(32)), long)).toBe('allow');
    expect(await outcome(hmac(unsigned({ alg: 'HS256', kid: 'any' }), 'k'.repeat(32)), long)).toBe('allow');
    expect(await outcome(hmac(unsigned({ alg: 'HS256' }), 'k'.repeat(33)), long)).toBe(INVALID);
  });
});

describe('J21: one credential', () => {
  const MANY = '400 credentials-multiple';

  it('in Authorization', async () => {
    const token = await sign(rsa);
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR'])
      expect(await judgeAuthorization(`${scheme} ${token}`)).toBe('allow');
    expect(await judgeAuthorization(`Bearer   ${token}`)).toBe('allow');
    expect(await judgeAuthorization(`Bearer ${token}, Bearer ${token}`)).toBe(MANY);
    expect(await judgeAuthorization(`Bearer ${token},bearer x`)).toBe(MANY);
    expect(await judgeAuthorization(`Basic dTpw, Bearer ${token}`)).toBe(MANY);
    for (const bad of [
      `Bearer\t${token}`,
      `Bearer ${token} x`,
      `Bearer x ${token}`,
      'Bearer',
      `Bearer "${token}"`,
      `Bearer ${token},`,
      `Bearer \u00a0${token}`,
    ]) {
      expect(await judgeAuthorization(bad)).toBe(INVALID);
    }
    for (const other of ['Basic dTpw', `Bearerx ${token}`, `DPoP ${token}`, token, 'Digest bearer="x"']) {
      expect(await judgeAuthorization(other)).toBe('401 credentials-missing');
    }
  });

  it('over all places', async () => {
    const token = await sign(rsa);
    const all = standOf([rsa.jwk], { token: { header: 'X-Token', cookie: 'session', query: 'access_token' } });
    const places = {
      authorization: { headers: { authorization: `Bearer ${token}` } },
      header: { headers: { 'x-token': token } },
      cookie: { headers: { cookie: `a=1; session=${token}; b=2` } },
      query: { query: `a=1&access_token=${token}` },
    };
    const names = Object.keys(places) as (keyof typeof places)[];
    for (const name of names) expect(await outcomeOf(all.check(places[name])), name).toBe('allow');
    for (const [index, a] of names.entries()) {
      for (const b of names.slice(index + 1)) {
        const [one, two] = [places[a], places[b]] as readonly { headers?: Record<string, string>; query?: string }[];
        const both = { ...one, ...two, headers: { ...one?.headers, ...two?.headers } };
        expect(await outcomeOf(all.check(both)), `${a} and ${b}`).toBe(MANY);
      }
    }
    // Places that are not switched on are not looked at.
    expect(await outcomeOf(stand.check(places.cookie))).toBe('401 credentials-missing');
    expect(await outcomeOf(stand.check(places.query))).toBe('401 credentials-missing');
    expect(await outcomeOf(stand.check({ ...places.query, ...places.authorization }))).toBe('allow');
  });

  it('in a cookie or the query once', async () => {
    const token = await sign(rsa);
    const at = standOf([rsa.jwk], { token: { authorization: false, cookie: 'session', query: 't' } });
    const cookie = (text: string): Promise<string> => outcomeOf(at.check({ headers: { cookie: text } }));
    const query = (text: string): Promise<string> => outcomeOf(at.check({ query: text }));
    for (const text of [
      `session=${token}; session=${token}`,
      `session=x;session=${token}`,
      `a=1, session=${token}`,
      `session=${token}, session=x`,
      'session; session',
    ]) {
      expect(await cookie(text), text).toBe(MANY);
    }
    for (const text of [`session="${token}"`, 'session=', 'session', `session=${token}=`, `session=\u00a0${token}`])
      expect(await cookie(text)).toBe(INVALID);
    for (const text of [
      `\u00a0session=${token}`,
      `Session=${token}`,
      `xsession=${token}`,
      `sessionx=${token}`,
      'a=session',
    ]) {
      expect(await cookie(text)).toBe('401 credentials-missing');
    }
    for (const text of [`t=${token}&t=${token}`, `t=x&t=${token}`, `%74=x&t=${token}`, 't&t'])
      expect(await query(text)).toBe(MANY);
    for (const text of [`t=${token.replace('.', '%2E')}`, 't=', 't', `t=${token}&%t=`]) {
      expect(await query(text), text).toBe(text.includes('%t') ? 'allow' : INVALID);
    }
    expect(await query(`%74=${token}`)).toBe('allow');
    expect(await query(`T=${token}&tt=1`)).toBe('401 credentials-missing');
    expect(await outcomeOf(at.check({ headers: { authorization: `Bearer ${token}` } }))).toBe(
      '401 credentials-missing',
    );
  });
});

describe('J22: claims in headers', () => {
  it('cannot end a header or hide in it', async () => {
    const at = standOf([rsa.jwk], { injectRequestHeaders: [{ name: 'X-User', value: '{{ .token.Claims.sub }}' }] });
    const header = async (sub: unknown): Promise<string | null | undefined> => {
      const verdict = await at.check(await sign(rsa, goodClaims({ sub })));
      return verdict.kind === 'allow' ? verdict.edits.find(({ name }) => name === 'x-user')?.value : undefined;
    };
    expect(await header('plain user')).toBe('plain user');
    for (const sub of ['a\r\nX-Admin: 1', 'a\nb', 'a\0b', 'a\u007fb', 'a\u0085b', 'a\u001bb'])
      expect(await header(sub)).toBeNull();
    expect(await header('Zoë 100%')).toBe('Zo%C3%AB 100%25');
    expect(await header('100%')).toBe('100%');
    expect(await header('a\u2028b\ud800')).toBe('a%E2%80%A8b%EF%BF%BD');
  });
});

describe('J23: scopes', () => {
  it('are compared as sets of words', async () => {
    const at = standOf([rsa.jwk], { scopes: ['admin'] });
    const judge = async (claims: object): Promise<string> => outcome(await sign(rsa, goodClaims(claims)), at);
    for (const claims of [
      { scope: 'admin' },
      { scope: 'x admin y' },
      { scope: ['admin'] },
      { scp: ['admin', 'x'] },
      { scp: 'x admin' },
    ]) {
      expect(await judge(claims)).toBe('allow');
    }
    const bad = [
      {},
      { scope: 'nonadmin' },
      { scope: 'adminx' },
      { scope: 'ADMIN' },
      { scope: 'x,admin' },
      { scope: 'x\tadmin' },
      { scope: ['x admin'] },
      { scope: { admin: true } },
      { scopes: 'admin' },
      { scope: [['admin']] },
    ];
    for (const claims of bad) expect(await judge(claims), JSON.stringify(claims)).toBe('403 insufficient-scope');
    // 403 tells who is known; a stranger learns nothing.
    expect(await outcome(await sign(stranger, goodClaims({ scope: 'x' })), at)).toBe(INVALID);
  });
});

describe('J24: jti and cnf', () => {
  it.each(['jti', 'cnf', 'introspection'])('a configured %s refuses the route, by name', (name) => {
    const { config, findings } = lowerJwt({ issuer: 'any', audience: 'any', jwks: { keys: [rsa.jwk] }, [name]: true });
    expect(config).toBeNull();
    expect(findings).toMatchObject([{ severity: 'error', code: 'jwt-not-built', path: `auth.jwt.${name}` }]);
  });
});
