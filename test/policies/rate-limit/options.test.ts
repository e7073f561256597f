import { describe, expect, it } from 'vitest';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { lowered, lowerOptions } from '../lowering.ts';

const day = { name: 'a', rate: 10, unit: 'day' };

function problemsOf(options: unknown): readonly (readonly [string | null, string])[] {
  const { config, findings } = lowerOptions('rate-limit', options);
  expect(config).toBeNull();
  return findings.map(({ path, message }) => [path, message]);
}

describe('headers that limits touch', () => {
  it.each([
    'authorization',
    'Cookie',
    'Host',
    'content-length',
    'x-forwarded-for',
    'X-Request-Id',
    'x-api-key',
    'cf-ray',
  ])('never take a cost from %s, which would be taken from every client of the gateway', (header) => {
    for (const trustClient of [true, false]) {
      expect(problemsOf({ limits: [{ ...day, cost: { header, trustClient } }] })).toEqual([
        ['spec.rate-limit.limits[0].cost.header', expect.stringContaining(`cannot be \`${header}\``)],
      ]);
    }
  });

  it('may be any header of the answer', () => {
    expect(lowered('rate-limit', { limits: [{ ...day, cost: { responseHeader: 'Content-Length' } }] })).toMatchObject({
      limits: [{ cost: { responseHeader: 'content-length', maxCost: 10 } }],
    });
  });

  it.each([
    [
      'injectRequestHeaders[1].name',
      {
        injectRequestHeaders: [
          { name: 'x', value: '' },
          { name: 'Host', value: '' },
        ],
      },
    ],
    ['injectResponseHeaders[0].name', { injectResponseHeaders: [{ name: 'transfer-encoding', value: '' }] }],
    ['errorResponse.headers[0].name', { errorResponse: { headers: [{ name: 'Connection', value: '' }] } }],
  ])('are never those of the connection: %s', (path, more) => {
    expect(problemsOf({ limits: [{ ...day, ...more }] })).toEqual([
      [`spec.rate-limit.limits[0].${path}`, expect.stringContaining('belongs to the connection')],
    ]);
  });

  it('leave to the clients of other routes what clients send for reasons of their own', () => {
    const injectRequestHeaders = ['User-Agent', 'Authorization', 'X-Limited'].map((name) => ({ name, value: 'v' }));
    const config = lowered('rate-limit', { limits: [{ ...day, injectRequestHeaders }] });
    expect(policyLowering('rate-limit')?.injectedHeaders?.(config)).toEqual(['x-limited']);
  });

  it('are not both taken from clients and theirs to say', () => {
    const plans = { p: [{ ...day, cost: { header: 'X-Cost', trustClient: true } }] };
    expect(problemsOf({ limits: [{ ...day, cost: { header: 'x-cost' } }], plans })).toEqual([
      ['spec.rate-limit.plans.p[0].cost.trustClient', expect.stringContaining('one header cannot be both')],
    ]);
  });
});

describe('names', () => {
  it.each([
    [{ claim: 'org..id' }, 'claim', 'empty part'],
    [{ claim: '.' }, 'claim', 'empty part'],
    [{ cookie: 'a=b' }, 'cookie', 'must be the name of a cookie'],
    [{ cookie: ' a' }, 'cookie', 'must be the name of a cookie'],
    [{ header: 'a b' }, 'header', 'must be a header name'],
    [{ query: '' }, 'query', 'must not be empty'],
    [{ address: { ipv6Bits: 129 } }, 'address.ipv6Bits', '128'],
  ])('%j is none', (part, at, why) => {
    const places = { 'if[0].part': { if: [{ part }] }, key: { key: part }, 'key[1]': { key: ['route', part] } };
    for (const [place, more] of Object.entries(places)) {
      expect(problemsOf({ limits: [{ ...day, ...more }] })).toEqual([
        [`spec.rate-limit.limits[0].${place}.${at}`, expect.stringContaining(why)],
      ]);
    }
  });

  it.each([[{ adress: { ipv6Bits: 64 } }], ['ip'], [{}], [7]])('%j is no part at all', (part) => {
    expect(problemsOf({ limits: [{ ...day, if: [{ part }] }] })).toEqual([
      ['spec.rate-limit.limits[0].if[0].part', expect.stringContaining('such as "address"')],
    ]);
  });

  it('of claims may hold dots, as URLs do', () => {
    const claim = String.raw`https://example\.com/plan.name`;
    const config = lowered('rate-limit', { limits: [{ ...day, key: { claim } }], plans: { p: [] }, planClaim: claim });
    const path = ['https://example.com/plan', 'name'];
    expect(config).toMatchObject({ limits: [{ key: [{ from: 'claim', path }] }], plans: { claim: path } });
  });

  it.each(['+01:00', '-0500', 'Europe/Atlantis', 'now'])('%s is no time zone', (zone) => {
    expect(problemsOf({ limits: [{ ...day, algorithm: 'calendar', zone }] })).toEqual([
      ['spec.rate-limit.limits[0].zone', expect.stringContaining(zone)],
    ]);
  });
});

describe('plans', () => {
  it('may have no limits, for callers whom nothing limits', () => {
    expect(lowered('rate-limit', { plans: { free: [day], unlimited: [] }, defaultPlan: 'free' })).toMatchObject({
      plans: { byName: { free: [{ label: 'a' }], unlimited: [] } },
    });
  });
});

/** Of both policies together. */
function labelsOf(options: unknown): readonly string[] {
  const text = ['rate-limit-early', 'rate-limit']
    .map((policy) => JSON.stringify(lowered(policy, options, { target: 'cloudflare' })))
    .join();
  return [...text.matchAll(/"label":"([^"]*)"/g)].map(([, label = '']) => label);
}

describe('labels', () => {
  it.each([
    [[day, day, { ...day, name: 'a.0' }, { ...day, name: 'a.0.0' }]],
    [
      [
        { ...day, name: 'failures' },
        { ...day, name: 'failures.0' },
        { ...day, name: 'fence', when: 'before-auth' },
      ],
    ],
  ])('are unique for %j', (limits) => {
    const labels = labelsOf({ limits, failures: { rate: 1, unit: 'hour' }, fence: 'FENCE' });
    expect(labels).toHaveLength(limits.length + 1);
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels).not.toContain('fence');
  });
});

describe('a platform that places nobody', () => {
  it.each([
    [{ key: 'country' }, 'key', 'counted by its address'],
    [{ key: ['route', 'country'], missing: 'skip' }, 'key', 'never applies'],
    [{ key: 'country', missing: 'refuse' }, 'key', 'refused with 400'],
    [{ key: 'country', missing: 'refuse', if: [{ part: 'country', is: 'DE' }] }, 'if', 'never applies'],
  ])('has its say about %j', (more, at, effect) => {
    const options = { limits: [{ ...day, ...more }] };
    expect(lowerOptions('rate-limit', options).findings).toMatchObject([
      {
        severity: 'warning',
        code: 'rate-limit-country-unknown',
        path: `spec.rate-limit.limits[0].${at}`,
        message: expect.stringContaining(effect),
      },
    ]);
    expect(lowerOptions('rate-limit', options, { target: 'cloudflare' }).findings).toEqual([]);
  });
});

it('any scope has counters', () => {
  const options = { scope: '\ud800|/', failures: { rate: 1, unit: 'hour' } };
  expect(lowered('rate-limit-early', options)).toMatchObject({ failures: { counter: 'rl/%EF%BF%BD%7C%2F/failures' } });
});
