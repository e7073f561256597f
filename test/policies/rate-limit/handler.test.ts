import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/model/route-model.ts';
import type { RateLimiter, Verdict } from '../../../src/limits/limiter.ts';
import type { PolicyRuntime } from '../../../src/policies/contract.ts';
import { answering, factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered } from '../lowering.ts';
import { brokenLimiter, createMemoryLimiter, fixedLimiter } from '../memory-limiter.ts';
import { aLimit, bucket, PLACES, policyOf, toJson } from './limits.ts';

const BASIC = { limits: [aLimit('basic', bucket(2))] };

describe('counting', () => {
  it('passes, counts down, then answers 429 with the three headers and a problem', async () => {
    const send = policyOf(BASIC, { rateLimiter: createMemoryLimiter() });
    const first = await send();
    expect(await first.text()).toBe('upstream');
    expect(first.headers.get('ratelimit-policy')).toBe('"basic";q=2;w=60');
    expect(first.headers.get('ratelimit')).toBe('"basic";r=1;t=30');
    expect((await send()).headers.get('ratelimit')).toBe('"basic";r=0;t=60');
    const third = await send();
    expect(third.status).toBe(429);
    expect(third.headers.get('retry-after')).toMatch(/^3[0-3]$/);
    expect(third.headers.get('ratelimit-policy')).toBe('"basic";q=2;w=60');
    expect(third.headers.get('ratelimit')).toBe('"basic";r=0;t=60');
    expect(await third.json()).toEqual({ code: 'rate-limited', status: 429, 'violated-policies': ['basic'] });
  });

  it('counts per client address, all IPv6 addresses of one network together', async () => {
    const send = policyOf({ limits: [aLimit('one', bucket(1))] }, { rateLimiter: createMemoryLimiter() });
    const from = async (clientIp: string) => (await send({ facts: { clientIp } })).status;
    expect(await from('203.0.113.7')).toBe(200);
    expect(await from('203.0.113.7')).toBe(429);
    expect(await from('203.0.113.8')).toBe(200);
    expect(await from('2001:db8::1')).toBe(200);
    expect(await from('2001:db8::ffff')).toBe(429);
    expect(await from('2001:db8:0:1::1')).toBe(200);
  });

  it('asks once for every limit that concerns the request, and for none without asking', async () => {
    const limiter = createMemoryLimiter();
    const send = policyOf(
      {
        limits: [
          aLimit('all', bucket(100, 3_600_000, 5)),
          aLimit('login', bucket(1), { pattern: ['/login', ''] }),
          aLimit('never', bucket(1), { pattern: ['/other'] }),
        ],
      },
      { rateLimiter: limiter },
    );
    const answer = await send({ facts: { path: '/login/x' } });
    expect(limiter.calls.map(({ checks }) => checks.map(({ key }) => key))).toEqual([
      ['rl/all|a:203.0.113.7', 'rl/login|a:203.0.113.7'],
    ]);
    expect(answer.headers.get('ratelimit-policy')).toBe('"all";q=100;w=3600, "login";q=1;w=60');
    expect(answer.headers.get('ratelimit')).toBe('"all";r=4;t=36, "login";r=0;t=60');
    const refused = await send({ facts: { path: '/login/x' } });
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['login'] });
    const quiet = createMemoryLimiter();
    const unasked = await policyOf({ limits: [aLimit('a', bucket(1), { pattern: ['/a'] })] }, { rateLimiter: quiet })();
    expect(quiet.calls).toEqual([]);
    expect(unasked.headers.has('ratelimit')).toBe(false);
  });

  it('gives every check its mode, its budget and what becomes of a failure', async () => {
    const limiter = createMemoryLimiter();
    const limits = [
      aLimit('exact', bucket(1)),
      aLimit('leased', bucket(2_000), { mode: 'leased', onFailure: 'closed' }),
      aLimit('patient', bucket(1), { budgetMs: 77, shadow: true, onFailure: 'open' }),
    ];
    await policyOf({ limits }, { rateLimiter: limiter })();
    expect(limiter.calls[0]?.checks).toEqual([
      { key: 'rl/exact|a:203.0.113.7', limit: bucket(1), mode: 'exact', budgetMs: 2_000, onFailure: 'open', cost: 1 },
      {
        key: 'rl/leased|a:203.0.113.7',
        limit: bucket(2_000),
        mode: 'leased',
        budgetMs: 50,
        onFailure: 'closed',
        cost: 1,
      },
      {
        key: 'rl/patient|a:203.0.113.7',
        limit: bucket(1),
        mode: 'exact',
        budgetMs: 77,
        onFailure: 'open',
        cost: 1,
        shadow: true,
      },
    ]);
    const strict = createMemoryLimiter();
    await policyOf({ limits }, { rateLimiter: strict, failOpen: 'never' })();
    expect(strict.calls[0]?.checks.map(({ onFailure }) => onFailure)).toEqual(['closed', 'closed', 'closed']);
  });

  it('hashes what is long before it asks', async () => {
    const limiter = createMemoryLimiter();
    const limits = [aLimit('t', bucket(1), { key: [{ from: 'header', name: 'x-t' }] }), aLimit('a', bucket(9))];
    const send = policyOf({ limits }, { rateLimiter: limiter });
    const long = { headers: { 'x-t': 'x'.repeat(300) } };
    expect((await send({ facts: long })).status).toBe(200);
    expect((await send({ facts: long })).status).toBe(429);
    expect(limiter.calls[0]?.checks.map(({ key }) => key)).toEqual([
      'rl/a|a:203.0.113.7',
      expect.stringMatching(/^rl\/t\|h:x-t=sha256:[0-9a-f]{64}$/),
    ]);
  });

  it('refuses who has no plan or no key before anything is counted', async () => {
    const limiter = createMemoryLimiter();
    const plans = { byName: { gold: [aLimit('gold', bucket(5))] } };
    const unknown = await policyOf({ limits: [], plans }, { rateLimiter: limiter })();
    expect([unknown.status, await unknown.json()]).toMatchObject([403, { code: 'unknown-plan' }]);
    const limits = [aLimit('t', bucket(1), { key: [{ from: 'header', name: 'x-t' }], missing: 'refuse' as const })];
    const keyless = await policyOf({ limits }, { rateLimiter: limiter })();
    expect([keyless.status, await keyless.json()]).toMatchObject([400, { code: 'rate-limit-key-missing' }]);
    expect(limiter.calls).toEqual([]);
  });
});

