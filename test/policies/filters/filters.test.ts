import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/model/route-model.ts';
import type { PolicyContext, RequestFacts } from '../../../src/policies/contract.ts';
import type { FilterRuleOption, FiltersOptions, FilterUse } from '../../../src/policies/filters/options.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered, lowerOptions } from '../lowering.ts';
import { asked, filtersHandler, filtersLowering, type FakeOptions } from './fake-method.ts';

beforeEach(() => void asked.splice(0));

function fake(does: FakeOptions['does'], id: string = does, more: Partial<FakeOptions> = {}) {
  return { method: 'fake', options: { does, id, ...more } };
}

const filters: FiltersOptions['filters'] = {
  yes: fake('allow', 'yes'),
  also: fake('allow', 'also'),
  nobody: fake('allow', 'nobody', { nameless: true }),
  later: fake('allow', 'later', { slow: true }),
  none: fake('missing', 'none'),
  bad: fake('bad', 'bad'),
  slowBad: fake('bad', 'slow-bad', { slow: true }),
  down: fake('down', 'down'),
  slowDown: fake('down', 'slow-down', { slow: true }),
  own: fake('answer', 'own'),
  key: fake('echo', 'key'),
  oauth: { unusable: 'OAuth2 is not built' },
  wrong: { method: 'fake', options: {} },
  future: { method: 'jvt', options: {} },
};

function compile(rules: readonly FilterRuleOption[], more: Partial<FiltersOptions> = {}): Json {
  return lowered('filters', { filters, rules, ...more }, { lowering: filtersLowering });
}

async function run(config: Json | readonly Json[], request: Parameters<typeof factsOf>[0] = {}) {
  let found: PolicyContext | null = null;
  const facts: RequestFacts = factsOf(request);
  const list = isList(config) ? config : [config];
  const response = await runChain(
    {
      policies: list.map((one) => ({ name: 'filters', config: one, handler: filtersHandler })),
      inspect: (context) => (found = context),
      runtime: runtimeOf({}),
    },
    facts,
  );
  const seen = found as PolicyContext | null;
  return {
    status: response.status,
    response,
    consumer: seen?.consumer?.id ?? null,
    rematch: seen?.rematch ?? false,
    headers: Object.fromEntries(facts.headers),
    asked: asked.map(({ id }) => id),
  };
}

function isList(config: Json | readonly Json[]): config is readonly Json[] {
  return Array.isArray(config);
}

async function chain(uses: readonly (string | FilterUse)[], headers: HeadersInit = {}) {
  const list = uses.map((use) => (typeof use === 'string' ? { filter: use } : use));
  return run(compile([{ chain: list }]), { headers });
}

describe('a chain', () => {
  it('passes when every filter allows, and keeps what each changed', async () => {
    const { status, consumer, headers, rematch } = await chain(['yes', 'later']);
    expect({ status, consumer, rematch, headers }).toEqual({
      status: 200,
      consumer: 'later',
      rematch: true,
      headers: { 'x-yes': 'yes', 'x-later': 'later' },
    });
  });

  it('keeps the name that an earlier filter gave when a later one gives none', async () => {
    expect(await chain(['yes', 'nobody'])).toMatchObject({ consumer: 'yes' });
  });

  it('says nothing changed when nothing did', async () => {
    expect(await chain(['yes'], { 'x-yes': 'yes' })).toMatchObject({ status: 200, rematch: false });
  });

  it.each<[string, (string | FilterUse)[], number, string[]]>([
    ['break on deny is the default', ['bad', 'yes'], 403, ['bad']],
    ['onDeny continue', [{ filter: 'bad', onDeny: 'continue' }, 'yes'], 200, ['bad', 'yes']],
    ['onDeny continue at the end', ['yes', { filter: 'slowBad', onDeny: 'continue' }], 200, ['yes', 'slow-bad']],
    ['onAllow break', [{ filter: 'yes', onAllow: 'break' }, 'bad'], 200, ['yes']],
    ['onAllow break is not for a refusal', [{ filter: 'none', onAllow: 'break' }, 'yes'], 401, ['none']],
    ['one of two issuers', [{ filter: 'none', onDeny: 'continue', onAllow: 'break' }, 'later'], 200, ['none', 'later']],
    ['an answer of its own', ['own', 'yes'], 418, ['own']],
    ['cannot decide', ['down', 'yes'], 503, ['down']],
    ['cannot decide, found out late', ['slowDown', 'yes'], 503, ['slow-down']],
    ['cannot decide, passed over', [{ filter: 'slowDown', onDeny: 'continue' }, 'yes'], 200, ['slow-down', 'yes']],
    ['cannot decide, then refused', [{ filter: 'down', onDeny: 'continue' }, 'none'], 503, ['down', 'none']],
    ['no filters', [], 200, []],
    ['unbuilt', ['oauth'], 503, []],
    ['unbuilt behind others', [{ filter: 'yes', onAllow: 'break' }, 'oauth'], 503, []],
    ['unbuilt and passed over', [{ filter: 'oauth', onDeny: 'continue' }, 'yes'], 503, []],
    [
      'unbuilt and never asked',
      [{ filter: 'oauth', ifRequestHeader: { name: 'x-never' }, onDeny: 'continue' }, 'yes'],
      503,
      [],
    ],
    ['not there', ['nowhere'], 503, []],
  ])('%s', async (_name, uses, status, ids) => {
    expect(await chain(uses)).toMatchObject({ status, asked: ids });
  });

  it('answers as the filter says', async () => {
    const { response } = await chain(['bad']);
    expect(response.headers.get('www-authenticate')).toBe('Fake realm="bad"');
    expect(await response.json()).toMatchObject({ code: 'bad-bad' });
    expect((await chain(['own'])).response.headers.get('x-said')).toBe('own');
  });

  it('answers 503 policy-not-enforced without a word on why', async () => {
    const { response } = await chain(['oauth']);
    expect(await response.json()).toEqual({ code: 'policy-not-enforced', status: 503 });
  });

  it('passes scopes on', async () => {
    await chain([{ filter: 'yes', scopes: ['read', 'write'] }, 'also']);
    expect(asked.map(({ scopes }) => scopes)).toEqual([['read', 'write'], []]);
  });

  it('sees what earlier filters changed', async () => {
    await chain(['yes', 'also']);
    expect(asked[1]?.headers).toEqual({ 'x-yes': 'yes' });
  });
});

