import { describe, expect, it } from 'vitest';
import type { Consumer } from '../../../src/policies/contract.ts';
import type { CompiledRateLimit } from '../../../src/policies/rate-limit/compiled.ts';
import { type LimitedRequest, selectLimits } from '../../../src/policies/rate-limit/select.ts';
import { aLimit, bucket, requestOf } from './limits.ts';

const LIMIT = bucket(1);

function labels(config: CompiledRateLimit, request: LimitedRequest): readonly string[] | string {
  const { selected, refusal } = selectLimits(config, request);
  return refusal === null ? selected.map(({ limit }) => limit.label) : `${refusal.status} ${refusal.code}`;
}

describe('conditions', () => {
  const limits = [
    aLimit('get', LIMIT, { if: [{ part: { from: 'method' }, is: 'GET' }] }),
    aLimit('tenant', LIMIT, { if: [{ part: { from: 'header', name: 'x-tenant' } }] }),
    aLimit('both', LIMIT, {
      pattern: ['/api/', ''],
      if: [
        { part: { from: 'method' }, is: 'GET' },
        { part: { from: 'query', name: 'debug' }, is: '1' },
      ],
    }),
  ];

  it('must all hold, and a part must be there', () => {
    expect(labels({ limits }, requestOf({ path: '/api/x' }))).toEqual(['get']);
    expect(labels({ limits }, requestOf({ path: '/api/x', query: 'debug=1' }))).toEqual(['get', 'both']);
    expect(labels({ limits }, requestOf({ path: '/x', query: 'debug=1' }))).toEqual(['get']);
    expect(labels({ limits }, requestOf({ method: 'POST', headers: { 'x-tenant': '' } }))).toEqual(['tenant']);
  });
});

describe('groups', () => {
  const group = [
    aLimit('admin', LIMIT, { if: [{ part: { from: 'header', name: 'x-role' }, is: 'admin' }] }),
    aLimit('role', LIMIT, { key: [{ from: 'header', name: 'x-role' }], missing: 'skip' }),
    aLimit('rest', LIMIT),
  ];

  it('give only the first limit that concerns the request; one that skips it does not', () => {
    const config = { limits: [aLimit('all', LIMIT)], groups: [group, group.slice(2)] };
    expect(labels(config, requestOf({ headers: { 'x-role': 'admin' } }))).toEqual(['all', 'admin', 'rest']);
    expect(labels(config, requestOf({ headers: { 'x-role': 'user' } }))).toEqual(['all', 'role', 'rest']);
    expect(labels(config, requestOf({}))).toEqual(['all', 'rest', 'rest']);
  });
});

const caller = (plan: string | null, claims: Consumer['claims'] = {}): Consumer => ({
  id: 'shop',
  kind: 'api-key',
  issuer: null,
  plan,
  scopes: [],
  claims,
});

describe('plans', () => {
  const byName = { gold: [aLimit('gold', LIMIT)], free: [aLimit('free', LIMIT)] };
  const all = [aLimit('all', LIMIT)];

  it.each([
    ['gold', ['all', 'gold']],
    ['free', ['all', 'free']],
    ['silver', '403 unknown-plan'],
    ['constructor', '403 unknown-plan'],
    [null, '403 unknown-plan'],
  ])('%s of the consumer', (plan, expected) => {
    expect(labels({ limits: all, plans: { byName } }, requestOf({}, caller(plan)))).toEqual(expected);
  });

  it('unknown ones are the default, and so is nobody', () => {
    const config = { limits: [], plans: { byName, default: 'free' } };
    for (const who of [caller('silver'), caller(null), null])
      expect(labels(config, requestOf({}, who))).toEqual(['free']);
    expect(labels({ limits: [], plans: { byName, default: 'none' } }, requestOf({}))).toBe('403 unknown-plan');
  });

  it.each([
    [{ plan: { name: 'gold' } }, ['gold']],
    [{ plan: { name: ['gold'] } }, '403 unknown-plan'],
    [{ plan: 'gold' }, '403 unknown-plan'],
    [{}, '403 unknown-plan'],
  ])('of the claims %j', (claims, expected) => {
    const config = { limits: [], plans: { byName, claim: ['plan', 'name'] } };
    // The plan of the key is none where a claim was asked for.
    expect(labels(config, requestOf({}, caller('free', claims)))).toEqual(expected);
  });
});

it('a missing key refuses the request whichever list it stands in', () => {
  const strict = aLimit('strict', LIMIT, { key: [{ from: 'api-key' }], missing: 'refuse' });
  const plans = { byName: { free: [strict] }, default: 'free' };
  for (const config of [{ limits: [strict] }, { limits: [], groups: [[strict]] }, { limits: [], plans }]) {
    expect(labels(config, requestOf({}))).toBe('400 rate-limit-key-missing');
  }
});
