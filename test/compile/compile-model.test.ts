import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompileCache, compileModel, type CompileOptions } from '../../src/compile/compile-model.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import type { Json, RouteModel, RouteModelRoute } from '../../src/model/route-model.ts';
import type { CompiledRoute, RouteProgram } from '../../src/program/route-program.ts';
import { arbitraryFacts, arbitraryModel } from '../oracle/model-arbitrary.ts';
import {
  aBackend,
  aCluster,
  aDomain,
  aMatch,
  aModel,
  aRoute,
  aService,
  forwardTo,
  provenance,
} from '../oracle/model-builder.ts';
import { naiveMatch } from '../oracle/naive-matcher.ts';
import { linearMatch } from './linear-program.ts';

const OPTIONS: CompileOptions = { target: 'self-hosted', unresolved: 'refuse' };

function compile(model: RouteModel, options = OPTIONS): { program: RouteProgram; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  return { program: compileModel(model, options, (finding) => findings.push(finding)), findings };
}
function routesOf(program: RouteProgram): readonly CompiledRoute[] {
  return Object.values(program.tables).flat();
}
function actionOf(program: RouteProgram, id: string): CompiledRoute['action'] | undefined {
  return routesOf(program).find((route) => route.id === id)?.action;
}

function limited(name: string, cost: { readonly [member: string]: Json }): RouteModelRoute {
  return aRoute(name, {
    policies: [
      {
        policy: 'rate-limit',
        options: { limits: [{ name: 'x', rate: 9, unit: 'second', cost }] },
        source: provenance(name),
      },
    ],
  });
}

function sharing(name: string, rate: number): RouteModelRoute {
  const options = { scope: 's', limits: [{ name: 'all', rate, unit: 'day' }] };
  return aRoute(name, { policies: [{ policy: 'rate-limit', options, source: provenance(name) }] });
}

describe('compileModel: a route', () => {
  it('becomes data without clock, file or line', () => {
    const { program, findings } = compile(aModel([aRoute('web', { group: 'g', share: { below: 10 } })]));
    expect(findings).toEqual([]);
    expect(routesOf(program)).toEqual([
      {
        id: 'Mapping/default/web',
        source: { kind: 'Mapping', namespace: 'default', name: 'web' },
        matches: [{ rank: [0, 0, 5, 0, 0, '/web/', 'GET'], path: { kind: 'prefix', value: '/web/' } }],
        below: 10,
        group: 'g',
        action: {
          kind: 'forward',
          backends: [
            { weight: 1, upstream: 'http/web.default', origin: 'http://web.default', via: { kind: 'binding' } },
          ],
        },
        timeouts: { requestMs: 3000, idleMs: 300_000 },
      },
    ]);
    expect(program.upstreams).toEqual([
      {
        id: 'http/web.default',
        origin: 'http://web.default',
        via: { kind: 'binding' },
        resolvedBy: 'template',
        service: 'web.default:80',
      },
    ]);
    expect(JSON.stringify(program)).not.toContain('web.yaml');
  });

  it('is absent when it is attached to nothing, and so is its backend', () => {
    const { program } = compile(aModel([aRoute('dead', { domains: [] })]));
    expect(program.tables).toEqual({});
    expect(program.upstreams).toEqual([]);
  });

  it('has its policies in chain order', () => {
    const policies = [
      {
        policy: 'rate-limit',
        options: { limits: [{ name: 'x', rate: 1, unit: 'second' }] },
        source: provenance('web'),
      },
      { policy: 'cors', options: { origins: ['*'] }, source: provenance('web') },
    ];
    const { program } = compile(aModel([aRoute('web', { policies })]));
    expect(routesOf(program)[0]?.policies?.map(({ name }) => name)).toEqual(['cors', 'rate-limit']);
  });

  it('is told when a client’s word that it takes is one that another route writes', () => {
    const trusting = limited('trusting', { header: 'X-Cost', trustClient: true });
    expect(compile(aModel([trusting, limited('other', { header: 'x-units' })])).findings).toEqual([]);
    const { program, findings } = compile(aModel([trusting, limited('strict', { header: 'x-cost' })]));
    expect(program.settings.injectedHeaders).toEqual(['x-cost']);
    expect(findings).toMatchObject([
      { severity: 'warning', code: 'client-header-taken', source: { name: 'trusting' } },
    ]);
  });

  it('is told when limits of two routes share a counter and differ', () => {
    expect(compile(aModel([sharing('a', 5), sharing('b', 5)])).findings).toEqual([]);
    const { findings } = compile(aModel([sharing('a', 5), sharing('b', 1)]));
    expect(findings).toMatchObject([{ severity: 'error', code: 'rate-limit-counter-shared', source: { name: 'b' } }]);
  });

  it.each([
    ['an unknown policy', { policy: 'crs', options: {} }, /Did you mean `cors`/],
    ['wrong options', { policy: 'cors', options: { origins: 3 } }, /./],
  ])('refuses with %s', (_, use, hint) => {
    const { program, findings } = compile(
      aModel([aRoute('web', { policies: [{ ...use, source: provenance('web') }] })]),
    );
    expect(actionOf(program, 'Mapping/default/web')).toMatchObject({
      kind: 'refuse',
      status: 500,
      code: 'policy-invalid',
    });
    expect(findings).toMatchObject([{ severity: 'error', source: { name: 'web' } }]);
    expect(`${findings[0]?.hint} ${findings[0]?.message}`).toMatch(hint);
    expect(program.upstreams).toEqual([]);
  });
});

