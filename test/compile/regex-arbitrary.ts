import * as fc from 'fast-check';

/** Patterns out of the pieces users write, most of them inside the subset, some on its edge. */
const atom = fc.constantFrom(
  'a',
  'b',
  '/',
  '.',
  '-',
  '[ab]',
  '[^/]',
  '[a-z0-9_-]',
  '[^\\n]',
  '\\d',
  '\\w',
  '\\W',
  '\\s',
  '\\.',
  '\\/',
  '\\-',
  'k',
  'S',
  '[k-s]',

  '\\x61',
  '\\x{1F600}',
  'é',
  '\u{1F600}',
  '[\\]a]',
  '[]a]',
  '[a-]',
  '[-a]',
  '[^a-c\\d]',
  '\\D',
  '\\t',
  '\\v',
  '_',
  '~',
  '=',
  ',',
  ' ',
);
const quantifier = fc.constantFrom('', '', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{1,3}', '{2,}', '{0,2}');
export const regexPattern: fc.Arbitrary<string> = fc
  .letrec<{ node: string; piece: string }>((tie) => ({
    piece: fc
      .tuple(
        fc.oneof(
          { weight: 5, arbitrary: atom },
          { weight: 1, arbitrary: tie('node').map((inner) => `(${inner})`) },
          { weight: 1, arbitrary: tie('node').map((inner) => `(?:${inner})`) },
          { weight: 1, arbitrary: tie('node').map((inner) => `(?i:${inner})`) },
        ),
        quantifier,
      )
      .map(([body, count]) => body + count),
    node: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'regex' },
      fc.array(tie('piece'), { maxLength: 4, depthIdentifier: 'regex' }).map((pieces) => pieces.join('')),
      fc.array(tie('node'), { minLength: 2, maxLength: 3, depthIdentifier: 'regex' }).map((nodes) => nodes.join('|')),
    ),
  }))
  .node.chain((body) =>
    fc
      .tuple(fc.constantFrom('', '', '', '^', '(?i)', '(?s)', '(?i)^', '\\A'), fc.constantFrom('', '', '', '$', '\\z'))
      .map(([start, end]) => start + body + end),
  );
export const regexSubject: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      ...'abckKsS/.-_1 \n\t\v,=~]\r'.split(''),
      '\u212A',
      '\u017F',
      '\u2028',
      'é',
      '\u{1F600}',
      '\\',
      'aaa',
      '11',
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));
