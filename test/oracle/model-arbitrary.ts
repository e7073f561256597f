/**
 * Random models and requests from small alphabets, so that they collide often: nested prefixes,
 * overlapping host patterns, equal ranks, shares, and every kind of condition.
 */
import * as fc from 'fast-check';
import { compareCodePoints } from '../../src/model/rank.ts';
import type { RankKey, RouteMatch, RouteModel, RouteModelRoute, ValueMatch } from '../../src/model/route-model.ts';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';
import { aDomain, aModel, aRoute } from './model-builder.ts';
import type { MatchFacts } from './naive-matcher.ts';

const HOST_PATTERNS = [
  '*',
  'a.example.com',
  'b.example.com',
  '*.example.com',
  '*example.com',
  'a.*',
  'a.example.*',
  'c.test:8080',
];
const HOSTS = [
  'a.example.com',
  'b.example.com',
  'x.y.example.com',
  'example.com',
  'a.example.org',
  'a.b',
  'c.test',
  'z',
];
const PATHS = ['/', '/a', '/a/', '/a/b', '/a/b/', '/ab', '/A/b', '/b', '/a/b/c', '/a//b'];

const regexText = fc.constantFrom(
  '/a/.*',
  '/[ab]/?',
  '.*b',
  '/a|/b',
  '(?i)/A/B',
  '/a/(b|b/)+',
  'x+',
  '[12]',
  'GET|POST',
);
const value: fc.Arbitrary<ValueMatch['test']> = fc.oneof(
  fc.constantFrom('1', '2', '1,2', '').map((text) => ({ kind: 'exact', value: text }) as const),
  fc.constantFrom('[12]', '1.*', '.*', 'x').map((pattern) => ({ kind: 'regex', regex: { pattern } }) as const),
  fc.constant({ kind: 'present' } as const),
);

const rank: fc.Arbitrary<RankKey> = fc
  .tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom(...PATHS),
    fc.array(fc.constantFrom('x-a-1', 'x-b-*'), { maxLength: 2 }),
  )
  .map(([precedence, path, extra]) => rankOf(precedence, path, extra));

function rankOf(precedence: number, path: string, extra: readonly string[]): RankKey {
  return [0, precedence, path.length, path, ...extra];
}

const match: fc.Arbitrary<RouteMatch> = fc.record({
  hostname: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 3, arbitrary: fc.constantFrom(...HOST_PATTERNS) },
    { weight: 1, arbitrary: fc.constantFrom('a\\..*', '.*\\.com', '[a-z]').map((pattern) => ({ regex: { pattern } })) },
  ),
  path: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('exact' as const, 'prefix' as const, 'segments' as const),
        value: fc.constantFrom(...PATHS),
        caseSensitive: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: regexText.map((text) => ({ kind: 'regex' as const, value: text, caseSensitive: true })) },
  ),
  method: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom('GET', 'POST') },
    { weight: 1, arbitrary: fc.constantFrom('GET|HEAD', 'P.*').map((pattern) => ({ regex: { pattern } })) },
  ),
  headers: conditions(['x-a', 'x-b']),
  query: conditions(['q', 'Q', 'p']),
  rank,
});

function conditions(names: readonly string[]): fc.Arbitrary<readonly ValueMatch[]> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.record({ name: fc.constantFrom(...names), test: value }), { maxLength: 2 }) },
  );
}

/** Ranks inside a model are made distinct: what full ties mean is each translator's to decide. */
function withTieBreaks(routes: readonly RouteModelRoute[]): readonly RouteModelRoute[] {
  return routes.map((route) => ({
    ...route,
    matches: route.matches.map((one, index) => ({
      ...one,
      rank: [...one.rank, { ascending: route.id }, { ascending: index }],
    })),
  }));
}

export const arbitraryModel: fc.Arbitrary<RouteModel> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...HOST_PATTERNS), { minLength: 1, maxLength: 5 }),
    fc.constantFrom('strip' as const, 'strict' as const),
  )
  .chain(([hostnames, hostPort]) => {
    const domains = hostnames.map((hostname) => aDomain(hostname)).toSorted((a, b) => compareCodePoints(a.id, b.id));
    const route = fc.record({
      domains: fc.oneof(
        { weight: 4, arbitrary: fc.constant(domains.map(({ id }) => id)) },
        { weight: 2, arbitrary: fc.subarray(domains.map(({ id }) => id)) },
      ),
      matches: fc.array(match, { minLength: 1, maxLength: 3 }),
      share: fc.oneof(
        { weight: 3, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom(0, 10, 50, 100).map((below) => ({ below })) },
      ),
    });
    return fc
      .array(route, { minLength: 1, maxLength: 16, size: 'max' })
      .map((routes) => routes.map((changes, index) => aRoute(`r${index}`, changes)))
      .map((routes) => aModel(withTieBreaks(routes), { domains, settings: { ...DEFAULT_SETTINGS, hostPort } }));
  });

export const arbitraryFacts: fc.Arbitrary<MatchFacts> = fc
  .record({
    hostname: fc.constantFrom(...HOSTS),
    port: fc.constantFrom('', '', ':8080', ':443'),
    path: fc.oneof(fc.constantFrom(...PATHS), fc.constantFrom('/a/b/b/', '/aB', '/x', '/a/b/c/d', '/B')),
    method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD'),
    headers: fc.array(fc.tuple(fc.constantFrom('x-a', 'X-A', 'x-b', 'x-c'), fc.constantFrom('1', '2', '')), {
      maxLength: 3,
    }),
    query: fc.oneof(
      fc.constant(null),
      fc
        .array(fc.tuple(fc.constantFrom('q', 'Q', 'p'), fc.constantFrom('=1', '=2', '=', '', '=12')), { maxLength: 3 })
        .map((pairs) => pairs.map((pair) => pair.join('')).join('&')),
    ),
    r: fc.constantFrom(0, 5, 10, 49.9, 50, 99.9),
  })
  .map((facts) => withAuthority(facts));

function withAuthority({ port, ...facts }: Omit<MatchFacts, 'authority'> & { port: string }): MatchFacts {
  return { ...facts, authority: facts.hostname + port };
}
