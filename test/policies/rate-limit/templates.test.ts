import { describe, expect, it } from 'vitest';
import type { PolicyRuntime } from '../../../src/policies/contract.ts';
import type { CompiledLimit } from '../../../src/policies/rate-limit/compiled.ts';
import { goDuration } from '../../../src/policies/rate-limit/templates.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { createMemoryLimiter } from '../memory-limiter.ts';
import { aLimit, bucket, template, templated, toJson } from './limits.ts';

type Header = { readonly name: string; readonly value: string };
const inject = (request: readonly Header[], response: readonly Header[] = []) => ({
  inject: { request: templated(request), response: templated(response) },
});

function route(limits: readonly CompiledLimit[], ports: Partial<PolicyRuntime> = {}) {
  const policies = [{ name: 'rate-limit', config: toJson({ limits }) }];
  const runtime = runtimeOf({ rateLimiter: createMemoryLimiter(), ...ports });
  return async (sent: HeadersInit = {}, method = 'GET') => {
    const facts = factsOf({ headers: sent, method });
    const answer = await runChain({ policies, runtime }, facts);
    return { answer, upstream: facts.headers };
  };
}

const STATUS =
  '{{ range .RateLimitResponse.Statuses }}{{ .Code }}/{{ .CurrentLimit.RequestsPerUnit }}/{{ .CurrentLimit.Unit }}/{{ .LimitRemaining }};{{ end }}';

describe('injected headers', () => {
  it('tell the upstream and the client what was counted', async () => {
    const limits = [
      aLimit('a', bucket(5), inject([{ name: 'X-Status', value: STATUS }], [{ name: 'X-Left', value: STATUS }])),
      aLimit('b', bucket(9, 3_600_000), inject([{ name: 'x-code', value: '{{ .RateLimitResponse.OverallCode }}' }])),
    ];
    const { answer, upstream } = await route(limits)();
    expect(upstream.get('x-status')).toBe('1/5/2/4;1/9/3/8;');
    expect(upstream.get('x-code')).toBe('1');
    expect(answer.headers.get('x-left')).toBe('1/5/2/4;1/9/3/8;');
  });

  it('are on refusals too, with the wait', async () => {
    const value = '{{ .RateLimitResponse.OverallCode }} {{ .RetryAfter }} {{ printf "%.1f" .RetryAfter.Seconds }}';
    const send = route([aLimit('a', bucket(2, 3_600_000, 1), inject([], [{ name: 'x-wait', value }]))]);
    expect((await send()).answer.headers.get('x-wait')).toBe('1 0s 0.0');
    expect((await send()).answer.headers.get('x-wait')).toBe('2 30m0s 1800.0');
  });

  it('of a shadow are for the upstream alone, and only it counts itself', async () => {
    const code = '{{ .RateLimitResponse.OverallCode }}';
    const limits = [
      aLimit('real', bucket(5), inject([{ name: 'x-real', value: code }])),
      aLimit('tried', bucket(1), {
        shadow: true,
        ...inject([{ name: 'x-tried', value: code }], [{ name: 'x-leak', value: code }]),
      }),
    ];
    const send = route(limits);
    await send();
    const { answer, upstream } = await send();
    expect([upstream.get('x-real'), upstream.get('x-tried')]).toEqual(['1', '2']);
    expect(answer.status).toBe(200);
    expect(answer.headers.has('x-leak')).toBe(false);
  });

  it('that cannot be written are left out, and nothing that a client sent stands for them', async () => {
    const log: string[] = [];
    const limits = [
      aLimit(
        'a',
        bucket(9),
        inject(
          [
            { name: 'x-broken', value: '{{ .RateLimitResponse.Nothing }}' },
            { name: 'x-unset', value: '{{ doNotSet }}' },
            { name: 'x-lines', value: 'a\nb' },
            { name: 'x-good', value: 'yes' },
          ],
          [{ name: 'x-out', value: '{{ .RateLimitResponse.Nothing }}' }],
        ),
      ),
    ];
    const send = route(limits, {
      log: (event, fields) => void log.push(`${event} ${JSON.stringify(fields['limit'])}`),
    });
    const names = ['x-broken', 'x-unset', 'x-lines', 'x-good'];
    const { answer, upstream } = await send(names.map((name): [string, string] => [name, 'forged']));
    expect(answer.status).toBe(200);
    expect(names.map((name) => upstream.get(name))).toEqual([null, null, null, 'yes']);
    expect(answer.headers.has('x-out')).toBe(false);
    expect(log).toEqual(['rate-limit-template-failed "a"']);
  });
});

describe('answers by a template', () => {
  const errorResponse = {
    headers: templated([
      { name: 'Content-Type', value: 'text/plain' },
      { name: 'Retry-After', value: '0' },
    ]),
    body: template('{{ .status_code }} {{ .message }} {{ .request_id }} {{ .RateLimitResponse.OverallCode }}'),
  };

  it('stand in for the problem document; the wait is ours', async () => {
    const send = route([aLimit('a', bucket(1, 1_000), { errorResponse })]);
    await send();
    const { answer } = await send();
    expect(answer.status).toBe(429);
    expect(await answer.text()).toBe('429 Too many requests; see Retry-After. req-1 2');
    expect(answer.headers.get('content-type')).toBe('text/plain');
    expect(answer.headers.get('retry-after')).toMatch(/^[12]$/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-request-id')).toBe('req-1');
    expect(answer.headers.get('ratelimit')).toBe('"a";r=0;t=1');
    expect(await (await send({}, 'HEAD')).answer.text()).toBe('');
  });

  it('become a problem document after all when they fail', async () => {
    const body = template('{{ .nothing.at.all.of }}{{ .RateLimitResponse.Nothing }}');
    const send = route([aLimit('a', bucket(1), { errorResponse: { headers: [], body } })]);
    await send();
    expect(await (await send()).answer.json()).toMatchObject({ code: 'rate-limited' });
  });

  it('are those of the limit that refuses longest', async () => {
    const send = route([
      aLimit('short', bucket(1, 1_000), { errorResponse: { headers: [], body: template('short') } }),
      aLimit('long', bucket(1, 60_000), { errorResponse: { headers: [], body: template('long') } }),
    ]);
    await send();
    expect(await (await send()).answer.text()).toBe('long');
  });
});

it.each([
  [0, '0s'],
  [1, '1ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [1_500, '1.5s'],
  [60_000, '1m0s'],
  [3_600_000, '1h0m0s'],
  [5_430_250, '1h30m30.25s'],
])('%i ms is %s in Go', (ms, text) => {
  expect(goDuration(ms).text).toBe(text);
});
