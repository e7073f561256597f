import { describe, expect, it } from 'vitest';
import { resolveClient, type TransportFacts } from '../../src/gateway/client-address.ts';
import { canonicalIp, canonicalPeer } from '../../src/gateway/ip-address.ts';

const transport: TransportFacts = {
  scheme: 'http',
  peerIp: '10.0.0.9',
  extraTrustedHops: 0,
  peerIsInForwardedFor: false,
  keepsPlatformHeaders: false,
  protocol: 'HTTP/1.1',
  place: null,
};
const client = (headers: Record<string, string>, hops: number, change: Partial<TransportFacts> = {}): unknown =>
  resolveClient(new Headers(headers), { ...transport, ...change }, hops);

describe('resolveClient', () => {
  it('believes nothing without trusted hops', () => {
    expect(client({ 'x-forwarded-for': '1.1.1.1', 'x-forwarded-proto': 'https' }, 0)).toEqual({
      scheme: 'http',
      clientIp: '10.0.0.9',
      forwardedFor: '10.0.0.9',
      trusted: false,
    });
  });

  it.each<[string | null, number, string, string]>([
    ['1.1.1.1', 1, '1.1.1.1', '1.1.1.1, 10.0.0.9'],
    ['6.6.6.6, 1.1.1.1', 1, '1.1.1.1', '1.1.1.1, 10.0.0.9'],
    ['6.6.6.6, 1.1.1.1, 2.2.2.2', 2, '1.1.1.1', '1.1.1.1, 2.2.2.2, 10.0.0.9'],
    ['2.2.2.2', 2, '10.0.0.9', '2.2.2.2, 10.0.0.9'],
    [null, 1, '10.0.0.9', '10.0.0.9'],
    ['unknown', 1, '10.0.0.9', 'unknown, 10.0.0.9'],
    ['1.1.1.1:4711', 1, '1.1.1.1', '1.1.1.1:4711, 10.0.0.9'],
    ['[2001:DB8::1]:443', 1, '2001:db8::1', '[2001:DB8::1]:443, 10.0.0.9'],
    ['::ffff:1.2.3.4', 1, '1.2.3.4', '::ffff:1.2.3.4, 10.0.0.9'],
  ])('x-forwarded-for %j with %i hops', (received, hops, clientIp, forwardedFor) => {
    expect(client(received === null ? {} : { 'x-forwarded-for': received }, hops)).toMatchObject({
      clientIp,
      forwardedFor,
    });
  });

  it('takes a trusted scheme only when it is exactly one', () => {
    expect(client({ 'x-forwarded-proto': 'https' }, 1)).toMatchObject({ scheme: 'https' });
    expect(client({ 'x-forwarded-proto': 'HTTPS' }, 1)).toMatchObject({ scheme: 'https' });
    expect(client({ 'x-forwarded-proto': 'https, http' }, 1)).toMatchObject({ scheme: 'http' });
    expect(client({ 'x-forwarded-proto': 'javascript' }, 1)).toMatchObject({ scheme: 'http' });
    expect(client({ 'x-forwarded-proto': 'http' }, 1, { scheme: 'https' })).toMatchObject({ scheme: 'http' });
    expect(client({ 'x-forwarded-proto': 'https,http' }, 1, { scheme: 'https' })).toMatchObject({ scheme: 'http' });
    expect(client({}, 1, { scheme: 'https' })).toMatchObject({ scheme: 'https' });
  });

  it('does not count the entry that the platform appended for the peer itself', () => {
    const change = { peerIsInForwardedFor: true };
    expect(client({ 'x-forwarded-for': '1.1.1.1, 10.0.0.9' }, 1, change)).toMatchObject({
      clientIp: '1.1.1.1',
      forwardedFor: '1.1.1.1, 10.0.0.9',
    });
  });

  it('dev: a loopback peer counts as one trusted hop', () => {
    const change = { extraTrustedHops: 1, peerIp: '127.0.0.1' } as const;
    expect(client({ 'x-forwarded-for': '1.1.1.1' }, 0, change)).toMatchObject({ clientIp: '1.1.1.1', trusted: true });
  });
});

describe('canonicalIp', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['01.2.3.4', null],
    ['1.2.3', null],
    ['1.2.3.256', null],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
    ['::', '::'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::1.2.3.4', '::102:304'],
    ['1::2::3', null],
    ['1:2:3:4:5:6:7:8:9', null],
    ['1:2:3:4:5:6:7', null],
    ['12345::', null],
    ['fe80::1%eth0', null],
    ['1.2.3.4::', null],
    ['', null],
  ])('%s → %s', (text, expected) => expect(canonicalIp(text)).toBe(expected));

  it('reads addresses with ports', () => {
    expect(canonicalPeer('127.0.0.1:49152')).toBe('127.0.0.1');
    expect(canonicalPeer('[::1]:49152')).toBe('::1');
    expect(canonicalPeer('::1')).toBe('::1');
    expect(canonicalPeer('[::1]x')).toBeNull();
    expect(canonicalPeer('[1.2.3.4]')).toBeNull();
  });
});