describe('compileModel: regexes that cannot be used', () => {
  const bad = { pattern: '(?=x)', at: { path: 'spec.regex_headers.x-a', line: 7 } };
  const broad = aRoute('broad', { matches: [aMatch('/')] });

  it('in a header: the match holds with its presence and refuses', () => {
    const route = aRoute('web', {
      matches: [aMatch('/web/', { headers: [{ name: 'x-a', test: { kind: 'regex', regex: bad } }] })],
    });
    const { program, findings } = compile(aModel([route, broad]));
    expect(routesOf(program).find(({ id }) => id === route.id)).toMatchObject({
      matches: [{ headers: [{ name: 'x-a' }] }],
      action: { kind: 'refuse', status: 500, code: 'regex-invalid' },
    });
    expect(findings).toMatchObject([
      {
        severity: 'error',
        code: 'regex-invalid',
        path: 'spec.regex_headers.x-a',
        source: { name: 'web', line: 7, file: 'web.yaml' },
      },
    ]);
    expect(findings[0]?.source).not.toHaveProperty('path');
  });

  it('in the path: the match is absent and the error says so; the other match of the route serves', () => {
    const broken = aMatch('', {
      path: { kind: 'regex', value: '(?=x)', caseSensitive: true, at: { path: 'spec.prefix', line: 4 } },
    });
    const { program, findings } = compile(aModel([aRoute('web', { matches: [broken, aMatch('/ok')] }), broad]));
    expect(routesOf(program).map(({ id, matches }) => [id, matches.length])).toEqual([
      ['Mapping/default/broad', 1],
      ['Mapping/default/web', 1],
    ]);
    expect(findings).toMatchObject([
      { code: 'regex-invalid', path: 'spec.prefix', message: expect.stringContaining('absent') },
    ]);
  });

  it('too large: the match holds as written and refuses', () => {
    const route = aRoute('web', {
      matches: [aMatch('', { path: { kind: 'regex', value: '/[a-z]{300}', caseSensitive: true } })],
    });
    const { program, findings } = compile(aModel([route]));
    expect(routesOf(program)[0]).toMatchObject({
      matches: [{ path: { kind: 'regex', regex: { engine: 'js' } } }],
      action: { code: 'regex-invalid' },
    });
    expect(findings).toMatchObject([{ severity: 'error', message: expect.stringContaining('regex_max_size') }]);
  });

  it('does not refuse the sound matches beside a broken one', () => {
    const headers = [{ name: 'x-a', test: { kind: 'regex', regex: bad } as const }];
    const { program } = compile(aModel([aRoute('web', { matches: [aMatch('/a', { headers }), aMatch('/b')] })]));
    expect(routesOf(program).map(({ id, action }) => [id, action.kind])).toEqual([
      ['Mapping/default/web', 'forward'],
      ['Mapping/default/web#regex-invalid', 'refuse'],
    ]);
  });

  it.each([
    ['(', '/x', 'regex-invalid'],
    ['/(a)', '/\\2', 'substitution-invalid'],
    ['/(a)', '/\\q', 'substitution-invalid'],
  ])('in a rewrite %s → %s: refuses', (pattern, substitution, code) => {
    const rewrite = { kind: 'regex', regex: { pattern }, substitution } as const;
    const { program, findings } = compile(aModel([aRoute('web', { action: forwardTo(aBackend({ rewrite })) })]));
    expect(actionOf(program, 'Mapping/default/web')).toMatchObject({ kind: 'refuse', status: 500 });
    expect(findings).toMatchObject([{ severity: 'error', code }]);
  });
});

