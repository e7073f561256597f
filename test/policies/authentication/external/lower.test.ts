import { describe, expect, it } from 'vitest';
import { externalLowering } from '../../../../src/policies/authentication/external/lower.ts';
import { externalMethod } from '../../../../src/policies/authentication/external/method.ts';
import type { Json } from '../../../../src/model/route-model.ts';
import { runtimeOf } from '../../chain.ts';
import { lowerExternal, loweredExternal, SERVICE } from './fixture.ts';

function codes(options: object): readonly string[] {
  return lowerExternal({ service: SERVICE, ...options }).findings.map(
    ({ severity, code, path }) => `${severity} ${code} ${path?.replace('spec.auth.methods[0].options.', '') ?? ''}`,
  );
}

const TARGET = { upstream: 'http/127.0.0.1:3000', origin: SERVICE, via: { kind: 'binding' } };

describe('lowering', () => {
  it('fills in what Ambassador fills in', () => {
    expect(loweredExternal()).toEqual({
      target: TARGET,
      pathPrefix: '',
      timeoutMs: 5000,
      requestHeaders: [
        'authorization',
        'cookie',
        'from',
        'proxy-authorization',
        'user-agent',
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-proto',
        'x-request-id',
      ],
      addedHeaders: [],
      answerHeaders: ['authorization', 'location', 'proxy-authenticate', 'set-cookie', 'www-authenticate'],
      statusOnError: 403,
    });
  });

  it('takes a service in all its forms', () => {
    const service = { name: 'auth', namespace: 'shop' };
    const ref = { text: 'auth.shop:3000', scheme: 'http', host: 'auth.shop', service, port: 3000, clusters: [] };
    for (const written of ['auth.shop:3000', ref]) {
      expect(loweredExternal({ service: written })).toMatchObject({ target: { origin: 'http://auth.shop:3000' } });
    }
    expect(loweredExternal({ service: 'https://auth.example.com/verify/' })).toMatchObject({
      target: { origin: 'https://auth.example.com:443' },
      pathPrefix: '/verify',
    });
  });

  it.each([
    'a.b.c',
    'ftp://a/',
    'https://user:secret@a/',
    'https://a/?x=1',
    'https://a/#x',
    '',
    'localhost',
    { host: 'a' },
  ])('refuses the service %j', (service) => {
    const { config, findings } = lowerExternal({ service });
    expect(config).toBeNull();
    expect(findings).toMatchObject([{ severity: 'error', code: 'policy-options-invalid' }]);
    expect(JSON.stringify(findings)).not.toContain('secret');
  });

  it.each([
    [{ pathPrefix: 'verify' }, 'pathPrefix'],
    [{ pathPrefix: '/a?b' }, 'pathPrefix'],
    [{ pathPrefix: '/a/../b' }, 'pathPrefix'],
    [{ pathPrefix: '/a/.' }, 'pathPrefix'],
    [{ pathPrefix: '/%2E%2e/b' }, 'pathPrefix'],
    [{ pathPrefix: '/ä' }, 'pathPrefix'],
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ timeoutMs: 600_001 }, 'timeoutMs'],
    [{ statusOnError: 200 }, 'statusOnError'],
    [{ statusOnError: 302 }, 'statusOnError'],
    [{ includeBody: { maxBytes: 10 } }, 'includeBody.allowPartial'],
    [{ includeBody: { maxBytes: 1_048_577, allowPartial: true } }, 'includeBody.maxBytes'],
    [{ allowedRequestHeaders: ['a b'] }, 'allowedRequestHeaders[0]'],
    [{ addRequestHeaders: { 'x-a': 'b\r\nc: d' } }, 'addRequestHeaders.x-a'],
    [{ consumerFromHeader: ':path' }, 'consumerFromHeader'],
    [{ proto: 'grpc' }, 'proto'],
  ])('refuses %j', (options, at) => {
    expect(codes(options)).toEqual([`error policy-options-invalid ${at}`]);
  });

  it('refuses two prefixes', () => {
    const { config, findings } = lowerExternal({ service: 'https://a.example/verify', pathPrefix: '/check' });
    expect([config, findings.map(({ code }) => code)]).toEqual([null, ['policy-options-invalid']]);
  });

  it('warns of what has no effect', () => {
    expect(
      codes({
        allowedRequestHeaders: ['Connection', 'content-length', 'Host', 'Accept-Encoding', 'x-envoy-a', 'x-fine'],
        allowedAuthorizationHeaders: ['transfer-encoding', 'host', 'content-encoding', 'x-portolan-a', 'x-user'],
        addRequestHeaders: { te: 'trailers' },
        contextExtensions: { a: 'b' },
      }),
    ).toEqual([
      'warning external-header-unused allowedRequestHeaders[0]',
      'warning external-header-unused allowedRequestHeaders[1]',
      'warning external-header-unused allowedRequestHeaders[2]',
      'warning external-header-unused allowedRequestHeaders[3]',
      'warning external-header-unused allowedRequestHeaders[4]',
      'warning external-header-unused allowedAuthorizationHeaders[0]',
      'warning external-header-unused allowedAuthorizationHeaders[1]',
      'warning external-header-unused allowedAuthorizationHeaders[2]',
      'warning external-header-unused allowedAuthorizationHeaders[3]',
      'warning external-context-unsent contextExtensions',
      'warning external-header-unused addRequestHeaders.te',
    ]);
    expect(codes({ contextExtensions: {} })).toEqual([]);
  });

  it('warns of what is dangerous', () => {
    expect(codes({ failureModeAllow: true })).toEqual(['warning external-fails-open failureModeAllow']);
    expect(codes({ service: 'http://127.evil.example' })).toEqual(['warning external-cleartext service']);
    expect(codes({ service: 'http://auth.example.com' })).toEqual(['warning external-cleartext service']);
    expect(codes({ service: 'auth.shop' })).toEqual([]);
    expect(codes({ allowedAuthorizationHeaders: ['x-user', 'Accept-Language', 'Cookie'] })).toEqual([
      'warning external-header-forgeable allowedAuthorizationHeaders[1]',
    ]);
  });
});

