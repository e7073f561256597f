import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessEntry, ReadOptions } from '../../src/access-log/entry.ts';
import { parseLogTime } from '../../src/access-log/log-time.ts';
import { readLine } from '../../src/access-log/read-line.ts';

const OPTIONS: ReadOptions = { fields: new Map(), wanted: [], trustedHops: 0 };

function entryOf(line: string, options: Partial<ReadOptions> = {}): AccessEntry {
  const entry = readLine(line, { ...OPTIONS, ...options });
  if (entry === null || 'unreadable' in entry) throw new Error(`${entry?.unreadable ?? 'nothing'}: ${line}`);
  return entry;
}

const reasonOf = (line: string): string | null => {
  const entry = readLine(line, OPTIONS);
  return entry !== null && 'unreadable' in entry ? entry.unreadable : null;
};

describe('lines of text', () => {
  it('Combined Log Format of nginx', () => {
    const line = String.raw`203.0.113.9 - ann [10/Oct/2025:13:55:36 +0200] "GET /a/b?x=1 HTTP/1.1" 200 2326 "https://a.test/" "curl \"8\""`;
    expect(entryOf(line, { wanted: ['header:user-agent', 'header:cookie'] })).toMatchObject({
      atMs: Date.parse('2025-10-10T11:55:36Z'),
      durationMs: null,
      address: '203.0.113.9',
      method: 'GET',
      target: '/a/b?x=1',
      host: null,
      consumer: 'ann',
      others: { 'header:user-agent': 'curl "8"' },
    });
  });

  it('Common Log Format, with a virtual host in front, with spaces in a name', () => {
    const common = '2001:db8::1 - - [10/Oct/2025:13:55:36 +0000] "POST /a HTTP/2.0" 204 -';
    expect(entryOf(common)).toMatchObject({ address: '2001:db8::1', method: 'POST', consumer: null });
    expect(entryOf(`shop.test:443 ${common}`)).toMatchObject({ host: 'shop.test:443', address: '2001:db8::1' });
    expect(entryOf(common.replace('- -', '- ann lee'))).toMatchObject({ consumer: 'ann lee' });
  });

  it("Envoy's default format, and Ambassador's", () => {
    const line =
      '[2025-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28, 10.0.0.1" "nsq2http" "cc21d9b0-cf5c" "locations" "tcp://10.0.2.1:80"';
    const expected = {
      atMs: Date.parse('2025-04-15T20:17:00.310Z'),
      durationMs: 226,
      address: '10.0.0.1',
      method: 'POST',
      target: '/api/v1/locations',
      host: 'locations',
    };
    expect(entryOf(line)).toMatchObject(expected);
    expect(entryOf(`ACCESS ${line}`)).toMatchObject(expected);
    expect(entryOf(line, { trustedHops: 1 }).address).toBe('10.0.35.28');
    expect(entryOf(line, { trustedHops: 7 }).address).toBe('10.0.35.28');
  });

  it("Istio's form of it", () => {
    const line =
      '[2025-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0" "84961386" "httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 outbound_.8000_._.httpbin default';
    expect(entryOf(line)).toMatchObject({
      durationMs: 3,
      address: '10.44.1.23:37652',
      host: 'httpbin:8000',
      target: '/status/418',
    });
  });

  it('says why a line is of no use', () => {
    expect(reasonOf('hello there')).toContain('neither JSON nor');
    expect(reasonOf('1.2.3.4 - - [soon] "GET / HTTP/1.1" 200 1')).toContain('time');
    expect(reasonOf(String.raw`1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "\x16\x03\x01" 400 1`)).toContain(
      'request line',
    );
    expect(reasonOf('1.2.3.4 - - [10/Oct/2025:13:55:36 +0000] "GET / ')).toContain('not closed');
    expect(reasonOf('{"time":')).toContain('JSON');
    expect(reasonOf('{"path":"/"}')).toContain('time');
    expect(readLine('   ', OPTIONS)).toBeNull();
    expect(readLine('#Fields: date time', OPTIONS)).toBeNull();
  });
});

