/** Fields that templates of limits name and that do not exist, against what the same templates do when they run. */
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { executeTemplate } from '../../../src/policies/go-template/execute.ts';
import { PLAIN, withFields, type Shape } from '../../../src/policies/go-template/shape.ts';
import { unknownFields } from '../../../src/policies/go-template/unknown-fields.ts';
import {
  GoStruct,
  isList,
  mapOf,
  TemplateError,
  type GoMap,
  type GoValue,
} from '../../../src/policies/go-template/value.ts';
import { COUNTED_SHAPE, REFUSED_SHAPE } from '../../../src/policies/rate-limit/template-shape.ts';
import { goDuration } from '../../../src/policies/rate-limit/templates.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { createMemoryLimiter } from '../memory-limiter.ts';
import { aLimit, bucket, template, templated, toJson } from './limits.ts';

vi.mock(import('../../../src/policies/go-template/execute.ts'), async (original) => {
  const real = await original();
  return { ...real, executeTemplate: vi.fn(real.executeTemplate) };
});

beforeEach(() => void vi.mocked(executeTemplate).mockClear());

function shapeOf(value: GoValue): Shape {
  if (isList(value)) return { is: 'list', of: shapeOf(value[0]) };
  const fields = value instanceof GoStruct ? value.fields : mapOf(value);
  if (fields === null) return PLAIN;
  return withFields(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, shapeOf(field)])));
}

it('the shapes are those of the data that templates get', async () => {
  const header = templated([{ name: 'x-a', value: 'a' }]);
  const limit = aLimit('a', bucket(1), {
    inject: { request: header, response: header },
    errorResponse: { headers: header, body: template('b') },
  });
  const policies = [{ name: 'rate-limit', config: toJson({ limits: [limit] }) }];
  const runtime = runtimeOf({ rateLimiter: createMemoryLimiter() });
  const shapes = async () => {
    vi.mocked(executeTemplate).mockClear();
    await runChain({ policies, runtime }, factsOf({}));
    return vi.mocked(executeTemplate).mock.calls.map(([, data]) => shapeOf(data));
  };
  expect(await shapes()).toEqual([COUNTED_SHAPE, COUNTED_SHAPE]);
  const refused = await shapes();
  expect(refused).toHaveLength(4);
  expect(refused).toEqual(expect.arrayContaining([COUNTED_SHAPE, REFUSED_SHAPE]));
});

function unknownIn(text: string, shape = COUNTED_SHAPE): readonly string[] {
  return unknownFields(template(text), shape).map(({ path }) => path);
}

describe('fields that do not exist', () => {
  it.each([
    ['{{ .NoSuch }}', '.NoSuch'],
    ['{{ .message }}', '.message'],
    ['{{ .RetryAfter.Secnds }}', '.RetryAfter.Secnds'],
    ['{{ .RateLimitResponse.Statuses.Foo }}', '.RateLimitResponse.Statuses.Foo'],
    ['{{ .RetryAfter.Seconds.Foo.Bar }}', '.RetryAfter.Seconds.Foo'],
    ['{{ .NoSuch.Foo }}', '.NoSuch'],
    ['{{ range .RateLimitResponse.Statuses }}{{ .CurrentLimt.Unit }}{{ end }}', '.CurrentLimt'],
    ['{{ range $s := .RateLimitResponse.Statuses }}{{ $s.Cod }}{{ end }}', '$s.Cod'],
    ['{{ range $i, $s := .RateLimitResponse.Statuses }}{{ $s.Cod }}{{ end }}', '$s.Cod'],
    ['{{ range $i, $s := .RateLimitResponse.Statuses }}{{ $i.Code }}{{ end }}', '$i.Code'],
    ['{{ range .RateLimitResponse.Statuses }}{{ else }}{{ .Code }}{{ end }}', '.Code'],
    ['{{ (index .RateLimitResponse.Statuses 0).Cod }}', '(…).Cod'],
    ['{{ with index .RateLimitResponse.Statuses 0 }}{{ .Cod }}{{ end }}', '.Cod'],
    ['{{ with .RetryAfter }}{{ .RetryAfter }}{{ end }}', '.RetryAfter'],
    ['{{ with .NoSuch }}{{ .Foo }}{{ else }}{{ .Bar }}{{ end }}', '.NoSuch .Bar'],
    ['{{ with $r := .RetryAfter }}{{ $r.Secs }}{{ $.Retry }}{{ end }}', '$r.Secs $.Retry'],
    ['{{ if gt .RetryAfter.Second 1.0 }}a{{ end }}', '.RetryAfter.Second'],
    [
      '{{ $r := .RetryAfter }}{{ if true }}{{ $r := . }}{{ $r.Secs }}{{ end }}{{ $r.RetryAfter }}',
      '$r.Secs $r.RetryAfter',
    ],
    ['{{ .RateLimitResponse.Statuses | len | printf "%d %s" .Foo }}', '.Foo'],
    ['{{ range slice .RateLimitResponse.Statuses 0 1 }}{{ .Cod }}{{ end }}', '.Cod'],
    ['{{ and .RetryAfter .Foo }}{{ or .Foo .Bar }}', '.Foo .Bar'],
    ['{{ .Foo }}{{ .Foo }}{{ range .RateLimitResponse.Statuses }}{{ .Foo }}{{ end }}', '.Foo .Foo'],
  ])('%s', (text, paths) => {
    expect(unknownIn(text).join(' ')).toBe(paths);
  });

  it('are others in error answers', () => {
    expect(unknownIn('{{ .message }}{{ .httpStatus }}{{ .error }}{{ .RetryAfter }}', REFUSED_SHAPE)).toEqual([
      '.error',
    ]);
  });
});

