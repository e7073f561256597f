/**
 * HTTPRoutes as a translator would put them into the RouteModel: the model must carry them without a
 * change. Each case goes through the compiler and the gateway's own matcher.
 */
import { describe, expect, it } from 'vitest';
import { compileModel } from '../../src/compile/compile-model.ts';
import { createMemoryView } from '../../src/gateway/program-view.ts';
import type { RankKey, RouteMatch, RouteModel, RouteModelRoute, ValueMatch } from '../../src/model/route-model.ts';
import { routeRankKey, type RankedCondition } from '../../src/model/route-rank.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import {
  aBackend,
  aDomain,
  aMatch,
  aModel,
  aRoute,
  aService,
  forwardTo,
  NO_HEADERS,
  provenance,
} from '../oracle/model-builder.ts';
import { naiveMatch } from '../oracle/naive-matcher.ts';

type Match = {
  readonly hostname?: string;
  readonly exact?: string;
  readonly prefix?: string;
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly query?: readonly string[];
};
type Rule = {
  readonly route: string;
  readonly created?: string;
  readonly rule?: number;
  readonly listeners?: readonly string[];
  readonly matches: readonly Match[];
};

/** Gateway API: hostname, path, method, headers, query, age, name, rule, match. */
function gatewayRank(rule: Rule, match: Match, index: number): RankKey {
  const wildcard = match.hostname?.startsWith('*') === true;
  const hostLength = match.hostname?.length ?? 0;
  return [
    0,
    wildcard ? 0 : hostLength,
    hostLength,
    match.exact === undefined ? 0 : 1,
    (match.exact ?? match.prefix ?? '/').length,
    match.method === undefined ? 0 : 1,
    match.headers?.length ?? 0,
    match.query?.length ?? 0,
    { ascending: rule.created ?? '2026-01-01T00:00:00Z' },
    { ascending: `default/${rule.route}` },
    { ascending: rule.rule ?? 0 },
    { ascending: index },
  ];
}

function isOneRanked(name: string): RankedCondition {
  return { name, value: '1', regex: false };
}

/** The same match ordered as Ambassador would. */
function ambassadorRank(rule: Rule, match: Match): RankKey {
  return routeRankKey({
    tier: 0,
    precedence: 0,
    prefix: match.exact ?? match.prefix ?? '/',
    headers: (match.headers ?? []).map(isOneRanked),
    query: (match.query ?? []).map(isOneRanked),
    method: match.method ?? null,
    hostname: match.hostname ?? null,
    tie: { owner: 1, name: `default/${rule.route}` },
  });
}

function isOne(name: string): ValueMatch {
  return { name, test: { kind: 'exact', value: '1' } };
}

function httpRule(rule: Rule, rank = gatewayRank, changes: Partial<RouteModelRoute> = {}): RouteModelRoute {
  const matches = rule.matches.map((match, index): RouteMatch => ({
    hostname: match.hostname ?? null,
    path:
      match.exact === undefined
        ? { kind: 'segments', value: match.prefix ?? '/', caseSensitive: true }
        : { kind: 'exact', value: match.exact, caseSensitive: true },
    method: match.method ?? null,
    headers: (match.headers ?? []).map(isOne),
    query: (match.query ?? []).map(isOne),
    rank: rank(rule, match, index),
  }));
  return aRoute(rule.route, {
    id: `HTTPRoute/default/${rule.route}/rule-${rule.rule ?? 0}`,
    source: provenance(rule.route, 'HTTPRoute'),
    domains: rule.listeners ?? ['default'],
    matches,
    ...changes,
  });
}

type Ask = {
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
};

/** The compiled route that answers, by the gateway's matcher; the oracle must agree. */
function ask(
  model: RouteModel,
  { host = 'shop.example.com', path = '/', method = 'GET', headers = {}, query }: Ask,
): CompiledRoute | null {
  const program = compileModel(model, { target: 'self-hosted', unresolved: 'refuse' }, (one) => {
    throw new Error(one.message);
  });
  const facts = { hostname: host, authority: host, path, method, query: query ?? null };
  const site = createMemoryView(program, 'test').find(host, host);
  const route = site?.matcher.match({ ...facts, scheme: 'https', headers: new Headers(headers) }, 0)?.route ?? null;
  const expected = naiveMatch(model, { ...facts, headers: Object.entries(headers), r: 0 });
  expect([site?.domain.id ?? null, route?.id ?? null]).toEqual([expected.domain, expected.route]);
  return route;
}
function nameOf(model: RouteModel, request: Ask): string | null {
  const route = ask(model, request);
  return route === null ? null : route.id.replace('HTTPRoute/default/', '');
}