const when = (ifRequestHeader: FilterUse['ifRequestHeader']): FilterUse => ({ filter: 'bad', ifRequestHeader });

describe('ifRequestHeader', () => {
  it.each<[FilterUse['ifRequestHeader'], Record<string, string>, boolean]>([
    [{ name: 'X-A' }, { 'x-a': '1' }, true],
    [{ name: 'x-a' }, { 'x-a': '' }, false],
    [{ name: 'x-a' }, {}, false],
    [{ name: 'x-a', negate: true }, {}, true],
    [{ name: 'x-a', negate: true }, { 'x-a': '1' }, false],
    [{ name: 'x-a', value: 'one' }, { 'x-a': 'one' }, true],
    [{ name: 'x-a', value: 'one' }, { 'x-a': 'One' }, false],
    [{ name: 'x-a', value: 'one', negate: true }, {}, true],
    [{ name: 'x-a', valueRegex: 'b+' }, { 'x-a': 'abbc' }, true],
    [{ name: 'x-a', valueRegex: '^b+$' }, { 'x-a': 'abbc' }, false],
    [{ name: 'x-a', valueRegex: '(?i)B', negate: true }, { 'x-a': 'b' }, false],
    [{ name: 'x-a', valueRegex: '^$' }, {}, true],
  ])('%j of %j', async (condition, headers, runs) => {
    expect((await chain([when(condition)], headers)).status).toBe(runs ? 403 : 200);
  });

  it('sees what an earlier filter wrote', async () => {
    expect((await chain(['yes', when({ name: 'x-yes', value: 'yes' })])).status).toBe(403);
    expect((await chain(['yes', when({ name: 'x-also' })])).status).toBe(200);
  });

  it.each([String.raw`a\C`, '(?<=a)b', '('])('a pattern %s makes the rule refuse', async (valueRegex) => {
    const rules = [{ chain: [{ filter: 'yes', ifRequestHeader: { name: 'x-a', valueRegex } }] }];
    const { config, findings } = lowerOptions('filters', { filters, rules }, { lowering: filtersLowering });
    expect(findings).toMatchObject([{ severity: 'error', code: 'regex-invalid' }]);
    expect((await run(config)).status).toBe(503);
  });
});

