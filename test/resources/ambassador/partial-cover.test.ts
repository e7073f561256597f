import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PathMatch } from '../../../src/model/route-model.ts';
import { uncoveredPath } from '../../../src/resources/ambassador/partial-cover.ts';

type Served = Pick<PathMatch, 'kind' | 'value'>;
const prefix = (value: string): Served => ({ kind: 'prefix', value });

describe('uncoveredPath', () => {
  it.each<[string, Served, string[], string | null]>([
    ['the classic', prefix('/admin'), ['/admin/*'], '/admin'],
    ['whole segments', { kind: 'segments', value: '/admin' }, ['/admin/*'], '/admin'],
    ['whole segments with a slash', { kind: 'segments', value: '/admin/' }, ['/admin/*'], '/admin'],
    ['whole segments of both kinds', { kind: 'segments', value: '/admin' }, ['/admin/*', '/admin'], null],
    ['all of it', prefix('/admin/'), ['/admin/*'], null],
    ['more than that', prefix('/admin/'), ['/ad*'], null],
    ['its end only', prefix('/admin'), ['/admin'], '/adminx'],
    ['its end, and what is below', prefix('/admin'), ['/admin', '/admin/*'], '/adminx'],
    ['everything', prefix('/'), ['/admin/*', '*'], null],
    ['a part of everything', prefix('/'), ['/admin/*'], '/'],
    ['no prefix', prefix(''), ['/a*'], '/'],
    ['no prefix, nearly all', prefix(''), ['/'], '/x'],
    ['a glob in the middle', prefix('/a/'), ['/a/*/b'], '/a/'],
    ['a character that stands in a glob', prefix('/a'), ['/a', '/ax*'], '/ay'],
    ['one exact path, met', { kind: 'exact', value: '/a' }, ['/a'], null],
    ['one exact path, missed', { kind: 'exact', value: '/a' }, ['/a/*'], '/a'],
    ['a regex cannot be listed', { kind: 'regex', value: '/a.*' }, ['/a/*'], null],
    ['a dot segment is no path', prefix('/a/..'), ['/a/..?*'], '/a/..x'],
    ['no slash in front', prefix('admin'), ['/a*'], null],
  ])('%s', (_name, served, globs, expected) => expect(uncoveredPath(served, globs, true)).toBe(expected));

  it('ignores case where the Mapping does', () => {
    expect(uncoveredPath(prefix('/Admin/'), ['/admin/*'], true)).toBe('/Admin/');
    expect(uncoveredPath(prefix('/Admin/'), ['/admin/*'], false)).toBeNull();
  });

  it('finds one even where every character stands in some glob', () => {
    const globs = 'abcdefghijklmnopqrstuvwxyz0123456789-_~'.split('').map((char) => `/a${char}b`);
    expect(uncoveredPath(prefix('/a'), [...globs, '/a'], true)).toMatch(/^\/a.$/);
  });

  it('finds a path exactly when an enumeration of short paths does', () => {
    const alphabet = ['a', 'b', '/', 'q'];
    // `q` stands in no glob, so that these four stand for all characters; a prefix has four, and two more may follow it.
    const glob = fc
      .array(fc.constantFrom('a', 'b', '/', '*'), { minLength: 1, maxLength: 5 })
      .map((parts) => `${parts[0] === '*' ? '' : '/'}${parts.join('')}`);
    const served = fc.record({
      kind: fc.constantFrom<PathMatch['kind']>('prefix', 'exact', 'segments'),
      value: fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 3 }).map((parts) => `/${parts.join('')}`),
    });
    const paths = enumerate(alphabet, 5).map((rest) => `/${rest}`);
    let found = 0;
    fc.assert(
      fc.property(served, fc.array(glob, { minLength: 1, maxLength: 4 }), (match, globs) => {
        const witness = uncoveredPath(match, globs, true);
        const open = paths.filter((path) => serves(match, path) && !globs.some((one) => naive(one, path)));
        expect(witness !== null).toBe(open.length > 0);
        if (witness === null) return;
        found += 1;
        expect([serves(match, witness), globs.some((one) => naive(one, witness))]).toEqual([true, false]);
      }),
      { numRuns: 500 },
    );
    expect(found).toBeGreaterThan(50);
  });
});

function enumerate(alphabet: readonly string[], length: number): readonly string[] {
  if (length === 0) return [''];
  const shorter = enumerate(alphabet, length - 1);
  return [...new Set([...shorter, ...shorter.flatMap((text) => alphabet.map((char) => text + char))])];
}

function serves({ kind, value }: Served, path: string): boolean {
  if (kind === 'exact') return path === value;
  if (kind === 'prefix') return path.startsWith(value);
  const base = value.replace(/\/$/, '');
  return path === base || path.startsWith(`${base}/`);
}

/** By trying every length for every star. */
function naive(glob: string, text: string): boolean {
  if (glob === '') return text === '';
  if (glob[0] !== '*') return glob[0] === text[0] && naive(glob.slice(1), text.slice(1));
  return Array.from({ length: text.length + 1 }, (_, at) => text.slice(at)).some((rest) => naive(glob.slice(1), rest));
}
