/** Whose word counts about the cost of a request. */
import { describe, expect, it } from 'vitest';
import { BuildCache, buildProgram } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { fixedLimiter } from '../policies/memory-limiter.ts';
import { aRoute, gatewayFixture, UPSTREAM } from './gateway-fixture.ts';

/** A route behind a service that answers with these headers, of which two go on to the request. */
function serve(cost: object, says: Readonly<Record<string, string>>) {
  const findings: Finding[] = [];
  const report = (finding: Finding) => void findings.push(finding);
  const rateLimit = { limits: [{ name: 'units', rate: 100, unit: 'minute', cost }] };
  const config = parseConfig(
    {
      authentication: {
        check: { external: { service: 'http://127.0.0.1:9002', allowedAuthorizationHeaders: ['x-cost', 'x-user'] } },
      },
      routes: [{ name: 'web', path: '/', backend: 'http://127.0.0.1:9001', policies: { auth: 'check', rateLimit } }],
    },
    report,
    'routes.config.ts',
  );
  const { program } = buildProgram(
    { objects: [], config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00Z', cache: new BuildCache() },
  );
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  const limiter = fixedLimiter({ allowed: true, remaining: 1, resetMs: 1, retryAfterMs: 0 });
  const forwarded: Request[] = [];
  const fetcher = (id: string) => ({
    fetcher: {
      fetch: (input: Parameters<typeof fetch>[0], init?: RequestInit) => {
        const isUpstream = id === UPSTREAM;
        if (isUpstream) forwarded.push(new Request(input, init));
        return Promise.resolve(new Response('', { headers: isUpstream ? {} : says }));
      },
    },
  });
  const policies = Object.values(program.tables).flat()[0]?.policies ?? [];
  const routes = [aRoute('/', { policies })];
  const { settings } = program;
  const gateway = gatewayFixture({ routes, settings, limiter, bindings: { backends: { fetcher } } });
  return async (sent: Readonly<Record<string, string>>) => {
    const { status } = await gateway.send('http://a.test/x', { headers: sent });
    const headers = forwarded.at(-1)?.headers;
    return { status, costs: limiter.asked.at(-1)?.map((check) => check.cost), up: headers?.get('x-cost') ?? null };
  };
}

describe('a cost in a request header', () => {
  it('is what authentication says, which comes after the client’s own was taken away', async () => {
    const send = serve({ header: 'X-Cost' }, { 'x-cost': '7' });
    expect(await send({ 'x-cost': '3' })).toEqual({ status: 200, costs: [7], up: null });
    expect(await send({})).toEqual({ status: 200, costs: [7], up: null });
  });

  it('is 1 where only the client says one', async () => {
    const send = serve({ header: 'x-cost' }, { 'x-user': 'ann' });
    expect(await send({ 'x-cost': '3', x_cost: '4' })).toEqual({ status: 200, costs: [1], up: null });
  });
});

describe('a cost that clients may say', () => {
  it('counts, and does not go up', async () => {
    const send = serve({ header: 'x-units', trustClient: true }, {});
    expect(await send({ 'x-units': '3' })).toMatchObject({ status: 200, costs: [3] });
    expect(await send({ 'x-units': '101' })).toMatchObject({ costs: [1] });
  });
});