const refusing = (retryAfterMs: number): Verdict => ({ allowed: false, remaining: 0, resetMs: 1, retryAfterMs });

describe('Retry-After', () => {
  it.each([0, 1, 999, 1_000, 1_001, 29_999, 30_000, 3_600_000])(
    'is never shorter than %i ms, and longer by at most a tenth, 5 s and what rounding adds',
    async (waitMs) => {
      const send = policyOf(BASIC, { rateLimiter: fixedLimiter(refusing(waitMs)) });
      const seen = new Set<number>();
      for (let request = 0; request < 200; request += 1) {
        const answer = await send({ facts: { requestId: crypto.randomUUID() } });
        const seconds = Number(answer.headers.get('retry-after'));
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds * 1_000).toBeGreaterThanOrEqual(Math.max(1_000, waitMs));
        expect(seconds * 1_000).toBeLessThan(Math.max(1, waitMs) + Math.min(waitMs / 10, 5_000) + 1_000);
        seen.add(seconds);
      }
      if (waitMs === 3_600_000) expect(seen.size).toBe(5);
    },
  );

  it('is the longest of all that refuse', async () => {
    const limiter = createMemoryLimiter();
    const limits = [aLimit('short', bucket(1, 1_000)), aLimit('long', bucket(1, 3_600_000))];
    const send = policyOf({ limits }, { rateLimiter: limiter });
    await send();
    const refused = await send();
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(3_600);
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['short', 'long'] });
  });

  it('of a place is one second', async () => {
    const send = policyOf({ limits: [aLimit('places', PLACES)] }, { rateLimiter: fixedLimiter(refusing(1_000)) });
    expect((await send({ facts: { requestId: 'any' } })).headers.get('retry-after')).toBe('1');
  });
});

