import { describe, expect, it } from 'vitest';
import { compareLive, toLiveAnswer, type LiveResponse } from '../../src/explain/live-answer.ts';
import type { Share } from '../../src/explain/shares.ts';

const JSON_TYPE = 'application/json';

function response(changes: Partial<LiveResponse>): LiveResponse {
  return { method: 'GET', status: 200, contentType: null, location: null, body: '', ...changes };
}

function echo(url: string, host: string, headers: readonly (readonly [string, string])[] = []): LiveResponse {
  const report = { service: 's', method: 'GET', url, headers: [['Host', host], ...headers] };
  return response({ contentType: JSON_TYPE, body: JSON.stringify(report) });
}

function problem(status: number, code: string): LiveResponse {
  return response({ status, contentType: 'application/problem+json', body: JSON.stringify({ status, code }) });
}

function forwardShare(weight: number, url: string, headers: Readonly<Record<string, string>> = {}): Share {
  const upstream = { url, host: 'a.test', headers };
  const answer = { outcome: 'forward', status: null, code: null, detail: null, upstream, location: null } as const;
  return { weight, draw: 0, route: null, policies: [], consumer: null, answer };
}

const pathsOf = (
  expect_: Readonly<Record<string, unknown>>,
  live: LiveResponse,
  shares: readonly Share[] = [],
): readonly string[] => compareLive(expect_, toLiveAnswer(live), shares).differences.map(({ path }) => path);

describe('compareLive', () => {
  it('compares path, host and headers of what the echo backend saw', () => {
    const live = echo('/x?y=1', 'a.test', [
      ['X-Two', 'a'],
      ['x-two', 'b'],
    ]);
    const upstream = {
      url: 'http://anything:8080/x?y=1',
      host: 'a.test',
      headers: { 'x-two': 'a, b', 'x-none': null },
    };
    expect(pathsOf({ outcome: 'forward', status: null, upstream }, live)).toEqual([]);
    expect(pathsOf({ upstream: { ...upstream, url: 'http://anything:8080/z' } }, live)).toEqual(['upstream.url']);
    expect(pathsOf({ upstream: { host: 'b.test', headers: { 'x-two': 'a' } } }, live)).toEqual([
      'upstream.host',
      'upstream.headers.x-two',
    ]);
  });

  it('tells the gateway’s no from a backend', () => {
    expect(
      pathsOf({ outcome: 'no-route', status: 404, code: 'no-route', upstream: null }, problem(404, 'no-route')),
    ).toEqual([]);
    expect(pathsOf({ outcome: 'refuse', code: 'rate-limited' }, problem(429, 'rate-limited'))).toEqual([]);
    expect(pathsOf({ outcome: 'forward', upstream: { host: 'a' } }, problem(503, 'upstream-unreachable'))).toEqual([
      'outcome',
      'upstream',
    ]);
    expect(pathsOf({ outcome: 'refuse', status: 404 }, echo('/', 'a'))).toEqual(['outcome', 'status']);
  });

  it('compares redirects', () => {
    const live = response({ status: 301, location: 'https://a.test/' });
    expect(pathsOf({ outcome: 'redirect', status: 301, location: 'https://a.test/' }, live)).toEqual([]);
    expect(pathsOf({ outcome: 'redirect', status: 308, location: 'https://b.test/' }, live)).toEqual([
      'status',
      'location',
    ]);
    expect(pathsOf({ location: null }, live)).toEqual(['location']);
  });

  it('counts what cannot be seen', () => {
    const keys = { route: { id: 'x' }, nearMisses: [], policies: [], candidates: [], request: { path: '/' } };
    const { differences, offlineOnly } = compareLive({ ...keys, outcome: 'forward' }, toLiveAnswer(echo('/', 'a')), []);
    expect(differences).toEqual([]);
    expect(offlineOnly).toEqual(Object.keys(keys));
    // HEAD: no body, so neither code nor what the backend saw.
    const head = response({ method: 'HEAD' });
    expect(compareLive({ outcome: 'forward', upstream: { host: 'a' } }, toLiveAnswer(head), [])).toEqual({
      differences: [],
      offlineOnly: ['outcome', 'upstream'],
    });
    const refused = response({ method: 'HEAD', status: 403, contentType: 'application/problem+json' });
    expect(pathsOf({ outcome: 'refuse', code: 'x', status: 403 }, refused)).toEqual([]);
    expect(pathsOf({ outcome: 'forward' }, refused)).toEqual(['outcome']);
    expect(pathsOf({ outcome: 'forward', upstream: { host: 'a' } }, response({ status: 101 }))).toEqual([]);
  });

  it('does not take any 200 for an echo', () => {
    const live = response({ contentType: JSON_TYPE, body: '{"url":"/x"}' });
    expect(pathsOf({ upstream: { url: 'http://a/x' } }, live)).toEqual(['upstream']);
    expect(pathsOf({ outcome: 'respond', status: 200 }, live)).toEqual([]);
    expect(pathsOf({ outcome: 'refuse' }, live)).toEqual(['outcome']);
  });

  it('accepts any candidate of a weighted group, if the test describes one', () => {
    const shares = [
      forwardShare(10, 'http://canary/new/x', { 'x-v': '2' }),
      forwardShare(90, 'http://main/old/x', { 'x-v': '1' }),
    ];
    const expected = { upstream: { url: 'http://main/old/x', headers: { 'x-v': '1' } } };
    expect(pathsOf(expected, echo('/old/x', 'a.test', [['x-v', '1']]), shares)).toEqual([]);
    expect(pathsOf(expected, echo('/new/x', 'a.test', [['x-v', '2']]), shares)).toEqual([]);
    // The canary's path with the other one's header is neither.
    expect(pathsOf(expected, echo('/new/x', 'a.test', [['x-v', '1']]), shares)).toEqual(['upstream.url']);
    expect(pathsOf(expected, echo('/new/x', 'b.test', [['x-v', '2']]), shares)).not.toEqual([]);
    expect(pathsOf({ upstream: { url: 'http://main/nobody' } }, echo('/new/x', 'a.test'), shares)).toEqual([
      'upstream.url',
    ]);
  });
});
