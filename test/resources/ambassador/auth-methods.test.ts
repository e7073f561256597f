import { describe, expect, it } from 'vitest';
import type { AuthServiceResource, MappingSpec } from '../../../src/resources/ambassador/types.ts';
import { authService, filter, filterPolicy, mapping, moduleOf, translate } from './resources.ts';

/** The method that a Filter becomes, or why it refuses; and what is said of the Filter. */
function methodOf(spec: Readonly<Record<string, unknown>>, group: 'edge' | 'gateway' = 'edge', parity = {}) {
  const resources = {
    mappings: [mapping('a', { prefix: '/' })],
    filters: [filter('f', spec, { namespace: 'shop', group })],
    filterPolicies: [filterPolicy('p', [{ filters: [{ name: 'f' }] }], { namespace: 'shop', group })],
  };
  const { route, findings } = translate(resources, parity);
  const options = route('a').policies[0]?.options as {
    readonly filters: Readonly<
      Record<string, { readonly method: string; readonly options: unknown; readonly source: unknown }>
    >;
    readonly rules: readonly { readonly unusable?: string }[];
  };
  return {
    method: Object.values(options.filters)[0] ?? null,
    unusable: options.rules[0]?.unusable ?? null,
    said: findings.filter(({ source }) => source?.kind === 'Filter').map(({ code, path }) => `${code} ${path ?? '-'}`),
  };
}

const jwksURI = 'https://keys.test/jwks';
const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

