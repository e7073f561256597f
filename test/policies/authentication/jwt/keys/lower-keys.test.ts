import type { JWK } from 'jose';
import { exportJWK, generateKeyPair } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../../../../src/diagnostics/finding.ts';
import type { Json, ServiceRef } from '../../../../../src/model/route-model.ts';
import type { LowerContext, LowerProblem, PolicyTarget } from '../../../../../src/policies/contract.ts';
import type { CompiledKeys } from '../../../../../src/policies/authentication/jwt/keys/key-source.ts';
import { keysOptionsSchema } from '../../../../../src/policies/authentication/jwt/keys/keys-options.ts';
import { lowerKeys, type KeysPlace } from '../../../../../src/policies/authentication/jwt/keys/lower-keys.ts';
import { publicJwk } from './key-stand.ts';

type Lowered = { keys: CompiledKeys | null; findings: readonly Finding[]; services: readonly ServiceRef[] };

function lower(options: unknown, place: KeysPlace = {}, answer: LowerProblem | PolicyTarget | null = null): Lowered {
  const findings: Finding[] = [];
  const services: ServiceRef[] = [];
  const context: LowerContext = {
    routeId: 'route/a',
    source: { kind: 'Filter', namespace: 'default', name: 'f', file: 'a.yaml', line: 3, path: 'spec.JWT' },
    report: (finding) => findings.push(finding),
    target: 'self-hosted',
    trustedHops: 0,
    upstream: (service) => {
      services.push(service);
      const { scheme, host, port } = service;
      return (
        answer ?? { upstream: `${scheme}/${host}`, origin: `${scheme}://${host}:${port}`, via: { kind: 'binding' } }
      );
    },
    regex: () => ({ code: 'unused', message: '', hint: null }),
  };
  return { keys: lowerKeys(keysOptionsSchema.parse(options), context, place), findings, services };
}

const said = ({ findings }: Lowered): readonly (readonly [string, string, string | null])[] =>
  findings.map(({ severity, code, path }) => [severity, code, path]);

let key: JWK;
let privateKey: JWK;
beforeAll(async () => {
  key = await publicJwk('a');
  privateKey = await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey);
});

describe('addresses', () => {
  it('become upstreams', () => {
    const { keys, findings } = lower({ jwksURI: 'https://idp.example/keys?tenant=1' });
    expect(findings).toEqual([]);
    expect(keys).toEqual({
      kind: 'jwks',
      target: { upstream: 'https/idp.example', origin: 'https://idp.example', via: { kind: 'binding' } },
      path: '/keys?tenant=1',
      maxStaleMs: 86_400_000,
    });
  });

  it.each([
    ['https://idp.example', '/.well-known/openid-configuration'],
    ['https://idp.example/', '/.well-known/openid-configuration'],
    ['https://idp.example/realms/a', '/realms/a/.well-known/openid-configuration'],
    ['https://idp.example/realms/a/', '/realms/a/.well-known/openid-configuration'],
  ])('of a discovery follow the issuer %s', (issuer, path) => {
    const { keys, findings } = lower({ discovery: true, maxStaleMs: 600_000 }, { issuer });
    expect(findings).toEqual([]);
    expect(keys).toMatchObject({ kind: 'discovery', path, issuer, maxStaleMs: 600_000 });
  });

  it('keep their name wherever they are mapped to, unless the way there goes by name', () => {
    const mapped = { upstream: 'u', origin: 'http://10.0.0.5:8080' };
    const originBy = (via: PolicyTarget['via']): unknown =>
      lower({ jwksURI: 'https://idp.example:8443/keys' }, {}, { ...mapped, via }).keys;
    expect(originBy({ kind: 'binding' })).toMatchObject({ target: { ...mapped, origin: 'https://idp.example:8443' } });
    expect(originBy({ kind: 'vpc', binding: 'V' })).toMatchObject({ target: { origin: 'https://idp.example:8443' } });
    expect(originBy({ kind: 'fetch' })).toMatchObject({ target: mapped });
  });

  it('by http, private ones included, work with a warning', () => {
    const plain = lower({ jwksURI: 'http://10.0.0.5:8080/keys' }, { at: ['keys'] });
    expect(plain.keys).toMatchObject({ kind: 'jwks', target: { origin: 'http://10.0.0.5:8080' } });
    expect(said(plain)).toEqual([['warning', 'jwks-over-http', 'spec.JWT.keys.jwksURI']]);
    const discovered = lower({ discovery: true }, { issuer: 'http://idp.internal' });
    expect(said(discovered)).toEqual([['warning', 'jwks-over-http', 'spec.JWT.discovery']]);
  });

  it('are judged by what is connected to, not by what was written', () => {
    const via = { kind: 'binding' } as const;
    const downgraded = lower(
      { jwksURI: 'https://idp.example/' },
      {},
      { upstream: 'u', origin: 'http://10.0.0.5', via },
    );
    expect(said(downgraded)).toEqual([['warning', 'jwks-over-http', 'spec.JWT.jwksURI']]);
    expect(downgraded.findings[0]?.message).toContain('http://10.0.0.5 ');
    const upgraded = lower({ jwksURI: 'http://idp.example/' }, {}, { upstream: 'u', origin: 'https://10.0.0.5', via });
    expect(said(upgraded)).toEqual([]);
  });

  it.each(['idp.example/keys', 'ftp://idp.example/', 'https://a:b@idp.example/', 'https://idp.example/#k', 'https://'])(
    'that are none refuse: %s',
    (jwksURI) => {
      const result = lower({ jwksURI });
      expect(result.keys).toBe(null);
      expect(said(result)).toEqual([['error', 'policy-options-invalid', 'spec.JWT.jwksURI']]);
    },
  );

  it.each([null, 'tenant', 'https://idp.example/?a=1', 'https://idp.example/#', 'https://idp.example?'])(
    'cannot be discovered of the issuer %s',
    (issuer) => {
      const result = lower({ discovery: true }, { issuer });
      expect(result.keys).toBe(null);
      expect(said(result)).toEqual([['error', 'policy-options-invalid', 'spec.JWT.discovery']]);
    },
  );

  it('that cannot be reached refuse with the reason', () => {
    const problem = { code: 'upstream-private-address', message: 'It is private.', hint: 'Map it.' };
    const { keys, findings } = lower({ jwksURI: 'https://10.0.0.1/keys' }, {}, problem);
    expect(keys).toBe(null);
    expect(findings).toMatchObject([
      { severity: 'error', code: 'upstream-private-address', hint: 'Map it.', path: 'spec.JWT.jwksURI' },
    ]);
  });

  it('without verified TLS refuse by name', () => {
    const result = lower({ jwksURI: 'https://idp.example/keys', insecureTLS: true });
    expect(result.keys).toBe(null);
    expect(said(result)).toEqual([['error', 'jwks-insecure-tls', 'spec.JWT.insecureTLS']]);
    expect(lower({ jwksURI: 'https://idp.example/keys', insecureTLS: false }).keys).not.toBe(null);
  });
});

