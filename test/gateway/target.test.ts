import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import { parseAuthority, parseTarget } from '../../src/gateway/target.ts';

function target(url: string, hostHeader: string | null, method = 'GET', maxTargetBytes = 8192): unknown {
  try {
    return parseTarget({ url, hostHeader, method }, maxTargetBytes);
  } catch (error) {
    if (error instanceof GatewayError) return `${error.status} ${error.code}`;
    throw error;
  }
}

describe('parseTarget', () => {
  it('takes a plain target apart', () => {
    expect(target('http://H.test/a/../b?x=1?y', 'H.test')).toEqual({
      scheme: 'http',
      authority: 'h.test',
      hostname: 'h.test',
      port: null,
      rawPath: '/a/../b',
      query: 'x=1?y',
    });
  });

  it('keeps the port in the authority and drops one trailing dot from the name', () => {
    expect(target('https://h.test.:8443/', 'h.test.:8443')).toMatchObject({
      scheme: 'https',
      authority: 'h.test:8443',
      hostname: 'h.test',
      port: 8443,
    });
  });

  it('tells an empty query from none', () => {
    expect(target('http://h.test/a?', 'h.test')).toMatchObject({ query: '' });
    expect(target('http://h.test/a', 'h.test')).toMatchObject({ query: null });
    expect(target('http://h.test?x', 'h.test')).toMatchObject({ rawPath: '/', query: 'x' });
    expect(target('http://h.test', 'h.test')).toMatchObject({ rawPath: '/' });
  });

  // The URL of each row is what workerd makes of the Host header and the target /a.
  it.each([
    ['http://evil@h.test/a', 'evil@h.test'],
    ['http://evil:80@h.test/a', 'evil:80@h.test'],
    ['http://h.test/x/a', 'h.test/x'],
    ['http://h.test/admin/../a', 'h.test/admin/..'],
    ['http://h.test?x=1/a', 'h.test?x=1'],
    ['http://h.test#x/a', 'h.test#x'],
    ['http://h.test\\x/a', 'h.test\\x'],
    ['http://0x7f.1/a', '0x7f.1'],
    ['http://127.1/a', '127.1'],
    ['http://2130706433/a', '2130706433'],
    ['http://0177.0.0.1/a', '0177.0.0.1'],
    ['http://1.2.3.256/a', '1.2.3.256'],
    ['http://h%2etest/a', 'h%2etest'],
    ['http://a,b/a', 'a,b'],
    ['http://bücher.test/a', 'bücher.test'],
    ['http://h.test/a', 'h.test\t'],
    ['http://h.test/a', ' h.test'],
    ['http://h.test/a', 'h.test, h.test'],
    ['http://h.test:99999/a', 'h.test:99999'],
    ['http://h.test:80x/a', 'h.test:80x'],
    ['http://h.test:/a', 'h.test:'],
    ['http://h.test:0/a', 'h.test:0'],
    ['http://h.test:080/a', 'h.test:080'],
    ['http://h.test/a', ''],
    ['http://h..test/a', 'h..test'],
    ['http://h.test../a', 'h.test..'],
    ['http://-h.test/a', '-h.test'],
    ['http://[::1/a', '[::1'],
    ['http://[::1%25eth0]/a', '[::1%25eth0]'],
    ['http://::1/a', '::1'],
    ['http://other.test/a', 'h.test'],
    ['http://h.test:8080/a', 'h.test'],
    ['http://h.test@h.test/a', 'h.test'],
  ])('refuses %s with Host %j', (url, host) => expect(target(url, host)).toBe('400 host-invalid'));

  it.each([
    ['http://h.test/a', 'H.TEST'],
    ['http://h.test/a', 'h.test:80'],
    ['https://h.test/a', 'h.test:443'],
    ['http://[::1]/a', '[0:0::1]'],
    ['http://my_service.test/a', 'my_service.test'],
    ['http://10.0.0.1:8080/a', '10.0.0.1:8080'],
    ['http://h.test/a', null],
  ])('accepts %s with Host %j', (url, host) => expect(target(url, host)).toMatchObject({ rawPath: '/a' }));

  it('serves neither TRACE nor CONNECT, before anything else is looked at', () => {
    expect(target('http://h/x/a', 'h/x', 'TRACE')).toBe('405 method-not-allowed');
    expect(target('http://h.test/a', 'h.test', 'CONNECT')).toBe('405 method-not-allowed');
  });

  it('knows OPTIONS *', () => {
    expect(target('http://h.test*', 'h.test', 'OPTIONS')).toMatchObject({ rawPath: '*', hostname: 'h.test' });
    expect(target('http://h.test*', 'h.test', 'GET')).toBe('400 target-invalid');
    expect(target('http://h.test*x', 'h.test', 'OPTIONS')).toBe('400 target-invalid');
  });

  it('refuses fragments, control characters, other schemes', () => {
    expect(target('http://h.test/a#/../admin', 'h.test')).toBe('400 target-invalid');
    expect(target('http://h.test/a?b#c', 'h.test')).toBe('400 target-invalid');
    expect(target('http://h.test/a?b c', 'h.test')).toBe('400 target-invalid');
    expect(target('javascript://h.test/a', 'h.test')).toBe('400 target-invalid');
    expect(target('/a', 'h.test')).toBe('400 target-invalid');
  });

  it('limits the target in bytes, not characters', () => {
    expect(target(`http://h.test/${'a'.repeat(99)}`, 'h.test', 'GET', 100)).toMatchObject({ port: null });
    expect(target(`http://h.test/${'a'.repeat(100)}`, 'h.test', 'GET', 100)).toBe('414 target-too-long');
    expect(target(`http://h.test/${'é'.repeat(49)}`, 'h.test', 'GET', 100)).toMatchObject({ port: null });
    expect(target(`http://h.test/${'é'.repeat(50)}`, 'h.test', 'GET', 100)).toBe('414 target-too-long');
    expect(target(`http://h.test/${'😀'.repeat(24)}`, 'h.test', 'GET', 97)).toMatchObject({ port: null });
    expect(target(`http://h.test/${'😀'.repeat(24)}`, 'h.test', 'GET', 96)).toBe('414 target-too-long');
  });
});

describe('parseAuthority', () => {
  it('never accepts what the WHATWG parser reads as another host', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', '.', '-', '_', '1', '0x', '9', ':', '80', '[', ']', '::', '@', '/', '%', 'ü'), {
        minLength: 1,
        maxLength: 8,
      })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (authority) => {
        const parsed = parseAuthority(authority);
        if (parsed === null) return;
        const url = new URL(`http://${authority}/`);
        expect(url.hostname.replace(/\.$/, '')).toBe(parsed.hostname);
        expect(url.port).toBe(parsed.port === null || parsed.port === 80 ? '' : String(parsed.port));
      }),
      { numRuns: 5000 },
    );
  });

  it('writes IPv6 as the WHATWG parser does', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const url = new URL(`http://[${address}]/`);
        expect(parseAuthority(`[${address.toLowerCase()}]`)?.hostname).toBe(url.hostname);
      }),
    );
  });
});
