import * as fs from 'node:fs';
import * as path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { executeTemplate } from '../../../src/policies/go-template/execute.ts';
import { parseTemplate } from '../../../src/policies/go-template/parse.ts';
import { GoHeader, GoStruct, TemplateError, type GoMap } from '../../../src/policies/go-template/value.ts';

type Vector = { readonly template: string; readonly output: string | null; readonly fails?: 'parse' | 'run' };

/** Written by make-vectors.go with Go's own text/template. */
const { claims, vectors } = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, 'vectors.json'), 'utf8')) as {
  claims: GoMap;
  vectors: readonly Vector[];
};

const FUNCTIONS = ['hasKey', 'doNotSet', 'json'];
const DATA: GoMap = {
  token: new GoStruct({ Raw: 'a.b.c', Header: { alg: 'RS256', kid: 'k1' }, Claims: claims, Signature: 'c' }),
  httpRequestHeader: new GoHeader(new Headers({ 'x-one': '1', 'x-two': 'two words' })),
};

/** Refused by us although Go can do it: each is refused by name, never done differently. */
const UNSUPPORTED: readonly (readonly [RegExp, string])[] = [
  [/\{\{ (define|template|block|call) /, 'templates inside templates, and functions in data'],
  [
    /printf "%x" .*(1\.5|-0\.0|2\.5|exp|big|huge|small|third|tie|million|k100|neg|list|nested|mixed)/,
    '%x of numbers with a point',
  ],
  [
    /printf "%\.3[sd]" .*(\d\.\d|exp|big|huge|small|third|tie|million|k100|neg|list|nested|mixed)/,
    'a precision for a number that is not written by %f',
  ],
];

/** Written differently: JSON of JavaScript knows no negative zero. */
const DIFFERENT = /json "" -0\.0|-0\.0 \| json/;

function outcome(text: string, data: GoMap = DATA): string {
  const parsed = parseTemplate(text, { functions: FUNCTIONS });
  if ('error' in parsed) return 'fails';
  try {
    return `= ${executeTemplate(parsed.template, data).text}`;
  } catch (error) {
    if (error instanceof TemplateError) return 'fails';
    throw error;
  }
}

describe('Go templates', () => {
  it('are many', () => {
    expect(vectors.length).toBeGreaterThan(2_000);
    expect(vectors.filter(({ output }) => output !== null).length).toBeGreaterThan(1_000);
  });

  it('write what Go writes, and fail where Go fails', () => {
    const different = vectors.flatMap(({ template, output }) => {
      const wanted = output === null ? 'fails' : `= ${output}`;
      const got = outcome(template);
      if (got === wanted) return [];
      if (got === 'fails' && UNSUPPORTED.some(([pattern]) => pattern.test(template))) return [];
      if (DIFFERENT.test(template)) return [];
      return [{ template, wanted, got }];
    });
    expect(different.slice(0, 40)).toEqual([]);
    expect(different.length).toBe(0);
  });

  it('leave out the header when doNotSet is called', () => {
    const parsed = parseTemplate('a{{ doNotSet }}b', { functions: FUNCTIONS });
    if ('error' in parsed) throw new Error(parsed.error);
    expect(executeTemplate(parsed.template, DATA)).toEqual({ text: 'ab', isSkipped: true });
  });

  it('cross to the Worker as JSON', () => {
    for (const { template } of vectors) {
      const parsed = parseTemplate(template, { functions: FUNCTIONS });
      if ('template' in parsed) expect(JSON.parse(JSON.stringify(parsed.template))).toEqual(parsed.template);
    }
  });

  it('see no member that JavaScript objects inherit', () => {
    expect(outcome('{{ .token.Claims.constructor }}{{ .token.Claims.__proto__ }}{{ .toString }}')).toBe(
      '= <no value><no value><no value>',
    );
    expect(outcome('{{ hasKey .token.Claims "constructor" }}{{ index .token.Claims "toString" }}')).toBe(
      '= false<no value>',
    );
    expect(outcome('{{ .token.constructor }}')).toBe('fails');
    expect(
      outcome('{{ range $k, $v := .token.Claims }}{{ $k }};{{ end }}', {
        token: { Claims: JSON.parse('{"__proto__":1,"a":2}') as GoMap },
      }),
    ).toBe('= __proto__;a;');
  });

  it.each([
    ['output', '{{ range 9000 }}x{{ end }}'],
    ['steps', '{{ range 2000 }}{{ range 2000 }}{{ $x := 1 }}{{ end }}{{ end }}'],
    ['range', '{{ range 9999999999 }}{{ end }}'],
    ['a text that doubles', '{{ $x := "ab" }}{{ range 60 }}{{ $x = printf "%s%s" $x $x }}{{ end }}'],
    ['width', '{{ printf "%99999999d" 1 }}'],
    ['claims', '{{ range .long }}{{ . }}{{ end }}'],
  ])('end at the bound of %s', (_, text) => {
    expect(outcome(text, { long: Array.from({ length: 5_000 }, () => 'xx') })).toBe('fails');
  });

  it.each([
    ['{{ nope }}', 'the function `nope` does not exist here'],
    ['{{ define "x" }}{{ end }}', '`{{define}}` is not supported'],
    ['{{ .a', 'an action is not closed by `}}`'],
    ['{{ if .a }}', '`{{end}}` is missing'],
    ['{{ $x }}', 'the variable `$x` is not declared'],
    ['{{ .a.b-c }}', 'unexpected `-c ` in an action'],
    [String.raw`{{ "\xff" }}`, 'the byte escape `\\xff` is not supported; write `\\u00..`'],
  ])('say what is wrong with %s', (text, error) => {
    expect(parseTemplate(text, { functions: FUNCTIONS })).toEqual({ error });
  });

  it('never throw anything else, whatever the text', () => {
    const piece = fc.constantFrom(
      ...'{{ }} {{- -}} if else end range with . .a $x $ := = | ( ) "s" 1 1.5 and eq printf "%s" index len , nil true break /* */ - _ é'.split(
        ' ',
      ),
      ' ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        outcome(`{{ ${pieces.join(' ')} }}`);
        outcome(pieces.join(''));
      }),
      { numRuns: 5_000 },
    );
  });
});
