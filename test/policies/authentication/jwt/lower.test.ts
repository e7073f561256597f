import { beforeAll, describe, expect, it } from 'vitest';
import type { JWK } from 'jose';
import { GoStruct } from '../../../../src/policies/go-template/value.ts';
import { errorData } from '../../../../src/policies/authentication/jwt/deny.ts';
import { jwtLowering } from '../../../../src/policies/authentication/jwt/lower.ts';
import type { CompiledJwt } from '../../../../src/policies/authentication/jwt/compiled.ts';
import { ISSUER, lowerJwt, makeKey } from './jwt-stand.ts';

let jwk: JWK;

beforeAll(async () => {
  ({ jwk } = await makeKey('ES256'));
});

const base = (options: object = {}): object => ({
  issuer: ISSUER,
  audience: 'orders',
  jwks: { keys: [jwk] },
  ...options,
});

function compiled(options: object = {}): CompiledJwt {
  const { config, findings } = lowerJwt(base(options));
  if (config === null) throw new Error(findings.map(({ message }) => message).join('\n'));
  return config as CompiledJwt;
}

function codes(options: object): string[] {
  return lowerJwt(base(options)).findings.map(({ severity, code, path }) => `${severity} ${code} ${path}`);
}

const describeOf = (options: object): string => jwtLowering.describe(compiled(options));

