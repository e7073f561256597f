import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob, matchesGlob } from '../../src/policies/glob.ts';

/** By definition: `*` takes nothing, or one more character and tries again. */
function matchesNaively(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) {
    return matchesNaively(pattern.slice(1), text) || (text !== '' && matchesNaively(pattern, text.slice(1)));
  }
  return text !== '' && pattern[0] === text[0] && matchesNaively(pattern.slice(1), text.slice(1));
}

describe('glob', () => {
  it('matches as the naive model does', () => {
    const pattern = fc.string({ unit: fc.constantFrom('*', 'a', 'b', '/', '?'), maxLength: 9 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '?'), maxLength: 12 });
    fc.assert(
      fc.property(pattern, text, (glob, path) => {
        expect(matchesGlob(compileGlob(glob), path)).toBe(matchesNaively(glob, path));
      }),
      { numRuns: 5_000 },
    );
  });

  it('matches what it was made from', () => {
    const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(pieces, fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 }), (parts, filler) => {
        expect(matchesGlob(compileGlob(parts.join('*')), parts.join(filler))).toBe(true);
      }),
    );
  });

  it.each([
    ['*', '/', true],
    ['*', '/a/b', true],
    ['/backend/*', '/backend/', true],
    ['/backend/*', '/backend', false],
    ['/backend/*', '/backend/a/b', true],
    ['/api/*/items', '/api/v1/items', true],
    ['/api/*/items', '/api/items', false],
    ['/aba*aba', '/aba', false],
    ['/Backend/*', '/backend/x', false],
    ['/a?c', '/abc', false],
    ['/a.c', '/abc', false],
  ])('%s against %s is %s', (pattern, path, expected) => {
    expect(matchesGlob(compileGlob(pattern), path)).toBe(expected);
  });

  it('comes to an end where a backtracking matcher would not', () => {
    const pattern = compileGlob(`${'*a'.repeat(30)}*b`);
    const text = 'a'.repeat(50_000);
    expect(matchesGlob(pattern, text)).toBe(false);
  });
});
