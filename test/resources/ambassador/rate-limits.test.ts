import { describe, expect, it } from 'vitest';
import type { RateLimitOptions } from '../../../src/policies/rate-limit/options.ts';
import type { Labels, LabelSpecifier } from '../../../src/resources/ambassador/label-shape.ts';
import type { MappingSpec, NormalizedResources } from '../../../src/resources/ambassador/types.ts';
import { mapping, moduleOf, rateLimit, rateLimitService, translate, type Extra, type Translated } from './resources.ts';

const ADDRESS = { address: { ipv6Bits: 128 } };
const address: LabelSpecifier = { remote_address: { key: 'remote_address' } };
const generic = (value: string, key?: string): LabelSpecifier => ({
  generic_key: { value, ...(key !== undefined && { key }) },
});
const header = (name: string, key = name): LabelSpecifier => ({ request_headers: { key, header_name: name } });
const of = (...groups: readonly (readonly LabelSpecifier[])[]): Labels => ({
  ambassador: groups.map((specifiers) => ({ group: specifiers })),
});
const limits = (...all: readonly object[]) => ({
  domain: 'ambassador',
  limits: all.map((limit) => ({ rate: 5, unit: 'minute', ...limit })),
});
const own = rateLimitService('ambassador-edge-stack-ratelimit', { service: '127.0.0.1:8500' });

function counted(
  labels: Labels,
  written: object,
  { module = {}, ...more }: Partial<Omit<NormalizedResources, 'module'>> & { module?: Record<string, unknown> } = {},
): Translated & { readonly options: RateLimitOptions | undefined } {
  const translated = translate({
    mappings: [mapping('a', { labels })],
    rateLimits: [rateLimit('r', { ...written })],
    rateLimitServices: [own],
    module: moduleOf(module),
    ...more,
  });
  return { ...translated, options: optionsOf(translated, 'a') };
}

const byAddress = (name: string) => limits({ name, pattern: [{ remote_address: '*' }] });

const actionOf = (labels: Labels, written: object, allow: readonly string[] = []) => {
  const rateLimits = [rateLimit('r', { ...written })];
  const resources = { mappings: [mapping('a', { labels })], rateLimits, rateLimitServices: [own] };
  const translated = translate(resources, { allowUnenforced: new Set(allow) });
  return { action: translated.route('a').action, options: optionsOf(translated, 'a'), ...translated };
};

function optionsOf({ route }: Translated, name: string): RateLimitOptions | undefined {
  const use = route(name).policies.find(({ policy }) => policy === 'rate-limit');
  return use?.options as RateLimitOptions | undefined;
}

function reported({ findings }: Translated) {
  return findings.filter(({ code }) => code !== 'rate-limit-service-own');
}

