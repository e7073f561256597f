import { afterEach, describe, expect, it, vi } from 'vitest';
import { debtAt, decide, type GcraState, spend } from '../../../src/objects/gcra.ts';
import type { Json } from '../../../src/model/route-model.ts';
import type { PolicyRuntime, RateLimitCheck, RateLimiter } from '../../../src/policies/contract.ts';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { answering, factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered, lowerOptions } from '../lowering.ts';

/** The real arithmetic over a clock that stands still; records every call. */
function createTestLimiter(): RateLimiter & { readonly calls: (readonly RateLimitCheck[])[] } {
  const states = new Map<string, GcraState>();
  const calls: (readonly RateLimitCheck[])[] = [];
  return {
    calls,
    take(checks) {
      calls.push(checks);
      const debts = checks.map((check) => debtAt(states.get(check.key) ?? null, check, 0));
      const decisions = checks.map((check, index) => decide(debts[index] ?? 0, check));
      if (decisions.every(({ allowed }) => allowed)) {
        for (const [index, check] of checks.entries()) states.set(check.key, spend(debts[index] ?? 0, check, 0));
      }
      return Promise.resolve(decisions);
    },
  };
}
const BASIC = {
  scope: 'default/backend-mapping',
  limits: [{ name: 'basic', index: 0, pattern: '*', rate: 2, unit: 'minute' }],
};

function chain(options: unknown, rateLimiter: RateLimiter) {
  const policies = [{ name: 'rate-limit', config: lowered('rate-limit', options) }];
  return (request: Parameters<typeof factsOf>[0] = {}) =>
    runChain({ policies, runtime: runtimeOf({ rateLimiter }) }, factsOf(request));
}

