import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differences } from '../../src/explain/subset.ts';

describe('differences', () => {
  it('looks at expected keys only', () => {
    expect(differences({ a: 1, b: { c: 'x', d: 2 } }, { b: { c: 'x' } })).toEqual([]);
    expect(differences({ a: 1, b: { c: 'x' } }, { a: 2, b: { c: 'y', e: 1 } })).toEqual([
      { path: 'a', expected: 2, actual: 1 },
      { path: 'b.c', expected: 'y', actual: 'x' },
      { path: 'b.e', expected: 1, actual: null },
    ]);
  });

  it('reads null as nothing', () => {
    expect(differences({ a: null }, { a: null, b: null })).toEqual([]);
    expect(differences({ a: 1 }, { a: null })).toEqual([{ path: 'a', expected: null, actual: 1 }]);
    expect(differences({ a: null }, { a: { b: 1 } })).toEqual([{ path: 'a', expected: { b: 1 }, actual: null }]);
  });

  it('finds expected elements in order, others between them', () => {
    const list = [{ n: 1 }, { n: 2 }, { n: 3, m: 4 }];
    expect(differences(list, [{ n: 1 }, { m: 4 }])).toEqual([]);
    expect(differences({ list }, { list: [{ n: 2 }, { n: 1 }] })).toEqual([
      { path: 'list[1]', expected: { n: 1 }, actual: { n: 3, m: 4 } },
    ]);
    expect(differences([{ n: 1 }], [{ n: 1 }, { n: 1 }])).toHaveLength(1);
    expect(differences(null, [1])).toEqual([{ path: '', expected: [1], actual: null }]);
  });

  it('takes an empty list at its word', () => {
    expect(differences([], [])).toEqual([]);
    expect(differences([1], [])).toEqual([{ path: '', expected: [], actual: [1] }]);
  });

  it('compares types, not spellings, and no inherited names', () => {
    expect(differences({ status: 301 }, { status: '301' })).toHaveLength(1);
    expect(differences({}, { constructor: 'x', toString: null })).toEqual([
      { path: 'constructor', expected: 'x', actual: null },
    ]);
  });

  it('holds for every part of a value, and for no changed part', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(json, (value) => {
        expect(differences(value, value)).toEqual([]);
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json, { minKeys: 1 }), fc.nat(), (value, pick) => {
        const keys = Object.keys(value);
        const key = keys[pick % keys.length] ?? '';
        const part = Object.fromEntries([[key, value[key]]]);
        expect(differences(value, part)).toEqual([]);
        expect(differences(value, { [key]: 'changed by the test' })).toHaveLength(1);
      }),
    );
  });
});
