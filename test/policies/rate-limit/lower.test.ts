import { describe, expect, it } from 'vitest';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { countedAddress } from '../../../src/policies/rate-limit/address-part.ts';
import { decodeRateLimit } from '../../../src/policies/rate-limit/decode.ts';
import { lowered, lowerOptions } from '../lowering.ts';

const BASIC = {
  scope: 'default/backend-mapping',
  limits: [{ name: 'basic', index: 0, pattern: '*', rate: 2, unit: 'minute' }],
};

function bucket(rate: number, periodMs: number, burst = rate) {
  return { algorithm: 'token-bucket', rate, periodMs, burst };
}

describe('compiled limits', () => {
  it('are as short as the documented form', () => {
    expect(lowerOptions('rate-limit', BASIC)).toEqual({
      config: {
        limits: [{ label: 'basic', counter: 'rl/default%2Fbackend-mapping/basic/0', limit: bucket(2, 60_000) }],
      },
      findings: [],
    });
  });

  it('count indices per name, tell equal names apart, and take the route for the scope', () => {
    const limits = [
      { name: 'a', rate: 1, unit: 'second' },
      { name: 'b', rate: 1, unit: 'hour', burst: 7 },
      { name: 'a', pattern: '/x/*', rate: 1, unit: 'day' },
    ];
    expect(lowered('rate-limit', { limits })).toMatchObject({
      limits: [
        { label: 'a.0', counter: 'rl/Mapping%2Fdefault%2Fm/a/0', limit: bucket(1, 1_000) },
        { label: 'b', counter: 'rl/Mapping%2Fdefault%2Fm/b/0', limit: bucket(1, 3_600_000, 7) },
        { label: 'a.1', counter: 'rl/Mapping%2Fdefault%2Fm/a/1', pattern: ['/x/', ''] },
      ],
    });
  });

  it('never give two identities one counter', () => {
    const counters = [
      { scope: 'a/b', limits: [{ name: 'c', rate: 1, unit: 'day' }] },
      { scope: 'a', limits: [{ name: 'b/c', rate: 1, unit: 'day' }] },
      { scope: 'a%2Fb', limits: [{ name: 'c', rate: 1, unit: 'day' }] },
      { scope: 'a|b', limits: [{ name: 'c', rate: 1, unit: 'day' }] },
      { scope: 'a', plans: { c: [{ name: 'd', rate: 1, unit: 'day' }] } },
      { scope: 'a', plans: { d: [{ name: 'd', rate: 1, unit: 'day' }] } },
    ].map((options) => /"counter":"([^"]*)"/.exec(JSON.stringify(lowered('rate-limit', options)))?.[1]);
    expect(new Set(counters).size).toBe(counters.length);
    for (const counter of counters) expect(counter).not.toContain('|');
  });

  it('keep their counter when everything but scope, name and index changes', () => {
    const forms = [
      { rate: 1, unit: 'second' },
      { rate: 9, unit: 'hour', burst: 3 },
      { rate: 9, unit: 'hour', algorithm: 'fixed-window', key: 'consumer', pattern: '/x' },
      { rate: 2, algorithm: 'concurrency' },
    ];
    const counters = forms.map((form) => lowered('rate-limit', { scope: 's', limits: [{ name: 'a', ...form }] }));
    for (const config of counters) expect(config).toMatchObject({ limits: [{ counter: 'rl/s/a/0' }] });
  });

  it('keep labels inside what a structured field may hold', () => {
    const { config } = lowerOptions('rate-limit', { limits: [{ name: 'ü"\\%\ud800 ok', rate: 1, unit: 'day' }] });
    expect(config).toMatchObject({ limits: [{ label: '%C3%BC%22%5C%25%EF%BF%BD ok' }] });
  });

  it.each([
    [
      { rate: 5, unit: 'second', algorithm: 'fixed-window' },
      { algorithm: 'fixed-window', rate: 5, periodMs: 1_000 },
    ],
    [
      { rate: 5, unit: 'day', algorithm: 'sliding-window' },
      { algorithm: 'sliding-window', rate: 5, periodMs: 864e5 },
    ],
    [
      { rate: 5, unit: 'day', algorithm: 'calendar' },
      { algorithm: 'calendar', rate: 5, per: 'day', zone: 'UTC' },
    ],
    [
      { rate: 5, unit: 'month', algorithm: 'calendar', zone: 'Europe/Berlin' },
      { algorithm: 'calendar', rate: 5, per: 'month', zone: 'Europe/Berlin' },
    ],
    [
      { rate: 5, algorithm: 'concurrency' },
      { algorithm: 'concurrency', rate: 5 },
    ],
  ])('%j', (form, limit) => {
    expect(lowered('rate-limit', { limits: [{ name: 'a', ...form }] })).toMatchObject({ limits: [{ limit }] });
  });

  it('name every part of a key', () => {
    const simple = ['address', 'api-key', 'consumer', 'country', 'method', 'route'];
    const key = [...simple, { claim: 'org.id' }, { header: 'X-Tenant' }];
    const more = [{ cookie: 'S' }, { query: 'q' }, { constant: 'all' }, { address: { ipv6Bits: 128 } }];
    const limits = [
      { name: 'a', rate: 1, unit: 'day', key, missing: 'refuse' },
      { name: 'b', rate: 1, unit: 'day', key: more, if: [{ part: { header: 'X-A' }, is: '1' }, { part: 'country' }] },
      { name: 'c', rate: 1, unit: 'day', key: 'address', missing: 'address' },
      { name: 'd', rate: 1, unit: 'day', key: { address: { ipv6Bits: 64 } } },
    ];
    const config = lowered('rate-limit', { limits });
    expect(config).toMatchObject({
      limits: [
        {
          key: [
            ...simple.map((from) => ({ from })),
            { from: 'claim', path: ['org', 'id'] },
            { from: 'header', name: 'x-tenant' },
          ],
          missing: 'refuse',
        },
        {
          key: [
            { from: 'cookie', name: 'S' },
            { from: 'query', name: 'q' },
            { from: 'constant', value: 'all' },
            { from: 'address', ipv6Bits: 128 },
          ],
          if: [{ part: { from: 'header', name: 'x-a' }, is: '1' }, { part: { from: 'country' } }],
        },
        { label: 'c' },
        { label: 'd' },
      ],
    });
    expect(JSON.stringify(config).match(/"key":/g)).toHaveLength(2);
  });
});