describe('the rule that decides', () => {
  const refuses = [{ filter: 'bad' }];
  it.each<[string, FilterRuleOption[], Parameters<typeof factsOf>[0], number]>([
    ['none', [], {}, 200],
    ['another path', [{ path: '/admin/*', chain: refuses }], { path: '/admin' }, 200],
    ['this path', [{ path: '/admin/*', chain: refuses }], { path: '/admin/' }, 403],
    ['case', [{ path: '/Admin', chain: refuses }], { path: '/admin' }, 200],
    ['the first wins', [{ path: '/a*', chain: [] }, { chain: refuses }], { path: '/abc' }, 200],
    ['the first wins, the other way', [{ chain: refuses }, { path: '/a*', chain: [] }], { path: '/abc' }, 403],
    ['host', [{ host: '*.Example.com', chain: refuses }], {}, 403],
    [
      'host with a port in the request',
      [{ host: 'api.example.com', chain: refuses }],
      { authority: 'api.example.com:81' },
      403,
    ],
    [
      'host with a port in the rule',
      [{ host: 'api.example.com:81', chain: refuses }],
      { authority: 'api.example.com:81' },
      403,
    ],
    ['another host', [{ host: 'example.com', chain: refuses }], {}, 200],
    ['one spelling of escapes', [{ path: '/caf%c3%a9/%7Ex', chain: refuses }], { path: '/caf%C3%A9/~x' }, 403],
    ['plain text for escapes', [{ path: '/café*', chain: refuses }], { path: '/caf%C3%A9' }, 403],
    ['an unreadable rule', [{ path: '/a*', unusable: 'x' }, { chain: [] }], { path: '/a' }, 503],
  ])('%s', async (_name, rules, request, status) => {
    expect((await run(compile(rules), request)).status).toBe(status);
  });

  it('ignores case where the route does', async () => {
    const config = compile([{ path: '/Admin/*', chain: refuses }], { ignoreCase: true });
    expect((await run(config, { path: '/ADMIN/x' })).status).toBe(403);
  });

  it('reports a path that no request has, and forgets the rule', () => {
    for (const path of ['/a?b*', 'admin/*', '/a/../b', '/a%2']) {
      const { config, findings } = lowerOptions(
        'filters',
        { filters, rules: [{ path, chain: [] }] },
        { lowering: filtersLowering },
      );
      expect(config).toEqual({ filters: [], rules: [] });
      expect(findings).toMatchObject([
        { severity: 'warning', code: 'filter-rule-never-matches', path: 'spec.filters.rules[0].path' },
      ]);
    }
  });
});

it('decides as the first rule that matches, by a model that knows no compiled globs', () => {
  const part = fc.constantFrom('a', 'b', '/', '*', '.');
  const glob = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
  const outcomes = { allow: ['yes'], deny: ['bad'], open: [], unusable: ['oauth'] } as const;
  const rule = fc.record({
    host: fc.option(fc.array(fc.constantFrom('a', '.', '*', ':8'), { minLength: 1, maxLength: 4 }), { nil: undefined }),
    path: fc.option(glob, { nil: undefined }),
    outcome: fc.constantFrom<keyof typeof outcomes>('allow', 'deny', 'open', 'unusable'),
  });
  const request = fc.record({
    hostname: fc.array(fc.constantFrom('a', '.'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
    port: fc.constantFrom('', ':8'),
    path: fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 5 }).map((parts) => `/${parts.join('')}`),
  });
  const statuses = { allow: 200, deny: 403, open: 200, unusable: 503 } as const;
  return fc.assert(
    fc.asyncProperty(fc.array(rule, { maxLength: 6 }), request, fc.boolean(), async (rules, asking, ignoreCase) => {
      const written = rules.map(({ host, path, outcome }) => ({
        ...(host !== undefined && { host: host.join('') }),
        ...(path !== undefined && { path }),
        chain: outcomes[outcome].map((filter) => ({ filter })),
      }));
      const { config } = lowerOptions(
        'filters',
        { filters, rules: written, ignoreCase },
        { lowering: filtersLowering },
      );
      const path = ignoreCase ? asking.path.toUpperCase() : asking.path;
      const facts = { hostname: asking.hostname, authority: asking.hostname + asking.port, path };
      const found = rules.find(
        ({ host, path: glob = '*' }) =>
          [facts.authority, facts.hostname].some((name) => naive(host?.join('') ?? '*', name)) &&
          naive(glob, asking.path),
      );
      const { status } = await run(config, facts);
      expect(status).toBe(found === undefined ? 200 : statuses[found.outcome]);
    }),
    { numRuns: 400 },
  );
});

/** By trying every length for every star. */
function naive(glob: string, text: string): boolean {
  if (glob === '') return text === '';
  if (glob[0] !== '*') return glob[0] === text[0] && naive(glob.slice(1), text.slice(1));
  return Array.from({ length: text.length + 1 }, (_, at) => text.slice(at)).some((rest) => naive(glob.slice(1), rest));
}