describe('JWT', () => {
  it('means without further fields what Ambassador means', () => {
    const { method, said } = methodOf({ JWT: { jwksURI } });
    expect(method).toMatchObject({ method: 'jwt', source: { kind: 'Filter', namespace: 'shop', path: 'spec.JWT' } });
    expect(method?.options).toEqual({
      jwksURI,
      algorithms: ASYMMETRIC,
      issuer: 'any',
      audience: 'any',
      mayLack: ['exp', 'iss', 'aud'].slice(0, 1),
      leewayMs: { exp: 0, nbf: 0, iat: 0 },
      realm: 'f.shop',
      errorResponse: {},
    });
    expect(said).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['audience', { audience: 'a' }, { audience: ['a'], mayLack: ['exp', 'aud'] }],
    ['the word any is a text like others', { audience: 'any', issuer: 'any' }, { audience: ['any'], issuer: ['any'] }],
    ['audiences', { audience: 'a', audiences: ['b', 'a'] }, { audience: ['a', 'b'] }],
    ['requireAudienceAll', { audiences: ['a', 'b'], requireAudienceAll: true }, { audienceMatch: 'all' }],
    ['requireAudience', { audience: 'a', requireAudience: true }, { mayLack: ['exp'] }],
    ['requireAudience of any', { requireAudience: true }, { requiredClaims: { aud: true } }],
    ['issuer', { issuer: 'i' }, { issuer: ['i'], mayLack: ['exp', 'iss'] }],
    ['requireIssuer', { issuer: 'i', requireIssuer: true }, { issuer: ['i'], mayLack: ['exp'] }],
    ['requireIssuer of any', { requireIssuer: true }, { issuer: 'any', requiredClaims: { iss: true } }],
    [
      'requireNotBefore, requireIssuedAt',
      { requireNotBefore: true, requireIssuedAt: true },
      { requiredClaims: { nbf: true, iat: true } },
    ],
    [
      'leeways',
      { leewayForExpiresAt: '1m', leewayForNotBefore: '500ms', leewayForIssuedAt: '2s' },
      { leewayMs: { exp: 60_000, nbf: 500, iat: 2_000 } },
    ],
    ['maxStale', { maxStale: '48h' }, { maxStaleMs: 172_800_000 }],
    ['maxStale for ever', { maxStale: '100000h' }, { maxStaleMs: 31_536_000_000 }],
    ['validAlgorithms', { validAlgorithms: ['ES256'] }, { algorithms: ['ES256'] }],
    [
      'injectRequestHeaders',
      { injectRequestHeaders: [{ name: 'X-A', value: '{{ .token.Raw }}' }] },
      { injectRequestHeaders: [{ name: 'X-A', value: '{{ .token.Raw }}' }] },
    ],
    [
      'errorResponse',
      {
        errorResponse: {
          realm: 'r',
          contentType: 'text/plain',
          bodyTemplate: 'no',
          headers: [{ name: 'X', value: 'y' }],
        },
      },
      {
        realm: 'r',
        errorResponse: {
          headers: [
            { name: 'Content-Type', value: 'text/plain' },
            { name: 'X', value: 'y' },
          ],
          bodyTemplate: 'no',
        },
      },
    ],
  ])('%s', (_name, fields, expected) =>
    expect(methodOf({ JWT: { jwksURI, ...fields } }).method?.options).toMatchObject(expected),
  );

  it('demands exp when the Filter does', () => {
    const { method } = methodOf({ JWT: { jwksURI, requireExpiresAt: true } });
    expect(method?.options).not.toHaveProperty('mayLack');
  });

  it('demands with strictClaims what it would check', () => {
    const strict = { strictClaims: true };
    const all = methodOf({ JWT: { jwksURI, issuer: 'i', audiences: ['a'] } }, 'edge', strict);
    expect(all.method?.options).toMatchObject({ issuer: ['i'], audience: ['a'] });
    expect(all.method?.options).not.toHaveProperty('mayLack');
    expect(all.said).toEqual([]);
    expect(methodOf({ JWT: { jwksURI } }, 'edge', strict).method?.options).toMatchObject({
      issuer: 'any',
      audience: 'any',
    });
  });

  it('never shortens how long keys are used', () => {
    expect(methodOf({ JWT: { jwksURI, maxStale: '1h' } }).method?.options).not.toHaveProperty('maxStaleMs');
  });

  it('leaves symmetric algorithms out, and says it', () => {
    const { method, said } = methodOf({
      JWT: { jwksURI, requireExpiresAt: true, validAlgorithms: ['HS256', 'RS256'] },
    });
    expect(method?.options).toMatchObject({ algorithms: ['RS256'] });
    expect(said).toEqual(['jwt-symmetric-left-out spec.JWT.validAlgorithms']);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['none', { jwksURI, validAlgorithms: ['RS256', 'none'] }, /none/],
    ['none alone', { validAlgorithms: ['none'] }, /none/],
    ['insecureTLS', { jwksURI, insecureTLS: true }, /insecureTLS/],
    ['symmetric ones alone', { jwksURI, validAlgorithms: ['HS256'] }, /symmetric/],
  ])('refuses %s', (_name, fields, reason) => {
    const { method, unusable, said } = methodOf({ JWT: fields });
    expect([method, unusable]).toEqual([null, expect.stringMatching(reason)]);
    expect(said).toContain('policy-not-enforced spec.JWT');
  });
});

describe('APIKey', () => {
  it('names the Secrets of its own namespace and forwards the key', () => {
    const { method } = methodOf({
      APIKey: { httpHeader: 'X-Key', keys: [{ secretName: 'a' }, { secretName: 'a' }, { secretName: 'b' }] },
    });
    expect(method).toMatchObject({ method: 'api-key' });
    expect(method?.options).toEqual({
      kind: 'secret-set',
      sets: ['shop/a', 'shop/b'],
      header: 'X-Key',
      forward: true,
      realm: 'f.shop',
    });
  });
});