function modeOf(form: object): readonly string[] {
  const { config, findings } = lowerOptions('rate-limit', { limits: [{ name: 'a', unit: 'day', ...form }] });
  const leased = JSON.stringify(config).includes('"mode":"leased"');
  return [leased ? 'leased' : 'exact', findings.map(({ severity, code }) => `${severity} ${code}`).join()];
}

describe('conditions', () => {
  it('compare addresses as requests have them', () => {
    const whole = { address: { ipv6Bits: 128 } };
    const conditions = [
      { part: 'address', is: '2001:DB8:0:0:1::1' },
      { part: whole, is: '2001:db8::1' },
      { part: whole, is: '::ffff:10.0.0.1' },
      { part: { header: 'x' }, is: '::ffff:10.0.0.1' },
    ];
    const limits = [{ name: 'a', rate: 1, unit: 'day', if: conditions }];
    const { limits: compiled } = decodeRateLimit(lowered('rate-limit', { limits }));
    expect(compiled[0]?.if?.map(({ is }) => is)).toEqual([
      countedAddress('2001:db8::1:0:0:2', 64),
      countedAddress('2001:0db8::0001', 128),
      '10.0.0.1',
      '::ffff:10.0.0.1',
    ]);
  });
});

describe('mode', () => {
  it.each([
    [{ rate: 999 }, 'exact', ''],
    [{ rate: 1_000 }, 'leased', ''],
    [{ rate: 1_000, burst: 10 }, 'exact', ''],
    [{ rate: 10, burst: 5_000 }, 'exact', ''],
    [{ rate: 1_000, mode: 'exact' }, 'exact', ''],
    [{ rate: 1_000, algorithm: 'fixed-window' }, 'leased', ''],
    [{ rate: 5_000, algorithm: 'sliding-window' }, 'leased', ''],
    [{ rate: 50_000, algorithm: 'calendar' }, 'exact', ''],
    [{ rate: 50_000, algorithm: 'calendar', mode: 'leased' }, 'leased', ''],
    [{ rate: 100, mode: 'leased' }, 'leased', ''],
    [{ rate: 99, mode: 'leased' }, 'exact', 'info rate-limit-exact'],
    [{ rate: 1_000, algorithm: 'concurrency', unit: undefined }, 'exact', ''],
  ])('of %j is %s', (form, mode, findings) => {
    expect(modeOf(form)).toEqual([mode, findings]);
  });
});

