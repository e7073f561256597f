import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/model/route-model.ts';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { factsOf, runChain } from '../chain.ts';
import { lowered, lowerOptions } from '../lowering.ts';

const BASIC = {
  scope: 'default/backend-mapping',
  limits: [{ name: 'basic', index: 0, pattern: '*', rate: 2, unit: 'minute' }],
};

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