describe('a limit', () => {
  it('is a fixed window, with the whole address of a client as key', () => {
    const { options, route, ...rest } = counted(of([generic('api'), address]), {
      ...limits({ pattern: [{ generic_key: 'api' }, { remote_address: '*' }] }),
    });
    expect(options).toEqual({
      groups: [
        [
          {
            name: 'r.default-0',
            index: 0,
            scope: 'RateLimit/ambassador/default/r',
            algorithm: 'fixed-window',
            rate: 5,
            unit: 'minute',
            key: [{ constant: 'api' }, ADDRESS],
            missing: 'skip',
          },
        ],
      ],
    });
    expect(route('a').policies[0]?.source).toMatchObject({ kind: 'RateLimit', name: 'r', path: 'spec.limits[0]' });
    expect(reported({ route, ...rest })).toEqual([]);
  });

  it('with burstFactor is a bucket, which is said', () => {
    const pattern = [{ remote_address: '' }];
    const { options, findings } = counted(of([address]), limits({ pattern, burstFactor: 3, rate: 4, unit: 'HOUR' }));
    expect(options?.groups?.[0]).toMatchObject([{ algorithm: 'token-bucket', rate: 4, unit: 'hour', burst: 12 }]);
    expect(findings).toContainEqual(
      expect.objectContaining({ code: 'rate-limit-rollover', severity: 'info', path: 'spec.limits[0].burstFactor' }),
    );
    const cut = counted(of([address]), limits({ pattern, burstFactor: 3, rate: 500_000 }));
    expect(cut.options?.groups?.[0]).toMatchObject([{ burst: 1_000_000 }]);
    expect(cut.findings).toContainEqual(expect.objectContaining({ code: 'rate-limit-rollover', severity: 'warning' }));
  });

  it('that only logs is a shadow', () => {
    const { options } = counted(of([address]), limits({ pattern: [{ remote_address: '*' }], action: 'logOnly' }));
    expect(options?.groups?.[0]).toMatchObject([{ shadow: true }]);
  });

  it('keeps its counters by name, wherever it stands', () => {
    const pattern = [{ remote_address: '*' }];
    const { options } = counted(
      of([address], [generic('x')]),
      limits({ name: 'n', pattern: [{ generic_key: 'x' }] }, { name: 'n', pattern }, { pattern: [{ none: 'x' }] }),
    );
    expect(options?.groups?.map(([first]) => [first?.name, first?.index])).toEqual([
      ['n', 1],
      ['n', 0],
    ]);
  });

  it('takes templates along', () => {
    const inject = [{ name: 'x-limited', value: '{{ .RateLimitResponse.OverallCode }}' }];
    const errorResponse = { headers: [{ name: 'content-type', value: 'text/plain' }], bodyTemplate: 'no' };
    const pattern = [{ remote_address: '*' }];
    const { options } = counted(
      of([address]),
      limits({ pattern, injectRequestHeaders: inject, injectResponseHeaders: inject, errorResponse }),
    );
    expect(options?.groups?.[0]).toMatchObject([
      { injectRequestHeaders: inject, injectResponseHeaders: inject, errorResponse },
    ]);
  });

  it('stands beside the Mapping’s own rate_limits in one policy', () => {
    const rateLimits = [{ name: 'own', limits: [{ pattern: '*', rate: 1, unit: 'second' as const }] }];
    const { options, route } = counted(of([address]), limits({ pattern: [{ remote_address: '*' }] }), {
      mappings: [mapping('a', { labels: of([address]), rate_limits: rateLimits })],
    });
    expect(options).toMatchObject({
      scope: 'default/a',
      limits: [{ name: 'own' }],
      groups: [[{ name: 'r.default-0' }]],
    });
    expect(route('a').policies).toHaveLength(1);
  });

  it('counts Mappings with the same labels by one object', () => {
    const { route } = counted(of([address]), limits({ pattern: [{ remote_address: '*' }] }), {
      mappings: [mapping('a', { labels: of([address]) }), mapping('b', { labels: of([address]) })],
    });
    const [a, b] = ['a', 'b'].map((name) => route(name).policies[0]?.options as RateLimitOptions);
    expect(a?.groups).toBe(b?.groups);
  });
});