describe('HTTPRoute: several matches in one rule', () => {
  const model = aModel([
    httpRule({
      route: 'a',
      matches: [{ prefix: '/v2', headers: ['x-beta'] }, { exact: '/beta' }, { prefix: '/', query: ['beta'] }],
    }),
    httpRule({ route: 'b', matches: [{ prefix: '/v2' }, { prefix: '/', method: 'POST' }] }),
    httpRule({ route: 'c', matches: [{}] }),
  ]);

  it('are OR-ed, and each has the rank of its own', () => {
    expect(nameOf(model, { path: '/v2/x', headers: { 'x-beta': '1' } })).toBe('a/rule-0');
    expect(nameOf(model, { path: '/v2/x' })).toBe('b/rule-0');
    expect(nameOf(model, { path: '/beta' })).toBe('a/rule-0');
    expect(nameOf(model, { path: '/beta/x' })).toBe('c/rule-0');
    // A method outranks a query parameter, whichever route they stand in.
    expect(nameOf(model, { path: '/x', method: 'POST', query: 'beta=1' })).toBe('b/rule-0');
    expect(nameOf(model, { path: '/x', query: 'beta=1' })).toBe('a/rule-0');
  });

  it('prefixes are whole path elements', () => {
    expect(nameOf(model, { path: '/v2' })).toBe('b/rule-0');
    expect(nameOf(model, { path: '/v23' })).toBe('c/rule-0');
  });
});

describe('HTTPRoute: precedence', () => {
  it('the older route, then the smaller name, then the earlier rule', () => {
    const same = [{ prefix: '/x' }];
    const rules: readonly Rule[] = [
      { route: 'young', created: '2026-02-02T00:00:00Z', matches: same },
      { route: 'b-old', created: '2025-02-02T00:00:00Z', matches: same },
      { route: 'a-old', created: '2025-02-02T00:00:00Z', rule: 1, matches: same },
      { route: 'a-old', created: '2025-02-02T00:00:00Z', rule: 0, matches: same },
    ];
    const order = ['a-old/rule-0', 'a-old/rule-1', 'b-old/rule-0', 'young/rule-0'];
    for (const [index, winner] of order.entries()) {
      const left = rules
        .map((rule) => httpRule(rule))
        .filter(({ id }) => !order.slice(0, index).includes(id.replace('HTTPRoute/default/', '')));
      expect(nameOf(aModel(left), { path: '/x' })).toBe(winner);
    }
  });

  it('is the translator’s: the same routes under either order', () => {
    const rules: readonly Rule[] = [
      { route: 'exact', matches: [{ exact: '/shop/cart' }] },
      { route: 'longer-header', matches: [{ prefix: '/shop/cart', headers: ['x-a-very-long-name'] }] },
      { route: 'two-headers', matches: [{ prefix: '/shop/cart', headers: ['a', 'b'] }] },
    ];
    const request = { path: '/shop/cart', headers: { 'x-a-very-long-name': '1', a: '1', b: '1' } };
    const names = (rank: typeof gatewayRank): readonly (string | null)[] => {
      const gone: string[] = [];
      return rules.map(() => {
        const left = rules.filter(({ route }) => !gone.includes(route)).map((rule) => httpRule(rule, rank));
        const name = nameOf(aModel(left), request)?.replace('/rule-0', '') ?? null;
        gone.push(name ?? '');
        return name;
      });
    };
    expect(names(gatewayRank)).toEqual(['exact', 'two-headers', 'longer-header']);
    // Ambassador counts the text of the headers and gives exactness no bonus.
    expect(names(ambassadorRank)).toEqual(['longer-header', 'two-headers', 'exact']);
  });

  it('the better hostname of a listener’s routes goes first', () => {
    const model = aModel([
      httpRule({ route: 'any', matches: [{ prefix: '/deep/path' }] }),
      httpRule({ route: 'wild', matches: [{ prefix: '/deep', hostname: '*.example.com' }] }),
      httpRule({ route: 'exact', matches: [{ prefix: '/', hostname: 'shop.example.com' }] }),
    ]);
    expect(nameOf(model, { path: '/deep/path' })).toBe('exact/rule-0');
    expect(nameOf(model, { path: '/deep/path', host: 'a.b.example.com' })).toBe('wild/rule-0');
    expect(nameOf(model, { path: '/deep/path', host: 'example.com' })).toBe('any/rule-0');
  });
});

