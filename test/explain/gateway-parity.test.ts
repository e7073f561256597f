/** explain against the gateway itself: same program, same request, same draw, same answer. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileModel } from '../../src/compile/compile-model.ts';
import { createExplainer } from '../../src/explain/explain.ts';
import { receiveProbe, type ProbeRequest } from '../../src/explain/probe-request.ts';
import type { Share } from '../../src/explain/shares.ts';
import { createGateway } from '../../src/gateway/app.ts';
import { createMemoryView } from '../../src/gateway/program-view.ts';
import type { InsecureAction, RouteAction, RouteModel } from '../../src/model/route-model.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { arbitraryFacts, arbitraryModel } from '../oracle/model-arbitrary.ts';
import { aBackend, aService, forwardTo } from '../oracle/model-builder.ts';
import { NO_LIMITER } from '../policies/memory-limiter.ts';

const ACTIONS: readonly RouteAction[] = [
  forwardTo(aBackend({ rewrite: { kind: 'prefix', length: 1, value: '/' } })),
  forwardTo(
    aBackend({ weight: 1, service: aService('one'), rewrite: { kind: 'full', value: '/one' } }),
    aBackend({ weight: 3, service: aService('two'), host: { kind: 'literal', value: 'two.internal' } }),
    aBackend({ weight: 1, refuse: { kind: 'refuse', status: 500, code: 'backend-invalid', message: 'no' } }),
  ),
  forwardTo(aBackend({ rewrite: { kind: 'full', value: '/../x' } })),
  { kind: 'redirect', status: 307, scheme: 'https', authority: null, path: { kind: 'full', value: '/new' } },
  { kind: 'respond', status: 418, body: 'tea', contentType: null },
  { kind: 'refuse', status: 503, code: 'policy-not-enforced', message: 'no' },
];

const model: fc.Arbitrary<RouteModel> = fc
  .tuple(
    arbitraryModel,
    fc.infiniteStream(fc.constantFrom(...ACTIONS)),
    fc.constantFrom<InsecureAction>('route', 'redirect', 'reject'),
  )
  .map(([written, actions, insecureAction]) => ({
    ...written,
    domains: written.domains.map((domain) => ({ ...domain, insecureAction })),
    routes: written.routes.map((route) => ({ ...route, action: actions.next().value ?? route.action })),
  }));

const request: fc.Arbitrary<ProbeRequest> = fc
  .tuple(arbitraryFacts, fc.constantFrom('http', 'https'), fc.constantFrom('', '../x', '%2e%2e', '%7e', '%zz'))
  .map(([{ authority, path, query, method, headers }, scheme, tail]) => ({
    method,
    url: `${scheme}://${authority}${path}${tail}${query === null ? '' : `?${query}`}`,
    headers,
  }));

type Seen = {
  readonly status: number;
  readonly code: string | null;
  readonly location: string | null;
  readonly sent: string | null;
};

async function serve(program: RouteProgram, probe: ProbeRequest, draw: number): Promise<Seen> {
  const { head, transport } = receiveProbe(probe, program.settings);
  const view = createMemoryView(program, 'v');
  let sent: string | null = null;
  const gateway = createGateway({
    programs: { current: () => view },
    backends: {
      fetcher: (id) => ({
        fetcher: {
          fetch: (upstream) => {
            sent = `${id} ${typeof upstream === 'string' ? new URL(upstream).href : upstream.url}`;
            return Promise.resolve(new Response(null, { status: 299 }));
          },
        },
      }),
    },
    rateLimiter: NO_LIMITER,
    fence: () => null,
    log: () => undefined,
    askPublic: null,
    keys: { get: () => Promise.resolve(null) },
    secret: () => null,
    shared: null,
    transport: () => transport,
    random: () => draw,
  });
  const raw = new Request('http://placeholder.test/', { method: probe.method, headers: head.headers });
  Object.defineProperty(raw, 'url', { value: head.url });
  const response = await gateway.fetch(raw, () => undefined);
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  const body: { code?: string } = isProblem && probe.method !== 'HEAD' ? await response.json() : {};
  return { status: response.status, code: body.code ?? null, location: response.headers.get('location'), sent };
}

/** The share that a draw leads to: its range of the route, then its part of the weights. */
function shareAt(shares: readonly Share[], draw: number): Share | undefined {
  const start = shares.findLast((share) => share.draw <= draw * 100)?.draw;
  const parts = shares.filter((share) => share.draw === start);
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  let rest = draw * total;
  return parts.find(({ weight }) => (rest -= weight) < 0);
}

describe('explain', () => {
  it('says of every draw what the gateway does with it', async () => {
    const met = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        model,
        fc.array(fc.tuple(request, fc.constantFrom(0, 0.05, 0.1, 0.15, 0.3, 0.499, 0.5, 0.81, 0.999)), {
          minLength: 1,
          maxLength: 6,
        }),
        async (written, requests) => {
          const program = compileModel(written, { target: 'self-hosted', unresolved: 'echo' }, () => undefined);
          const explainer = createExplainer(program, { model: written });
          for (const [probe, draw] of requests) {
            const { shares } = await explainer.explain(probe);
            const answer = shareAt(shares, draw)?.answer;
            const seen = await serve(program, probe, draw);
            const what = answer?.outcome ?? 'none';
            met.set(what, (met.get(what) ?? 0) + 1);
            const target = answer?.upstream?.url.replace(/^https?:\/\/[^/]*/, '');
            expect({ ...seen, sent: seen.sent?.replace(/^\S+ https?:\/\/[^/]*/, '') ?? null }).toEqual({
              status: answer?.status ?? 299,
              code: probe.method === 'HEAD' ? null : (answer?.code ?? null),
              location: answer?.location ?? null,
              sent: target === undefined ? null : new URL(target, 'http://x').href.slice(8),
            });
            if (answer?.upstream) {
              expect(seen.sent).toContain(`//${answer.upstream.host.replace(/:80$/, '')}`);
              expect(seen.sent).toContain(new URL(answer.upstream.url).host);
            }
          }
        },
      ),
      { numRuns: 300, seed: 11 },
    );
    for (const outcome of ['forward', 'redirect', 'respond', 'refuse', 'no-route']) {
      expect([outcome, (met.get(outcome) ?? 0) > 10]).toEqual([outcome, true]);
    }
  });
});
