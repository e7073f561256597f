import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { compileRegex, type RegexResult } from '../../src/compile/regex.ts';
import { regexPattern, regexSubject } from './regex-arbitrary.ts';
import type { CompiledRegex } from '../../src/program/route-program.ts';

function compiled(result: RegexResult): CompiledRegex {
  if (!('regex' in result)) throw new Error(result.error);
  return result.regex;
}
const full = (pattern: string): CompiledRegex => compiled(compileRegex(pattern, { full: true }));
const search = (pattern: string): CompiledRegex => compiled(compileRegex(pattern, { full: false }));

function extentAndGroups(matches: readonly RegExpMatchArray[]): unknown {
  return matches.map((match) => [match.index, ...Array.from(match, (group) => group ?? null)]);
}

describe('compileRegex: what RE2 refuses', () => {
  it.each(['(?=a)', '(?!a)', '(?<=a)b', '(a)\\1', '(unclosed', 'a{1001}', '[z-a]', '\\', 'a**', ''.padEnd(3, '*')])(
    'refuses %s',
    (pattern) => {
      expect(compileRegex(pattern, { full: true })).toMatchObject({
        error: expect.stringContaining('RE2'),
        oversized: null,
      });
    },
  );

  it('refuses what is larger than the limit, but can still hold its match', () => {
    const result = compileRegex('[a-z]{300}', { full: true });
    expect(result).toMatchObject({
      error: expect.stringMatching(/302 instructions.*200/),
      oversized: { engine: 'js' },
    });
    expect(compileRegex('[a-z]{300}', { full: true, maxProgramSize: 400 })).toHaveProperty('regex');
    expect(
      compileRegex('(?:[a-z]{900}){1}(?:[a-z]{900}){1}(?:[a-z]{900})(?:[a-z]{900})(?:[a-z]{900})', { full: true }),
    ).toHaveProperty('oversized', null);
  });

  it('counts groups for substitutions', () => {
    expect(compileRegex('/(a)(?:b)(?P<n>c)', { full: false })).toMatchObject({ groupCount: 2 });
  });
});

describe('compileRegex: engine', () => {
  it.each([
    ['/api/v[0-9]+/users', '^/api/v[0-9]+/users$'.replaceAll('/', '\\/')],
    ['GET|HEAD', '^(?:GET|HEAD)$'],
    ['.*', '^[^\\u{a}]*$'],
    ['/images/.*\\.(png|jpe?g)', '^\\/images\\/[^\\u{a}]*\\.(?:png|jpe?g)$'],
    ['(?i)ok', '^[Oo][Kk\\u{212a}]$'],
    ['^/x/\\d{2,3}$', '^\\/x\\/[0-9]{2,3}$'],
    ['(?s).+', '^[^]+$'],
    ['[^/]+', '^[^/]+$'],
    ['curl/.*', '^curl\\/[^\\u{a}]*$'],
  ])('runs %s on JavaScript', (pattern, source) => {
    expect(full(pattern)).toEqual({ engine: 'js', source, flags: 'u' });
  });

  it.each([
    '(a+)+',
    '(a*)*',
    '(a|a)*',
    '(a|ab)*c',
    '.*foo.*',
    'a*a*b',
    '([a-z]+)*x',
    '(.*)(.*)x',
    '\\pL+',
    '\\bfoo\\b',
    '[[:alpha:]]+',
    '(?m)^a$',
    '^a|b$',
    '(?U)a+',
    'x*y?x*z',
    '(?:a?){40}a{40}',
    '(?:(?:a?|b?)c)*d',
  ])('runs %s on re2', (pattern) => {
    expect(full(pattern)).toEqual({ engine: 're2', source: pattern, full: true });
  });

  it('searches on JavaScript only when one start is tried or the pattern is finite', () => {
    expect(search('/users/(\\d{1,6})')).toMatchObject({ engine: 'js', source: '\\/users\\/([0-9]{1,6})' });
    expect(search('^/users/(\\d+)')).toMatchObject({ engine: 'js' });
    expect(search('/users/(\\d+)')).toEqual({ engine: 're2', source: '/users/(\\d+)' });
    expect(search('a?')).toMatchObject({ engine: 're2' });
    expect(search('^(?:(a)|b)+')).toMatchObject({ engine: 're2' });
  });
});

describe('compileRegex: JavaScript means the same as RE2', () => {
  it('for full matches', () => {
    let proven = 0;
    fc.assert(
      fc.property(regexPattern, fc.array(regexSubject, { minLength: 1, maxLength: 8 }), (source, texts) => {
        const result = compileRegex(source, { full: true, maxProgramSize: 4000 });
        if (!('regex' in result) || result.regex.engine !== 'js') return;
        proven += 1;
        const js = new RegExp(result.regex.source, result.regex.flags);
        const re2 = RE2JS.compile(source);
        for (const subject of texts) {
          expect([subject, js.test(subject)]).toEqual([subject, re2.matches(subject)]);
        }
      }),
      { numRuns: 6000 },
    );
    // The property says nothing when nothing reaches it.
    expect(proven).toBeGreaterThan(300);
  });

  it('for searches: extent and groups', () => {
    let proven = 0;
    fc.assert(
      fc.property(regexPattern, regexSubject, (source, subject) => {
        const result = compileRegex(source, { full: false, maxProgramSize: 4000 });
        if (!('regex' in result) || result.regex.engine !== 'js') return;
        proven += 1;
        const js = [...subject.matchAll(new RegExp(result.regex.source, `${result.regex.flags}g`))];
        const re2 = [...RE2JS.compile(source).matchAll(subject)];
        expect(extentAndGroups(js)).toEqual(extentAndGroups(re2));
      }),
      { numRuns: 6000 },
    );
    expect(proven).toBeGreaterThan(100);
  });
});