describe('matching', () => {
  const headers = of([generic('api'), header('x-plan', 'plan'), header('x-user', 'user')]);

  it('tries the longest pattern first, and lets the request decide what only it says', () => {
    const { options } = counted(
      headers,
      limits(
        { name: 'any', pattern: [{ generic_key: 'api' }] },
        { name: 'gold', pattern: [{ generic_key: 'api' }, { plan: 'gold' }] },
        { name: 'gold root', pattern: [{ generic_key: '*' }, { plan: 'gold' }, { user: 'root' }] },
        { name: 'other', pattern: [{ generic_key: 'web' }, { plan: 'gold' }] },
        { name: 'order', pattern: [{ plan: 'gold' }, { generic_key: 'api' }] },
        { name: 'long', pattern: [{ generic_key: 'api' }, { plan: '' }, { user: '' }, { more: '' }] },
      ),
    );
    const isGold = { part: { header: 'x-plan' }, is: 'gold' };
    const hasUser = { part: { header: 'x-user' } };
    const isRoot = { ...hasUser, is: 'root' };
    expect(options?.groups).toMatchObject([
      [
        { name: 'gold root', if: [isGold, isRoot], key: [{ constant: 'api' }, isGold.part, hasUser.part] },
        { name: 'gold', if: [isGold, hasUser], key: [{ constant: 'api' }, isGold.part] },
        { name: 'any', if: [{ part: isGold.part }, hasUser], key: [{ constant: 'api' }] },
      ],
    ]);
  });

  it('takes any of several keys of an item, and counts them apart', () => {
    const { options } = counted(
      of([generic('1', 'a')], [generic('1', 'b')], [generic('1', 'c')]),
      limits({ pattern: [{ a: '*', b: '1' }] }),
    );
    expect(options?.groups?.map(([first]) => first?.key)).toEqual([
      [{ constant: 'a' }, { constant: '1' }],
      [{ constant: 'b' }, { constant: '1' }],
    ]);
  });

  it('reads method, authority and path, and a Host header as the authority', () => {
    const { options } = counted(
      of([header(':method', 'm'), header(':authority', 'h'), header('Host', 'h2'), header(':path', 'p')]),
      limits({ pattern: [{ m: 'POST' }, { h: '*' }, { h2: '' }, { p: '/x' }] }),
    );
    expect(options?.groups).toMatchObject([
      [
        {
          if: [
            { part: 'method', is: 'POST' },
            { part: 'path', is: '/x' },
          ],
          key: ['method', 'authority', 'authority', 'path'],
        },
      ],
    ]);
  });

  it('counts together what a pattern without items is about', () => {
    const { options } = counted(of([address]), limits({ pattern: [] }));
    expect(options?.groups).toMatchObject([[{ key: [{ constant: '*' }] }]]);
  });

  it('lets the first by namespace, name and position decide between equals, and says so', () => {
    const { options, findings } = counted(
      of([address]),
      {},
      {
        rateLimits: [
          rateLimit('b', byAddress('2')),
          rateLimit('a', byAddress('1')),
          rateLimit('a', byAddress('0'), { namespace: 'aa' }),
        ],
      },
    );
    expect(options?.groups).toMatchObject([[{ name: '0' }]]);
    const ties = findings.filter(({ code }) => code === 'rate-limit-tie');
    expect(ties).toMatchObject([
      { severity: 'warning', source: { kind: 'Mapping' }, path: 'spec.labels' },
      { severity: 'warning' },
    ]);
    expect(ties[0]?.message).toContain('RateLimit aa/a and limit 1 of RateLimit default/a');
  });

  it('tries a value before any value, and sees no tie', () => {
    const { options, codes } = counted(
      of([header('x'), header('y')]),
      limits(
        { name: 'any', pattern: [{ x: '*' }, { y: '*' }] },
        { name: 'second', pattern: [{ x: '*' }, { y: '1' }] },
        { name: 'first', pattern: [{ x: '1' }, { y: '*' }] },
      ),
    );
    expect(options?.groups?.map((group) => group.map(({ name }) => name))).toEqual([['first', 'second', 'any']]);
    expect(codes).not.toContain('rate-limit-tie');
  });

  it('sees no tie between values that no request has both of', () => {
    const { codes, options } = counted(
      of([header('x')]),
      limits({ pattern: [{ x: '1' }] }, { pattern: [{ x: '2' }] }, { pattern: [{ x: '3' }] }),
    );
    expect(options?.groups?.[0]).toHaveLength(3);
    expect(codes).not.toContain('rate-limit-tie');
  });

  it('checks every group, and says when one limit decides for two', () => {
    const { options, findings } = counted(
      of([generic('a')], [address], [address]),
      limits({ pattern: [{ generic_key: 'a' }] }, { pattern: [{ remote_address: '*' }] }),
    );
    const names = options?.groups?.map((group) => group.map(({ name }) => name));
    expect(names).toEqual([['r.default-0'], ['r.default-1'], ['r.default-1']]);
    const twice = findings.filter(({ code }) => code === 'rate-limit-counted-twice');
    expect(twice).toMatchObject([{ severity: 'info', source: { kind: 'Mapping' }, path: 'spec.labels' }]);
    expect(twice[0]?.message).toContain('`r.default-1`');
  });

  it('gives clusters values of its own, and says them', () => {
    const labels = of([{ source_cluster: { key: 'source_cluster' } }, { destination_cluster: {} }]);
    const { options, findings } = counted(
      labels,
      limits({ pattern: [{ source_cluster: '*' }, { destination_cluster: '*' }] }),
    );
    expect(options?.groups).toMatchObject([[{ key: [{ constant: 'ambassador-default' }, { constant: 'a:80' }] }]]);
    expect(findings.filter(({ code }) => code === 'carried-differently')).toMatchObject([
      { severity: 'info', source: { kind: 'Mapping' } },
      { severity: 'info' },
    ]);
  });

  it('leaves redirects alone', () => {
    const mappings = [mapping('a', { labels: of([address]), host_redirect: true })];
    expect(counted({}, limits({ pattern: [{ remote_address: '*' }] }), { mappings }).options).toBeUndefined();
  });

  it('gives members of a group without labels those of the group', () => {
    const same = { prefix: '/x/', weight: 50 };
    const mappings = [mapping('a', { ...same, labels: of([address]) }), mapping('b', same)];
    const translated = counted({}, limits({ pattern: [{ remote_address: '*' }] }), { mappings });
    expect(optionsOf(translated, 'b')?.groups).toEqual(translated.options?.groups);
    expect(translated.options?.groups).toHaveLength(1);
  });
});

