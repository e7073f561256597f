import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { compileRegex } from '../../src/compile/regex.ts';
import { literalPrefix, regexMatches, regexReplaceAll } from '../../src/gateway/regex.ts';
import type { CompiledRegex } from '../../src/program/route-program.ts';

function compiled(pattern: string, full: boolean): CompiledRegex {
  const result = compileRegex(pattern, { full });
  if ('regex' in result) return result.regex;
  throw new Error(result.error);
}

describe('regexMatches', () => {
  it.each(['/api/v[0-9]+/.*', '(?i)/API', '/a|/b', '(a+)+b'])('%s matches the whole text as RE2 does', (pattern) => {
    for (const text of ['/api/v1/x', '/api', '/API', '/a', '/b', '/ab', 'aab', 'xaab', '/api/v1/x\n', '']) {
      expect(regexMatches(compiled(pattern, true), text)).toBe(RE2JS.matches(pattern, text));
    }
  });
});

describe('regexReplaceAll', () => {
  it.each([
    ['/assets/([a-f0-9]{4})/x', String.raw`/images/\1`, '/assets/abcd/x', '/images/abcd'],
    ['a', String.raw`<\0>`, 'banana', 'b<a>n<a>n<a>'],
    ['a*', '-', 'baac', '-b-c-'],
    ['(x)?', String.raw`[\1]`, 'ab', '[]a[]b[]'],
    ['b', String.raw`\\`, 'abc', String.raw`a\c`],
    ['nothing', 'x', '/kept', '/kept'],
    ['(?i)A', 'x', 'aA', 'xx'],
  ])('%s → %s on %s', (pattern, substitution, text, expected) => {
    const engines: CompiledRegex[] = [compiled(pattern, false), { engine: 're2', source: pattern }];
    for (const regex of engines) expect(regexReplaceAll(regex, text, substitution)).toBe(expected);
  });

  it('is the same in both engines', () => {
    const pattern = fc.constantFrom('a', 'ab', 'a+', 'a*', '(a|b)c', 'a?', '[ab]+', 'b*');
    fc.assert(
      fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 }), (source, text) => {
        const js = regexReplaceAll({ engine: 'js', source, flags: 'u' }, text, String.raw`<\0>`);
        expect(regexReplaceAll({ engine: 're2', source }, text, String.raw`<\0>`)).toBe(js);
      }),
    );
  });
});

describe('literalPrefix', () => {
  it.each([
    ['^/api/v1/[0-9]+$', '/api/v1/'],
    ['^/a\\.b\\/c$', '/a.b/c'],
    ['^/ab?$', '/a'],
    ['^/ab*c$', '/a'],
    ['^/ab{2}$', '/a'],
    ['^/api/(?:a|b)$', '/api/'],
    ['^(?:/a|/b)$', ''],
    ['^/a|/b$', ''],
    ['^/[|]$', '/'],
    ['^\\u{2f}a$', ''],
    ['^.*$', ''],
    ['/a', ''],
  ])('%s → %j', (source, expected) => expect(literalPrefix({ engine: 'js', source, flags: 'u' })).toBe(expected));

  it('claims nothing for folded case and for the other engine', () => {
    expect(literalPrefix({ engine: 'js', source: '^/a$', flags: 'iu' })).toBe('');
    expect(literalPrefix({ engine: 're2', source: '/a', full: true })).toBe('');
  });

  it('is a prefix of everything the regex matches', () => {
    const part = fc.constantFrom('/', 'a', 'b', '.', '[ab]', '(a|b)', 'a?', '(?:ab)*', '\\.', 'a{2}', 'b+', '|');
    const pattern = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
    const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '.'), maxLength: 6 });
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 20, maxLength: 20 }), (source, texts) => {
        const result = compileRegex(source, { full: true });
        if (!('regex' in result)) return;
        const prefix = literalPrefix(result.regex);
        for (const each of texts) if (regexMatches(result.regex, each)) expect(each.startsWith(prefix)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