describe('a second look at the routes', () => {
  it('does not ask again for what the same rule took out', async () => {
    const config = compile([{ chain: [{ filter: 'key' }] }]);
    const other = compile([
      { path: '/none', chain: [] },
      { name: 'same', chain: [{ filter: 'key' }] },
    ]);
    const { status, asked: ids } = await run([config, other], { headers: { 'x-key': 'key' } });
    expect({ status, ids }).toEqual({ status: 200, ids: ['key'] });
  });

  it('asks for what another rule demands', async () => {
    const config = compile([{ chain: [{ filter: 'key' }] }]);
    const other = compile([{ chain: [{ filter: 'key', scopes: ['x'] }] }]);
    expect((await run([config, other], { headers: { 'x-key': 'key' } })).status).toBe(401);
  });

  it('is not wanted with recomputeRoute: false', async () => {
    const config = compile([{ chain: [{ filter: 'yes' }] }], { recomputeRoute: false });
    expect(await run(config)).toMatchObject({ status: 200, rematch: false, headers: { 'x-yes': 'yes' } });
  });
});

describe('lowering', () => {
  it('writes each filter once, and none that no rule names', () => {
    const rules = [{ chain: [{ filter: 'yes' }] }, { path: '/a', chain: [{ filter: 'also' }, { filter: 'yes' }] }];
    const config = compile(rules);
    expect(config).toMatchObject({
      filters: [{ name: 'yes' }, { name: 'also' }],
      rules: [{ chain: [{ filter: 0 }] }, { path: ['/a'], chain: [{ filter: 1 }, { filter: 0 }] }],
    });
    expect(filtersLowering.injectedHeaders?.(config)).toEqual(['x-yes', 'x-also']);
  });

  it('reports a filter that its method cannot read where it was written, once', () => {
    const source = { kind: 'Filter', namespace: 'default', name: 'f', file: 'f.yaml', line: 3, path: 'spec.JWT' };
    const bad = { method: 'fake', options: {}, source };
    const rules = [{ chain: [{ filter: 'f' }] }, { chain: [{ filter: 'f' }] }, { chain: [{ filter: 'future' }] }];
    const { config, findings } = lowerOptions(
      'filters',
      { filters: { ...filters, f: bad }, rules },
      { lowering: filtersLowering },
    );
    expect(findings).toMatchObject([
      { code: 'fake-invalid', path: 'spec.JWT', source: { kind: 'Filter', name: 'f' } },
      { code: 'policy-options-invalid', path: 'spec.filters.filters.future.method' },
    ]);
    expect(config).toMatchObject({ filters: [], rules: [{ refuse: expect.any(String) }, {}, {}] });
  });

  it.each([
    ['no rules', { filters }],
    ['an unknown key', { filters, rules: [], colour: 1 }],
    ['a bad flow', { filters, rules: [{ chain: [{ filter: 'yes', onDeny: 'maybe' }] }] }],
    [
      'a header name that is none',
      { filters, rules: [{ chain: [{ filter: 'yes', ifRequestHeader: { name: ':a' } }] }] },
    ],
    [
      'two kinds of value',
      { filters, rules: [{ chain: [{ filter: 'yes', ifRequestHeader: { name: 'a', value: 'a', valueRegex: 'a' } }] }] },
    ],
  ])('refuses %s', (_name, options) => {
    const { config, findings } = lowerOptions('filters', options, { lowering: filtersLowering });
    expect(config).toBeNull();
    expect(findings.map(({ code }) => code)).toContain('policy-options-invalid');
  });

  it('explains which rule would decide', async () => {
    const config = compile([
      { name: 'a', path: '/a', chain: [] },
      { name: 'b', path: '/b', chain: [{ filter: 'oauth' }] },
      {
        name: 'c',
        path: '/c',
        chain: [
          { filter: 'yes', onDeny: 'continue' },
          { filter: 'also', scopes: ['s'] },
        ],
      },
    ]);
    const explain = (path: string) => filtersLowering.explain(config, factsOf({ path }));
    expect(explain('/a')).toMatchObject({ input: { rule: 'a' }, note: expect.stringContaining('no filters') });
    expect(explain('/b')).toMatchObject({ note: expect.stringContaining('OAuth2 is not built') });
    expect((await explain('/c')).note).toBe(
      'c decides: filter yes demands the fake yes (a refusal is passed over); then filter also demands the fake also with the scopes s',
    );
    expect(explain('/d')).toMatchObject({ input: { rule: null }, decides: false });
  });

  it.each([
    null,
    [],
    {},
    { filters: [], rules: [{ name: 'x', chain: [{ filter: 0 }] }] },
    { filters: [{}], rules: [] },
  ])('a payload of another kind (%j) is refused', (payload) =>
    expect(() => filtersHandler.create(payload as Json, runtimeOf({}))).toThrow(/not one this version/),
  );

  it('a method that this Worker lacks makes the route refuse', () => {
    const payload = { filters: [{ name: 'f', method: 'new', config: null }], rules: [] };
    expect(() => filtersHandler.create(payload, runtimeOf({}))).toThrow(/new is unknown/);
  });
});
