/** Random compiled routes over small alphabets, so that paths nest, ranks tie and every predicate appears. */
import * as fc from 'fast-check';
import type {
  CompiledMatch,
  CompiledPath,
  CompiledRoute,
  CompiledValueMatch,
} from '../../src/program/route-program.ts';
import type { MatchFacts } from '../../src/gateway/predicates.ts';

const text = fc
  .array(fc.constantFrom('/', '/a', 'a', 'b', '/B', 'é', '.'), { maxLength: 5 })
  .map((parts) => `/${parts.join('')}`);

const path: fc.Arbitrary<CompiledPath> = fc.oneof(
  { weight: 6, arbitrary: literalPath() },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('^/a.*$', '^/ab?$', '^(?:/a|/b)$', '^[^/]*$', '^/a/(?:a|b)+$', '^/\\.a$', '^.*b$')
      .map((source) => ({ kind: 'regex', regex: { engine: 'js', source, flags: 'u' } }) as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('/a.*', '/(a|B)/*')
      .map((source) => ({ kind: 'regex', regex: { engine: 're2', source, full: true } }) as const),
  },
);

function literalPath(): fc.Arbitrary<CompiledPath> {
  return fc
    .tuple(fc.constantFrom('exact', 'prefix', 'segments'), text, fc.boolean())
    .map(([kind, value, ignoreCase]) => (ignoreCase ? { kind, value, ignoreCase } : { kind, value }));
}

const valueMatch: fc.Arbitrary<CompiledValueMatch> = fc.constantFrom<CompiledValueMatch>(
  { name: 'x', value: '1' },
  { name: 'x' },
  { name: 'y', regex: { engine: 'js', source: '^[12]$', flags: 'u' } },
);

const match: fc.Arbitrary<CompiledMatch> = fc
  .record({
    rank: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 3 }),
    path,
    method: fc.option(fc.constantFrom('GET', 'POST'), { nil: undefined, freq: 3 }),
    headers: fc.option(fc.array(valueMatch, { maxLength: 2 }), { nil: undefined, freq: 3 }),
    query: fc.option(fc.array(valueMatch, { maxLength: 2 }), { nil: undefined, freq: 3 }),
  })
  .map(({ rank, path, method, headers, query }) => ({
    rank,
    path,
    ...(method !== undefined && { method }),
    ...(headers !== undefined && { headers }),
    ...(query !== undefined && { query }),
  }));

/** Ids are unique and ascend, as in a table. */
export const arbitraryRoutes: fc.Arbitrary<readonly CompiledRoute[]> = fc
  .array(
    fc.record({
      matches: fc.array(match, { minLength: 1, maxLength: 3 }),
      below: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined, freq: 3 }),
      insecure: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((routes) =>
    routes.map(({ matches, below, insecure }, index) => ({
      id: `r${String(index).padStart(3, '0')}`,
      source: { kind: 'Test', namespace: null, name: `r${index}` },
      matches,
      action: { kind: 'respond', status: 200 },
      timeouts: { requestMs: 0, idleMs: 0 },
      ...(below !== undefined && { below }),
      ...(insecure && { insecure: 'serve' as const }),
    })),
  );

export const arbitraryRequest: fc.Arbitrary<MatchFacts & { readonly random: number }> = fc
  .record({
    path: text,
    method: fc.constantFrom('GET', 'POST'),
    query: fc.constantFrom(null, '', 'x', 'x=1', 'y=1&x=2', 'xx=1&y=3'),
    header: fc.constantFrom(null, '1', '2'),
    random: fc.integer({ min: 0, max: 99 }),
  })
  .map(({ header, ...rest }) => ({
    ...rest,
    scheme: 'http',
    authority: 'h.test',
    headers: new Headers(header === null ? {} : { x: header, y: header }),
  }));
