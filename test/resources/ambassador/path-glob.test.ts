import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globCovers, globsOverlap } from '../../../src/resources/ambassador/path-glob.ts';

const matches = (glob: string, text: string): boolean =>
  new RegExp(`^${glob.replaceAll('/', '\\/').replaceAll('*', '.*')}$`).test(text);

describe('globs', () => {
  /** Every text over `ab/` up to four characters, level by level. */
  const levels = [['']];
  while (levels.length < 5)
    levels.push((levels.at(-1) ?? []).flatMap((text) => ['a', 'b', '/'].map((next) => text + next)));
  const texts = levels.flat();
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 4 });

  it('overlap exactly when one text satisfies both', () => {
    // The shortest text that two globs of three characters share has at most four.
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 3 });
    fc.assert(
      fc.property(short, short, (a, b) => {
        expect(globsOverlap(a, b)).toBe(texts.some((text) => matches(a, text) && matches(b, text)));
      }),
    );
  });

  it('cover only what they certainly cover', () => {
    fc.assert(
      fc.property(glob, glob, (outer, inner) => {
        if (!globCovers(outer, inner)) return;
        for (const text of texts) expect(!matches(inner, text) || matches(outer, text)).toBe(true);
      }),
    );
  });
});