it('leaves out a limit that a longer one always goes before', () => {
  const { options } = counted(
    of([address, header('x-user')]),
    limits(
      { name: 'all', pattern: [{ remote_address: '' }] },
      { name: 'each', pattern: [{ remote_address: '' }, { 'x-user': '' }] },
    ),
  );
  expect(options?.groups?.map((group) => group.map(({ name }) => name))).toEqual([['each']]);
});

describe('default labels', () => {
  const module = { default_labels: { ambassador: { defaults: [address] }, other: { defaults: [generic('o')] } } };
  const both = limits(
    { name: 'one', pattern: [{ remote_address: '*' }] },
    { name: 'none', pattern: [{ generic_key: 'a' }] },
  );

  it('stand before the labels of every group', () => {
    const { options } = counted(of([generic('a')], [generic('b')]), both, { module });
    expect(options?.groups?.map((group) => group.map(({ name }) => name))).toEqual([['one'], ['one']]);
  });

  it('are the only group of a Mapping without labels', () => {
    expect(counted({}, both, { module }).options?.groups).toMatchObject([[{ name: 'one', key: [ADDRESS] }]]);
  });

  it('of another domain than the default are not given to a Mapping without labels', () => {
    const service = rateLimitService('ambassador-edge-stack-ratelimit', { service: '127.0.0.1:8500', domain: 'other' });
    const written = { ...limits({ pattern: [{ generic_key: 'o' }] }), domain: 'other' };
    const more = { module, rateLimitServices: [service] };
    expect(counted({}, written, more).options).toBeUndefined();
    expect(counted({ other: [{ g: [address] }] }, written, more).options?.groups).toHaveLength(1);
    const chosen = { ...more, module: { ...module, default_label_domain: 'other' } };
    expect(counted({}, written, chosen).options?.groups).toHaveLength(1);
  });

  it('are not given to a Mapping that has labels of another domain only (the documentation says otherwise)', () => {
    expect(counted({ other: [{ g: [generic('x')] }] }, both, { module }).options).toBeUndefined();
    expect(counted({ ambassador: [] }, both, { module }).options).toBeUndefined();
  });

  it('that cannot be read make every Mapping refuse while a limit is enforced', () => {
    const invalid = [{ path: 'spec.config.default_labels.ambassador', code: 'field-invalid', message: 'x' }];
    const resources = { mappings: [mapping('a', {})], module: { ...moduleOf({}), invalid } };
    const enforced = { ...resources, rateLimits: [rateLimit('r', both)] };
    const { route, findings } = translate(enforced);
    expect(route('a').action).toMatchObject({ kind: 'refuse', code: 'policy-not-enforced', status: 503 });
    expect(findings).toContainEqual(expect.objectContaining({ code: 'rate-limit-unreadable' }));
    expect(translate(resources).route('a').action.kind).toBe('forward');
    const allowUnenforced = new Set(['RateLimit']);
    expect(translate(enforced, { allowUnenforced }).route('a').action.kind).toBe('forward');
  });
});