it('has the gateway take what the service writes from clients, but neither credentials nor what is theirs', () => {
  const config = loweredExternal({
    allowedAuthorizationHeaders: ['X-User', 'x-api-key', 'Cookie', 'content-type', 'x-forwarded-for', 'host'],
  });
  expect(externalLowering.injectedHeaders(config)).toEqual([
    'location',
    'proxy-authenticate',
    'set-cookie',
    'www-authenticate',
    'x-user',
  ]);
});

it('says what it demands', () => {
  const config = loweredExternal({
    pathPrefix: '/verify',
    includeBody: { maxBytes: 100, allowPartial: true },
    failureModeAllow: true,
  });
  expect(externalLowering.describe(config)).toBe(
    'a 200 answer of the external service http://127.0.0.1:3000/verify, asked with up to 100 bytes of the body; passes when that cannot be asked',
  );
});

function created(config: Json): () => unknown {
  return () => externalMethod.create(config, runtimeOf({}));
}

it('runs nothing that it does not understand', () => {
  const good = loweredExternal({ includeBody: { maxBytes: 1, allowPartial: true }, addRequestHeaders: { a: 'b' } });
  expect(created(good)).not.toThrow();
  const fields = good as { readonly [key: string]: Json };
  const bad: Json[] = [
    null,
    [],
    {},
    { ...fields, body: { maxBytes: '1', allowPartial: true } },
    { ...fields, target: { ...TARGET, via: { kind: 'vpc' } } },
    { ...fields, failOpen: false },
    { ...fields, addedHeaders: [['a']] },
  ];
  for (const key of Object.keys(fields)) bad.push({ ...fields, [key]: null });
  for (const config of bad) expect(created(config), JSON.stringify(config)).toThrow('not one this version understands');
});