describe('External', () => {
  it('asks the service, qualified like one of a Mapping', () => {
    const { method } = methodOf({ External: { auth_service: 'auth:3000', path_prefix: 'check', timeout_ms: 100 } });
    expect(method).toMatchObject({
      method: 'external',
      options: {
        service: { scheme: 'http', host: 'auth.shop', port: 3000, service: { name: 'auth', namespace: 'shop' } },
        pathPrefix: '/check',
        timeoutMs: 100,
      },
    });
  });

  it('asks a URL, whose path goes in front', () => {
    const external = { authServiceURL: 'https://auth.test/v1/', httpSettings: { pathPrefix: '/check' } };
    expect(methodOf({ type: 'external', external }, 'gateway').method).toMatchObject({
      options: { service: { scheme: 'https', host: 'auth.test', port: 443 }, pathPrefix: '/v1/check' },
    });
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{ auth_service: 'auth', proto: 'grpc' }, /gRPC/],
    [{ auth_service: 'http://[::1' }, /cannot be read/],
  ])('refuses %j', (fields, reason) => expect(methodOf({ External: fields }).unusable).toMatch(reason));

  it.each(['auth', 'ftp://auth.test', 'https://user:hush@auth.test', 'https://auth.test/?a'])(
    'refuses the URL %s',
    (url) => {
      const { unusable } = methodOf({ type: 'external', external: { authServiceURL: url } }, 'gateway');
      expect(unusable).toMatch(/its URL/);
      expect(unusable).not.toContain('hush');
    },
  );
});

it.each(['OAuth2', 'Plugin'])('%s refuses', (type) => {
  expect(methodOf({ [type]: {} })).toMatchObject({ method: null, said: [`policy-not-enforced spec.${type}`] });
});

function link(services: readonly AuthServiceResource[], spec: Partial<MappingSpec> = {}, module = {}) {
  const { route, findings } = translate({
    mappings: [mapping('a', spec)],
    authServices: services,
    module: moduleOf(module),
  });
  const { policies, action } = route('a');
  return { policies, action, said: findings.map(({ severity, code }) => `${severity} ${code}`) };
}

function optionsOf(module: object, spec: Partial<MappingSpec> = {}, own = {}) {
  return link([authService('auth', own)], spec, module).policies[0]?.options;
}

function asks(host: string): object {
  return { methods: [{ options: { service: { host, clusters: [host] } } }] };
}