describe('a limit that cannot be read', () => {
  const sound = { name: 'sound', pattern: [{ generic_key: 'a' }, { remote_address: '*' }] };
  const wrong = { pattern: [{ generic_key: 'a' }], rate: 0 };

  it('has the routes refuse that it may be about, and no others', () => {
    const about = actionOf(of([generic('a')]), limits(wrong, sound));
    expect(about.action).toMatchObject({ kind: 'refuse', status: 503, code: 'policy-not-enforced' });
    expect(reported(about)).toMatchObject([
      { severity: 'warning', code: 'rate-limit-unreadable', source: { kind: 'Mapping' }, path: 'spec.labels' },
    ]);
    expect(actionOf(of([generic('b')]), limits(wrong, sound)).action.kind).toBe('forward');
    expect(actionOf({}, limits(wrong, sound)).action.kind).toBe('forward');
  });

  it('says nothing where a longer pattern surely decides', () => {
    const { action, options } = actionOf(of([generic('a'), address]), limits(wrong, sound));
    expect(action.kind).toBe('forward');
    expect(options?.groups).toMatchObject([[{ name: 'sound' }]]);
  });

  it.each([
    ['a pattern', limits({ pattern: 'x' })],
    ['no pattern', limits({})],
    ['a list', { domain: 'ambassador', limits: 'x' }],
    ['an item', { domain: 'ambassador', limits: [7] }],
    ['a domain', { domain: 7, limits: [{ rate: 1, unit: 'day', pattern: [{ generic_key: 'a' }] }] }],
    ['no domain', { limits: [{ rate: 1, unit: 'day', pattern: [{ generic_key: 'a' }] }] }],
  ])('may be about all labels: %s', (_name, written) => {
    expect(actionOf(of([generic('a'), address]), written).action.kind).toBe('refuse');
    expect(actionOf({ other: [{ g: [generic('a')] }] }, written).action.kind).toBe('forward');
  });

  it('protects nothing when it would only log', () => {
    expect(actionOf(of([generic('a')]), limits({ ...wrong, action: 'LogOnly' })).action.kind).toBe('forward');
  });

  it('is left out on request, which is said, and hides none behind it', () => {
    const shorter = { name: 'shorter', pattern: [] };
    const { action, options, findings } = actionOf(of([generic('a')]), limits(wrong, shorter), ['RateLimit']);
    expect(action.kind).toBe('forward');
    expect(options?.groups).toMatchObject([[{ name: 'shorter' }]]);
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'served-without-policy',
        source: expect.objectContaining({ kind: 'RateLimit' }),
      }),
    );
  });
});