describe('groups and plans', () => {
  it('let groups share the counter of one limit', () => {
    const limit = { name: 'a', index: 3, rate: 1, unit: 'day' };
    const { config, findings } = lowerOptions('rate-limit', { scope: 's', groups: [[limit, limit], [limit]] });
    expect(findings).toEqual([]);
    const compiled = { label: 'a', counter: 'rl/s/a/3' };
    expect(config).toMatchObject({ limits: [], groups: [[compiled, compiled], [compiled]] });
  });

  it('choose by the consumer or a claim', () => {
    const plans = { free: [{ name: 'n', rate: 1, unit: 'day' }], pro: [{ name: 'n', rate: 9, unit: 'day' }] };
    expect(lowered('rate-limit', { scope: 's', plans, planClaim: 'org.plan', defaultPlan: 'free' })).toMatchObject({
      limits: [],
      plans: {
        byName: {
          free: [{ label: 'n.0', counter: 'rl/s/plan/free/n/0' }],
          pro: [{ label: 'n.1', counter: 'rl/s/plan/pro/n/0' }],
        },
        claim: ['org', 'plan'],
        default: 'free',
      },
    });
  });
});

describe('what runs before authentication', () => {
  const options = {
    scope: 's',
    limits: [
      { name: 'a', rate: 1, unit: 'day' },
      { name: 'a', rate: 2, unit: 'day', when: 'before-auth' },
    ],
    failures: { rate: 5, unit: 'minute' },
  };

  it('is a policy of its own, numbered with the rest', () => {
    expect(lowered('rate-limit', options)).toMatchObject({ limits: [{ label: 'a.0', counter: 'rl/s/a/0' }] });
    const early = lowered('rate-limit-early', options);
    expect(early).toMatchObject({
      limits: [{ label: 'a.1', counter: 'rl/s/a/1' }],
      failures: { label: 'failures', counter: 'rl/s/failures', limit: bucket(5, 60_000) },
    });
  });

  it('has a fence on Cloudflare alone', () => {
    const fenced = { ...options, fence: 'FENCE' };
    expect(lowerOptions('rate-limit-early', fenced, { target: 'cloudflare' }).config).toMatchObject({ fence: 'FENCE' });
    const { config, findings } = lowerOptions('rate-limit-early', fenced);
    expect(config).toBeNull();
    expect(findings).toMatchObject([{ severity: 'error', code: 'rate-limit-fence-unsupported' }]);
  });

  it('says what is wrong once', () => {
    const bad = { ...options, failures: { rate: 0, unit: 'minute' } };
    expect(lowerOptions('rate-limit-early', bad)).toEqual({ config: null, findings: [] });
    expect(lowerOptions('rate-limit', bad).findings).toHaveLength(1);
  });
});

