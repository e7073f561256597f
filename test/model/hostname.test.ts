import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hostPatternMatches,
  hostPatternProblem,
  hostPatternsOverlap,
  stripPatternPort,
} from '../../src/model/hostname.ts';

const trim = (text: string): string => text.replaceAll('*', '');

describe('hostPatternsOverlap', () => {
  // Ambassador's own vectors, each symmetric.
  const vectors: readonly (readonly [string, string, boolean])[] = [
    ['a.example.com', 'b.example.com', false],
    ['a.exa*', 'a.example.com', true],
    ['*.example.com', 'a.example.com', true],
    ['a.example*', 'b.example.com', false],
    ['*example.com', 'b.example.com', true],
    ['a.*.com', 'a.example.com', false],
    ['*example.com', '.example.com', false],
    ['*.com', 'a.example.com', true],
    ['*example.com', 'example.com', false],
    ['*.com', 'a.example.org', false],
    ['foo.example*', 'foo.example.com.', true],
    ['*example.com', '*.example.com', true],
    ['*ple.com', 'b.example.com', true],
    ['*.example.com', 'a.b.example.*', true],
    ['*.example.com', 'a.example.org', false],
    ['*.foo.bar', 'baz.zing.*', true],
    ['a.example.*', 'a.example.org', true],
    ['*.local:8500', 'quote.local', false],
    ['*', 'quote.local:8500', true],
    ['*.local:8500', 'quote.local:8500', true],
    ['quote.*', '*.local:8500', true],
    ['quote.com:8500', 'quote.com:8500', true],
    // Beyond the vectors: the rule's remaining sentences.
    ['*', '*', true],
    ['*', '', true],
    ['.example.com', '.example.com', true],
    ['*foo*', '*foo*', true],
    ['*foo*', 'afoob', false],
    ['a.b*', 'a.bc*', true],
    ['a.b*', 'a.c*', false],
    ['*.a.com', '*.b.com', false],
  ];

  it.each(vectors)('%s and %s: %s', (a, b, expected) => {
    expect(hostPatternsOverlap(a, b)).toBe(expected);
    expect(hostPatternsOverlap(b, a)).toBe(expected);
  });

  const label = fc.constantFrom('a', 'b', 'ab', 'example', 'com');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const pattern = fc.oneof(
    name,
    name.map((text) => `*${text}`),
    name.map((text) => `*.${text}`),
    name.map((text) => `${text}*`),
    name.map((text) => `${text}.*`),
    fc.constant('*'),
  );

  it('is symmetric', () => {
    fc.assert(fc.property(pattern, pattern, (a, b) => hostPatternsOverlap(a, b) === hostPatternsOverlap(b, a)));
  });

  it('holds whenever some hostname matches both', () => {
    fc.assert(
      fc.property(pattern, pattern, name, (a, b, hostname) => {
        fc.pre(hostPatternMatches(a, hostname) && hostPatternMatches(b, hostname));
        expect(hostPatternsOverlap(a, b)).toBe(true);
      }),
    );
  });

  it('has a common hostname whenever it holds', () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        fc.pre(hostPatternsOverlap(a, b));
        const candidates = [
          trim(a),
          trim(b),
          `x${trim(a)}`,
          `x${trim(b)}`,
          `${trim(a)}x`,
          `${trim(b)}x`,
          `${trim(a)}x${trim(b)}`,
          `${trim(b)}x${trim(a)}`,
        ];
        expect(candidates.some((text) => hostPatternMatches(a, text) && hostPatternMatches(b, text))).toBe(true);
      }),
    );
  });
});

describe('hostPatternMatches', () => {
  it('lets a wildcard stand for one or more characters, dots included', () => {
    expect(hostPatternMatches('*.example.com', 'a.b.example.com')).toBe(true);
    expect(hostPatternMatches('*.example.com', '.example.com')).toBe(false);
    expect(hostPatternMatches('*example.com', 'example.com')).toBe(false);
    expect(hostPatternMatches('foo.*', 'foo.')).toBe(false);
    expect(hostPatternMatches('foo.*', 'foo.bar.baz')).toBe(true);
    expect(hostPatternMatches('*', 'anything')).toBe(true);
  });

  it('treats any other star as a character', () => {
    expect(hostPatternMatches('foo.*.com', 'foo.a.com')).toBe(false);
    expect(hostPatternMatches('*foo*', 'afoob')).toBe(false);
  });
});

describe('stripPatternPort', () => {
  it.each([
    ['a.example.com:8443', 'a.example.com'],
    ['*.local:8500', '*.local'],
    ['[::1]:80', '[::1]'],
    ['[::1]', '[::1]'],
    ['a.example.com', 'a.example.com'],
    ['*', '*'],
  ])('%s → %s', (pattern, expected) => {
    expect(stripPatternPort(pattern)).toBe(expected);
  });
});

describe('hostPatternProblem', () => {
  it.each(['*', 'a.example.com', '*.example.com', '*example.com', 'foo.*', 'a_b.example', 'x:8080', '[::1]:80'])(
    'accepts %s',
    (pattern) => {
      expect(hostPatternProblem(pattern)).toBeNull();
    },
  );

  it.each(['', 'a.*.com', '*a*', '.example.com', 'a/b', 'a b', 'http://a', 'a:b', 'A.example.com'])(
    'refuses %s',
    (pattern) => {
      expect(hostPatternProblem(pattern)).not.toBeNull();
    },
  );
});