describe('HTTPRoute: the listener is chosen before the route', () => {
  const domains = [aDomain(), aDomain('*.wildcard.org'), aDomain('fourth.wildcard.org')];
  const model = aModel(
    [
      httpRule({ route: 'catch-all', listeners: ['default'], matches: [{}] }),
      httpRule({ route: 'wild', listeners: ['Host/default/*.wildcard.org'], matches: [{}] }),
      httpRule({ route: 'fourth', listeners: ['Host/default/fourth.wildcard.org'], matches: [{ prefix: '/only' }] }),
    ],
    { domains },
  );

  it('and no other listener is tried', () => {
    expect(nameOf(model, { host: 'third.wildcard.org' })).toBe('wild/rule-0');
    expect(nameOf(model, { host: 'fourth.wildcard.org', path: '/only/x' })).toBe('fourth/rule-0');
    expect(nameOf(model, { host: 'fourth.wildcard.org', path: '/x' })).toBeNull();
    expect(nameOf(model, { host: 'wildcard.org' })).toBe('catch-all/rule-0');
  });
});

describe('HTTPRoute: backends with filters of their own', () => {
  const [canary, bad] = [
    aService('canary', { port: 8080 }),
    { kind: 'refuse', status: 500, code: 'backend-invalid', message: 'No such backend.' } as const,
  ];
  const action = forwardTo(
    aBackend({ weight: 90 }),
    aBackend({
      weight: 9,
      service: canary,
      rewrite: { kind: 'segments', prefix: '/shop', value: '/v2' },
      host: { kind: 'literal', value: 'canary.test' },
      requestHeaders: { remove: ['x-gone'], set: [{ name: 'x-canary', value: '1' }], add: [] },
      responseHeaders: { ...NO_HEADERS, add: [{ name: 'x-from', value: 'canary' }] },
    }),
    aBackend({ weight: 1, refuse: bad }),
    aBackend({ weight: 0, service: aService('off') }),
  );
  const headers = { ...NO_HEADERS, add: [{ name: 'x-rule', value: 'yes' }] };
  const timeouts = { requestMs: 10_000, idleMs: 0, attemptMs: 2000 };

  it('keep them apart from the rule’s', () => {
    const route = ask(
      aModel([
        httpRule({ route: 'shop', matches: [{ prefix: '/shop' }] }, gatewayRank, {
          action,
          requestHeaders: headers,
          timeouts,
        }),
      ]),
      { path: '/shop/x' },
    );
    expect(route).toMatchObject({ requestHeaders: headers, timeouts });
    expect(route?.action).toEqual({
      kind: 'forward',
      backends: [
        { weight: 90, upstream: 'http/web.default', origin: 'http://web.default', via: { kind: 'binding' } },
        {
          weight: 9,
          upstream: 'http/canary.default:8080',
          origin: 'http://canary.default:8080',
          via: { kind: 'binding' },
          rewrite: { kind: 'segments', prefix: '/shop', value: '/v2' },
          host: 'canary.test',
          requestHeaders: { remove: ['x-gone'], set: [{ name: 'x-canary', value: '1' }], add: [] },
          responseHeaders: { remove: [], set: [], add: [{ name: 'x-from', value: 'canary' }] },
        },
        { weight: 1, upstream: '', origin: '', via: { kind: 'fetch' }, refuse: bad },
        { weight: 0, upstream: 'http/off.default', origin: 'http://off.default', via: { kind: 'binding' } },
      ],
    });
  });
});

describe('HTTPRoute: redirects', () => {
  it('carry scheme, authority and an element-wise path', () => {
    const action = {
      kind: 'redirect',
      status: 302,
      scheme: 'https',
      authority: 'new.test:8443',
      path: { kind: 'segments', prefix: '/old', value: '/new' },
    } as const;
    const route = ask(aModel([aRoute('old', { matches: [aMatch('/old')], action })]), { path: '/old/x' });
    expect(route?.action).toEqual(action);
  });
});
