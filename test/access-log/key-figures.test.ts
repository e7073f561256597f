import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyTable } from '../../src/access-log/key-figures.ts';

describe('KeyTable', () => {
  it('counts as a list of all verdicts would', () => {
    const verdicts = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean()));
    fc.assert(
      fc.property(verdicts, (all) => {
        const table = new KeyTable();
        for (const [atMs, [key, isRefused]] of all.entries()) table.add(key, atMs, isRefused);
        for (const figures of table.top(10)) {
          const own = [...all.entries()].filter(([, [key]]) => key === figures.key);
          const refused = own.filter(([, [, isRefused]]) => isRefused).map(([atMs]) => atMs);
          const runs = own
            .map(([, [, isRefused]]) => (isRefused ? 'x' : ' '))
            .join('')
            .split(' ');
          expect(figures).toEqual({
            key: figures.key,
            requests: own.length,
            refused: refused.length,
            firstRefusalMs: refused[0] ?? null,
            lastRefusalMs: refused.at(-1) ?? null,
            longestRun: Math.max(...runs.map((run) => run.length)),
          });
        }
        expect(table.counts).toEqual({ keys: new Set(all.map(([key]) => key)).size, dropped: 0 });
      }),
    );
  });

  it('gives up the least affected when there are too many, and says how many', () => {
    const table = new KeyTable(10);
    for (let count = 0; count < 3; count += 1) table.add('hot', count, true);
    for (let key = 0; key < 100; key += 1) table.add(`k${key}`, key, false);
    expect(table.counts.keys).toBeLessThanOrEqual(10);
    expect(table.counts.keys + table.counts.dropped).toBe(101);
    expect(table.top(1)).toMatchObject([{ key: 'hot', requests: 3, refused: 3, longestRun: 3 }]);
    expect(table.refusedKeys).toBe(1);
  });
});
