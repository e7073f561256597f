import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/diagnostics/errors.ts';
import type { Fence, PolicyHandler, PolicyRuntime } from '../../../src/policies/contract.ts';
import type { CompiledRateLimit } from '../../../src/policies/rate-limit/compiled.ts';
import { rateLimitEarlyHandler } from '../../../src/policies/rate-limit/early-handler.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { brokenLimiter, createMemoryLimiter } from '../memory-limiter.ts';
import { aLimit, bucket, toJson } from './limits.ts';

/** Refuses who sends `bad`, as authentication does. */
const auth: PolicyHandler = {
  name: 'auth',
  create: () => (context) => {
    const { headers } = context.facts;
    if (headers.get('authorization') === 'bad') {
      context.refusedCredentials = true;
      throw new GatewayError(401, 'credentials-invalid', 'no');
    }
    if (!headers.has('authorization')) throw new GatewayError(401, 'credentials-missing', 'no');
    return null;
  },
};

function route(config: CompiledRateLimit, ports: Partial<PolicyRuntime>) {
  const policies = [
    { name: 'rate-limit-early', config: toJson(config), handler: rateLimitEarlyHandler },
    { name: 'auth', config: null, handler: auth },
  ];
  const runtime = runtimeOf(ports);
  return async (authorization: string | null, upstream?: () => Response): Promise<string> => {
    const facts = factsOf({ headers: authorization === null ? {} : { authorization } });
    const answer = await runChain({ policies, runtime, ...(upstream !== undefined && { upstream }) }, facts);
    if (answer.status === 200) return '200';
    if (answer.headers.get('content-type') !== 'application/json') return String(answer.status);
    const { code }: { code: string } = await answer.json();
    return `${answer.status} ${code}`;
  };
}

describe('limits before authentication', () => {
  it('count what authentication refuses too', async () => {
    const send = route({ limits: [aLimit('all', bucket(2))] }, { rateLimiter: createMemoryLimiter() });
    expect([await send('bad'), await send(null), await send('good')]).toEqual([
      '401 credentials-invalid',
      '401 credentials-missing',
      '429 rate-limited',
    ]);
  });
});

describe('a second look at the routes', () => {
  it('counts nothing again that the route before had counted', async () => {
    const limiter = createMemoryLimiter();
    const shared = aLimit('shared', bucket(9));
    const asked: string[] = [];
    const fence = (): Fence => ({
      limit: ({ key }) => {
        asked.push(key);
        return Promise.resolve({ success: true });
      },
    });
    const failures = aLimit('failures', bucket(2));
    const configs = [
      { limits: [shared], failures, fence: 'FENCE' },
      { limits: [shared, aLimit('own', bucket(9))], failures, fence: 'FENCE' },
    ];
    const policies = configs.map((config) => ({
      name: 'rate-limit-early',
      config: toJson(config),
      handler: rateLimitEarlyHandler,
    }));
    const all = [...policies, { name: 'auth', config: null, handler: auth }];
    const facts = factsOf({ headers: { authorization: 'good' } });
    await runChain({ policies: all, runtime: runtimeOf({ rateLimiter: limiter, fence }) }, facts);
    const counted = limiter.calls.map(({ kind, checks }) => [kind, ...checks.map(({ key }) => key.split('|')[0])]);
    expect(counted).toEqual([
      ['reserve', 'rl/failures'],
      ['take', 'rl/shared'],
      ['take', 'rl/own'],
      ['release', 'rl/failures'],
    ]);
    expect(asked).toHaveLength(1);
  });
});

