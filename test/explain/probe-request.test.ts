import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostOf, receiveProbe, requestProblem, splitUrl, writtenPath } from '../../src/explain/probe-request.ts';

describe('splitUrl', () => {
  it.each([
    ['http://a.test/a/../b?x=1', 'http', 'a.test', '/a/../b?x=1', '/a/../b'],
    ['HTTPS://A.test:8443', 'https', 'A.test:8443', '', '/'],
    ['http://a.test?x', 'http', 'a.test', '?x', '/'],
    ['http://user@[::1]:80/%2e', 'http', 'user@[::1]:80', '/%2e', '/%2e'],
    ['http://a.test\\..\\b', 'http', 'a.test', '\\..\\b', '\\..\\b'],
    ['/only/a/path', null, '', '/only/a/path', '/only/a/path'],
  ])('takes %s apart as text', (url, scheme, authority, target, path) => {
    expect(splitUrl(url)).toEqual({ scheme, authority, target });
    expect(writtenPath(url)).toBe(path);
  });

  it('loses nothing', () => {
    fc.assert(
      fc.property(fc.constantFrom('http', 'https'), fc.string(), (scheme, rest) => {
        const { authority, target } = splitUrl(`${scheme}://${rest}`);
        expect(authority + target).toBe(rest);
      }),
    );
  });
});

describe('requestProblem', () => {
  const base = { method: 'GET', url: 'http://a.test/', headers: [] };
  it.each([
    [{}, null],
    [{ method: 'G T' }, 'no HTTP method'],
    [{ url: 'a.test/x' }, 'must start with http://'],
    [{ headers: [['a b', 'x']] as const }, 'no header name'],
    [{ headers: [['a', 'x\ny']] as const }, 'cannot be sent'],
    [{ headers: [['a', '☃']] as const }, 'cannot be sent'],
    [{ clientIp: '1.2.3' }, 'no IP address'],
    [{ clientIp: '2001:db8::1' }, null],
  ])('%j: %s', (changes, problem) => {
    const found = requestProblem({ ...base, ...changes });
    if (problem === null) expect(found).toBeNull();
    else expect(found).toContain(problem);
  });
});

describe('receiveProbe', () => {
  it('puts the Host header into the URL, as the runtime does', () => {
    const request = { method: 'GET', url: 'http://127.0.0.1:8787/a/../b', headers: [['Host', 'Shop.test']] as const };
    expect(hostOf(request)).toBe('Shop.test');
    const { head, transport } = receiveProbe(request, { trustedHops: 0 });
    expect([head.url, head.headers.get('host')]).toEqual(['http://Shop.test/a/../b', 'Shop.test']);
    expect(transport).toMatchObject({ scheme: 'http', peerIp: '127.0.0.1', extraTrustedHops: 0 });
  });

  it('reports the client through the trusted proxies, unless the request does', () => {
    const request = { method: 'GET', url: 'http://a.test/', headers: [], clientIp: '203.0.113.7' };
    expect(receiveProbe(request, { trustedHops: 0 }).transport.peerIp).toBe('203.0.113.7');
    const behindTwo = receiveProbe(request, { trustedHops: 2 });
    expect(behindTwo.head.headers.get('x-forwarded-for')).toBe('203.0.113.7, 127.0.0.1');
    const own = receiveProbe({ ...request, headers: [['X-Forwarded-For', '192.0.2.1']] }, { trustedHops: 1 });
    expect(own.head.headers.get('x-forwarded-for')).toBe('192.0.2.1');
  });
});