describe('AuthService', () => {
  it('is asked by the policy auth', () => {
    const { policies, said } = link([authService('auth', { service: 'auth:3000' }, { namespace: 'shop' })]);
    expect(policies).toMatchObject([
      {
        policy: 'auth',
        source: { kind: 'AuthService', name: 'auth' },
        options: {
          require: 'all',
          optional: false,
          methods: [{ method: 'external', options: { service: { host: 'auth.shop', port: 3000 } } }],
        },
      },
    ]);
    expect(said).toEqual([]);
  });

  it('carries every setting', () => {
    const { policies } = link([
      authService('auth', {
        tls: true,
        pathPrefix: '/check',
        timeoutMs: 1,
        allowedRequestHeaders: ['x-a'],
        allowedAuthorizationHeaders: ['x-b'],
        addAuthHeaders: { 'x-c': 'd' },
        addLinkerdHeaders: true,
        includeBody: { maxBytes: 1, allowPartial: true },
        statusOnError: 500,
        failureModeAllow: true,
      }),
    ]);
    expect(policies[0]?.options).toMatchObject({
      methods: [
        {
          options: {
            service: { scheme: 'https', port: 443 },
            pathPrefix: '/check',
            timeoutMs: 1,
            allowedRequestHeaders: ['x-a'],
            allowedAuthorizationHeaders: ['x-b'],
            addRequestHeaders: { 'x-c': 'd' },
            linkerdHeader: true,
            includeBody: { maxBytes: 1, allowPartial: true },
            statusOnError: 500,
            failureModeAllow: true,
          },
        },
      ],
    });
  });

  it('takes the Module’s word on Linkerd, and the Mapping’s context', () => {
    expect(optionsOf({ add_linkerd_headers: true })).toMatchObject({ methods: [{ options: { linkerdHeader: true } }] });
    expect(JSON.stringify(optionsOf({ add_linkerd_headers: true }, {}, { addLinkerdHeaders: false }))).not.toContain(
      'linkerd',
    );
    expect(optionsOf({}, { auth_context_extensions: { a: 'b' } })).toMatchObject({
      methods: [{ options: { contextExtensions: { a: 'b' } } }],
    });
  });

  it.each([{ bypass_auth: true }, { host_redirect: true }])('is skipped with %j', (spec) => {
    expect(link([authService('auth', {})], spec).policies).toEqual([]);
  });

  it.each<[string, string, Partial<Parameters<typeof authService>[1] & object>]>([
    ['the shipped one', 'ambassador-edge-stack-auth', { service: '127.0.0.1:8500', proto: 'grpc' }],
    ['one by another name', 'auth', { service: 'localhost:8500' }],
    ['one by its service', 'auth', { service: 'ambassador-edge-stack-auth.ambassador:8500', proto: 'grpc' }],
    ['one by name and port', 'ambassador-edge-stack-auth', { service: 'edge-stack:8500', proto: 'grpc' }],
  ])('of Ambassador Edge Stack (%s) asks nobody and refuses nothing', (_name, name, spec) => {
    const { policies, action, said } = link([authService(name, spec)]);
    expect([policies, action.kind, said]).toEqual([[], 'forward', ['info auth-service-own']]);
  });

  it.each<[string, string, Partial<Parameters<typeof authService>[1] & object>]>([
    ['a name alone', 'ambassador-edge-stack-auth', { service: 'mine:3000' }],
    ['a port alone', 'auth', { service: 'mine:8500' }],
    ['a loopback address alone', 'auth', { service: '127.0.0.1:3000' }],
  ])('is asked all the same with %s', (_name, name, spec) => {
    expect(link([authService(name, spec)]).policies).toHaveLength(1);
  });

  it('that cannot be asked makes its routes refuse, also beside one that can', () => {
    const { action, said } = link([authService('a', {}), authService('b', { proto: 'grpc' })]);
    expect(action).toMatchObject({ kind: 'refuse', status: 503, code: 'policy-not-enforced' });
    expect(said).toEqual(['warning auth-service-unusable', 'warning policy-not-enforced']);
  });

  it('that is not valid makes its routes refuse', () => {
    const invalid = [{ path: 'spec.timeout_ms', code: 'field-invalid', message: 'x' }];
    expect(link([authService('a', {}, { invalid })]).action).toMatchObject({ code: 'policy-not-enforced' });
    expect(link([authService('a', null, { invalid })]).action).toMatchObject({ code: 'policy-not-enforced' });
  });

  it('of several asks the first by name', () => {
    const same = [authService('b', { service: 'two' }), authService('a', { service: 'one' })];
    expect(link(same)).toMatchObject({
      policies: [{ source: { name: 'a' } }],
      said: ['warning auth-service-second'],
    });
    const different = [authService('a', {}), authService('b', { timeoutMs: 1 })];
    expect(link(different).said).toEqual(['error auth-service-second']);
  });

  it('of several clusters is asked for the routes of its own', () => {
    const east = authService('auth', { service: 'east' }, { cluster: 'east' });
    const west = authService('auth', { service: 'west', timeoutMs: 1 }, { cluster: 'west' });
    const { route, findings } = translate({
      mappings: [mapping('a', {}, { cluster: 'west' }), mapping('b', {}, { cluster: 'east' }), mapping('c', {})],
      authServices: [west, east],
    });
    const askedBy = (name: string) => route(name).policies[0]?.options;
    expect([askedBy('a'), askedBy('b'), askedBy('c')]).toMatchObject([asks('west'), asks('east'), asks('east')]);
    expect(findings).toEqual([]);
  });

  it('comes together with FilterPolicies', () => {
    const { route } = translate({
      mappings: [mapping('a', {})],
      authServices: [authService('auth', {})],
      filters: [filter('f', { OAuth2: {} })],
      filterPolicies: [filterPolicy('p', [{ filters: [{ name: 'f' }] }])],
    });
    expect(route('a').policies.map(({ policy }) => policy)).toEqual(['filters', 'auth']);
  });
});