describe('handler', () => {
  it('passes, counts down, then answers 429 with the three headers and a problem', async () => {
    const send = chain(BASIC, createTestLimiter());
    const first = await send();
    expect(await first.text()).toBe('upstream');
    expect(first.headers.get('ratelimit-policy')).toBe('"basic";q=2;w=60');
    expect(first.headers.get('ratelimit')).toBe('"basic";r=1;t=30');
    expect((await send()).headers.get('ratelimit')).toBe('"basic";r=0;t=60');
    const third = await send();
    expect(third.status).toBe(429);
    expect(third.headers.get('retry-after')).toBe('30');
    expect(third.headers.get('ratelimit-policy')).toBe('"basic";q=2;w=60');
    expect(third.headers.get('ratelimit')).toBe('"basic";r=0;t=60');
    expect(await third.json()).toEqual({ code: 'rate-limited', status: 429, 'violated-policies': ['basic'] });
  });

  it('counts per client address, and per scope', async () => {
    const limiter = createTestLimiter();
    const send = chain(BASIC, limiter);
    const other = chain({ ...BASIC, scope: 'default/other' }, limiter);
    await send();
    await send();
    expect((await send()).status).toBe(429);
    expect((await send({ clientIp: '203.0.113.8' })).status).toBe(200);
    expect((await other()).status).toBe(200);
    expect(limiter.calls.map(([check]) => check?.key)).toContain('rl/default%2Fbackend-mapping/basic/0/203.0.113.8');
  });

  it('asks once for every limit whose pattern matches, and for none without asking', async () => {
    const limiter = createTestLimiter();
    const send = chain(
      {
        limits: [
          { name: 'all', rate: 100, unit: 'hour', burst: 5 },
          { name: 'login', pattern: '/login*', rate: 1, unit: 'minute' },
          { name: 'never', pattern: '/other', rate: 1, unit: 'minute' },
        ],
      },
      limiter,
    );
    const answer = await send({ path: '/login/x' });
    expect(limiter.calls.map((checks) => checks.map(({ key }) => key.split('/')[2]))).toEqual([['all', 'login']]);
    expect(answer.headers.get('ratelimit-policy')).toBe('"all";q=100;w=3600, "login";q=1;w=60');
    expect(answer.headers.get('ratelimit')).toBe('"all";r=4;t=36, "login";r=0;t=60');
    const refused = await send({ path: '/login/x' });
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['login'] });
    expect(refused.headers.get('retry-after')).toBe('60');
    const quiet = createTestLimiter();
    const unasked = await chain({ limits: [{ name: 'a', pattern: '/a', rate: 1, unit: 'day' }] }, quiet)();
    expect(quiet.calls).toEqual([]);
    expect(unasked.headers.has('ratelimit')).toBe(false);
  });

  it('never says to retry after less than a second', async () => {
    const send = chain({ limits: [{ name: 'a', rate: 1_000, unit: 'second', burst: 1 }] }, createTestLimiter());
    await send();
    expect((await send()).headers.get('retry-after')).toBe('1');
  });

  it('adds its limits to those of the upstream', async () => {
    const policies = [{ name: 'rate-limit', config: lowered('rate-limit', BASIC) }];
    const upstream = answering({ ratelimit: '"theirs";r=7' });
    const answer = await runChain(
      { policies, upstream, runtime: runtimeOf({ rateLimiter: createTestLimiter() }) },
      factsOf(),
    );
    expect(answer.headers.get('ratelimit')).toBe('"theirs";r=7, "basic";r=1;t=30');
  });

  it('is readable by a script whose origin CORS lets in, and only then', async () => {
    const origin = 'https://shop.example.com';
    const policies = [
      { name: 'cors', config: lowered('cors', { origins: [origin], exposedHeaders: ['x-total', 'ratelimit'] }) },
      { name: 'rate-limit', config: lowered('rate-limit', { limits: [{ name: 'a', rate: 1, unit: 'day' }] }) },
    ];
    const runtime = runtimeOf({ rateLimiter: createTestLimiter() });
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

describe('a limiter that cannot be asked', () => {
  afterEach(() => {
    vi.useRealTimers();
  });
  const broken: RateLimiter = { take: () => Promise.reject(new Error('object is gone')) };
  const policies = [{ name: 'rate-limit', config: lowered('rate-limit', BASIC) }];

  it('lets requests pass, with one line in the log for all of them', async () => {
    const log: [string, Readonly<Record<string, Json>>][] = [];
    let nowMs = 1_700_000_000_000;
    const runtime = runtimeOf({
      rateLimiter: broken,
      log: (event: string, fields: Readonly<Record<string, Json>>) => log.push([event, fields]),
      now: () => nowMs,
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => runChainWith(runtime)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(answers[0]?.headers.has('ratelimit')).toBe(false);
    expect(log).toEqual([
      [
        'rate-limiter-unavailable',
        {
          requestId: 'req-1',
          route: 'Mapping/default/backend-mapping',
          error: 'Error: object is gone',
          failOpen: 'as-upstream',
          suppressed: 0,
        },
      ],
    ]);
    // Later the line says how many were left out; a clock set back does not silence it either.
    nowMs -= 60_000;
    await runChainWith(runtime);
    expect(log.map(([, fields]) => fields['suppressed'])).toEqual([0, 19]);
  });

  it('refuses with 503 when nothing may fail open', async () => {
    const answer = await runChainWith(runtimeOf({ rateLimiter: broken, failOpen: 'never' }));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'rate-limit-unavailable' });
  });

  it('does not take a missing decision for a yes', async () => {
    const answer = await runChainWith(runtimeOf({ rateLimiter: { take: () => Promise.resolve([]) } }));
    expect(answer.status).toBe(429);
  });

  function runChainWith(runtime: PolicyRuntime) {
    return runChain({ policies, runtime }, factsOf());
  }
});

describe('lowering', () => {
  it('compiles the documented form', () => {
    expect(lowerOptions('rate-limit', BASIC)).toEqual({
      config: {
        limits: [
          { label: 'basic', keyPrefix: 'rl/default%2Fbackend-mapping/basic/0/', rate: 2, periodMs: 60_000, burst: 2 },
        ],
      },
      findings: [],
    });
  });

  it('counts indices per name, tells equal names apart, and takes the route for the scope', () => {
    const limits = [
      { name: 'a', rate: 1, unit: 'second' },
      { name: 'b', rate: 1, unit: 'hour', burst: 7 },
      { name: 'a', pattern: '/x/*', rate: 1, unit: 'day' },
    ];
    expect(lowered('rate-limit', { limits })).toMatchObject({
      limits: [
        { label: 'a.0', keyPrefix: 'rl/Mapping%2Fdefault%2Fm/a/0/', periodMs: 1_000 },
        { label: 'b', keyPrefix: 'rl/Mapping%2Fdefault%2Fm/b/0/', burst: 7 },
        { label: 'a.1', keyPrefix: 'rl/Mapping%2Fdefault%2Fm/a/1/', pattern: ['/x/', ''], periodMs: 86_400_000 },
      ],
    });
  });

  it('never gives two identities one key', () => {
    const keys = [
      { scope: 'a/b', limits: [{ name: 'c', rate: 1, unit: 'day' }] },
      { scope: 'a', limits: [{ name: 'b/c', rate: 1, unit: 'day' }] },
      { scope: 'a%2Fb', limits: [{ name: 'c', rate: 1, unit: 'day' }] },
    ].map((options) => JSON.stringify(lowered('rate-limit', options)));
    expect(new Set(keys).size).toBe(3);
  });

  it('keeps labels inside what a structured field may hold', () => {
    const { config } = lowerOptions('rate-limit', { limits: [{ name: 'ü"\\%\ud800 ok', rate: 1, unit: 'day' }] });
    expect(config).toMatchObject({ limits: [{ label: '%C3%BC%22%5C%25%EF%BF%BD ok' }] });
  });

  it.each(['backend/*', '/a?b', '/search#x', '/café', '/a b'])('warns that %s never matches', (pattern) => {
    const { config, findings } = lowerOptions('rate-limit', { limits: [{ name: 'a', pattern, rate: 1, unit: 'day' }] });
    expect(config).not.toBeNull();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ severity: 'warning', code: 'rate-limit-pattern-never-matches' });
    expect(findings[0]?.path).toBe('spec.rate-limit.limits[0].pattern');
  });

  it.each([
    [{ limits: [] }, 'policy-options-invalid', 'spec.rate-limit.limits'],
    [{ limits: [{ name: 'a', rate: 0, unit: 'day' }] }, 'policy-options-invalid', 'spec.rate-limit.limits[0].rate'],
    [{ limits: [{ name: 'a', rate: 1.5, unit: 'day' }] }, 'policy-options-invalid', 'spec.rate-limit.limits[0].rate'],
    [{ limits: [{ name: 'a', rate: 2e6, unit: 'day' }] }, 'policy-options-invalid', 'spec.rate-limit.limits[0].rate'],
    [{ limits: [{ name: 'a', rate: 1, unit: 'week' }] }, 'policy-options-invalid', 'spec.rate-limit.limits[0].unit'],
    [
      { limits: [{ name: 'a', rate: 1, unit: 'day', bursts: 1 }] },
      'policy-options-invalid',
      'spec.rate-limit.limits[0].bursts',
    ],
    [
      { limits: [{ name: 'a', pattern: '', rate: 1, unit: 'day' }] },
      'policy-options-invalid',
      'spec.rate-limit.limits[0].pattern',
    ],
    [
      {
        limits: [
          { name: 'a', index: 1, rate: 1, unit: 'day' },
          { name: 'a', index: 1, rate: 2, unit: 'day' },
        ],
      },
      'rate-limit-duplicate',
      'spec.rate-limit.limits[1]',
    ],
  ])('refuses %j', (options, code, path) => {
    const { config, findings } = lowerOptions('rate-limit', options);
    expect(config).toBeNull();
    expect(findings[0]).toMatchObject({ severity: 'error', code, path });
  });

  it('explains which limits a request must pass', () => {
    const config = lowered('rate-limit', BASIC);
    expect(policyLowering('rate-limit')?.explain(config, factsOf())).toEqual({
      input: { path: '/backend/hello', keys: ['rl/default%2Fbackend-mapping/basic/0/203.0.113.7'] },
      note: 'must be allowed by basic (2 per 60 s, burst 2), counted per client address',
      decides: 'later',
    });
  });

  it('reads nothing it does not understand', async () => {
    const bad: Json[] = [
      null,
      {},
      { limits: [{}] },
      { limits: [{ ...BASIC.limits[0], keyPrefix: 'x', label: 'x', periodMs: 0, burst: 1 }] },
    ];
    for (const config of bad) {
      await expect(runChain({ policies: [{ name: 'rate-limit', config }] }, factsOf())).rejects.toThrow(/understands/);
    }
  });
});
