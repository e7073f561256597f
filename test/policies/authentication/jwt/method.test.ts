import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { JWK } from 'jose';
import { authMethodLowering } from '../../../../src/policies/authentication/method-lowerings.ts';
import { authMethod } from '../../../../src/policies/authentication/methods.ts';
import type { AuthVerdict } from '../../../../src/policies/authentication/method.ts';
import {
  AUDIENCE,
  bearer,
  challengeOf,
  goodClaims,
  ISSUER,
  lowerJwt,
  makeKey,
  NOW_S,
  outcomeOf,
  problemOf,
  sign,
  standOf,
  standWith,
  type SigningKey,
} from './jwt-stand.ts';

let key: SigningKey;
let other: SigningKey;

beforeAll(async () => {
  key = await makeKey('ES256');
  other = await makeKey('ES256', { kid: 'other' });
});

function allowed(verdict: AuthVerdict): AuthVerdict & { kind: 'allow' } {
  if (verdict.kind !== 'allow') throw new Error(`denied: ${verdict.code}`);
  return verdict;
}

describe('jwt method', () => {
  it('is in both lists', () => {
    expect([authMethod('jwt')?.name, authMethodLowering('jwt')?.name]).toEqual(['jwt', 'jwt']);
  });

  it('refuses a payload of another version', () => {
    const { config } = lowerJwt({
      issuer: ISSUER,
      audience: AUDIENCE,
      jwks: { keys: [key.jwk] },
      injectRequestHeaders: [{ name: 'a', value: '{{ .token.Raw }}' }],
    });
    const compiled = config as { [name: string]: never };
    expect(() => standWith(compiled)).not.toThrow();
    const broken = [
      null,
      [],
      {},
      { ...compiled, strip: false },
      { ...compiled, audienceAll: 'yes' },
      { ...compiled, leeway: { exp: -1, nbf: 0, iat: 0 } },
      { ...compiled, leeway: { exp: null, nbf: 0, iat: 0 } },
      { ...compiled, issuers: 'x' },
      { ...compiled, token: { authorization: 1 } },
      { ...compiled, inject: [{ name: 'a', value: [{ node: 'later' }] }] },
      {
        ...compiled,
        inject: [
          { name: 'a', value: [{ node: 'print', pipe: { commands: [{ args: [{ is: 'int', value: '1.5' }] }] } }] },
        ],
      },
      ...Object.keys(compiled)
        .filter(
          (name) => !['audienceAll', 'types', 'refuseIdTokens', 'planClaim', 'strip', 'errorResponse'].includes(name),
        )
        .map((name) => Object.fromEntries(Object.entries(compiled).filter(([each]) => each !== name))),
    ];
    for (const payload of broken)
      expect(() => standWith(JSON.parse(JSON.stringify(payload)) as never)).toThrow(/understand|compiled keys/);
  });

  it('says who is calling', async () => {
    const stand = standOf([key.jwk], { planClaim: 'plan' });
    const consumer = async (claims: object): Promise<unknown> =>
      allowed(await stand.check(await sign(key, goodClaims(claims)))).consumer;
    const claims = { plan: 'gold', scope: 'read write', scp: ['read', 'x'] };
    expect(await consumer(claims)).toEqual({
      id: 'user-1',
      kind: 'jwt',
      issuer: ISSUER,
      plan: 'gold',
      scopes: ['read', 'write', 'x'],
      claims: goodClaims(claims),
    });
    expect(await consumer({ sub: undefined, client_id: 'c', azp: 'a' })).toMatchObject({
      id: 'c',
      plan: null,
      scopes: [],
    });
    expect(await consumer({ sub: '', azp: 'a', plan: 7 })).toMatchObject({ id: 'a', plan: null });
    expect(await consumer({ sub: 7 })).toMatchObject({ id: '', issuer: ISSUER });
  });

  it('names no plan that objects inherit', async () => {
    const stand = standOf([key.jwk], { planClaim: 'constructor' });
    expect(allowed(await stand.check(await sign(key))).consumer?.plan).toBeNull();
  });
});

