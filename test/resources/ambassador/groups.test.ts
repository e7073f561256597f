import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareRank } from '../../../src/model/rank.ts';
import { roundHalfToEven } from '../../../src/resources/ambassador/canary.ts';
import type { MappingSpec } from '../../../src/resources/ambassador/types.ts';
import { host, mapping, translate, type Translated } from './resources.ts';

const same = { prefix: '/shop/' };
/** A group of Mappings `m0`, `m1`, … with these weights. */
function group(weights: readonly (number | null)[], extra: Partial<MappingSpec> = {}) {
  return weights.map((weight, at) => mapping(`m${at}`, { ...same, ...extra, ...(weight === null ? {} : { weight }) }));
}

/** Routes in the order in which they are tried, with their thresholds. */
function tried({ routes }: Translated): readonly (readonly [string, number])[] {
  const rank = (at: number) => routes[at]?.matches[0]?.rank ?? [];
  return routes
    .map((route, at) => ({ name: route.id.split('/').at(-1) ?? '', below: route.share?.below ?? 100, at }))
    .toSorted((a, b) => compareRank(rank(a.at), rank(b.at)))
    .map(({ name, below }) => [name, below] as const);
}

/** Share of each route, in percent, when r is uniform and the first route with r < below takes the request. */
function shares(translated: Translated): Readonly<Record<string, number>> {
  const result: Record<string, number> = {};
  let taken = 0;
  for (const [name, below] of tried(translated)) {
    result[name] = Math.max(0, below - taken);
    taken = Math.max(taken, below);
  }
  return result;
}

