import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileModel } from '../../src/compile/compile-model.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { createExplainer, explainRequest } from '../../src/explain/explain.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import type { ProbeRequest } from '../../src/explain/probe-request.ts';
import type { PolicyUse, RouteModel, RouteModelRoute } from '../../src/model/route-model.ts';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { aBackend, aDomain, aMatch, aModel, aRoute, aService, forwardTo, provenance } from '../oracle/model-builder.ts';

function compile(model: RouteModel): RouteProgram {
  const findings: Finding[] = [];
  const program = compileModel(model, { target: 'self-hosted', unresolved: 'echo' }, (each) => findings.push(each));
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  return program;
}

function ask(model: RouteModel, url: string, changes: Partial<ProbeRequest> = {}): Promise<Explanation> {
  return explainRequest(compile(model), { method: 'GET', url, headers: [], ...changes }, { model });
}

/** A member of a canary group; the first one listed is tried first. */
function share(name: string, below: number | null, order: number): RouteModelRoute {
  return aRoute(name, {
    matches: [aMatch('/c/', { rank: [0, 0, 3, '/c/', { ascending: order }] })],
    share: below === null ? null : { below },
    group: 'c',
    action: forwardTo(aBackend({ service: aService(name) })),
  });
}

describe('explain', () => {
  it('answers with every key, absent things null', async () => {
    const model = aModel([aRoute('shop', { timeouts: { requestMs: 0, idleMs: 0, attemptMs: null } })]);
    expect(await ask(model, 'http://a.test/shop/x?y=1')).toEqual({
      outcome: 'forward',
      status: null,
      code: null,
      route: {
        id: 'Mapping/default/shop',
        source: { kind: 'Mapping', namespace: 'default', name: 'shop', file: 'shop.yaml', line: 1 },
      },
      nearMisses: [],
      policies: [],
      consumer: null,
      request: { path: '/shop/x', canonicalPath: '/shop/x' },
      upstream: {
        url: 'http://web.default/shop/x?y=1',
        host: 'a.test',
        headers: {
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-host': 'a.test',
          'x-forwarded-proto': 'http',
          'x-request-id': '00000000-0000-4000-8000-000000000000',
        },
      },
      candidates: [{ url: 'http://web.default/shop/x?y=1', weight: 100 }],
      location: null,
    });
    expect(await ask(model, 'http://a.test/')).toMatchObject({
      outcome: 'no-route',
      status: 404,
      code: 'no-route',
      route: null,
      upstream: null,
      candidates: [],
      location: null,
    });
  });

  it('gives equal answers to equal questions and leaves file and line out without a model', async () => {
    const model = aModel([aRoute('shop')]);
    const request = { method: 'GET', url: 'http://a.test/shop/', headers: [] };
    const [first, second] = [
      await explainRequest(compile(model), request),
      await explainRequest(compile(model), request),
    ];
    expect(first).toEqual(second);
    expect(first.route?.source).toEqual({
      kind: 'Mapping',
      namespace: 'default',
      name: 'shop',
      file: null,
      line: null,
    });
  });

  it.each([
    ['http://a.test/shop/../x', 'dot-segments-rejected', 400],
    ['http://a.test/shop/%2E%2e/x', 'dot-segments-rejected', 400],
    ['http://a.test/shop/a%2fb', 'escaped-slashes-rejected', 400],
    ['http://a.test/shop/%zz', 'path-invalid', 400],
    ['http://a.test/shop/#x', 'target-invalid', 400],
    ['http://user@a.test/shop/', 'host-invalid', 400],
    [`http://a.test/${'x'.repeat(20_000)}`, 'target-too-long', 414],
  ])('refuses %.40s with %s', async (url, code, status) => {
    expect(await ask(aModel([aRoute('shop')]), url)).toMatchObject({
      outcome: 'refuse',
      status,
      code,
      route: null,
      request: { canonicalPath: null },
    });
  });

  it('refuses methods and headers as the Worker does', async () => {
    const model = aModel([aRoute('shop')]);
    expect(await ask(model, 'http://a.test/shop/', { method: 'TRACE' })).toMatchObject({ status: 405 });
    expect(await ask(model, 'http://a.test/shop/', { headers: [['x-big', 'x'.repeat(200_000)]] })).toMatchObject({
      outcome: 'refuse',
      code: 'headers-too-large',
    });
    expect(await ask(model, 'http://a.test*', { method: 'OPTIONS' })).toMatchObject({
      outcome: 'respond',
      status: 204,
    });
  });

  it('lets a Host header replace the host of the URL', async () => {
    const model = aModel([aRoute('shop', { domains: ['Host/default/a.test'] })], { domains: [aDomain('a.test')] });
    expect(await ask(model, 'http://127.0.0.1:8787/shop/')).toMatchObject({ code: 'host-not-served' });
    const headers = [['hOST', 'A.test:81']] as const;
    expect(await ask(model, 'http://127.0.0.1:8787/shop/', { headers })).toMatchObject({
      outcome: 'forward',
      upstream: { host: 'a.test:81' },
    });
  });

  it('says what an insecure request gets, and from which route', async () => {
    const route = aRoute('shop');
    const redirecting = aModel([route], { domains: [aDomain('*', { insecureAction: 'redirect' })] });
    expect(await ask(redirecting, 'http://a.test:80/shop/?x=1')).toMatchObject({
      outcome: 'redirect',
      status: 301,
      location: 'https://a.test/shop/?x=1',
      route: { id: route.id },
      upstream: null,
    });
    expect((await ask(redirecting, 'https://a.test/shop/')).outcome).toBe('forward');
    expect(await ask(redirecting, 'http://a.test/other')).toMatchObject({ outcome: 'no-route', location: null });
    const rejecting = aModel([route], { domains: [aDomain('*', { insecureAction: 'reject' })] });
    expect(await ask(rejecting, 'http://a.test/shop/')).toMatchObject({ outcome: 'refuse', code: 'insecure-rejected' });
  });

  it('believes forwarding headers from trusted hops only', async () => {
    const domains = [aDomain('*', { insecureAction: 'redirect' })];
    const headers = [['X-Forwarded-Proto', 'https']] as const;
    const route = aRoute('shop', {
      requestHeaders: {
        remove: [],
        set: [{ name: 'x-client', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' }],
        add: [],
      },
    });
    expect((await ask(aModel([route], { domains }), 'http://a.test/shop/', { headers })).outcome).toBe('redirect');
    const trusting = aModel([route], { domains, settings: { ...DEFAULT_SETTINGS, trustedHops: 2 } });
    const answer = await ask(trusting, 'http://a.test/shop/', { headers, clientIp: '203.0.113.7' });
    expect(answer).toMatchObject({ outcome: 'forward', upstream: { headers: { 'x-client': '203.0.113.7' } } });
    const direct = await ask(aModel([route]), 'http://a.test/shop/', { clientIp: '2001:DB8::1' });
    expect(direct.upstream?.headers['x-client']).toBe('2001:db8::1');
  });

  it('refuses with the domain, and names what a route refuses', async () => {
    const refuse = { kind: 'refuse', status: 503, code: 'policy-not-enforced', message: 'no' } as const;
    expect(
      await ask(aModel([aRoute('shop')], { domains: [aDomain('*', { refuse })] }), 'http://a.test/shop/'),
    ).toMatchObject({
      outcome: 'refuse',
      status: 503,
      code: 'policy-not-enforced',
      route: null,
    });
    expect(await ask(aModel([aRoute('shop', { action: refuse })]), 'http://a.test/shop/')).toMatchObject({
      outcome: 'refuse',
      code: 'policy-not-enforced',
      route: { id: 'Mapping/default/shop' },
    });
  });

  it('answers upgrades by the route', async () => {
    const headers = [
      ['connection', 'upgrade'],
      ['upgrade', 'WebSocket'],
    ] as const;
    const model = aModel([aRoute('live', { upgrades: ['websocket'] }), aRoute('shop')]);
    expect((await ask(model, 'http://a.test/live/', { headers })).upstream?.headers).toMatchObject({
      upgrade: 'websocket',
    });
    expect(await ask(model, 'http://a.test/shop/', { headers })).toMatchObject({
      status: 403,
      code: 'upgrade-not-allowed',
    });
  });
});

describe('explain, shares', () => {
  it('walks the draws that are still open', async () => {
    const model = aModel([share('a', 30, 0), share('b', 50, 1), share('late', 40, 2), share('rest', null, 3)]);
    const answer = await ask(model, 'http://a.test/c/x');
    expect(answer.candidates).toEqual([
      { url: 'http://a.default/c/x', weight: 30 },
      { url: 'http://b.default/c/x', weight: 20 },
      { url: 'http://rest.default/c/x', weight: 50 },
    ]);
    expect(answer.route?.id).toBe('Mapping/default/rest');
    // `late` can never be reached: both draws that it would take are gone.
    expect(answer.nearMisses).toMatchObject([{ source: { name: 'late' }, failed: 'share', expected: 'below 40' }]);
  });

  it('takes the first on a tie, and what most requests get when nothing is left', async () => {
    const tie = await ask(aModel([share('a', 50, 0), share('b', 100, 1)]), 'http://a.test/c/x');
    expect(tie.route?.id).toBe('Mapping/default/a');
    const explained = await createExplainer(compile(aModel([share('a', 10, 0), share('b', 30, 1)]))).explain({
      method: 'GET',
      url: 'http://a.test/c/x',
      headers: [],
    });
    expect(explained.explanation).toMatchObject({
      outcome: 'no-route',
      candidates: [{ weight: 10 }, { weight: 20 }],
    });
    expect(explained.shares.map(({ weight }) => weight)).toEqual([10, 20, 70]);
  });

  it('multiplies weighted backends', async () => {
    const refuse = { kind: 'refuse', status: 500, code: 'backend-invalid', message: 'no' } as const;
    const route = aRoute('w', {
      share: { below: 50 },
      action: forwardTo(
        aBackend({ weight: 1, service: aService('one') }),
        aBackend({ weight: 0, service: aService('none') }),
        aBackend({ weight: 2, service: aService('two') }),
        aBackend({ weight: 1, service: aService('bad'), refuse }),
      ),
    });
    const model = aModel([route, aRoute('all', { matches: [aMatch('/')] })]);
    const explained = await createExplainer(compile(model)).explain({
      method: 'GET',
      url: 'http://a.test/w/',
      headers: [],
    });
    expect(explained.explanation.candidates).toEqual([
      { url: 'http://one.default/w/', weight: 12.5 },
      { url: 'http://two.default/w/', weight: 25 },
      { url: 'http://web.default/w/', weight: 50 },
    ]);
    expect(explained.shares.find(({ answer }) => answer.code === 'backend-invalid')?.weight).toBe(12.5);
    const empty = aModel([aRoute('w', { action: forwardTo(aBackend({ weight: 0 })) })]);
    expect(await ask(empty, 'http://a.test/w/')).toMatchObject({ outcome: 'refuse', status: 500, code: 'no-backend' });
  });

  it('adds up to 100', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 6 }), async (thresholds) => {
        const routes = thresholds.map((below, index) => share(`r${index}`, below, index));
        const { shares } = await createExplainer(compile(aModel(routes))).explain({
          method: 'GET',
          url: 'http://a.test/c/',
          headers: [],
        });
        const total = shares.reduce((sum, { weight }) => sum + weight, 0);
        expect(total).toBeCloseTo(100, 3);
        expect(shares.every(({ weight }) => weight > 0)).toBe(true);
      }),
    );
  });
});