describe('lowering of jwt', () => {
  it('demands exp, iss and aud by default, and nothing is kept that was not asked for', () => {
    const { keys: _keys, ...rest } = compiled();
    expect(rest).toEqual({
      algorithms: ['RS256', 'ES256', 'EdDSA', 'Ed25519'],
      issuers: [ISSUER],
      audiences: ['orders'],
      required: [{ name: 'exp' }, { name: 'iss' }, { name: 'aud' }],
      leeway: { exp: 60, nbf: 60, iat: 60 },
      scopes: [],
      token: { authorization: true },
      realm: 'api',
      inject: [],
    });
    expect(codes({})).toEqual([]);
  });

  it('carries the meaning of an Ambassador Filter, field by field', () => {
    const filter = {
      issuer: 'any',
      audience: ['a', 'b'],
      audienceMatch: 'all',
      mayLack: ['exp', 'iss', 'aud'],
      requiredClaims: { nbf: true, iat: true },
      leewayMs: { exp: 1_500, nbf: 0, iat: 2_000 },
      algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'],
      realm: 'filter.ns',
    };
    expect(compiled(filter)).toMatchObject({
      issuers: null,
      audiences: ['a', 'b'],
      audienceAll: true,
      required: [{ name: 'nbf' }, { name: 'iat' }],
      leeway: { exp: 1.5, nbf: 0, iat: 2 },
      algorithms: filter.algorithms,
      realm: 'filter.ns',
    });
    expect(codes(filter)).toEqual(['warning jwt-expiry-optional auth.jwt.mayLack']);
    // requireExpiresAt
    expect(codes({ ...filter, mayLack: ['iss', 'aud'] })).toEqual([]);
    expect(codes({ ...filter, requiredClaims: { exp: true } })).toEqual([]);
    expect(codes({ ...filter, requiredClaims: { exp: true }, mayLack: ['exp'] })).toEqual([]);
  });

  it('compares claims with values', () => {
    const { required } = compiled({
      audience: 'any',
      requiredClaims: { tenant: 'a', admin: true, off: false, list: [1], exp: true },
    });
    expect(required).toEqual([
      { name: 'iss' },
      { name: 'tenant', equals: 'a' },
      { name: 'admin' },
      { name: 'off', equals: false },
      { name: 'list', equals: [1] },
      { name: 'exp' },
    ]);
  });

  it.each([
    [{ issuer: undefined }, 'error policy-options-invalid auth.jwt.issuer'],
    [{ audience: undefined }, 'error policy-options-invalid auth.jwt.audience'],
    [{ audience: [] }, 'error policy-options-invalid auth.jwt.audience'],
    [{ audiences: ['a'] }, 'error policy-options-invalid auth.jwt.audiences'],
    [{ algorithms: [] }, 'error policy-options-invalid auth.jwt.algorithms'],
    [{ algorithms: ['RS265'] }, 'error jwt-algorithm-unknown auth.jwt.algorithms[0]'],
    [{ algorithms: ['ES256', 'None'] }, 'error jwt-algorithm-none auth.jwt.algorithms[1]'],
    [{ algorithms: ['HS256'] }, 'error jwt-algorithm-unusable auth.jwt.algorithms'],
    [{ scopes: ['a b'] }, 'error policy-options-invalid auth.jwt.scopes[0]'],
    [{ realm: 'a"b' }, 'error policy-options-invalid auth.jwt.realm'],
    [{ token: { authorization: false } }, 'error policy-options-invalid auth.jwt.token'],
    [{ token: { header: 'Authorization' } }, 'error policy-options-invalid auth.jwt.token.header'],
    [{ token: { header: 'cookie' } }, 'error policy-options-invalid auth.jwt.token.header'],
    [{ token: { header: 'a b' } }, 'error policy-options-invalid auth.jwt.token.header'],
    [{ token: { query: 't' }, strip: true }, 'error policy-options-invalid auth.jwt.token.query'],
    [
      { injectRequestHeaders: [{ name: 'Host', value: 'x' }] },
      'error policy-options-invalid auth.jwt.injectRequestHeaders[0].name',
    ],
    [
      { injectRequestHeaders: [{ name: 'x', value: '{{ nope }}' }] },
      'error template-invalid auth.jwt.injectRequestHeaders[0].value',
    ],
    [
      { injectRequestHeaders: [{ name: 'x', value: '{{ json "" . }}' }] },
      'error template-invalid auth.jwt.injectRequestHeaders[0].value',
    ],
    [{ errorResponse: { bodyTemplate: '{{ if }}' } }, 'error template-invalid auth.jwt.errorResponse.bodyTemplate'],
    [
      { errorResponse: { headers: [{ name: 'WWW-Authenticate', value: 'x' }] } },
      'error policy-options-invalid auth.jwt.errorResponse.headers[0].name',
    ],
    [
      { errorResponse: { headers: Array.from({ length: 17 }, () => ({ name: 'x', value: 'x' })) } },
      'error policy-options-invalid auth.jwt.errorResponse.headers',
    ],
    [{ jwks: undefined }, 'error policy-options-invalid auth.jwt'],
    [{ jwks: undefined, secret: { env: 'S' } }, 'error policy-options-invalid auth.jwt.algorithm'],
    [
      { jwks: undefined, discovery: true, issuer: ['https://a.example', 'https://b.example'] },
      'error policy-options-invalid auth.jwt.discovery',
    ],
    [{ jti: true }, 'error jwt-not-built auth.jwt.jti'],
    [{ cnf: { jkt: true } }, 'error jwt-not-built auth.jwt.cnf'],
    [{ introspection: 'https://idp.example/introspect' }, 'error jwt-not-built auth.jwt.introspection'],
  ])('refuses %j', (options, finding) => {
    const { config, findings } = lowerJwt(base(options));
    expect(config).toBeNull();
    expect(findings.map(({ severity, code, path }) => `${severity} ${code} ${path}`)).toEqual([finding]);
    expect(findings[0]?.message).toMatch(/route refuses/);
  });

  it.each([
    [{ leewayMs: 61_000 }, 'warning jwt-leeway-long auth.jwt.leewayMs'],
    [{ audience: 'any', audienceMatch: 'all' }, 'warning jwt-audience-unused auth.jwt.audienceMatch'],
    [{ token: { query: 't' } }, 'warning jwt-token-in-query auth.jwt.token.query'],
    [{ algorithms: ['ES256', 'HS256'] }, 'warning jwt-algorithm-unusable auth.jwt.algorithms'],
    [
      { injectRequestHeaders: [{ name: 'x', value: '{{ .Token.sub }}' }] },
      'warning template-field-unknown auth.jwt.injectRequestHeaders[0].value',
    ],
    [
      { injectRequestHeaders: [{ name: 'x', value: '{{ .token.sub }}' }] },
      'warning template-field-unknown auth.jwt.injectRequestHeaders[0].value',
    ],
    [
      { injectRequestHeaders: [{ name: 'x', value: '{{ with .token.Claims }}{{ .sub }}{{ $.tokn }}{{ end }}' }] },
      'warning template-field-unknown auth.jwt.injectRequestHeaders[0].value',
    ],
    [
      { errorResponse: { bodyTemplate: '{{ .code }}' } },
      'warning template-field-unknown auth.jwt.errorResponse.bodyTemplate',
    ],
    [
      { errorResponse: { bodyTemplate: '{{ if eq .status_code 403 }}{{ .error.Reason }}{{ end }}' } },
      'warning template-field-unknown auth.jwt.errorResponse.bodyTemplate',
    ],
    [
      { errorResponse: { bodyTemplate: '{{ index .message "a" }}' } },
      'warning template-fails auth.jwt.errorResponse.bodyTemplate',
    ],
    [
      { errorResponse: { headers: [{ name: 'x-why', value: '{{ .error.ValidationEror }}' }] } },
      'warning template-field-unknown auth.jwt.errorResponse.headers[0].value',
    ],
  ])('warns of %j', (options, finding) => {
    const { config, findings } = lowerJwt(base(options));
    expect(config).not.toBeNull();
    expect(findings.map(({ severity, code, path }) => `${severity} ${code} ${path}`)).toEqual([finding]);
  });

  it('takes every field of the data of error answers as one that exists', () => {
    const { fields } = errorData({ status: 401, detail: 'Why.' }, 'id', 'expired');
    const { error, ...others } = fields;
    if (!(error instanceof GoStruct)) throw new Error('the error has no fields');
    const paths = [...Object.keys(others), ...Object.keys(error.fields).map((name) => `error.${name}`)];
    const text = [...paths, 'error.ValidationError.Errors', 'error'].map((path) => `{{ .${path} }}`).join(' ');
    expect(codes({ errorResponse: { headers: [{ name: 'x', value: text }], bodyTemplate: text } })).toEqual([]);
  });

  it('with a secret uses its algorithm and no other', () => {
    const secret = { jwks: undefined, secret: { env: 'S' }, algorithm: 'HS384' };
    expect(compiled(secret)).toMatchObject({ algorithms: ['HS384'], keys: { kind: 'secret', name: 'S' } });
    expect(codes({ ...secret, algorithms: ['RS256'] })).toEqual(['error jwt-algorithm-unusable auth.jwt.algorithms']);
    expect(codes({ ...secret, algorithms: ['HS256', 'HS384'] })).toEqual([
      'warning jwt-algorithm-unusable auth.jwt.algorithms',
    ]);
    expect(compiled({ ...secret, algorithms: ['HS256', 'HS384'] }).algorithms).toEqual(['HS384']);
  });

  it('is equal for equal options, and survives JSON', () => {
    const options = {
      injectRequestHeaders: [{ name: 'X', value: '{{ .token.Claims.a }}' }],
      errorResponse: {},
      typ: ['AT+JWT', 'application/x'],
    };
    expect(compiled(options)).toEqual(JSON.parse(JSON.stringify(compiled(options))));
    expect(compiled(options).types).toEqual(['at+jwt', 'x']);
  });

  it('describes what is demanded', () => {
    expect(describeOf({})).toBe(`a token of ${ISSUER} for orders`);
    expect(describeOf({ issuer: 'any', audience: ['a', 'b'], scopes: ['r', 'w'] })).toBe(
      'a token of any issuer for a or b with the scopes r w',
    );
    expect(describeOf({ issuer: ['i', 'j'], audience: 'any' })).toBe('a token of i or j');
  });
});