describe('compileModel: tables', () => {
  it('groups matches by domains and hostname restriction', () => {
    const domains = [aDomain('a.example.com'), aDomain('*.example.com'), aDomain()];
    const both = domains.map(({ id }) => id);
    const routes = [
      aRoute('all', { domains: both }),
      aRoute('one', { domains: both, matches: [aMatch('/one', { hostname: 'a.example.com' }), aMatch('/two')] }),
      aRoute('mine', { domains: ['default'] }),
    ];
    const { program } = compile(aModel(routes, { domains }));
    const tablesOf = (id: string): readonly string[] =>
      (program.domains.find((domain) => domain.id === id)?.tables ?? [])
        .map((table) => {
          const names = program.tables[table.id]?.map((route) => `${route.source.name}:${route.matches.length}`);
          return `${typeof table.hostname === 'string' ? table.hostname : 'any'} ${names?.join(' ')}`;
        })
        .toSorted((a, b) => (a < b ? -1 : 1));
    const inAll = ['a.example.com one:1', 'any all:1 one:1'];
    expect(tablesOf('Host/default/a.example.com')).toEqual(inAll);
    expect(tablesOf('Host/default/*.example.com')).toEqual(inAll);
    expect(tablesOf('default')).toEqual([...inAll, 'any mine:1']);
    expect(Object.keys(program.tables)).toHaveLength(3);
  });

  it('leaves a table out of a domain where its hostname cannot hold', () => {
    const domains = [aDomain('a.example.com'), aDomain('b.example.com')];
    const route = aRoute('web', { domains: domains.map(({ id }) => id), matches: [aMatch('/', { hostname: 'b.*' })] });
    const { program } = compile(aModel([route], { domains }));
    expect(program.domains.map(({ tables }) => tables.length)).toEqual([0, 1]);
  });

  it('puts every match where the specification finds it', () => {
    let served = 0;
    fc.assert(
      fc.property(arbitraryModel, fc.array(arbitraryFacts, { minLength: 1, maxLength: 10 }), (model, requests) => {
        const { program } = compile(model);
        for (const facts of requests) {
          const expected = naiveMatch(model, facts);
          if (expected.domain === null) continue;
          if (expected.route !== null) served += 1;
          expect([facts, linearMatch(program, expected.domain, facts)?.id ?? null]).toEqual([facts, expected.route]);
        }
      }),
      { numRuns: 500 },
    );
    expect(served).toBeGreaterThan(150);
  });
});

