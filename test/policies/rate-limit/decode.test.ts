import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/model/route-model.ts';
import { decodeRateLimit } from '../../../src/policies/rate-limit/decode.ts';
import { lowered, lowerOptions } from '../lowering.ts';
import { rateLimitOptions } from './options-arbitrary.ts';

const FULL = {
  scope: 's',
  headers: 'draft-7',
  limits: [
    {
      name: 'a',
      pattern: '/x/*',
      rate: 5_000,
      unit: 'minute',
      burst: 6_000,
      key: [{ header: 'x' }, { claim: 'a.b' }, { constant: '' }, { address: { ipv6Bits: 48 } }, 'route'],
      missing: 'skip',
      if: [{ part: { cookie: 'c' }, is: '' }],
      shadow: true,
      onFailure: 'closed',
      timeoutMs: 70,
      cost: { header: 'x-cost', trustClient: true, responseHeader: 'x-spent', maxCost: 7 },
      injectRequestHeaders: [{ name: 'x', value: '{{ .RetryAfter }}' }],
      errorResponse: { headers: [{ name: 'y', value: 'z' }], bodyTemplate: '{{ if true }}a{{ end }}' },
    },
    { name: 'b', rate: 5, unit: 'month', algorithm: 'calendar', zone: 'Europe/Berlin' },
    { name: 'c', rate: 5, algorithm: 'concurrency' },
  ],
  groups: [[{ name: 'd', rate: 5, unit: 'hour', algorithm: 'fixed-window' }]],
  plans: { free: [{ name: 'e', rate: 5, unit: 'hour', algorithm: 'sliding-window' }] },
  planClaim: 'plan',
  defaultPlan: 'free',
};

const config = lowered('rate-limit', FULL);

type Members = { readonly [name: string]: Json };

/** Every copy of a value in which one member is gone, of another type, or one more than there should be. */
function* damaged(value: Json): Generator<Json> {
  if (isList(value)) {
    for (const [index, member] of value.entries()) {
      for (const other of damaged(member)) yield value.with(index, other);
    }
    yield { 0: 'no list' };
  } else if (isMembers(value)) {
    for (const [name, member] of Object.entries(value)) {
      for (const other of damaged(member)) yield { ...value, [name]: other };
      yield { ...value, [name]: { strange: true } };
    }
    yield { ...value, unknown: 1 };
  } else {
    yield typeof value === 'number' ? -value : 0;
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Trees of templates are judged by go-template/. */
function withoutTemplates(json: Json): Json {
  const text = JSON.stringify(json, (name, value: unknown) =>
    name === 'inject' || name === 'errorResponse' ? undefined : value,
  );
  const plain: Json = JSON.parse(text);
  return plain;
}

describe('decodeRateLimit', () => {
  it('takes what lowering writes', () => {
    expect(decodeRateLimit(config)).toBe(config);
    expect(decodeRateLimit(lowered('rate-limit-early', { ...FULL, failures: { rate: 1, unit: 'hour' } }))).toBeTruthy();
  });

  it('refuses every damaged copy', () => {
    const plain = withoutTemplates(config);
    let count = 0;
    for (const other of damaged(plain)) {
      count += 1;
      expect(() => decodeRateLimit(other), JSON.stringify(other)).toThrow(/understands/);
    }
    expect(count).toBeGreaterThan(100);
  });

  it.each([null, [], {}, { limits: [{}] }, { limits: [], fence: 1 }, { limits: [], failures: {} }])(
    'refuses %j',
    (bad) => {
      expect(() => decodeRateLimit(bad)).toThrow(/understands/);
    },
  );

  it('takes whatever lowering writes, the same every time, and no copy that is damaged', () => {
    fc.assert(
      fc.property(rateLimitOptions, fc.nat(), (options, pick) => {
        for (const policy of ['rate-limit', 'rate-limit-early']) {
          const { config: json, findings } = lowerOptions(policy, options, { target: 'cloudflare' });
          expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
          expect(json).not.toBeNull();
          expect(() => decodeRateLimit(json)).not.toThrow();
          expect(lowered(policy, structuredClone(options), { target: 'cloudflare' })).toEqual(json);
          const copies = [...damaged(withoutTemplates(json))];
          expect(() => decodeRateLimit(copies[pick % copies.length] ?? null)).toThrow(/understands/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never gets one label or counter for two limits of one request', () => {
    fc.assert(
      fc.property(rateLimitOptions, (options) => {
        const found = ['rate-limit', 'rate-limit-early'].flatMap((policy) => {
          const {
            limits,
            groups = [],
            plans,
            failures,
          } = decodeRateLimit(lowered(policy, options, { target: 'cloudflare' }));
          const others = [...groups.flat(), ...Object.values(plans?.byName ?? {}).flat()];
          return [...limits, ...others, ...(failures === undefined ? [] : [failures])];
        });
        for (const of of ['label', 'counter'] as const) {
          expect(new Set(found.map((limit) => limit[of])).size).toBe(found.length);
        }
        for (const { label, counter } of found) {
          expect(label).toMatch(/^(?:[ !#-[\]-~])+$/);
          expect(counter).not.toContain('|');
        }
      }),
    );
  });
});