describe('RateLimitService', () => {
  const labels = of([address]);
  const written = limits({ pattern: [{ remote_address: '*' }] });
  const run = (
    services: readonly { name?: string; spec?: Parameters<typeof rateLimitService>[1]; extra?: Extra }[],
    {
      spec = { labels },
      domain = 'ambassador',
      allow = [] as readonly string[],
    }: {
      spec?: Partial<MappingSpec>;
      domain?: string;
      allow?: readonly string[];
    } = {},
  ) => {
    const translated = translate(
      {
        mappings: [mapping('a', spec)],
        rateLimits: [rateLimit('r', { ...written, domain })],
        rateLimitServices: services.map(({ name = 's', spec: more = {}, extra }) =>
          rateLimitService(name, more, extra),
        ),
      },
      { allowUnenforced: new Set(allow) },
    );
    return { ...translated, action: translated.route('a').action, options: optionsOf(translated, 'a') };
  };
  const edgeStack = { service: '127.0.0.1:8500' };

  it('of Edge Stack is this gateway', () => {
    const { options, findings } = run([{ spec: edgeStack }]);
    expect(options?.groups).toHaveLength(1);
    expect(options?.groups?.[0]?.[0]).not.toHaveProperty('onFailure');
    expect(findings).toMatchObject([{ code: 'rate-limit-service-own', severity: 'info', path: 'spec.service' }]);
  });

  it('that denies on failure closes its limits; its time is taken over', () => {
    const { options, codes } = run([{ spec: { ...edgeStack, denies: true, timeoutMs: 250 } }]);
    expect(options?.groups).toMatchObject([[{ onFailure: 'closed', timeoutMs: 250 }]]);
    expect(codes).toEqual(['rate-limit-service-own', 'carried-differently']);
    const { options: endless, codes: said } = run([{ spec: { ...edgeStack, timeoutMs: 0 } }]);
    expect(endless?.groups).toMatchObject([[{ timeoutMs: 10_000 }]]);
    expect(said).toContain('carried-differently');
  });

  it('that is not there counts as Edge Stack’s default one', () => {
    const { options, findings } = run([]);
    expect(options?.groups).toHaveLength(1);
    expect(findings).toMatchObject([{ code: 'rate-limit-service-implied', source: { kind: 'RateLimit' } }]);
  });

  it('counts one domain: limits and labels of others have no effect', () => {
    const { options, findings } = run([{ spec: { ...edgeStack, domain: 'mine' } }]);
    expect(options).toBeUndefined();
    expect(findings).toMatchObject([
      { code: 'rate-limit-service-own' },
      { code: 'rate-limit-inactive', severity: 'warning', path: 'spec.domain' },
      { code: 'rate-limit-labels-inactive', severity: 'info', path: 'spec.labels' },
    ]);
    const mine = run([{ spec: { ...edgeStack, domain: 'mine' } }], {
      domain: 'mine',
      spec: { labels: { mine: labels['ambassador'] ?? [] } },
    });
    expect(mine.options?.groups).toHaveLength(1);
  });

  it('of somebody else is an error of every route with its labels, served without', () => {
    const { action, options, findings } = run([{}]);
    expect(action.kind).toBe('forward');
    expect(options).toBeUndefined();
    expect(findings).toMatchObject([
      { code: 'rate-limit-inactive', source: { kind: 'RateLimit' } },
      { code: 'rate-limit-service-unsupported', severity: 'error', source: { kind: 'Mapping' }, path: 'spec.labels' },
    ]);
    expect(run([{}], { spec: {} }).codes).toEqual(['rate-limit-inactive']);
  });

  it('of somebody else that denies on failure has those routes refuse, unless that is accepted', () => {
    const denies = [{ spec: { denies: true } }];
    const { action, codes } = run(denies);
    expect(action).toMatchObject({ kind: 'refuse', code: 'policy-not-enforced' });
    expect(codes).toEqual(['rate-limit-inactive', 'rate-limit-service-unsupported', 'policy-not-enforced']);
    expect(run(denies, { spec: {} }).action.kind).toBe('forward');
    expect(run([{ spec: { denies: true, domain: 'x' } }]).action.kind).toBe('forward');
    const accepted = run(denies, { allow: ['RateLimitService'] });
    expect(accepted.action.kind).toBe('forward');
    expect(accepted.codes).toContain('served-without-policy');
  });

  it.each(['limits:8500', 'localhost:9000', '127.0.0.1:8081', '7://'])('%s is somebody else’s', (service) => {
    expect(run([{ spec: { service } }]).codes).toContain('rate-limit-service-unsupported');
  });
  it.each(['ambassador-edge-stack-ratelimit.ambassador:80', 'localhost:8500', 'https://127.0.0.1:8500'])(
    '%s is Edge Stack’s',
    (service) => expect(run([{ spec: { service } }]).codes).toContain('rate-limit-service-own'),
  );

  it('two of them are none', () => {
    const { action, options, findings } = run([
      { name: 'a', spec: edgeStack },
      { name: 'b', spec: { denies: true } },
    ]);
    expect(action.kind).toBe('forward');
    expect(options).toBeUndefined();
    expect(findings).toMatchObject([
      { code: 'rate-limit-service-second', severity: 'error', source: { name: 'a' } },
      { code: 'rate-limit-service-second', severity: 'error', source: { name: 'b' } },
      { code: 'rate-limit-inactive' },
    ]);
  });

  it('of another cluster counts for its own Mappings', () => {
    const services = [
      { spec: edgeStack, extra: { cluster: 'east' } },
      { spec: {}, extra: { cluster: 'west' } },
    ];
    const mappings = ['east', 'west'].map((cluster) => mapping(cluster, { labels }, { cluster }));
    const translated = translate({
      mappings,
      rateLimits: [rateLimit('r', written)],
      rateLimitServices: services.map(({ spec, extra }) => rateLimitService('s', spec, extra)),
    });
    expect(optionsOf(translated, 'east')?.groups).toHaveLength(1);
    expect(optionsOf(translated, 'west')).toBeUndefined();
  });

  it('whose domain cannot be read makes routes with any labels refuse', () => {
    const invalid = [{ path: 'spec.domain', code: 'field-invalid', message: 'x' }];
    const unreadable = [{ spec: edgeStack, extra: { invalid } }];
    expect(run(unreadable).action).toMatchObject({ kind: 'refuse', code: 'policy-not-enforced' });
    expect(run(unreadable, { spec: {} }).action.kind).toBe('forward');
  });
});