describe('what cannot be known', () => {
  it.each([
    // Assigned somewhere: which value it has depends on the way.
    '{{ $x := .RetryAfter }}{{ range .RateLimitResponse.Statuses }}{{ $x.Code }}{{ $x = . }}{{ end }}',
    '{{ $x := .RetryAfter }}{{ if .RateLimitResponse.OverallCode }}{{ $x = . }}{{ end }}{{ $x.Foo }}',
    '{{ $ = .RetryAfter }}{{ $.Seconds }}',
    '{{ $x := . }}{{ range $x = .RateLimitResponse.Statuses }}{{ $x.Code }}{{ end }}',
    // Either of two values.
    '{{ (or .RateLimitResponse.Statuses .RetryAfter).Foo }}',
    '{{ (or .RateLimitResponse.OverallCode .RetryAfter).Seconds }}',
    // Elements of different kinds.
    '{{ range . }}{{ .Seconds }}{{ end }}',
    '{{ range $name, $value := . }}{{ $value.Seconds }}{{ end }}',
    '{{ (index . "RetryAfter").Foo }}',
    // Never reached.
    '{{ if hasKey . "message" }}{{ .message }}{{ end }}',
    '{{ if not (hasKey . "message") }}{{ else }}{{ .message }}{{ end }}',
    '{{ if "message" | hasKey $ }}{{ .message }}{{ end }}',
    '{{ and (hasKey . "message") .message }}{{ or (not (hasKey . "message")) .message }}',
    '{{ or .RetryAfter .Foo }}{{ and "" .Foo }}{{ and false .Foo }}{{ or true .Foo }}',
    '{{ with .RetryAfter }}{{ else }}{{ .Foo }}{{ end }}',
    '{{ range .RateLimitResponse.Statuses }}{{ break }}{{ .Foo }}{{ end }}',
  ])('is not reported: %s', (text) => {
    expect(unknownIn(text)).toEqual([]);
  });
});

/** Data of the same shape; what is asked for in vain is written down. */
function recordedData([isOver, waits, isLeft]: Bits): { readonly data: GoMap; readonly missed: readonly string[] } {
  const missed: string[] = [];
  const recorded = <T extends GoMap>(fields: T): T =>
    new Proxy(fields, {
      getOwnPropertyDescriptor: (target, name) => {
        const found = Reflect.getOwnPropertyDescriptor(target, name);
        if (found === undefined && name !== 'Guarded') missed.push(String(name));
        return found;
      },
    });
  const struct = (fields: GoMap) => new GoStruct(recorded(fields));
  const status = struct({
    Code: isOver ? 2n : 1n,
    CurrentLimit: struct({ RequestsPerUnit: 5n, Unit: 2n }),
    LimitRemaining: isLeft ? 4n : 3n,
  });
  const data = recorded({
    RateLimitResponse: struct({ OverallCode: isOver ? 2n : 1n, Statuses: [status, status] }),
    RetryAfter: struct(goDuration(waits ? 1_500 : 100).fields),
  });
  return { data, missed };
}