describe('compileModel: same input, same bytes', () => {
  it('for any order of domains, routes and clusters’ services', () => {
    fc.assert(
      fc.property(arbitraryModel, fc.infiniteStream(fc.nat()), (model, order) => {
        const shuffled = {
          ...model,
          domains: shuffle(model.domains, order),
          routes: shuffle(model.routes, order).map((route) => withDomains(route, shuffle(route.domains, order))),
        };
        expect(JSON.stringify(compile(shuffled).program)).toBe(JSON.stringify(compile(model).program));
      }),
      { numRuns: 200 },
    );
  });

  it('with a cache as without, whatever changed', () => {
    const cache = new CompileCache();
    fc.assert(
      fc.property(arbitraryModel, (model) => {
        const findings: Finding[] = [];
        const cached = compileModel(model, OPTIONS, (finding) => findings.push(finding), cache);
        const fresh = compile(model);
        expect(cached).toEqual(fresh.program);
        expect(findings).toEqual(fresh.findings);
      }),
      { numRuns: 200 },
    );
  });

  it('reuses the tables that did not change', () => {
    const cache = new CompileCache();
    const domains = [aDomain(), aDomain('a.example.com')];
    const routes = [aRoute('one'), aRoute('two', { domains: ['Host/default/a.example.com'] })];
    const first = compileModel(aModel(routes, { domains }), OPTIONS, () => undefined, cache);
    const changed = [aRoute('one'), aRoute('two', { domains: ['Host/default/a.example.com'], group: 'new' })];
    const second = compileModel(aModel(changed, { domains }), OPTIONS, () => undefined, cache);
    const same = Object.keys(first.tables).filter((id) => first.tables[id] === second.tables[id]);
    expect(same).toHaveLength(1);
    expect(Object.keys(second.tables)).toEqual(Object.keys(first.tables));
  });

  it('forgets what it knew when the clusters change', () => {
    const cache = new CompileCache();
    compileModel(aModel([aRoute('web')]), OPTIONS, () => undefined, cache);
    const moved = aModel([aRoute('web')], { clusters: [aCluster({ template: 'https://{service}.example.com' })] });
    const program = compileModel(moved, OPTIONS, () => undefined, cache);
    expect(program.upstreams.map(({ origin }) => origin)).toEqual(['https://web.example.com']);
  });
});

describe('compileModel: several backends', () => {
  const lost = aService('lost', { clusters: ['elsewhere'] });

  it('refuses only the share of a backend that cannot be reached', () => {
    const action = forwardTo(aBackend({ weight: 3 }), aBackend({ weight: 1, service: lost }));
    const { program, findings } = compile(aModel([aRoute('web', { action })]));
    expect(actionOf(program, 'Mapping/default/web')).toMatchObject({
      kind: 'forward',
      backends: [
        { weight: 3, upstream: 'http/web.default' },
        { weight: 1, upstream: '', refuse: { status: 503, code: 'upstream-unresolved' } },
      ],
    });
    expect(findings).toMatchObject([{ severity: 'warning', code: 'upstream-unresolved' }]);
    expect(program.upstreams).toHaveLength(1);
  });

  it('refuses the route when none with weight is left', () => {
    const action = forwardTo(aBackend({ weight: 0 }), aBackend({ weight: 1, service: lost }));
    const { program } = compile(aModel([aRoute('web', { action })]));
    expect(actionOf(program, 'Mapping/default/web')).toMatchObject({
      kind: 'refuse',
      status: 503,
      code: 'upstream-unresolved',
    });
  });

  it('says when the configuration takes TLS away, and keeps it with {scheme}', () => {
    const service = aService('web', { text: 'https://web', scheme: 'https', port: 443 });
    const withTemplate = (template: string): ReturnType<typeof compile> =>
      compile(
        aModel([aRoute('web', { action: forwardTo(aBackend({ service })) })], { clusters: [aCluster({ template })] }),
      );
    const clear = withTemplate('http://{service}.{namespace}:{port}');
    expect(clear.findings).toMatchObject([{ severity: 'warning', code: 'upstream-cleartext' }]);
    expect(actionOf(clear.program, 'Mapping/default/web')).toMatchObject({ kind: 'forward' });
    const kept = withTemplate('{scheme}://{service}.{namespace}:{port}');
    expect(kept.findings).toEqual([]);
    expect(kept.program.upstreams).toMatchObject([{ origin: 'https://web.default' }]);
  });
});

function withDomains(route: RouteModelRoute, domains: readonly string[]): RouteModelRoute {
  return { ...route, domains };
}

function shuffle<T>(items: readonly T[], order: fc.Stream<number>): readonly T[] {
  const keys = [...order.take(items.length)];
  return items
    .map((item, index) => ({ item, key: keys[index] ?? 0 }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