describe('JSON lines', () => {
  it('Envoy', () => {
    const line = JSON.stringify({
      start_time: '2025-04-15T20:17:00.310Z',
      method: 'GET',
      path: '/a?b',
      duration: 226,
      x_forwarded_for: '192.0.2.1',
      authority: 'shop.test',
      route_name: 'orders',
    });
    expect(entryOf(line)).toMatchObject({
      atMs: Date.parse('2025-04-15T20:17:00.310Z'),
      durationMs: 226,
      address: '192.0.2.1',
      target: '/a?b',
      host: 'shop.test',
      route: 'orders',
    });
  });

  it('Caddy: seconds, written when the request ended', () => {
    const line = JSON.stringify({
      ts: 1_700_000_010.5,
      duration: 2.25,
      request: {
        remote_ip: '192.0.2.2',
        client_ip: '192.0.2.1',
        method: 'GET',
        host: 'shop.test',
        uri: '/a',
        headers: { 'X-Api-Key': ['k1'] },
      },
      user_id: '',
    });
    expect(entryOf(line, { wanted: ['header:x-api-key'] })).toMatchObject({
      atMs: 1_700_000_008_250,
      durationMs: 2_250,
      address: '192.0.2.1',
      target: '/a',
      consumer: null,
      others: { 'header:x-api-key': 'k1' },
    });
  });

  it('nginx', () => {
    const line = JSON.stringify({
      time_iso8601: '2025-10-10T13:55:36+02:00',
      remote_addr: '192.0.2.3',
      request: 'DELETE /x HTTP/1.1',
      request_time: '0.250',
      http_x_tenant: 'blue',
    });
    expect(entryOf(line, { wanted: ['header:x-tenant'] })).toMatchObject({
      atMs: Date.parse('2025-10-10T11:55:35.750Z'),
      durationMs: 250,
      method: 'DELETE',
      target: '/x',
      others: { 'header:x-tenant': 'blue' },
    });
  });

  it('other names, when they are given', () => {
    const line = JSON.stringify({
      at: 1_700_000_000_000,
      who: { ip: '192.0.2.4' },
      took: 1.5,
      'a.b': 'claimed',
      t: ['x', 'y'],
    });
    const fields = new Map([
      ['start', 'at'],
      ['address', 'who.ip'],
      ['duration-s', 'took'],
      ['claim:tenant', 'a.b'],
      ['header:x-t', 't'],
    ]);
    expect(entryOf(line, { fields, wanted: ['claim:tenant', 'header:x-t'] })).toMatchObject({
      atMs: 1_700_000_000_000,
      durationMs: 1_500,
      address: '192.0.2.4',
      others: { 'claim:tenant': 'claimed', 'header:x-t': 'x, y' },
    });
  });

  it('finds nothing in what objects inherit', () => {
    const fields = new Map([['address', 'constructor.name']]);
    expect(entryOf('{"ts":1700000000}', { fields }).address).toBeNull();
    expect(entryOf('{"ts":1700000000}', { fields: new Map([['address', '__proto__.x']]) }).address).toBeNull();
  });
});

describe('parseLogTime', () => {
  it.each([
    ['10/Oct/2000:13:55:36 -0700', '2000-10-10T20:55:36.000Z'],
    ['10/Oct/2000:13:55:36.125 +0530', '2000-10-10T08:25:36.125Z'],
    ['2025-01-02T03:04:05Z', '2025-01-02T03:04:05.000Z'],
    ['2025-01-02 03:04:05,678+0100', '2025-01-02T02:04:05.678Z'],
    ['1700000000', '2023-11-14T22:13:20.000Z'],
    ['1700000000.123', '2023-11-14T22:13:20.123Z'],
    ['1700000000123', '2023-11-14T22:13:20.123Z'],
    ['1700000000123456', '2023-11-14T22:13:20.123Z'],
    ['1700000000123456789', '2023-11-14T22:13:20.123Z'],
  ])('%s is %s', (text, iso) => {
    expect(new Date(parseLogTime(text) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it.each(['', '-', '2025-01-02T03:04:05', '10/Okt/2000:13:55:36 -0700', '2025-13-41T00:00:00Z', '17', 'NaN'])(
    '%s is no time',
    (text) => {
      expect(parseLogTime(text)).toBeNull();
    },
  );
});

describe('whatever comes', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('"', '[', ']', '\\', ' ', '{', '}', ':', ',', '-', '1', '\u001b', '\u0000') }),
    fc.json(),
    fc.json().map((json) => `{"ts":1700000000,"request":${json},"client_ip":${json},"duration":${json}}`),
    fc
      .array(
        fc.constantFrom(
          '1.2.3.4',
          '-',
          '[10/Oct/2000:13:55:36 -0700]',
          '[2025-01-02T03:04:05Z]',
          '"GET / HTTP/1.1"',
          'ACCESS',
          '"',
          '200',
          '\u001b[31m',
        ),
      )
      .map((words) => words.join(' ')),
  );

  it('never throws, and gives times and durations that can be counted with', () => {
    fc.assert(
      fc.property(hostile, fc.nat(5), (line, trustedHops) => {
        const entry = readLine(line, { ...OPTIONS, trustedHops, wanted: ['header:cookie', 'claim:a.b'] });
        if (entry === null || 'unreadable' in entry) return;
        expect(Number.isFinite(entry.atMs) && entry.atMs >= 0).toBe(true);
        expect(entry.durationMs === null || entry.durationMs >= 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