describe('answers', () => {
  it('challenge as RFC 6750 says, and one text for every bad token', async () => {
    const stand = standOf([key.jwk], { realm: 'shop', scopes: ['read'] });
    const missing = await stand.check({});
    expect(missing).toMatchObject({ isMissing: true, code: 'credentials-missing' });
    expect(challengeOf(missing)).toBe('Bearer realm="shop"');
    const bad = await stand.check('a.b.c');
    expect(bad).toMatchObject({ isMissing: false, code: 'token-invalid' });
    expect(challengeOf(bad)).toBe(
      'Bearer realm="shop", error="invalid_token", error_description="The token is not valid"',
    );
    const expired = await stand.check(await sign(key, goodClaims({ exp: NOW_S - 1 })));
    const forged = await stand.check(await sign(other, goodClaims(), { kid: key.jwk.kid }));
    for (const verdict of [expired, forged]) {
      expect(challengeOf(verdict)).toBe(challengeOf(bad));
      expect(problemOf(verdict)).toEqual(problemOf(bad));
    }
    const twice = await stand.check({ headers: { authorization: 'Bearer a, Bearer b' } });
    expect(twice).toMatchObject({ isMissing: false, code: 'credentials-multiple', answer: { status: 400 } });
    expect(challengeOf(twice)).toBe(
      'Bearer realm="shop", error="invalid_request", error_description="The request has more than one token"',
    );
    const scoped = await stand.check(await sign(key, goodClaims({ scope: 'x' })), ['write', 'read']);
    expect(scoped).toMatchObject({ isMissing: false, code: 'insufficient-scope', answer: { status: 403 } });
    expect(challengeOf(scoped)).toBe(
      'Bearer realm="shop", error="insufficient_scope", error_description="The token does not grant what this request needs", scope="read write"',
    );
  });

  it('demand the scopes of the use as well, warm and cold', async () => {
    const stand = standOf([key.jwk]);
    const token = await sign(key, goodClaims({ scope: 'read' }));
    expect(await outcomeOf(stand.check(token, ['read']))).toBe('allow');
    expect(await outcomeOf(stand.check(token, ['write']))).toBe('403 insufficient-scope');
    expect(await outcomeOf(stand.check(token))).toBe('allow');
  });

  it('follow a template', async () => {
    const stand = standOf([key.jwk], {
      realm: 'ns.filter',
      errorResponse: {
        headers: [
          { name: 'Content-Type', value: 'text/x-{{ .status_code }}' },
          { name: 'X-Bad', value: 'a\nb' },
          { name: 'X-Not', value: '{{ doNotSet }}' },
        ],
        bodyTemplate:
          '{{ .httpStatus }} {{ .message | json "" }} {{ .error }} {{ if .error.ValidationError }}{{ .error.ValidationError.Errors }}{{ end }} {{ .request_id }} {{ .requestId }}',
      },
    });
    const answer = async (request: Parameters<typeof stand.check>[0]): Promise<Response> => {
      const verdict = await stand.check(request);
      if (verdict.kind !== 'deny' || !(verdict.answer instanceof Response))
        throw new Error('no answer of the template');
      return verdict.answer;
    };
    const expired = await answer(await sign(key, goodClaims({ exp: NOW_S - 1 })));
    expect(expired.status).toBe(401);
    expect(await expired.text()).toBe('401 "The token is not valid." The token is not valid. 16 req-1 req-1');
    expect(Object.fromEntries(expired.headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'text/x-401',
      'www-authenticate': 'Bearer realm="ns.filter", error="invalid_token", error_description="The token is not valid"',
      'x-request-id': 'req-1',
    });
    const missing = await answer({});
    expect(await missing.text()).toBe(
      '401 "This request needs a bearer token." This request needs a bearer token.  req-1 req-1',
    );
    expect(await (await answer({ method: 'HEAD' })).text()).toBe('');
  });

  it('give each reason its bit', async () => {
    const stand = standOf([key.jwk], {
      requiredClaims: { tenant: 'a' },
      errorResponse: { bodyTemplate: '{{ .error.ValidationError.Errors }}' },
    });
    const bit = async (token: string): Promise<string> => {
      const verdict = await stand.check(token);
      return verdict.kind === 'deny' && verdict.answer instanceof Response ? verdict.answer.text() : 'none';
    };
    const good = { tenant: 'a' };
    const wrong = [
      { ...good, aud: 'x' },
      { ...good, exp: NOW_S },
      { ...good, iat: NOW_S + 9 },
      { ...good, iss: 'x' },
      { ...good, nbf: NOW_S + 9 },
      { tenant: 'b' },
    ];
    const bits = await Promise.all(wrong.map(async (claims) => bit(await sign(key, goodClaims(claims)))));
    expect(bits).toEqual(['8', '16', '32', '64', '128', '512']);
    expect(await bit('x')).toBe('1');
    expect(await bit(await sign(await makeKey('ES384'), goodClaims(good)))).toBe('2');
    expect(await bit(await sign(other, goodClaims(good), { kid: key.jwk.kid }))).toBe('4');
  });

  it('default to JSON with status and message, and to a problem document where a template fails', async () => {
    const byDefault = standOf([key.jwk], { errorResponse: {} });
    const verdict = await byDefault.check({});
    if (verdict.kind !== 'deny' || !(verdict.answer instanceof Response)) throw new Error('no answer of the template');
    expect(verdict.answer.headers.get('content-type')).toBe('application/json');
    expect(await verdict.answer.json()).toEqual({ status_code: 401, message: 'This request needs a bearer token.' });
    const failing = standOf([key.jwk], { errorResponse: { bodyTemplate: '{{ .nope }}' } });
    expect(problemOf(await failing.check({})).code).toBe('credentials-missing');
  });
});