function policy(name: string, options: PolicyUse['options']): PolicyUse {
  return { policy: name, options, source: { ...provenance('shop'), path: 'spec.cors', line: 9 } };
}

describe('explain, policies', () => {
  const route = aRoute('shop', {
    policies: [
      policy('rate-limit', { limits: [{ name: 'basic', pattern: '/shop/*', rate: 5, unit: 'second' }] }),
      policy('cors', { origins: ['https://a.example'] }),
    ],
  });

  it('asks each in chain order and says where it was written', async () => {
    const answer = await ask(aModel([route]), 'http://a.test/shop/x', { headers: [['origin', 'https://a.example']] });
    expect(answer.policies.map(({ name }) => name)).toEqual(['cors', 'rate-limit']);
    expect(answer.policies[0]).toEqual({
      name: 'cors',
      source: { kind: 'Mapping', namespace: 'default', name: 'shop', file: 'shop.yaml', line: 9 },
      input: { method: 'GET', origin: 'https://a.example' },
      note: expect.stringContaining('let in'),
      decision: 'allow',
      code: null,
    });
  });

  it('stops at the one that answers', async () => {
    const headers = [
      ['origin', 'https://a.example'],
      ['access-control-request-method', 'PUT'],
    ] as const;
    const answer = await ask(aModel([route]), 'http://a.test/shop/x', { method: 'OPTIONS', headers });
    expect(answer).toMatchObject({
      outcome: 'respond',
      status: 200,
      upstream: null,
      candidates: [],
      route: { id: route.id },
    });
    expect(answer.policies.map(({ name }) => name)).toEqual(['cors']);
  });

  it('refuses when a policy is unknown', async () => {
    const program = compile(aModel([aRoute('shop')]));
    const unknown = { name: 'later', config: null, source: { kind: 'Mapping', namespace: null, name: 'shop' } };
    const tables = Object.fromEntries(
      Object.entries(program.tables).map(([id, routes]) => [
        id,
        routes.map((each) => ({ ...each, policies: [unknown] })),
      ]),
    );
    expect(
      await explainRequest({ ...program, tables }, { method: 'GET', url: 'http://a.test/shop/', headers: [] }),
    ).toMatchObject({ outcome: 'refuse', status: 503, code: 'policy-not-enforced', policies: [{ name: 'later' }] });
  });
});