describe('costs', () => {
  const cost = { header: 'x-cost', responseHeader: 'x-spent', maxCost: 5 };
  const limits = [aLimit('units', bucket(10, 60_000, 5), { cost })];

  it('come from a request header, which does not reach the upstream', async () => {
    const limiter = createMemoryLimiter();
    const facts = factsOf({ headers: { 'x-cost': '3' } });
    const policies = [{ name: 'rate-limit', config: toJson({ limits }) }];
    const answer = await runChain({ policies, runtime: runtimeOf({ rateLimiter: limiter }) }, facts);
    expect(answer.headers.get('ratelimit')).toBe('"units";r=2;t=18');
    expect(facts.headers.has('x-cost')).toBe(false);
  });

  it.each(['0', '-1', '1.5', '6', '03', '+3', '1e1', '3, 3', ' ', 'x', '99999999999'])(
    '%j counts as one',
    async (text) => {
      const limiter = createMemoryLimiter();
      const send = policyOf({ limits }, { rateLimiter: limiter });
      await send({ facts: { headers: { 'x-cost': text } } });
      expect(limiter.calls[0]?.checks[0]?.cost).toBe(1);
    },
  );

  it('do not reach the upstream either where their limit does not concern the request', async () => {
    const facts = factsOf({ headers: { 'x-cost': '3' }, path: '/free' });
    const elsewhere = [aLimit('units', bucket(10), { cost, pattern: ['/paid/', ''] })];
    await runChain({ policies: [{ name: 'rate-limit', config: toJson({ limits: elsewhere }) }] }, facts);
    expect(facts.headers.has('x-cost')).toBe(false);
  });

  it('of several limits are read from one header', async () => {
    const limiter = createMemoryLimiter();
    const both = [...limits, aLimit('more', bucket(10), { cost: { header: 'x-cost', maxCost: 2 } })];
    await policyOf({ limits: both }, { rateLimiter: limiter })({ facts: { headers: { 'x-cost': '3' } } });
    expect(limiter.calls[0]?.checks.map((check) => check.cost)).toEqual([3, 1]);
  });

  it('above what ever passes at once are refused for good', async () => {
    const big = [aLimit('units', bucket(10, 60_000, 5), { cost: { header: 'x-cost', maxCost: 9 } })];
    const send = policyOf({ limits: big }, { rateLimiter: createMemoryLimiter() });
    const refused = await send({ facts: { headers: { 'x-cost': '6' } } });
    expect(refused.status).toBe(429);
    expect(refused.headers.has('retry-after')).toBe(false);
    expect(await refused.json()).toMatchObject({ code: 'rate-limit-cost-too-high', 'violated-policies': ['units'] });
  });

  it('of an answer are charged beyond what was admitted, and the header stays', async () => {
    const limiter = createMemoryLimiter();
    const send = policyOf({ limits }, { rateLimiter: limiter });
    const answer = await send({ facts: { headers: { 'x-cost': '2' } }, upstream: answering({ 'x-spent': '5' }) });
    expect(answer.headers.get('x-spent')).toBe('5');
    expect(limiter.calls.map(({ kind, checks }) => [kind, checks[0]?.cost])).toEqual([
      ['take', 2],
      ['charge', 3],
    ]);
    await send({ upstream: answering({ 'x-spent': '1' }) });
    await send({ upstream: answering({}) });
    expect(limiter.calls.map(({ kind }) => kind)).toEqual(['take', 'charge', 'take', 'take']);
  });
});

describe('shadows', () => {
  it('refuse nothing, say nothing to clients, and one line to the log', async () => {
    const log: [string, Readonly<Record<string, Json>>][] = [];
    const runtime = {
      rateLimiter: createMemoryLimiter(),
      log: (event: string, fields: Readonly<Record<string, Json>>) => void log.push([event, fields]),
    };
    const limits = [aLimit('real', bucket(5)), aLimit('tried', bucket(1), { shadow: true })];
    const send = policyOf({ limits }, runtime);
    const answers = [await send(), await send(), await send()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map(({ headers }) => headers.get('ratelimit-policy'))).toEqual(
      Array.from({ length: 3 }, () => '"real";q=5;w=60'),
    );
    expect(log).toEqual([
      ['rate-limit-shadow', { route: 'Mapping/default/backend-mapping', limit: 'tried', suppressed: 0 }],
    ]);
  });
});

describe('places', () => {
  it('are given back once the answer is over, also when the upstream fails', async () => {
    const limiter = createMemoryLimiter();
    const send = policyOf({ limits: [aLimit('places', { ...PLACES, rate: 1 })] }, { rateLimiter: limiter });
    const during: number[] = [];
    const upstream = (): Response => {
      during.push(limiter.figures('rl/places|a:203.0.113.7')?.remaining ?? -1);
      return new Response('ok');
    };
    expect((await send({ upstream })).headers.get('ratelimit-policy')).toBe('"places";q=1;qu="concurrent-requests"');
    expect((await send({ upstream })).status).toBe(200);
    expect(during).toEqual([0, 0]);
    expect(limiter.calls.map(({ kind }) => kind)).toEqual(['take', 'free', 'take', 'free']);
  });
});