describe('canary weights', () => {
  it.each([
    [[null], { m0: 100 }],
    [[10], { m0: 100 }],
    [[150], { m0: 100 }],
    [[0, null], { m0: 0, m1: 100 }],
    [[10, null], { m0: 10, m1: 90 }],
    [[50, null], { m0: 50, m1: 50 }],
    [[100, null], { m0: 100, m1: 0 }],
    [[null, 10], { m1: 10, m0: 90 }],
    [[10, 30, null], { m0: 10, m1: 30, m2: 60 }],
    [[null, null, null], { m0: 33, m1: 33, m2: 34 }],
    [[75, null, null], { m0: 75, m1: 12, m2: 13 }],
    [[25, null, null], { m0: 25, m1: 38, m2: 37 }],
    [[40, 20], { m0: 40, m1: 20 }],
    [[60, 40], { m0: 60, m1: 40 }],
    [[0, 0], { m0: 0, m1: 0 }],
  ])('%j → %j', (weights, expected) => {
    expect(shares(translate({ mappings: group(weights) }))).toEqual(expected);
  });

  it('tries weighted members first, then the others', () => {
    expect(tried(translate({ mappings: group([null, 10, null, 20]) })).map(([name]) => name)).toEqual([
      'm1',
      'm3',
      'm0',
      'm2',
    ]);
  });

  it('lets the remainder fall through and says so, or normalises', () => {
    const mappings = group([30, 10]);
    expect(translate({ mappings }).findings).toMatchObject([{ code: 'weights-fall-through', severity: 'warning' }]);
    const normalized = translate({ mappings }, { weightsRemainder: 'normalize' });
    expect(shares(normalized)).toEqual({ m0: 75, m1: 25 });
    expect(normalized.findings).toEqual([]);
  });

  it.each([[[101, null]], [[60, 41]], [[-1, null]]])('refuses the whole group for %j', (weights) => {
    const { routes, findings } = translate({ mappings: [...group(weights), mapping('other', {})] });
    expect(findings).toMatchObject([{ code: 'weights-invalid', severity: 'error', path: 'spec.weight' }]);
    for (const route of routes) {
      const refused = route.id !== 'Mapping/default/other';
      expect(route.action).toMatchObject(refused ? { kind: 'refuse', code: 'weights-invalid' } : { kind: 'forward' });
      expect(route.share).toBeNull();
    }
  });

  it('says that a lone weight takes everything', () => {
    expect(translate({ mappings: group([10]) }).findings).toMatchObject([{ code: 'weight-alone', severity: 'info' }]);
    expect(translate({ mappings: group([150]) }).findings).toMatchObject([
      { code: 'weight-alone', severity: 'warning', path: 'spec.weight' },
    ]);
  });

  it('rounds halves to even', () => {
    expect([0.5, 1.5, 2.5, 12.5, 37.5, 2.4, 2.6, 3].map(roundHalfToEven)).toEqual([0, 2, 2, 12, 38, 2, 3, 3]);
  });

  it('gives thresholds that never fall, and everything to a group with a weightless member', () => {
    const weights = fc.array(fc.option(fc.integer({ min: 0, max: 100 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(weights, (list) => {
        const result = translate({ mappings: group(list) });
        const thresholds = tried(result).map(([, below]) => below);
        expect(thresholds).toEqual(thresholds.toSorted((a, b) => a - b));
        const total = list.reduce<number>((sum, weight) => sum + (weight ?? 0), 0);
        if (list.length > 1 && total <= 100 && list.includes(null)) expect(thresholds.at(-1)).toBe(100);
      }),
    );
  });
});

const grouped = (a: Partial<MappingSpec>, b: Partial<MappingSpec>): boolean => {
  const { route } = translate({ mappings: [mapping('a', { ...same, ...a }), mapping('b', { ...same, ...b })] });
  return route('a').group !== null && route('a').group === route('b').group;
};

describe('group identity', () => {
  it.each([
    ['nothing else', {}, {}, true],
    ['another service', { service: 'x' }, { service: 'y' }, true],
    ['another method', { method: 'GET' }, { method: 'POST' }, false],
    ['a written GET', { method: 'GET' }, {}, false],
    ['another header', { headers: { x: '1' } }, { headers: { x: '2' } }, false],
    ['headers in another order', { headers: { x: '1', y: '2' } }, { headers: { y: '2', x: '1' } }, true],
    ['another query', { query_parameters: { x: '1' } }, { query_parameters: { x: '2' } }, false],
    ['another hostname', { hostname: 'a' }, { hostname: 'b' }, false],
    ['a hostname', { hostname: '*' }, {}, false],
    ['another precedence', { precedence: 1 }, {}, false],
    ['precedence 0 written', { precedence: 0 }, {}, true],
    ['another rewrite', { rewrite: '/x' }, {}, true],
    ['parts that run together alike', { headers: { ab: 'c' } }, { headers: { a: 'bc' } }, false],
  ])('%s', (_name, a, b, expected) => {
    expect(grouped(a, b)).toBe(expected);
  });

  it('divides Mappings without hostname by the Hosts that select them', () => {
    const hosts = [host('h', { hostname: 'a.com', mappingSelector: { app: 'x' } })];
    const labels = { app: 'x' };
    const { route } = translate({
      hosts,
      mappings: [mapping('a', same, { labels }), mapping('b', same), mapping('c', same, { labels })],
    });
    expect(route('a').group).toBe('default/a');
    expect(route('c').group).toBe('default/a');
    expect(route('b').group).toBeNull();
    expect(route('a').domains).toEqual(['Host/default/h']);
    expect(route('b').domains).toEqual(['default']);
  });
});

const conflict = (a: Partial<MappingSpec>, b: Partial<MappingSpec>) => {
  const { routes, findings } = translate({
    mappings: [mapping('a', { ...same, ...a }), mapping('b', { ...same, ...b })],
  });
  const found = findings.find(({ code }) => code === 'group-conflict');
  expect(routes.some(({ id }) => id === 'Mapping/default/b')).toBe(found === undefined);
  expect(routes.find(({ id }) => id === 'Mapping/default/a')?.share).toBeNull();
  return found === undefined ? null : [found.severity, found.source?.name, found.path];
};

describe('core fields of a group', () => {
  it.each([
    ['sets what the first lacks', {}, { bypass_auth: true }, 'spec.bypass_auth'],
    ['sets another value', { bypass_auth: true }, { bypass_auth: false }, 'spec.bypass_auth'],
    ['labels', { labels: { d: [{ g: [] }] } }, { labels: { d: [{ h: [] }] } }, 'spec.labels'],
    ['another path kind', { prefix_exact: true }, { prefix_regex: true }, 'spec.prefix_regex'],
    ['another header kind', { headers: { x: '1' } }, { regex_headers: { x: '1' } }, 'spec.headers'],
    ['another method kind', { method: 'GET' }, { method: 'GET', method_regex: true }, 'spec.method_regex'],
    ['connection', {}, { other: { connect_timeout_ms: 5 } }, 'spec.connect_timeout_ms'],
  ])('leaves out a later Mapping: %s', (_name, a, b, path) => {
    expect(conflict(a, b)).toEqual(['error', 'b', path]);
  });

  it('takes in a later Mapping that lacks the field or spells it alike', () => {
    const { codes } = translate({
      mappings: [
        mapping('a', { ...same, bypass_auth: true, labels: { x: [], y: [] } }),
        mapping('b', { ...same, labels: { y: [], x: [] } }),
      ],
    });
    expect(codes).toEqual([]);
  });

  it('keeps a redirect alone, in either order, and a second redirect out', () => {
    const redirect = { host_redirect: true };
    expect(conflict(redirect, {})).toEqual(['error', 'b', 'spec.host_redirect']);
    expect(conflict({}, redirect)).toEqual(['error', 'b', 'spec.host_redirect']);
    expect(conflict(redirect, redirect)).toEqual(['error', 'b', 'spec.host_redirect']);
  });

  it('says that a shadow alone is no route', () => {
    const { routes, codes } = translate({ mappings: [mapping('s', { ...same, shadow: true })] });
    expect(routes).toEqual([]);
    expect(codes).toEqual(['not-yet-enforced', 'shadow-alone']);
  });

  it('gives a shadow no route and takes it out of the arithmetic', () => {
    const { routes, codes } = translate({
      mappings: [mapping('a', same), mapping('s', { ...same, shadow: true, weight: 20 })],
    });
    expect(routes.map(({ id, share }) => [id, share])).toEqual([['Mapping/default/a', null]]);
    expect(codes).toEqual(['not-yet-enforced']);
  });
});

const pair = (a: Partial<MappingSpec>, b: Partial<MappingSpec>) =>
  translate({ mappings: [mapping('a', { ...same, ...a, weight: 10 }), mapping('b', { ...same, ...b })] });

describe('fields of the whole group', () => {
  it('shares cors of whichever member has it; the last one decides', () => {
    const one = pair({ cors: { origins: ['https://x'] } }, {});
    expect(one.route('b').policies).toEqual(one.route('a').policies);
    expect(one.route('b').policies).toMatchObject([{ policy: 'cors', options: { origins: ['https://x'] } }]);
    const two = pair({ cors: { origins: ['https://x'] } }, { cors: { origins: ['https://y'] } });
    expect(two.route('a').policies).toMatchObject([{ options: { origins: ['https://y'] } }]);
    expect(two.findings).toMatchObject([{ code: 'group-field-overridden', source: { name: 'a' }, path: 'spec.cors' }]);
  });

  it('lets a last member without regex_rewrite take it from the group', () => {
    const rewriting = { regex_rewrite: { pattern: 'x', substitution: 'y' } };
    expect(pair(rewriting, {}).route('a').action).toMatchObject({ backends: [{ rewrite: { kind: 'prefix' } }] });
    expect(pair(rewriting, {}).codes).toEqual(['group-field-overridden']);
    expect(pair({}, rewriting).route('a').action).toMatchObject({ backends: [{ rewrite: { kind: 'regex' } }] });
  });

  it('merges added headers by name, removed ones by the last list', () => {
    const { route } = pair(
      {
        add_request_headers: { 'X-A': { value: '1', append: true }, 'X-B': { value: '1', append: true } },
        remove_response_headers: ['X-Old'],
      },
      { add_request_headers: { 'x-a': { value: '2', append: false } } },
    );
    for (const name of ['a', 'b']) {
      expect(route(name).requestHeaders).toEqual({
        remove: [],
        set: [{ name: 'x-a', value: '2' }],
        add: [{ name: 'x-b', value: '1' }],
      });
      expect(route(name).responseHeaders.remove).toEqual(['x-old']);
    }
  });

  it('shares upgrades and keeps rewrite, service and timeouts apart', () => {
    const { route } = pair({ allow_upgrade: ['WebSocket'], rewrite: '/v2/', timeout_ms: 1 }, { timeout_ms: 2 });
    expect(route('b').upgrades).toEqual(['websocket']);
    expect(route('a').timeouts.requestMs).toBe(1);
    expect(route('b').timeouts.requestMs).toBe(2);
    expect(route('a').action).toMatchObject({ backends: [{ rewrite: { value: '/v2/' }, service: { host: 'a' } }] });
    expect(route('b').action).toMatchObject({ backends: [{ rewrite: { value: '/' }, service: { host: 'b' } }] });
  });
});

describe('a broken Mapping', () => {
  const invalid = [{ path: 'spec.timeout_ms', code: 'type', message: 'must be a number' }];

  it('refuses at its match', () => {
    const { route } = translate({ mappings: [mapping('a', { hostname: 'a.com' }, { invalid })] });
    expect(route('a').action).toMatchObject({ kind: 'refuse', status: 500, code: 'resource-invalid' });
    expect(route('a').matches[0]).toMatchObject({ hostname: 'a.com', path: { value: '/a/' } });
  });

  it('leaves its group alone: the others share the traffic, it comes last', () => {
    const broken = mapping('a', { ...same, weight: 40 }, { invalid });
    const result = translate({ mappings: [broken, mapping('b', { ...same, weight: 10 }), mapping('c', same)] });
    expect(shares(result)).toEqual({ b: 10, c: 90, a: 0 });
    expect(result.route('a').action.kind).toBe('refuse');
  });

  it('is absent, with a warning, when its match cannot be read', () => {
    const unreadable = [{ path: 'spec.headers.x', code: 'type', message: 'must be a string' }];
    const { routes, findings } = translate({ mappings: [mapping('a', {}, { invalid: unreadable }), mapping('b', {})] });
    expect(routes.map(({ id }) => id)).toEqual(['Mapping/default/b']);
    expect(findings).toMatchObject([{ code: 'route-absent', severity: 'warning', path: 'spec.headers.x' }]);
  });

  it('rejects a wildcard in `host` or `:authority` as Ambassador does, and holds the match', () => {
    for (const spec of [{ host: '*.a.com' }, { headers: { ':authority': '*.a.com' } }]) {
      const { route, findings } = translate({ mappings: [mapping('a', spec)] });
      expect(route('a').action).toMatchObject({ kind: 'refuse', code: 'resource-invalid' });
      expect(route('a').matches[0]?.hostname).toBe('*.a.com');
      expect(findings).toMatchObject([{ code: 'host-wildcard', severity: 'error' }]);
    }
  });
});