describe('findings', () => {
  it.each(['backend/*', '/a?b', '/search#x', '/café', '/a b'])('warns that %s never matches', (pattern) => {
    const { config, findings } = lowerOptions('rate-limit', { limits: [{ name: 'a', pattern, rate: 1, unit: 'day' }] });
    expect(config).not.toBeNull();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ severity: 'warning', code: 'rate-limit-pattern-never-matches' });
    expect(findings[0]?.path).toBe('spec.rate-limit.limits[0].pattern');
  });

  const day = { name: 'a', rate: 1, unit: 'day' };
  const early = { ...day, when: 'before-auth' };
  it.each([
    [{}, ''],
    [{ limits: [] }, '.limits'],
    [{ limits: [{ ...day, rate: 0 }] }, '.limits[0].rate'],
    [{ limits: [{ ...day, rate: 1.5 }] }, '.limits[0].rate'],
    [{ limits: [{ ...day, rate: 2e6 }] }, '.limits[0].rate'],
    [{ limits: [{ ...day, unit: 'week' }] }, '.limits[0].unit'],
    [{ limits: [{ ...day, bursts: 1 }] }, '.limits[0].bursts'],
    [{ limits: [{ ...day, pattern: '' }] }, '.limits[0].pattern'],
    [{ limits: [{ name: 'a', rate: 1 }] }, '.limits[0].unit'],
    [{ limits: [{ ...day, unit: 'month' }] }, '.limits[0].unit'],
    [{ limits: [{ ...day, algorithm: 'calendar', unit: 'hour' }] }, '.limits[0].unit'],
    [{ limits: [{ ...day, algorithm: 'calendar', zone: 'Mars/Base' }] }, '.limits[0].zone'],
    [{ limits: [{ ...day, zone: 'UTC' }] }, '.limits[0].zone'],
    [{ limits: [{ ...day, algorithm: 'fixed-window', burst: 2 }] }, '.limits[0].burst'],
    [{ limits: [{ ...day, algorithm: 'concurrency' }] }, '.limits[0].unit'],
    [{ limits: [{ name: 'a', rate: 1_001, algorithm: 'concurrency' }] }, '.limits[0].rate'],
    [{ limits: [{ name: 'a', rate: 1, algorithm: 'concurrency', mode: 'leased' }] }, '.limits[0].mode'],
    [{ limits: [{ name: 'a', rate: 1, algorithm: 'concurrency', cost: { header: 'x' } }] }, '.limits[0].cost'],
    [{ limits: [{ ...day, cost: {} }] }, '.limits[0].cost'],
    [{ limits: [{ ...day, cost: { responseHeader: 'x', trustClient: true } }] }, '.limits[0].cost.trustClient'],
    [{ limits: [{ ...day, cost: { header: 'a b' } }] }, '.limits[0].cost.header'],
    [{ limits: [{ ...early, cost: { header: 'x' } }] }, '.limits[0].cost.header'],
    [{ limits: [{ ...early, key: 'consumer' }] }, '.limits[0].key'],
    [{ limits: [{ ...early, if: [{ part: { claim: 'a' } }] }] }, '.limits[0].if'],
    [{ limits: [{ ...day, key: [] }] }, '.limits[0].key'],
    [{ limits: [{ ...day, key: 'ip' }] }, '.limits[0].key'],
    [{ limits: [{ ...day, timeoutMs: 0 }] }, '.limits[0].timeoutMs'],
    [{ groups: [[early]] }, '.groups[0][0].when'],
    [{ plans: {} }, '.plans'],
    [{ plans: { a: [early] } }, '.plans.a[0].when'],
    [{ plans: { a: [day] }, defaultPlan: 'b' }, '.defaultPlan'],
    [{ limits: [day], planClaim: 'plan' }, '.planClaim'],
    [{ limits: [day], headers: 'all' }, '.headers'],
    [{ limits: [day], fence: 'not a name' }, '.fence'],
    [{ failures: { rate: 1, unit: 'month' } }, '.failures.unit'],
  ])('refuses %j', (options, path) => {
    const { config, findings } = lowerOptions('rate-limit', options);
    expect(config).toBeNull();
    expect(findings.map((each) => [each.severity, each.code, each.path])).toEqual([
      ['error', 'policy-options-invalid', `spec.rate-limit${path}`],
    ]);
  });

  it('refuses two limits with one identity', () => {
    const twins = {
      limits: [
        { ...day, index: 1 },
        { ...day, index: 1 },
      ],
    };
    const { config, findings } = lowerOptions('rate-limit', twins);
    expect(config).toBeNull();
    expect(findings).toMatchObject([{ code: 'rate-limit-duplicate', path: 'spec.rate-limit.limits[1]' }]);
  });

  it('refuses a template that cannot be run', () => {
    const injectRequestHeaders = [{ name: 'x', value: '{{ if }}' }];
    const { config, findings } = lowerOptions('rate-limit', { limits: [{ ...day, injectRequestHeaders }] });
    expect(config).toBeNull();
    expect(findings).toMatchObject([
      { severity: 'error', code: 'template-invalid', path: 'spec.rate-limit.limits[0].injectRequestHeaders[0].value' },
    ]);
  });

  it.each([
    [
      { injectRequestHeaders: [{ name: 'x', value: '{{ .RetryAfter.Secnds }}' }] },
      '.injectRequestHeaders[0].value',
      /^The template reads `\.RetryAfter\.Secnds`, which does not exist, so the header never gets/,
      /^Did you mean `\.RetryAfter\.Seconds`\? There are \.RetryAfter\.String, .*\.RetryAfter\.Nanoseconds\.$/,
    ],
    [
      { injectResponseHeaders: [{ name: 'x', value: '{{ .RateLimitResponse.Statuses.Foo }}' }] },
      '.injectResponseHeaders[0].value',
      /`\.RateLimitResponse\.Statuses\.Foo`/,
      /^`\.RateLimitResponse\.Statuses` is a list: `range`/,
    ],
    [
      { injectResponseHeaders: [{ name: 'x', value: '{{ .message }}' }] },
      '.injectResponseHeaders[0].value',
      /`\.message`/,
      /^There are \.RateLimitResponse, \.RetryAfter\.$/,
    ],
    [
      { errorResponse: { headers: [{ name: 'x', value: '{{ .message }}{{ .NoSuch }}' }] } },
      '.errorResponse.headers[0].value',
      /`\.NoSuch`.* header never gets/,
      /^There are .*\.message/,
    ],
    [
      { errorResponse: { bodyTemplate: '{{ range .RateLimitResponse.Statuses }}{{ .Code.Name }}{{ end }}' } },
      '.errorResponse.bodyTemplate',
      /`\.Code\.Name`, which does not exist, so it fails there, and a problem document is sent instead\.$/,
      /^`\.Code` is a single value/,
    ],
  ])('warns of a field that does not exist: %j', (templates, path, message, hint) => {
    const { config, findings } = lowerOptions('rate-limit', { limits: [{ ...day, ...templates }] });
    expect(config).not.toBeNull();
    expect(findings).toMatchObject([
      {
        severity: 'warning',
        code: 'template-field-unknown',
        path: `spec.rate-limit.limits[0]${path}`,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      },
    ]);
  });
});

function daily(name: string, more: object): object {
  return { name, rate: 5, unit: 'day', ...more };
}

describe('headers taken from clients', () => {
  it('are those that limits write and those that say a cost, unless clients may', () => {
    const config = lowered('rate-limit', {
      limits: [
        daily('a', { cost: { header: 'X-Cost' } }),
        daily('b', { cost: { header: 'x-own', trustClient: true } }),
      ],
      groups: [[daily('c', { injectRequestHeaders: [{ name: 'X-Seen', value: '1' }] })]],
    });
    expect(policyLowering('rate-limit')?.injectedHeaders?.(config)).toEqual(['x-cost', 'x-seen']);
  });
});