type Bits = readonly [boolean, boolean, boolean];
const BITS: readonly Bits[] = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [(n & 1) > 0, (n & 2) > 0, (n & 4) > 0]);

/** Something was read that is not there, in some state of the data. */
function missesWhenRun(text: string): boolean {
  return BITS.some((bits) => {
    const { data, missed } = recordedData(bits);
    try {
      executeTemplate(template(text), data);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      if (error.message.endsWith('of a value without fields')) return true;
    }
    return missed.length > 0;
  });
}

/** Each may be so or otherwise, whatever the others are; no value is zero, so that `with` and `if` decide nothing more. */
const CONDITIONS = [
  'eq $.RateLimitResponse.OverallCode 2',
  'gt $.RetryAfter.Seconds 0.5',
  'eq (index $.RateLimitResponse.Statuses 0).LimitRemaining 4',
];
const NAMES =
  'RateLimitResponse OverallCode Statuses Code CurrentLimit Unit LimitRemaining RetryAfter Seconds Foo'.split(' ');
const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }).map((names) => `.${names.join('.')}`);
/** Ways that exist, so that many templates get far. */
const goodPath = fc.constantFrom(
  '.RateLimitResponse',
  '.RateLimitResponse.Statuses',
  '.RetryAfter',
  '.CurrentLimit',
  '$.RateLimitResponse.Statuses',
  '$.RetryAfter',
);
const anyPath = fc.oneof(
  goodPath,
  path,
  fc.tuple(fc.constantFrom('$', '$x', '(index $.RateLimitResponse.Statuses 1)'), path).map((parts) => parts.join('')),
);

/** Around what is inside; `level` tells conditions apart. */
type Layer = (inside: string, level: number) => string;

function layer(rangeOver: fc.Arbitrary<string>): fc.Arbitrary<Layer> {
  return fc.tuple(anyPath, rangeOver).chain(([at, list]) =>
    fc.constantFrom<Layer[]>(
      (inside) => `{{ with ${at} }}${inside}{{ end }}`,
      (inside) => `{{ with $x := ${at} }}${inside}{{ end }}`,
      (inside) => `{{ range ${list} }}${inside}{{ end }}`,
      (inside) => `{{ range $x := ${list} }}${inside}{{ end }}`,
      (inside) => `{{ range $i, $x := ${list} }}${inside}{{ end }}`,
      (inside) => `{{ $x := ${at} }}${inside}`,
      (inside) => `{{ if ${at} }}{{ end }}${inside}`,
      (inside) => `{{ if hasKey $ "Guarded" }}{{ .Guarded }}{{ else }}${inside}{{ end }}`,
      (inside) => `{{ if and (hasKey $ "Guarded") $.Guarded }}{{ end }}${inside}`,
      (inside, level) => `{{ if ${CONDITIONS[level]} }}${inside}{{ end }}`,
      (inside, level) => `{{ if ${CONDITIONS[level]} }}{{ else }}${inside}{{ end }}`,
    ),
  );
}

function nested(rangeOver: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(layer(rangeOver), { maxLength: CONDITIONS.length }), anyPath)
    .map(([layers, at]) => layers.reduceRight((inside, wrap, level) => wrap(inside, level), `{{ if ${at} }}{{ end }}`))
    .map((text) => `{{ $x := . }}${text}`);
}

describe('against runs', () => {
  it('reports nothing that no run misses', () => {
    let reported = 0;
    fc.assert(
      fc.property(nested(anyPath), (text) => {
        if (unknownIn(text).length === 0) return;
        reported += 1;
        expect(missesWhenRun(text)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(reported).toBeGreaterThan(500);
  });

  it('reports whatever a run misses, where it ranges over a list', () => {
    let fine = 0;
    const list = fc.constantFrom('.RateLimitResponse.Statuses', '$.RateLimitResponse.Statuses');
    fc.assert(
      fc.property(nested(list), (text) => {
        const isReported = unknownIn(text).length > 0;
        fine += isReported ? 0 : 1;
        expect(missesWhenRun(text)).toBe(isReported);
      }),
      { numRuns: 2_000 },
    );
    expect(fine).toBeGreaterThan(200);
  });
});