describe('inline keys', () => {
  it('carry their public members and nothing else into the program', () => {
    const { keys, findings } = lower({ jwks: { keys: [{ ...key, x5c: ['MII'], note: 'ours' }] } });
    expect(findings).toEqual([]);
    const { kty, crv, x, y } = key;
    expect(keys).toEqual({ kind: 'inline', keys: [{ kty, crv, x, y, kid: 'a', alg: 'ES256' }] });
  });

  it('that are unusable are left out with a warning each', () => {
    const result = lower({ jwks: { keys: [{ ...key, use: 'enc' }, key, { kty: 'RSA', n: 'AQ', e: 'AQAB' }] } });
    expect(result.keys).toMatchObject({ kind: 'inline', keys: [{ kid: 'a' }] });
    expect(said(result)).toEqual([
      ['warning', 'jwks-key-unusable', 'spec.JWT.jwks.keys[0]'],
      ['warning', 'jwks-key-unusable', 'spec.JWT.jwks.keys[2]'],
    ]);
  });

  it('none of which is usable refuse', () => {
    const result = lower({ jwks: { keys: [{ kty: 'RSA', n: 'AQ', e: 'AQAB' }] } });
    expect(result.keys).toBe(null);
    expect(said(result).at(-1)).toEqual(['error', 'jwks-no-usable-key', 'spec.JWT.jwks.keys']);
  });

  it('that can sign refuse, and are repeated nowhere', () => {
    for (const secret of [privateKey, { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' }]) {
      const result = lower({ jwks: { keys: [key, secret as Json] } });
      expect(result.keys).toBe(null);
      expect(said(result)).toEqual([['error', 'jwks-key-secret', 'spec.JWT.jwks.keys[1]']]);
      const value = 'd' in secret ? secret.d : secret.k;
      expect(JSON.stringify(result.findings)).not.toContain(value);
    }
  });
});

describe('secrets', () => {
  it('stay names', () => {
    const { keys, findings } = lower({ secret: { env: 'TOKENS' }, algorithm: 'HS384' });
    expect(findings).toEqual([]);
    expect(keys).toEqual({ kind: 'secret', name: 'TOKENS', algorithm: 'HS384' });
  });

  it('need an algorithm, which nothing else has', () => {
    expect(said(lower({ secret: { env: 'TOKENS' } }))).toEqual([
      ['error', 'policy-options-invalid', 'spec.JWT.algorithm'],
    ]);
    expect(said(lower({ jwksURI: 'https://idp.example/', algorithm: 'HS256' }))).toEqual([
      ['error', 'policy-options-invalid', 'spec.JWT.algorithm'],
    ]);
    expect(said(lower({ secret: { env: 'T' }, algorithm: 'HS256', maxStaleMs: 600_000 }))).toEqual([
      ['error', 'policy-options-invalid', 'spec.JWT.maxStaleMs'],
    ]);
  });
});

describe('options', () => {
  it('name exactly one place', () => {
    expect(said(lower({}))).toEqual([['error', 'policy-options-invalid', 'spec.JWT']]);
    const both = lower({ jwksURI: 'https://idp.example/', discovery: true });
    expect(both.keys).toBe(null);
    expect(both.findings[0]?.message).toContain('not jwksURI and discovery');
  });

  it.each([
    { discovery: false },
    { secret: { env: 'a-b' } },
    { secret: 'text' },
    { secret: { env: 'A', value: 'x' } },
    { jwksURI: '', maxStaleMs: 1 },
    { jwksURI: 'https://a/', maxStaleMs: 599_999 },
    { jwks: [] },
    { jwks: { keys: [] } },
    { secret: { env: 'A' }, algorithm: 'RS256' },
    { jwksUrl: 'https://a/' },
  ])('are checked: %j', (options) => {
    expect(keysOptionsSchema.safeParse(options).success).toBe(false);
  });
});
