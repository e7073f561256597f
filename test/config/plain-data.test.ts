import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPath, toPlainData, type DataProblem } from '../../src/config/plain-data.ts';

function copy(value: unknown): { readonly data: unknown; readonly problems: readonly DataProblem[] } {
  const problems: DataProblem[] = [];
  return { data: toPlainData(value, (problem) => problems.push(problem)), problems };
}

describe('toPlainData', () => {
  it('copies JSON as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'));
        const { data, problems } = copy(value);
        expect(problems).toEqual([]);
        expect(JSON.stringify(data)).toBe(JSON.stringify(value));
      }),
    );
  });

  it('replaces what is not data by null and names its place', () => {
    const { data, problems } = copy({ a: [1, () => 1, { 'x-b': Symbol('s') }], d: new Date(0), n: NaN, big: 1n });
    expect(data).toEqual({ a: [1, null, { 'x-b': null }], d: null, n: null, big: null });
    expect(problems.map(({ path }) => path)).toEqual(['a[1]', 'a[2]["x-b"]', 'd', 'n', 'big']);
  });

  it('treats undefined in an object as silence, in a list as a mistake', () => {
    expect(copy({ a: undefined })).toEqual({ data: {}, problems: [] });
    expect(copy([undefined]).problems.map(({ path }) => path)).toEqual(['[0]']);
  });

  it('survives cycles, depth, getters that throw and hostile proxies', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(copy(cycle)).toMatchObject({ data: { self: null }, problems: [{ path: 'self' }] });

    let deep: unknown = 1;
    for (let level = 0; level < 100; level += 1) deep = [deep];
    expect(copy(deep).problems).toHaveLength(1);

    const throws = {
      get a(): number {
        throw new Error('no');
      },
    };
    expect(copy(throws)).toMatchObject({ data: { a: null }, problems: [{ path: 'a' }] });

    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(copy({ a: proxy }).problems.length).toBeGreaterThan(0);
  });

  it('never lets __proto__ through', () => {
    const { data, problems } = copy(JSON.parse('{"__proto__": {"polluted": true}, "a": 1}'));
    expect(data).toEqual({ a: 1 });
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(problems).toHaveLength(1);
  });
});

describe('formatPath', () => {
  it.each([
    [['routes', 3, 'path'], 'routes[3].path'],
    [['headers', 'x-a'], 'headers["x-a"]'],
    [[], ''],
  ])('%j → %s', (keys, expected) => {
    expect(formatPath(keys)).toBe(expected);
  });
});
