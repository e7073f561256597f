import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/diagnostics/errors.ts';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { answering, factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered, lowerOptions } from '../lowering.ts';

const FOO = 'http://foo.example.com';
const BAR = 'http://bar.example.com';

function corsHeadersOf(response: Response): Record<string, string> {
  return Object.fromEntries([...response.headers].filter(([name]) => /^(access-control-|vary$)/.test(name)));
}
async function ask(options: unknown, request: Parameters<typeof factsOf>[0], upstream?: () => Response) {
  const policies = [{ name: 'cors', config: lowered('cors', options) }];
  return runChain({ policies, ...(upstream !== undefined && { upstream }) }, factsOf(request));
}
function timeOut(): never {
  throw new GatewayError(504, 'upstream-timeout', 'too slow');
}
const preflight = (origin: string) => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'POST' },
});

describe('actual requests', () => {
  // The known answers of Ambassador's own CORS test: a route with the Module's origin and one with its own.
  it.each([
    { origins: [FOO], origin: FOO, allowed: FOO },
    { origins: [FOO], origin: 'http://wrong.example.com', allowed: null },
    { origins: [BAR], origin: BAR, allowed: BAR },
    { origins: [BAR], origin: 'http://wrong.example.com', allowed: null },
    { origins: [FOO], origin: null, allowed: null },
    { origins: ['*'], origin: BAR, allowed: BAR },
    { origins: ['*'], origin: 'null', allowed: 'null' },
    { origins: ['*'], origin: null, allowed: null },
    { origins: ['*'], origin: '', allowed: null },
    { origins: [], origin: FOO, allowed: null },
    { origins: [FOO], origin: `${FOO}/`, allowed: null },
    { origins: [FOO], origin: 'http://FOO.example.com', allowed: null },
    { origins: [FOO], origin: `${FOO}.evil.example`, allowed: null },
    { origins: [FOO], origin: `${FOO}, ${BAR}`, allowed: null },
  ])('$origins asked by $origin → $allowed, always proxied, always Vary', async ({ origins, origin, allowed }) => {
    const response = await ask({ origins }, { headers: origin === null ? {} : { origin } });
    expect(await response.text()).toBe('upstream');
    expect(corsHeadersOf(response)).toEqual({
      vary: 'Origin',
      ...(allowed !== null && { 'access-control-allow-origin': allowed }),
    });
  });

  it('replaces the whole CORS answer of the upstream when the origin is let in', async () => {
    const upstream = answering({
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'DELETE',
      'access-control-expose-headers': 'x-secret',
      vary: 'accept-encoding, ORIGIN',
    });
    const options = { origins: [FOO], exposedHeaders: ['x-total', 'x-page'] };
    expect(corsHeadersOf(await ask(options, { headers: { origin: FOO } }, upstream))).toEqual({
      'access-control-allow-origin': FOO,
      'access-control-expose-headers': 'x-total, x-page',
      vary: 'accept-encoding, ORIGIN',
    });
    const foreign = corsHeadersOf(await ask(options, { headers: { origin: BAR } }, upstream));
    expect(foreign['access-control-allow-origin']).toBe('*');
    expect(foreign['access-control-expose-headers']).toBe('x-secret');
  });

  it('leaves `Vary: *` alone', async () => {
    const response = await ask({ origins: [FOO] }, {}, answering({ vary: '*' }));
    expect(response.headers.get('vary')).toBe('*');
  });

  it('keeps every cookie of the upstream', async () => {
    const upstream = answering([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
    const response = await ask({ origins: ['*'] }, { headers: { origin: FOO } }, upstream);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  });

  it('carries the CORS headers on an error thrown behind it', async () => {
    const policies = [{ name: 'cors', config: lowered('cors', { origins: [FOO], credentials: true }) }];
    const response = await runChain({ policies, upstream: timeOut }, factsOf({ headers: { origin: FOO } }));
    expect(response.status).toBe(504);
    expect(corsHeadersOf(response)).toEqual({
      'access-control-allow-origin': FOO,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    });
  });
});

describe('preflight', () => {
  const full = {
    origins: [FOO],
    methods: ['GET', 'POST'],
    headers: ['content-type', 'x-token'],
    exposedHeaders: ['x-total'],
    credentials: true,
    maxAge: 86_400,
  };

  it('is answered 200 and empty, before any later policy', async () => {
    const policies = [
      { name: 'cors', config: lowered('cors', full) },
      { name: 'rate-limit', config: lowered('rate-limit', { limits: [{ name: 'b', rate: 1, unit: 'second' }] }) },
    ];
    // The limiter of this chain fails, and `never` would make that a 503.
    const response = await runChain({ policies, runtime: runtimeOf({ failOpen: 'never' }) }, factsOf(preflight(FOO)));
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
    expect(corsHeadersOf(response)).toEqual({
      'access-control-allow-origin': FOO,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'content-type, x-token',
      'access-control-max-age': '86400',
      vary: 'Origin',
    });
  });

  it('leaves out what is not configured', async () => {
    expect(corsHeadersOf(await ask({ origins: ['*'] }, preflight(BAR)))).toEqual({
      'access-control-allow-origin': BAR,
      vary: 'Origin',
    });
  });

  it.each([
    ['a foreign origin', preflight(BAR)],
    ['no origin', { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } }],
    ['no requested method', { method: 'OPTIONS', headers: { origin: FOO } }],
    ['an empty requested method', { method: 'OPTIONS', headers: { origin: FOO, 'access-control-request-method': '' } }],
    ['another method', { method: 'GET', headers: { origin: FOO, 'access-control-request-method': 'POST' } }],
  ])('passes on with %s', async (_, request) => {
    const response = await ask(full, request);
    expect(await response.text()).toBe('upstream');
    expect(response.headers.get('access-control-allow-methods')).toBeNull();
    expect(response.headers.get('vary')).toBe('Origin');
  });
});

describe('lowering', () => {
  it('joins lists, sorts origins and keeps quiet about good options', () => {
    expect(lowerOptions('cors', { origins: [FOO, BAR, FOO], methods: ['GET'], maxAge: 0, credentials: false })).toEqual(
      {
        config: { origins: [BAR, FOO], methods: 'GET', maxAge: '0' },
        findings: [],
      },
    );
  });

  it.each([
    [{ origins: ['*'], credentials: true }, 'cors-any-origin-with-credentials', 'spec.cors.origins', /cookies/],
    [{ origins: [FOO, 'null'] }, 'cors-origin-null', 'spec.cors.origins[1]', /sandboxed/],
    [{ origins: [`${FOO}/`] }, 'cors-origin-never-sent', 'spec.cors.origins[0]', /never let in/],
    [{ origins: [`${FOO}/app`] }, 'cors-origin-never-sent', 'spec.cors.origins[0]', /never let in/],
    [{ origins: ['https://foo.example.com:443'] }, 'cors-origin-never-sent', 'spec.cors.origins[0]', /never let in/],
    [{ origins: ['foo.example.com'] }, 'cors-origin-never-sent', 'spec.cors.origins[0]', /never let in/],
    [{ origins: ['https://*.example.com'] }, 'cors-origin-never-sent', 'spec.cors.origins[0]', /never let in/],
    [{ origins: [] }, 'cors-no-origins', 'spec.cors.origins', /empty/],
  ])('warns about %j', (options, code, path, message) => {
    const { config, findings } = lowerOptions('cors', options);
    expect(config).not.toBeNull();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ severity: 'warning', code, path, source: { file: 'a.yaml', line: 7 } });
    expect(findings[0]?.message).toMatch(message);
    expect(findings[0]?.source).not.toHaveProperty('path');
  });

  it('names the spelling a browser sends', () => {
    expect(lowerOptions('cors', { origins: ['HTTPS://Foo.Example.com:443/x'] }).findings[0]?.hint).toContain(
      'https://foo.example.com',
    );
  });

  it.each([
    'https://shop.example.com',
    'http://localhost:5173',
    'chrome-extension://abcdef',
    'https://xn--bcher-kva.example',
  ])('accepts %s', (origin) => {
    expect(lowerOptions('cors', { origins: [origin] }).findings).toEqual([]);
  });

  it.each([
    [{ origins: '*' }, 'spec.cors.origins'],
    [{}, 'spec.cors.origins'],
    [{ origins: ['*'], maxAge: '600' }, 'spec.cors.maxAge'],
    [{ origins: ['*'], maxAge: -1 }, 'spec.cors.maxAge'],
    [{ origins: ['*'], methods: ['GET\r\nx: y'] }, 'spec.cors.methods[0]'],
    [{ origins: ['*'], exposedHeader: ['x'] }, 'spec.cors.exposedHeader'],
    [null, 'spec.cors'],
  ])('refuses %j', (options, path) => {
    const { config, findings } = lowerOptions('cors', options);
    expect(config).toBeNull();
    expect(findings[0]).toMatchObject({ severity: 'error', code: 'policy-options-invalid', path });
  });

  it('names the nearest option', () => {
    expect(lowerOptions('cors', { origins: ['*'], exposedHeader: ['x'] }).findings[0]?.hint).toContain(
      'exposedHeaders',
    );
  });

  it('explains what it would do', async () => {
    const lowering = policyLowering('cors');
    const config = lowered('cors', { origins: [FOO] });
    expect(lowering?.explain(config, factsOf(preflight(FOO)))).toMatchObject({
      input: { method: 'OPTIONS', origin: FOO },
    });
    expect((await lowering?.explain(config, factsOf(preflight(FOO))))?.note).toContain('answers 200');
    expect((await lowering?.explain(config, factsOf(preflight(BAR))))?.note).toContain('not let in');
    expect((await lowering?.explain(config, factsOf()))?.input).toEqual({ method: 'GET', origin: null });
  });
});
