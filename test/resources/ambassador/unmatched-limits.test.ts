import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/diagnostics/finding.ts';
import type { NormalizedResources } from '../../../src/resources/ambassador/types.ts';
import { reportUnmatchedLimits } from '../../../src/resources/ambassador/unmatched-limits.ts';
import { mapping, moduleOf, OPTIONS, rateLimit, rateLimitService } from './resources.ts';

function unmatched(resources: Partial<NormalizedResources>): readonly (string | null)[] {
  const findings: Finding[] = [];
  const none = { hosts: [], listeners: [], module: null, filters: [], filterPolicies: [], authServices: [] };
  const complete = { ...none, mappings: [], rateLimits: [], rateLimitServices: [], unenforced: [], ...resources };
  reportUnmatchedLimits(complete, OPTIONS, (found) => findings.push(found));
  expect(new Set(findings.map(({ code, severity }) => `${severity} ${code}`)).size).toBeLessThanOrEqual(1);
  return findings.map(({ path }) => path);
}

const count = { rate: 1, unit: 'day' };
const rateLimits = [
  rateLimit('r', {
    domain: 'ambassador',
    limits: [
      { pattern: [{ generic_key: 'a' }], ...count },
      { pattern: [{ generic_key: 'b' }], ...count },
      { pattern: [{ x: 'anything' }], ...count },
    ],
  }),
];
const labels = {
  ambassador: [{ g: [{ generic_key: { value: 'a' } }] }, { h: [{ request_headers: { key: 'x', header_name: 'x' } }] }],
};

describe('limits without labels', () => {
  it('are those that nothing static or dynamic can meet', () => {
    expect(unmatched({ rateLimits, mappings: [mapping('m', { labels })] })).toEqual(['spec.limits[1].pattern']);
    expect(unmatched({ rateLimits })).toHaveLength(3);
  });

  it('go by the default labels, which stand first', () => {
    const module = moduleOf({ default_labels: { ambassador: { defaults: [{ generic_key: { value: 'b' } }] } } });
    const mappings = [mapping('m', { labels }), mapping('plain', {})];
    expect(unmatched({ rateLimits, module, mappings })).toEqual(['spec.limits[0].pattern', 'spec.limits[2].pattern']);
  });

  it('are not looked for where nobody counts, nor among limits of another domain', () => {
    expect(unmatched({ rateLimits, rateLimitServices: [rateLimitService('foreign', {})] })).toEqual([]);
    const other = rateLimitService('s', { service: '127.0.0.1:8500', domain: 'other' });
    expect(unmatched({ rateLimits, rateLimitServices: [other] })).toEqual([]);
  });
});