describe('headers', () => {
  const inject = [
    { name: 'X-Sub', value: '{{ .token.Claims.sub }}' },
    {
      name: 'X-Gone',
      value: '{{ if hasKey .token.Claims "gone" }}{{ .token.Claims.gone }}{{ else }}{{ doNotSet }}{{ end }}',
    },
    { name: 'X-Fails', value: '{{ index .token.Claims.list 3 }}' },
    { name: 'X-Exp', value: '{{ .token.Claims.exp }} {{ printf "%.0f" .token.Claims.exp }}' },
  ];
  const edits = [
    { name: 'x-sub', value: 'user-1' },
    { name: 'x-gone', value: null },
    { name: 'x-fails', value: null },
    { name: 'x-exp', value: '1.7956371e+09 1795637100' },
  ];

  it('are written or removed, never left as the client sent them', async () => {
    const stand = standOf([key.jwk], { injectRequestHeaders: inject });
    const token = await sign(key);
    expect(allowed(await stand.check(token)).edits).toEqual(edits);
    expect(stand.isImmediate(token)).toBe(true);
    expect(allowed(await stand.check(token)).edits).toEqual(edits);
  });

  it('of the request are read anew each time', async () => {
    const stand = standOf([key.jwk], {
      injectRequestHeaders: [{ name: 'X-Both', value: '{{ .token.Claims.sub }}/{{ .httpRequestHeader.Get "X-In" }}' }],
    });
    const authorization = `Bearer ${await sign(key)}`;
    for (const value of ['1', '2']) {
      expect(allowed(await stand.check({ headers: { authorization, 'x-in': value } })).edits).toEqual([
        { name: 'x-both', value: `user-1/${value}` },
      ]);
    }
  });

  it('of one name: the last template that sets it', async () => {
    const stand = standOf([key.jwk], {
      injectRequestHeaders: [
        { name: 'X-A', value: 'one' },
        { name: 'x-a', value: '{{ doNotSet }}' },
        { name: 'x-b', value: 'one' },
        { name: 'X-B', value: 'two' },
      ],
    });
    expect(allowed(await stand.check(await sign(key))).edits).toEqual([
      { name: 'x-a', value: 'one' },
      { name: 'x-b', value: 'two' },
    ]);
  });

  it('with strip lose the token, from the place where it stood', async () => {
    const stand = standOf([key.jwk], {
      strip: true,
      token: { header: 'X-Token', cookie: 's' },
      injectRequestHeaders: inject.slice(0, 1),
    });
    const token = await sign(key);
    const stripped = async (headers: HeadersInit): Promise<unknown> => allowed(await stand.check({ headers })).edits;
    const sub = { name: 'x-sub', value: 'user-1' };
    for (let warm = 0; warm < 2; warm += 1) {
      expect(await stripped({ authorization: `Bearer ${token}` })).toEqual([
        { name: 'authorization', value: null, credential: true },
        sub,
      ]);
      expect(await stripped({ 'x-token': token })).toEqual([{ name: 'x-token', value: null, credential: true }, sub]);
      const cookie = { name: 'cookie', value: null, cookie: 's', credential: true };
      expect(await stripped({ cookie: `s=${token}` })).toEqual([cookie, sub]);
      expect(await stripped({ cookie: `a=1; s=${token};b=2` })).toEqual([cookie, sub]);
    }
    const forwarding = standOf([key.jwk]);
    expect(allowed(await forwarding.check(token)).edits).toEqual([]);
  });

  it('injected are named; credentials, and what clients send anyway, are not', () => {
    const { config } = lowerJwt({
      issuer: ISSUER,
      audience: AUDIENCE,
      jwks: { keys: [key.jwk] },
      token: { header: 'X-Token' },
      injectRequestHeaders: [
        'X-Sub',
        'x-sub',
        'Authorization',
        'Cookie',
        'X-Token',
        'Content-Type',
        'If-Match',
        'X-B',
      ].map((name) => ({
        name,
        value: 'v',
      })),
    });
    expect(authMethodLowering('jwt')?.injectedHeaders(config)).toEqual(['x-sub', 'x-b']);
  });
});