describe('failures', () => {
  const failures = aLimit('failures', bucket(2));
  const config = { limits: [], failures };

  it('are refused credentials, and nothing else', async () => {
    const limiter = createMemoryLimiter();
    const send = route(config, { rateLimiter: limiter });
    for (let request = 0; request < 5; request += 1) {
      expect(await send('good')).toBe('200');
      expect(await send(null)).toBe('401 credentials-missing');
      // The upstream's own no is none of ours.
      expect(await send('good', () => new Response(null, { status: 401 }))).toBe('401');
    }
    expect(limiter.figures('rl/failures|a:203.0.113.7')).toBeNull();
    expect(await send('bad')).toBe('401 credentials-invalid');
    expect(await send('bad')).toBe('401 credentials-invalid');
    expect(await send('bad')).toBe('429 too-many-failures');
    expect(await send('good')).toBe('429 too-many-failures');
    expect(limiter.calls.map(({ kind }) => kind).filter((kind) => kind === 'commit')).toHaveLength(2);
  });

  it('are given back before the upstream is asked', async () => {
    const limiter = createMemoryLimiter();
    const seen: string[] = [];
    await route(config, { rateLimiter: limiter })('good', () => {
      seen.push(...limiter.calls.map(({ kind }) => kind));
      return new Response();
    });
    expect(seen).toEqual(['reserve', 'release']);
    expect(limiter.calls.map(({ kind }) => kind)).toEqual(['reserve', 'release']);
  });

  it('that are refused use up nothing of the other limits, and the other way round', async () => {
    const limiter = createMemoryLimiter();
    const send = route(
      { limits: [aLimit('all', bucket(1))], failures: aLimit('failures', bucket(1)) },
      { rateLimiter: limiter },
    );
    expect(await send('bad')).toBe('401 credentials-invalid');
    expect(await send('bad')).toBe('429 too-many-failures');
    expect(limiter.calls.map(({ kind }) => kind)).toEqual(['reserve', 'take', 'commit', 'reserve', 'release']);
    const other = createMemoryLimiter();
    const sendOther = route({ limits: [aLimit('all', bucket(1))], failures }, { rateLimiter: other });
    expect(await sendOther('good')).toBe('200');
    expect(await sendOther('bad')).toBe('429 rate-limited');
    expect(other.figures('rl/failures|a:203.0.113.7')).toBeNull();
  });

  it('say when to come back, and nothing of what is left', async () => {
    const policies = [{ name: 'rate-limit-early', config: toJson(config), handler: rateLimitEarlyHandler }];
    const spent = { allowed: false, remaining: 0, resetMs: 60_000, retryAfterMs: 30_000 };
    const rateLimiter = {
      ...brokenLimiter(''),
      reserve: () => Promise.resolve({ verdicts: [spent], commit: () => undefined, release: () => undefined }),
    };
    const answer = await runChain({ policies, runtime: runtimeOf({ rateLimiter }) }, factsOf());
    expect(answer.headers.get('retry-after')).toMatch(/^3[0-3]$/);
    expect(answer.headers.has('ratelimit')).toBe(false);
  });

  it('that cannot be counted let pass, or refuse where nothing may fail open', async () => {
    const rateLimiter = brokenLimiter('gone');
    expect(await route(config, { rateLimiter })('good')).toBe('200');
    expect(await route(config, { rateLimiter, failOpen: 'never' })('good')).toBe('503 rate-limit-unavailable');
  });
});

const broken = (): Promise<never> => Promise.reject(new Error('no'));

describe('the fence', () => {
  const config = { limits: [aLimit('all', bucket(9))], fence: 'FENCE' };
  const fenced = (limit: Fence['limit'], ports: Partial<PolicyRuntime> = {}) => {
    const rateLimiter = createMemoryLimiter();
    const fence = (name: string): Fence | null => (name === 'FENCE' ? { limit } : null);
    return { limiter: rateLimiter, send: route(config, { rateLimiter, fence, ...ports }) };
  };

  it('is asked first, with the address', async () => {
    const keys: string[] = [];
    const { limiter, send } = fenced(({ key }) => {
      keys.push(key);
      return Promise.resolve({ success: keys.length === 1 });
    });
    expect(await send('good')).toBe('200');
    expect(await send('good')).toBe('429 rate-limited');
    expect(keys).toEqual(['203.0.113.7', '203.0.113.7']);
    expect(limiter.calls).toHaveLength(1);
  });

  it('that fails lets pass, with a line in the log; not where nothing may fail open', async () => {
    const log: string[] = [];
    expect(await fenced(broken, { log: (event) => void log.push(event) }).send('good')).toBe('200');
    expect(log).toEqual(['rate-limiter-unavailable']);
    expect(await fenced(broken, { failOpen: 'never' }).send('good')).toBe('503 rate-limit-unavailable');
  });

  it('that the Worker does not have refuses the route', async () => {
    const send = route({ ...config, fence: 'OTHER' }, { rateLimiter: createMemoryLimiter() });
    expect(await send('good')).toBe('503 policy-not-enforced');
  });
});
