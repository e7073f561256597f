import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBackend } from '../../src/config/service.ts';

describe('parseBackend', () => {
  it.each([
    ['orders', 'orders.default', { name: 'orders', namespace: 'default' }, 80],
    ['orders.shop', 'orders.shop', { name: 'orders', namespace: 'shop' }, 80],
    ['Orders.Shop:8080', 'orders.shop', { name: 'orders', namespace: 'shop' }, 8080],
    ['orders.shop.svc.cluster.local:8080', 'orders.shop', { name: 'orders', namespace: 'shop' }, 8080],
  ])('reads the service %s', (text, host, service, port) => {
    expect(parseBackend(text, undefined, ['eu'])).toEqual({
      ok: true,
      external: false,
      service: { text, scheme: 'http', host, service, port, clusters: ['eu'] },
    });
  });

  it('defaults to 443 for a service that speaks TLS', () => {
    expect(parseBackend('orders', 'https', [])).toMatchObject({ service: { scheme: 'https', port: 443 } });
  });

  it.each([
    ['https://api.example.com', 'https', 'api.example.com', 443],
    ['http://127.0.0.1:9001/', 'http', '127.0.0.1', 9001],
    ['https://[2001:db8::1]:8443', 'https', '2001:db8::1', 8443],
  ])('reads the URL %s', (text, scheme, host, port) => {
    expect(parseBackend(text, undefined, [])).toEqual({
      ok: true,
      external: true,
      service: { text, scheme, host, service: null, port, clusters: [] },
    });
  });

  it.each([
    '',
    'a.b.c',
    '127.0.0.1:80',
    'localhost:80',
    'a:0',
    'a:65536',
    'a b',
    '-a',
    'ftp://a',
    'https://',
    'https://a/b',
    'https://a?b',
    'https://u@a',
  ])('refuses `%s` with advice', (text) => {
    const parsed = parseBackend(text, undefined, []);
    expect(parsed).toMatchObject({ ok: false });
    expect('hint' in parsed && parsed.hint).not.toBe('');
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseBackend(text, undefined, []).ok === 'boolean'));
  });
});