describe('verified tokens', () => {
  it('are judged again without cryptography and without waiting', async () => {
    const stand = standOf([key.jwk]);
    const token = await sign(key);
    expect(stand.isImmediate(token)).toBe(false);
    expect(await outcomeOf(stand.check(token))).toBe('allow');
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const first = stand.method.check({ ...request(token) });
    expect(first).not.toBeInstanceOf(Promise);
    expect(await outcomeOf(first)).toBe('allow');
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
  });

  it('end with their time', async () => {
    const stand = standOf([key.jwk], { leewayMs: { exp: 5_000 } });
    const token = await sign(key, goodClaims({ exp: NOW_S + 10, nbf: NOW_S }));
    expect(await outcomeOf(stand.check(token))).toBe('allow');
    stand.nowS = NOW_S + 14;
    expect(stand.isImmediate(token)).toBe(true);
    expect(await outcomeOf(stand.check(token))).toBe('allow');
    stand.nowS = NOW_S + 15;
    expect(await outcomeOf(stand.check(token))).toBe('401 token-invalid');
    // A clock that is set back.
    stand.nowS = NOW_S;
    expect(await outcomeOf(stand.check(token))).toBe('allow');
    stand.nowS = NOW_S - 1;
    expect(await outcomeOf(stand.check(token))).toBe('401 token-invalid');
  });

  it('end with their key', async () => {
    let keys: JWK[] = [key.jwk, other.jwk];
    const stand = standOf(
      [],
      { jwksURI: 'https://rotating.example/jwks' },
      { ask: () => Promise.resolve(Response.json({ keys })) },
    );
    const [mine, theirs] = [
      await sign(key, goodClaims({ exp: NOW_S + 90_000 })),
      await sign(other, goodClaims({ exp: NOW_S + 90_000 })),
    ];
    expect(await outcomeOf(stand.check(mine))).toBe('allow');
    expect(await outcomeOf(stand.check(theirs))).toBe('allow');
    keys = [other.jwk];
    // Refreshing goes on beside the requests; ten minutes are the longest a set is used.
    for (let minute = 1; minute <= 11; minute += 1) {
      stand.nowS = NOW_S + minute * 60;
      await stand.check(theirs);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    expect(await outcomeOf(stand.check(mine))).toBe('401 token-invalid');
    expect(stand.isImmediate(theirs)).toBe(true);
    expect(await outcomeOf(stand.check(theirs))).toBe('allow');
    // The same id again, with other key material.
    keys = [{ ...other.jwk, kid: key.jwk.kid ?? '' }];
    expect(await outcomeOf(stand.check(await sign(key, goodClaims({ jti: 'new' }))))).toBe('401 token-invalid');
  });

  it('are of one configuration alone, and outlive the program', async () => {
    const options = { issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [key.jwk] }, realm: 'shared' };
    const { config } = lowerJwt(options);
    const stricter = lowerJwt({ ...options, requiredClaims: { tenant: true } }).config;
    const token = await sign(key);
    expect(await outcomeOf(standWith(config).check(token))).toBe('allow');
    const reloaded = standWith(config);
    // Its keys are imported by the first request; the token is known.
    await reloaded.check(token);
    expect(reloaded.isImmediate(token)).toBe(true);
    expect(await outcomeOf(standWith(stricter).check(token))).toBe('401 token-invalid');
  });

  it('of an equal configuration with another secret are not taken over', async () => {
    const options = { secret: { env: 'S' }, algorithm: 'HS256', realm: 'secret' };
    const { config } = lowerJwt({ issuer: ISSUER, audience: AUDIENCE, ...options });
    const secret = 'a'.repeat(32);
    const token = await sign({
      privateKey: new TextEncoder().encode(secret) as never,
      alg: 'HS256',
      jwk: { kty: 'oct' },
    });
    const first = standWith(config, { secret: () => secret });
    expect(await outcomeOf(first.check(token))).toBe('allow');
    expect(first.isImmediate(token)).toBe(true);
    const second = standWith(config, { secret: () => 'b'.repeat(32) });
    expect(await outcomeOf(second.check(token))).toBe('401 token-invalid');
  });

  it('are not kept when they are bad', async () => {
    const stand = standOf([key.jwk]);
    const forged = await sign(other, goodClaims(), { kid: key.jwk.kid });
    for (let time = 0; time < 3; time += 1) expect(await outcomeOf(stand.check(forged))).toBe('401 token-invalid');
  });
});

describe('no keys yet', () => {
  it('is 503 with Retry-After, for tokens that could be good alone', async () => {
    const stand = standOf(
      [],
      { jwksURI: 'https://down.example/jwks' },
      { ask: () => Promise.reject(new Error('down')) },
    );
    await expect(stand.check(await sign(key))).rejects.toMatchObject({
      status: 503,
      code: 'jwks-unavailable',
      options: { headers: { 'retry-after': expect.stringMatching(/^\d+$/) as string } },
    });
    expect(await outcomeOf(stand.check({}))).toBe('401 credentials-missing');
    expect(await outcomeOf(stand.check('x.y.z'))).toBe('401 token-invalid');
    expect(await outcomeOf(stand.check(await sign(key, goodClaims({ exp: 1 }))))).toBe('401 token-invalid');
  });
});

function request(token: string): Parameters<ReturnType<typeof standOf>['method']['check']>[0] {
  return {
    facts: bearer(token),
    body: { peek: () => Promise.resolve({ bytes: new Uint8Array(), isWhole: true }) },
    waitUntil: () => undefined,
    routeId: 'route/m',
    scopes: [],
  };
}
