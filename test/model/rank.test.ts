import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCodePoints, compareRank } from '../../src/model/rank.ts';
import type { RankKey } from '../../src/model/route-model.ts';

const sorted = (keys: readonly RankKey[]): RankKey[] => [...keys].toSorted(compareRank);

describe('compareRank', () => {
  it('puts the larger element first, left to right', () => {
    expect(
      sorted([
        [0, 0, 4],
        [0, 1, 1],
        [0, 0, 9],
      ]),
    ).toEqual([
      [0, 1, 1],
      [0, 0, 9],
      [0, 0, 4],
    ]);
  });

  it('puts a key that extends another first', () => {
    expect(
      sorted([
        [1, 'a'],
        [1, 'a', 'b'],
      ]),
    ).toEqual([
      [1, 'a', 'b'],
      [1, 'a'],
    ]);
  });

  it('lets a longer list of strings win before the tie-break decides', () => {
    const plain: RankKey = [0, 5, '/a', 'GET', { ascending: 'aaa/first' }, { ascending: 0 }];
    const withHeader: RankKey = [0, 5, '/a', 'GET', 'x-a-1', { ascending: 'zzz/last' }, { ascending: 0 }];
    expect(compareRank(withHeader, plain)).toBeLessThan(0);
    expect(compareRank(plain, withHeader)).toBeGreaterThan(0);
  });

  it('turns an ascending element round', () => {
    expect(sorted([[{ ascending: 'b' }], [{ ascending: 'a' }], [{ ascending: 2 }], [{ ascending: 1 }]])).toEqual([
      [{ ascending: 1 }],
      [{ ascending: 2 }],
      [{ ascending: 'a' }],
      [{ ascending: 'b' }],
    ]);
  });

  it('orders strings by code point, not by UTF-16 unit', () => {
    expect(compareCodePoints('\u{1F600}', '\uFF5E')).toBeGreaterThan(0);
    // The plain operator says the opposite.
    expect(['\u{1F600}', '\uFF5E'].toSorted()).toEqual(['\u{1F600}', '\uFF5E']);
  });

  const term = fc.oneof(
    fc.integer({ min: -2, max: 2 }),
    fc.constantFrom('', 'a', 'ab', 'b'),
    fc.record({ ascending: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom('a', 'b')) }),
  );
  const key = fc.array(term, { maxLength: 4 });

  it('is a total order', () => {
    fc.assert(
      fc.property(key, key, key, (a, b, c) => {
        expect(Math.sign(compareRank(a, b))).toBe(0 - Math.sign(compareRank(b, a)));
        if (compareRank(a, b) <= 0 && compareRank(b, c) <= 0) expect(compareRank(a, c)).toBeLessThanOrEqual(0);
        expect(compareRank(a, b) === 0).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees with the byte order of UTF-8', () => {
    const text = fc.string({ unit: 'binary', maxLength: 4 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });
});
