/** Attacks J15 to J18 and J21 to J24 of docs/policies/jwt.md through bare workerd: claims, places, headers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signRaw } from '../policies/authentication/jwt/jwt-stand.ts';
import { AttackStand, AUDIENCE, goodClaims, INVALID, ISSUER, nowS, tokenOf, type AttackKeys } from './attack-stand.ts';

const MISSING = '401 credentials-missing';
const MULTIPLE = '400 credentials-multiple';
const NOT_BUILT = '500 policy-invalid';

let attacks: AttackStand;
let keys: AttackKeys;

beforeAll(async () => {
  attacks = await AttackStand.start(
    () => ({
      several: { audience: [AUDIENCE, 'billing'], audienceMatch: 'all' },
      typed: { typ: 'at+jwt' },
      'no-id': { refuseIdTokens: true },
      user: {
        injectRequestHeaders: [
          { name: 'X-User', value: '{{ .token.Claims.sub }}' },
          { name: 'X-Mail', value: '{{ .token.Claims.email }}' },
        ],
      },
      admin: { scopes: ['admin'] },
      places: { token: { header: 'X-Token', cookie: 'session', query: 'access_token' } },
      jti: { jti: true },
      cnf: { cnf: true },
    }),
    true,
  );
  ({ keys } = attacks);
});
afterAll(() => attacks.close());

const withClaims = async (claims: object, route = 'all'): Promise<string> =>
  attacks.attack(await tokenOf(keys.ec, claims), route);
const goodWith = async (claims: object, route = 'all'): Promise<boolean> =>
  attacks.passes(await tokenOf(keys.ec, claims), route);

const withType = async (typ: unknown): Promise<string> => attacks.attack(await tokenOf(keys.ec, {}, { typ }), 'typed');
const withAuthorization = (authorization: string): Promise<string> =>
  attacks.attack({ path: '/all/x', headers: { authorization } });

async function arrivedWith(claims: object): Promise<Readonly<Record<string, unknown>>> {
  expect(await attacks.passes(await tokenOf(keys.ec, claims), 'user')).toBe(true);
  return attacks.stand.arrived.at(-1)?.headers ?? {};
}

describe('J15: times', () => {
  it('exp must be there, a number, and to come', async () => {
    const exps = [undefined, 0, -1, String(nowS() + 300), 1e20, null, true, [nowS() + 300], {}, nowS() - 61];
    for (const exp of exps) expect([exp, await withClaims({ exp })]).toEqual([exp, INVALID]);
    expect(await goodWith({ exp: nowS() + 300.5 })).toBe(true);
    const header = JSON.stringify({ alg: 'ES256', kid: keys.ec.jwk.kid });
    for (const huge of ['1e400', '-1e400', '9'.repeat(400)]) {
      const claims = JSON.stringify(goodClaims({ exp: 'E' })).replace('"E"', huge);
      expect(await attacks.attack(await signRaw(keys.ec, header, claims))).toBe(INVALID);
    }
  });

  it('nbf and iat must not be to come, nor anything but numbers', async () => {
    const bad = [nowS() + 65, 1e20, -1e20, '0', null, true, [0]];
    for (const time of bad) {
      for (const claims of [{ nbf: time }, { iat: time }]) expect(await withClaims(claims)).toBe(INVALID);
    }
    expect(await goodWith({ nbf: nowS() - 10, iat: nowS() - 10 })).toBe(true);
  });

  // The second itself is pinned with a clock that stands still, in test/policies/authentication/jwt.
  it('clocks may differ by a minute', async () => {
    expect(await goodWith({ exp: nowS() - 50 })).toBe(true);
    expect(await goodWith({ nbf: nowS() + 59, iat: nowS() + 59 })).toBe(true);
  });
});

describe('J16: audience', () => {
  it('is a member, exactly', async () => {
    for (const aud of [AUDIENCE, [AUDIENCE], ['x', AUDIENCE]]) expect(await goodWith({ aud })).toBe(true);
    for (const aud of [
      undefined,
      null,
      [],
      'x',
      ['x'],
      'orders2',
      'xorders',
      'order',
      'Orders',
      'orders ',
      'orders\0',
      'оrders',
      ['orders', 7],
      [['orders']],
      { orders: 1 },
      7,
    ]) {
      expect([aud, await withClaims({ aud })]).toEqual([aud, INVALID]);
    }
  });

  it('of several that are all demanded: not one alone', async () => {
    expect(await goodWith({ aud: ['billing', 'x', 'orders'] }, 'several')).toBe(true);
    for (const aud of ['orders', ['orders'], ['orders', 'bill'], 'orders billing']) {
      expect(await withClaims({ aud }, 'several')).toBe(INVALID);
    }
  });
});

describe('J17: issuer', () => {
  it('is compared exactly', async () => {
    for (const iss of [
      undefined,
      null,
      '',
      'https://idp.example',
      'https://IDP.example/',
      'https://idp.example//',
      'https://idp.example/x',
      'http://idp.example/',
      'https://іdp.example/',
      'https://idp.example:443/',
      ` ${ISSUER}`,
      [ISSUER],
      7,
    ]) {
      expect([iss, await withClaims({ iss })]).toEqual([iss, INVALID]);
    }
  });
});

describe('J18: kinds of tokens', () => {
  it('typ, where it is configured', async () => {
    for (const typ of [undefined, 'JWT', 'dpop+jwt', 'x/at+jwt', 'at+jwt ', 'at+jwtx', 7, null, ['at+jwt']]) {
      expect(await withType(typ)).toBe(INVALID);
    }
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
      expect(await attacks.passes(await tokenOf(keys.ec, {}, { typ }), 'typed')).toBe(true);
    }
  });

  it('an ID token is no access token, where that is configured', async () => {
    for (const claims of [{ nonce: 'n' }, { at_hash: 'h' }, { c_hash: 'h' }]) {
      expect(await withClaims(claims, 'no-id')).toBe(INVALID);
      expect(await goodWith(claims)).toBe(true);
    }
    expect(await goodWith({}, 'no-id')).toBe(true);
  });
});

describe('J21: one credential', () => {
  it('two lines of Authorization', async () => {
    const token = await tokenOf(keys.ec);
    const stranger = await tokenOf(keys.strangerEc);
    for (const [first, second] of [
      [token, token],
      [token, stranger],
      [stranger, token],
      [token, ''],
    ]) {
      const lines = [`Authorization: Bearer ${first}`, `AUTHORIZATION: Bearer ${second}`.trim()];
      expect(await attacks.rawAttack(lines)).toBe('400 duplicate-header');
    }
    expect(await attacks.rawAttack(['Authorization: Basic dTpw', `Authorization: Bearer ${token}`])).toBe(
      '400 duplicate-header',
    );
    expect(await attacks.rawAttack([`Authorization: Bearer ${token}, Bearer ${token}`])).toBe('400 duplicate-header');
  });

  it('the scheme in any case, and nothing else beside the token', async () => {
    const token = await tokenOf(keys.ec);
    for (const scheme of ['bearer', 'BEARER', 'bEaReR']) {
      expect(await attacks.passes({ path: '/all/x', headers: { authorization: `${scheme}  ${token}` } })).toBe(true);
    }
    for (const bad of [
      `Bearer\t${token}`,
      `Bearer ${token} x`,
      `Bearer x ${token}`,
      'Bearer',
      `Bearer "${token}"`,
      `Bearer \u00a0${token}`,
      `Bearer ${token}\u00a0`,
      `Bearer=${token}`,
    ]) {
      expect([bad, await withAuthorization(bad)]).toEqual([bad, INVALID]);
    }
    for (const other of ['Basic dTpw', `Bearerx ${token}`, `DPoP ${token}`, token]) {
      expect([other, await withAuthorization(other)]).toEqual([other, MISSING]);
    }
    expect(await withAuthorization('')).toBe(MISSING);
  });

  it('never two, over all places that are switched on', async () => {
    const token = await tokenOf(keys.ec);
    const places: Readonly<Record<string, { headers?: Record<string, string>; query?: string }>> = {
      authorization: { headers: { authorization: `Bearer ${token}` } },
      header: { headers: { 'x-token': token } },
      cookie: { headers: { cookie: `a=1; session=${token}; b=2` } },
      query: { query: `?a=1&access_token=${token}` },
    };
    const requestWith = (...names: readonly string[]): { path: string; headers: Record<string, string> } => ({
      path: `/places/x${names.map((name) => places[name]?.query ?? '').join('')}`,
      headers: Object.assign({}, ...names.map((name) => places[name]?.headers ?? {})) as Record<string, string>,
    });
    const names = Object.keys(places);
    for (const name of names) expect([name, await attacks.passes(requestWith(name), 'places')]).toEqual([name, true]);
    for (const [index, first] of names.entries()) {
      for (const second of names.slice(index + 1)) {
        expect([first, second, await attacks.attack(requestWith(first, second), 'places')]).toEqual([
          first,
          second,
          MULTIPLE,
        ]);
      }
    }
    for (const query of [`access_token=${token}&access_token=x`, `access%5Ftoken=x&access_token=${token}`]) {
      expect(await attacks.attack({ path: `/places/x?${query}` }, 'places')).toBe(MULTIPLE);
    }
    const cookie = `Cookie: session=${token}`;
    expect(await attacks.rawAttack([cookie, cookie], 'places')).toBe(MULTIPLE);
    expect(await attacks.rawAttack([cookie, 'Cookie: a=1, session=x'], 'places')).toBe(MULTIPLE);
    expect(await attacks.rawAttack([`X-Token: ${token}`, `X-Token: ${token}`], 'places')).toBe(MULTIPLE);
  });

  it('is not looked for where no place is switched on', async () => {
    const token = await tokenOf(keys.ec);
    for (const request of [
      { path: `/all/x?access_token=${token}` },
      { path: '/all/x', headers: { cookie: `access_token=${token}; session=${token}` } },
      { path: '/all/x', headers: { 'x-token': token, 'proxy-authorization': `Bearer ${token}` } },
      { path: '/all/x', headers: { 'x-authorization': `Bearer ${token}` } },
    ]) {
      expect(await attacks.attack(request)).toBe(MISSING);
    }
    expect(await attacks.rawAttack([`Authorization_: Bearer ${token}`, `X-Authorization: Bearer ${token}`])).toBe(
      MISSING,
    );
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const inBody = { method: 'POST', path: '/places/x', headers: form, body: `access_token=${token}` };
    expect(await attacks.attack(inBody, 'places')).toBe(MISSING);
  });
});

describe('J22: claims in headers', () => {
  it('cannot end a header or hide in it', async () => {
    for (const sub of [
      'a\r\nX-Admin: 1',
      'a\nb',
      'a\r',
      'a\0b',
      'a\u007fb',
      'a\u0085b',
      '\u001b[2J',
      '\r\n\r\nGET / HTTP/1.1\r\n',
    ].map((text) => `${text}z`)) {
      const headers = await arrivedWith({ sub });
      expect([sub, headers['x-user'], headers['x-admin']]).toEqual([sub, undefined, undefined]);
    }
    expect((await arrivedWith({ sub: 'plain user' }))['x-user']).toBe('plain user');
    expect((await arrivedWith({ sub: 'Zoë 100%' }))['x-user']).toBe('Zo%C3%AB 100%25');
    expect((await arrivedWith({ sub: 'a\u2028b\ud800' }))['x-user']).toBe('a%E2%80%A8b%EF%BF%BD');
    expect((await arrivedWith({ sub: 'ｕｓｅｒ' }))['x-user']).toBe('%EF%BD%95%EF%BD%93%EF%BD%85%EF%BD%92');
  });

  it('are the only source of these headers', async () => {
    const token = await tokenOf(keys.ec, { sub: 'a\nb' });
    const headers = { authorization: `Bearer ${token}`, 'x-user': 'admin', x_user: 'admin', 'X-USER': 'admin' };
    expect(await attacks.passes({ path: '/user/x', headers }, 'user')).toBe(true);
    const names = Object.keys(attacks.stand.arrived.at(-1)?.headers ?? {});
    expect(names.filter((name) => /x.user/.test(name))).toEqual([]);
    // Nor do they pass where nobody is asked who he is.
    expect(await attacks.passes({ path: '/open/x', headers: { 'x-user': 'admin', 'x-mail': 'a@b' } }, 'open')).toBe(
      true,
    );
    expect(attacks.stand.arrived.at(-1)?.headers).not.toMatchObject({ 'x-user': 'admin' });
    expect(attacks.stand.arrived.at(-1)?.headers).not.toHaveProperty('x-mail');
  });
});

describe('J23: scopes', () => {
  it('are compared as sets of words', async () => {
    for (const claims of [{ scope: 'x admin y' }, { scope: ['admin'] }, { scp: ['admin', 'x'] }, { scp: 'admin' }]) {
      expect(await goodWith(claims, 'admin')).toBe(true);
    }
    for (const claims of [
      {},
      { scope: 'nonadmin' },
      { scope: 'adminx' },
      { scope: 'ADMIN' },
      { scope: 'x,admin' },
      { scope: 'x\tadmin' },
      { scope: 'x\u00a0admin' },
      { scope: ['x admin'] },
      { scope: { admin: true } },
      { scopes: 'admin' },
      { scope: [['admin']] },
      { permissions: ['admin'] },
    ]) {
      expect([claims, await withClaims(claims, 'admin')]).toEqual([claims, '403 insufficient-scope']);
    }
    // 403 tells who is known; a stranger learns nothing.
    expect(await attacks.attack(await tokenOf(keys.stranger, { scope: 'admin' }), 'admin')).toBe(INVALID);
  });
});

describe('J24: jti and cnf', () => {
  it.each(['jti', 'cnf'])('a configured %s that is not built refuses every request', async (route) => {
    const bound = { jti: 'one', cnf: { jkt: 'thumbprint' } };
    expect(await withClaims(bound, route)).toBe(NOT_BUILT);
    expect(await withClaims({}, route)).toBe(NOT_BUILT);
    expect(await attacks.attack({ path: `/${route}/x` }, route)).toBe(NOT_BUILT);
    const errors = attacks.stand.findings.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ code }) => code)).toEqual(['jwt-not-built', 'jwt-not-built']);
  });

  it('are claims like others where they are not configured', async () => {
    const token = await tokenOf(keys.ec, { jti: 'one', cnf: { jkt: 'thumbprint' } });
    expect([await attacks.passes(token), await attacks.passes(token)]).toEqual([true, true]);
  });
});

describe('all of them', () => {
  it('left no trace at the backend, and all refusals are one', () => {
    const { attacks: made, reached } = attacks.broken;
    expect(made).toBeGreaterThan(120);
    expect(reached).toBe(0);
    expect(attacks.invalidAnswers.auth.size).toBe(1);
    expect(attacks.invalidAnswers.filters.size).toBe(1);
    expect(attacks.stand.log()).not.toMatch(/"code":"internal"|Uncaught/);
  });
});
