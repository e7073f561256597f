import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import { sanitizeHeaders, type HeaderContext } from '../../src/gateway/request-headers.ts';

const context: HeaderContext = {
  settings: {
    cookieLines: 'rejoin',
    headersWithUnderscores: 'drop',
    maxRequestHeadersBytes: 10_000,
    preserveRequestId: false,
  },
  client: { scheme: 'http', clientIp: '9.9.9.9', forwardedFor: '9.9.9.9', trusted: false },
  authority: 'h.test:8080',
  keepsPlatformHeaders: false,
};
const trusted: HeaderContext = { ...context, client: { ...context.client, trusted: true } };
const lavish: HeaderContext = { ...context, settings: { ...context.settings, maxRequestHeadersBytes: 100_000 } };
type Received = Record<string, string> | [string, string][];
const sanitized = (received: Received, use = context): Headers => sanitizeHeaders(new Headers(received), use).headers;
const withSettings = (settings: Partial<HeaderContext['settings']>): HeaderContext => ({
  ...context,
  settings: { ...context.settings, ...settings },
});
function refusal(received: Received, use = context): string {
  try {
    sanitized(received, use);
    return 'served';
  } catch (error) {
    if (error instanceof GatewayError) return `${error.status} ${error.code}`;
    throw error;
  }
}

function two(name: string, first: string, second: string): [string, string][] {
  return [
    [name, first],
    [name, second],
  ];
}

function ranges(count: number): string {
  return `bytes=${Array.from({ length: count }, (_, at) => `${at}-${at}`).join()}`;
}

function many(count: number): Received {
  return Array.from({ length: count }, (_, at) => [`x-${at}`, '1']);
}

