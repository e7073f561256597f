import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareRank } from '../../src/model/rank.ts';
import { comparableRank, routeRankKey, tieTerms, type RouteRankFacts } from '../../src/model/route-rank.ts';

const base: RouteRankFacts = {
  tier: 0,
  precedence: 0,
  prefix: '/a/',
  headers: [],
  query: [],
  method: null,
  hostname: null,
  tie: { owner: 1, name: 'default/a' },
};
const before = (first: Partial<RouteRankFacts>, second: Partial<RouteRankFacts>): boolean =>
  compareRank(routeRankKey({ ...base, ...first }), routeRankKey({ ...base, ...second })) < 0;

describe('routeRankKey', () => {
  it('writes the elements in the order of the rule', () => {
    expect(
      routeRankKey({
        ...base,
        precedence: 7,
        headers: [
          { name: 'x-a', value: '1', regex: false },
          { name: 'x-b', value: 'v.*', regex: true },
          { name: 'x-c', value: null, regex: false },
        ],
        query: [{ name: 'q', value: '', regex: false }],
        method: 'POST',
        hostname: 'a.example.com',
        tie: { owner: 1, name: 'default/a', member: 2 },
      }),
    ).toEqual([
      0,
      7,
      3,
      4 + (3 + 3 + 1) + 4 + (10 + 13) + (7 + 4),
      2,
      '/a/',
      'POST',
      'x-a-1',
      'x-b-v.*',
      'x-c-*',
      ':authority-a.example.com',
      ':method-POST',
      'q-*',
      { ascending: 1 },
      { ascending: 'default/a' },
      { ascending: 2 },
    ]);
  });

  it('counts the hostname as header text, `*` included', () => {
    expect(routeRankKey({ ...base, hostname: '*' })[3]).toBe(11);
    expect(routeRankKey({ ...base, hostname: 'a.example.com' })[3]).toBe(23);
  });

  it('counts code points, not UTF-16 units', () => {
    expect(routeRankKey({ ...base, prefix: '/\u{1F600}' })[2]).toBe(2);
  });

  it('ranks precedence, then path length, then header text, then query text', () => {
    expect(before({ precedence: 1, prefix: '/' }, { prefix: '/long/' })).toBe(true);
    expect(before({ prefix: '/long/' }, { prefix: '/', headers: [{ name: 'x-a', value: '1', regex: false }] })).toBe(
      true,
    );
    expect(
      before(
        { headers: [{ name: 'x-a', value: '1', regex: false }] },
        { query: [{ name: 'q'.repeat(99), value: '1', regex: false }] },
      ),
    ).toBe(true);
    expect(before({ prefix: '/b/' }, { prefix: '/a/' })).toBe(true);
  });

  it('puts routes of the configuration first on a full tie only', () => {
    expect(before({ tie: { owner: 0, name: 'zzz' } }, { tie: { owner: 1, name: 'aaa' } })).toBe(true);
    expect(before({ tie: { owner: 1, name: 'aaa' }, hostname: '*' }, { tie: { owner: 0, name: 'aaa' } })).toBe(true);
  });

  it('never lets the tie-break decide before a comparable element does', () => {
    const condition = fc.record({
      name: fc.constantFrom('a', 'b', 'x-long'),
      value: fc.constantFrom(null, '', '1', '22'),
      regex: fc.boolean(),
    });
    const facts = fc.record({
      tier: fc.constant(0),
      precedence: fc.integer({ min: -1, max: 1 }),
      prefix: fc.constantFrom('/', '/a', '/b', '/aa'),
      headers: fc.array(condition, { maxLength: 2 }),
      query: fc.array(condition, { maxLength: 2 }),
      method: fc.constantFrom(null, 'GET', 'POST'),
      hostname: fc.constantFrom(null, '*', 'a.com'),
    });
    const tie = fc.record({ owner: fc.constantFrom(0 as const, 1 as const), name: fc.constantFrom('a', 'b') });
    fc.assert(
      fc.property(facts, facts, tie, tie, (a, b, tieA, tieB) => {
        const decided = compareRank(comparableRank(a), comparableRank(b));
        const full = compareRank(routeRankKey({ ...a, tie: tieA }), routeRankKey({ ...b, tie: tieB }));
        const expected = decided === 0 ? compareRank(tieTerms(tieA), tieTerms(tieB)) : decided;
        expect(Math.sign(full)).toBe(Math.sign(expected));
      }),
    );
  });
});