/** Status and code of the answer while the limiter is broken. */
const refused = async (limits = BASIC.limits, ports: Partial<PolicyRuntime> = {}) => {
  const answer = await policyOf({ limits }, { rateLimiter: brokenLimiter('gone'), ...ports })();
  const { code }: { code?: string } = answer.status === 200 ? {} : await answer.json();
  return `${answer.status} ${code ?? ''}`;
};

describe('a limiter that cannot be asked', () => {
  it('lets requests pass, with one line in the log for all of them', async () => {
    const log: [string, Readonly<Record<string, Json>>][] = [];
    let nowMs = 1_700_000_000_000;
    const send = policyOf(BASIC, {
      rateLimiter: brokenLimiter('object is gone'),
      log: (event, fields) => void log.push([event, fields]),
      now: () => nowMs,
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send()));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(answers[0]?.headers.has('ratelimit')).toBe(false);
    expect(log).toEqual([
      [
        'rate-limiter-unavailable',
        {
          requestId: 'req-1',
          route: 'Mapping/default/backend-mapping',
          limit: 'basic',
          error: 'object is gone',
          onFailure: 'open',
          suppressed: 0,
        },
      ],
    ]);
    // Later the line says how many were left out; a clock set back does not silence it either.
    nowMs -= 60_000;
    await send();
    expect(log.map(([, fields]) => fields['suppressed'])).toEqual([0, 19]);
  });

  it('refuses with 503 when nothing may fail open, or the limit says so', async () => {
    expect(await refused(BASIC.limits, { failOpen: 'never' })).toBe('503 rate-limit-unavailable');
    expect(await refused([aLimit('a', bucket(1), { onFailure: 'closed' })])).toBe('503 rate-limit-unavailable');
    expect(await refused([aLimit('a', bucket(1), { onFailure: 'closed', shadow: true })])).toBe('200 ');
  });

  it('does not take a missing verdict for a yes', async () => {
    const silent: RateLimiter = { ...brokenLimiter(''), take: () => ({ verdicts: [], endSlots: null }) };
    expect(await refused(BASIC.limits, { rateLimiter: silent })).toBe('503 rate-limit-unavailable');
  });

  it('a known refusal comes before an unknown one', async () => {
    const half: RateLimiter = {
      ...brokenLimiter(''),
      take: () => ({
        verdicts: [
          { undecided: 'closed', why: 'late' },
          { allowed: false, remaining: 0, resetMs: 900, retryAfterMs: 900 },
        ],
        endSlots: null,
      }),
    };
    const limits = [aLimit('a', bucket(1), { onFailure: 'closed' }), aLimit('b', bucket(1))];
    expect(await refused(limits, { rateLimiter: half })).toBe('429 rate-limited');
  });
});

describe('what scripts may read', () => {
  it('is readable where CORS lets the origin in, and only then', async () => {
    const origin = 'https://shop.example.com';
    const policies = [
      { name: 'cors', config: lowered('cors', { origins: [origin], exposedHeaders: ['x-total', 'ratelimit'] }) },
      { name: 'rate-limit', config: toJson({ limits: [aLimit('a', bucket(1))] }) },
    ];
    const runtime = runtimeOf({ rateLimiter: createMemoryLimiter() });
    const upstream = answering({ 'access-control-allow-origin': '*' });
    const ok = await runChain({ policies, runtime, upstream }, factsOf({ headers: { origin } }));
    expect(ok.headers.get('access-control-expose-headers')).toBe('x-total, ratelimit, RateLimit-Policy');
    const refused = await runChain({ policies, runtime, upstream }, factsOf({ headers: { origin } }));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin);
    expect(refused.headers.get('access-control-expose-headers')).toBe(
      'x-total, ratelimit, RateLimit-Policy, Retry-After',
    );
    const facts = factsOf({ clientIp: '203.0.113.9', headers: { origin: 'https://other.example' } });
    const foreign = await runChain({ policies, runtime, upstream }, facts);
    expect(foreign.headers.has('access-control-expose-headers')).toBe(false);
  });
});