describe('sanitizeHeaders', () => {
  const stripped =
    'X-Envoy-Original-Path x-envoy-expected-rq-timeout-ms X-Portolan-Relay l5d-dst-override Forwarded X-Forwarded-Port ' +
    'X-Forwarded-Client-Cert X-Real-IP CF-Connecting-IP True-Client-IP X-Original-URL X-Rewrite-URL Connection ' +
    'Keep-Alive TE Trailer Upgrade HTTP2-Settings Expect Proxy-Connection Proxy-Authorization X_User_Id X_Forwarded_For';
  it.each(stripped.split(' '))('strips %s', (name) => {
    expect(sanitized({ [name]: 'x', 'x-kept': '1' }).has(name)).toBe(false);
    expect(sanitized({ [name]: 'x', 'x-kept': '1' }).get('x-kept')).toBe('1');
  });

  it('writes the forwarding headers anew', () => {
    const headers = sanitized({
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.test',
      'x-request-id': 'mine',
    });
    expect(headers.get('x-forwarded-for')).toBe('9.9.9.9');
    expect(headers.get('x-forwarded-proto')).toBe('http');
    expect(headers.get('x-forwarded-host')).toBe('h.test:8080');
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('keeps what a trusted hop wrote, but never our own names', () => {
    const headers = sanitized(
      {
        'x-forwarded-host': 'shop.test',
        'x-forwarded-port': '443',
        'x-real-ip': '1.1.1.1',
        'x-envoy-internal': 'true',
      },
      trusted,
    );
    expect(headers.get('x-forwarded-host')).toBe('shop.test');
    expect(headers.get('x-forwarded-port')).toBe('443');
    expect(headers.get('x-real-ip')).toBe('1.1.1.1');
    expect(headers.has('x-envoy-internal')).toBe(false);
    expect(sanitized({ 'x-forwarded-client-cert': 'By=x' }, trusted).has('x-forwarded-client-cert')).toBe(false);
  });

  it('keeps platform headers where the platform writes them', () => {
    expect(sanitized({ 'cf-ray': 'x' }, { ...context, keepsPlatformHeaders: true }).get('cf-ray')).toBe('x');
  });

  it('keeps a request id only when told to, and only a sane one', () => {
    const preserving = withSettings({ preserveRequestId: true });
    expect(sanitizeHeaders(new Headers({ 'x-request-id': 'abc' }), preserving).requestId).toBe('abc');
    expect(sanitizeHeaders(new Headers({ 'x-request-id': 'a b' }), preserving).requestId).not.toBe('a b');
    expect(sanitizeHeaders(new Headers({ 'x-request-id': 'a'.repeat(129) }), preserving).requestId).toHaveLength(36);
  });

  it('removes what Connection names and refuses end-to-end names there', () => {
    const headers = sanitized({ connection: 'close, X-User, keep-alive', 'x-user': '1', 'x-kept': '1' });
    expect(headers.has('x-user')).toBe(false);
    expect(headers.get('x-kept')).toBe('1');
    expect(refusal({ connection: 'Authorization' })).toBe('400 connection-header-invalid');
    expect(refusal({ connection: 'close, x-forwarded-for' })).toBe('400 connection-header-invalid');
    expect(refusal({ connection: 'upgrade, http2-settings, "odd name"' })).toBe('served');
  });

  it('treats underscore names as the setting says', () => {
    expect(refusal({ x_user: '1' }, withSettings({ headersWithUnderscores: 'reject' }))).toBe(
      '400 header-underscore-rejected',
    );
    const allowed = sanitized(
      { x_user: '1', x_portolan_relay: '1', x_forwarded_for: '1', x_request_id: '1', x_envoy_a: '1' },
      withSettings({ headersWithUnderscores: 'allow' }),
    );
    expect([...allowed.keys()]).toEqual([
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-request-id',
      'x_user',
    ]);
  });

  it('refuses singletons that were joined from two lines', () => {
    expect(refusal(two('authorization', 'Bearer a', 'Bearer b'))).toBe('400 duplicate-header');
    expect(refusal(two('authorization', 'Basic YQ==', 'bearer b'))).toBe('400 duplicate-header');
    expect(refusal({ authorization: 'AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c' })).toBe(
      'served',
    );
    expect(refusal({ authorization: 'Digest username="bearer", realm="x, basic"' })).toBe('served');
    expect(refusal(two('content-type', 'text/plain', 'text/html'))).toBe('400 duplicate-header');
    expect(refusal({ 'content-type': 'multipart/form-data; boundary="a,b"' })).toBe('served');
  });

  it.each([
    ['Bearer a, Custom b', 'an unknown scheme'],
    ['Bearer a, b', 'no scheme'],
    ['Bearer a", Bearer b"', 'a quotation mark in each line'],
    ['Digest a="b", Basic YTpi', 'after parameters'],
    ['Basic YTpi, Digest a="b"', 'before parameters'],
    ['Digest a="b", c', 'a parameter without a value'],
    ['Digest a=b c=d, e=f', 'parameters without a comma'],
  ])('refuses %s (%s)', (authorization) => {
    expect(refusal({ authorization })).toBe('400 duplicate-header');
  });

  it.each([
    'Digest a="b, c", d=e ,  f="\\", g"',
    'Digest a=b,, c=d,',
    'AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host;x-a,Signature=0a==',
    'Signature keyId="https://a.test/k",algorithm="hs2019"',
    'Basic YTpi',
    'no scheme at all',
  ])('serves %s', (authorization) => {
    expect(refusal({ authorization })).toBe('served');
  });

  it('serves one credential and refuses any two', () => {
    const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,8}$/);
    const value = fc.oneof(fc.stringMatching(/^[A-Za-z0-9/;._+-]{1,9}$/), fc.stringMatching(/^"[ -!#-[\]-~]{0,9}"$/));
    const parameter = fc.tuple(token, fc.constantFrom('=', ' = '), value).map((parts) => parts.join(''));
    const separator = fc.constantFrom(',', ', ', ' ,\t');
    const parameters = fc
      .tuple(fc.array(parameter, { minLength: 1, maxLength: 4 }), separator)
      .map(([list, between]) => list.join(between));
    const credential = fc.tuple(token, fc.oneof(parameters, fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,9}={0,2}$/)));
    fc.assert(
      fc.property(credential, credential, (first, second) => {
        const [one, other] = [first.join(' '), second.join(' ')];
        expect(refusal({ authorization: one })).toBe('served');
        expect(refusal(two('authorization', one, other))).toBe('400 duplicate-header');
      }),
    );
  });

  it('judges commas in Authorization in time that does not explode', () => {
    // Whitespace that could belong to two places would make this 2^500 steps.
    expect(refusal({ authorization: `Digest a=b${' ,  '.repeat(500)}!` }, lavish)).toBe('400 duplicate-header');
    expect(refusal({ authorization: `Digest a=b${', a="'.repeat(501)}` }, lavish)).toBe('400 duplicate-header');
  });

  it('takes joined cookies apart, and leaves them alone when told to', () => {
    const cookie = 'a=1, b=2; c=3, 4, d="5, 6"';
    expect(sanitized({ cookie }).get('cookie')).toBe('a=1; b=2; c=3, 4; d="5, 6"');
    expect(sanitized({ cookie }, withSettings({ cookieLines: 'keep' })).get('cookie')).toBe(cookie);
  });

  it('drops Range with more than 32 ranges', () => {
    expect(sanitized({ range: ranges(32) }).get('range')).toBe(ranges(32));
    expect(sanitized({ range: ranges(33) }).has('range')).toBe(false);
  });

  it('refuses control characters in values; the tab and bytes from 0x80 pass', () => {
    // Headers of Node lets these through as workerd does.
    for (const unit of [0x01, 0x0b, 0x1b, 0x7f]) {
      expect(refusal({ 'x-a': `a${String.fromCharCode(unit)}b` })).toBe('400 header-invalid');
    }
    expect(refusal({ 'x-a': 'a\tb\u0080\u00ff' })).toBe('served');
  });

  it('refuses transfer codings other than chunked', () => {
    for (const coding of ['gzip, chunked', 'chunked, chunked', 'identity']) {
      expect(refusal({ 'transfer-encoding': coding })).toBe('501 transfer-coding-unsupported');
    }
    expect(refusal({ 'transfer-encoding': 'Chunked' })).toBe('served');
  });

  it('limits the number of headers', () => {
    expect(refusal(many(100))).toBe('served');
    expect(refusal(many(101))).toBe('431 headers-too-large');
  });

  it('limits names and values together', () => {
    const limited = withSettings({ maxRequestHeadersBytes: 100 });
    expect(refusal({ 'x-a': 'v'.repeat(97) }, limited)).toBe('served');
    expect(refusal({ 'x-a': 'v'.repeat(98) }, limited)).toBe('431 headers-too-large');
  });

  it('leaves the received headers alone', () => {
    const received = new Headers({ 'x-envoy-a': '1', connection: 'x-b', 'x-b': '1' });
    sanitizeHeaders(received, context);
    expect([...received.keys()]).toEqual(['connection', 'x-b', 'x-envoy-a']);
  });
});
