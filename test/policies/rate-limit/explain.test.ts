import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/model/sha256.ts';
import type { Consumer } from '../../../src/policies/contract.ts';
import { policyLowering } from '../../../src/policies/lowerings.ts';
import { factsOf } from '../chain.ts';
import { lowered } from '../lowering.ts';

type About = {
  readonly policy?: 'rate-limit' | 'rate-limit-early';
  readonly facts?: Parameters<typeof factsOf>[0];
  /** undefined: not known who. */
  readonly consumer?: Consumer | null;
};

function explain(options: object, { policy = 'rate-limit', facts = {}, consumer }: About = {}) {
  const config = lowered(policy, { scope: 's', ...options }, { target: 'cloudflare' });
  const caller = consumer === undefined ? undefined : { consumer, nowMs: 0 };
  return policyLowering(policy)?.explain(config, factsOf(facts), caller, 'web/1');
}

const alice: Consumer = { id: 'alice', kind: 'api-key', issuer: null, plan: 'pro', scopes: [], claims: {} };
const perDay = { unit: 'day' };

describe('explain', () => {
  it('names the limits and counters that a request would meet', async () => {
    expect(await explain({ limits: [{ name: 'basic', rate: 2, unit: 'minute', key: ['address', 'route'] }] })).toEqual({
      input: {
        path: '/backend/hello',
        limits: [
          {
            name: 'basic',
            limit: '2 per minute, burst 2',
            algorithm: 'token-bucket',
            mode: 'exact',
            key: 'rl/s/basic/0|a:203.0.113.7/r:web%2F1',
          },
        ],
      },
      note: [
        'must be allowed by basic',
        'basic: 2 per minute, burst 2; exact, below 1,000; counter rl/s/basic/0|a:203.0.113.7/r:web%2F1',
      ].join('\n'),
      decides: 'later',
    });
  });

  it.each([
    [{ rate: 5 }, 'exact, below 1,000'],
    [{ rate: 5_000 }, 'leased from 1,000 on'],
    [{ rate: 5_000, mode: 'exact' }, 'exact as written'],
    [{ rate: 500, mode: 'leased' }, 'leased as written'],
    [{ rate: 5_000, algorithm: 'calendar' }, 'exact, as quotas are'],
    [{ rate: 5_000, algorithm: 'calendar', mode: 'leased' }, 'leased as written'],
    [{ rate: 1_000, algorithm: 'concurrency', unit: undefined }, 'exact, as concurrency is'],
    [{ rate: 5, onFailure: 'closed' }, 'closed when it cannot be asked'],
    [{ rate: 5, cost: { header: 'X-Cost' } }, 'cost: request header x-cost (of a policy), 1 to 5'],
    [
      { rate: 5, cost: { header: 'x-cost', trustClient: true, responseHeader: 'x-spent', maxCost: 3 } },
      'cost: request header x-cost (of the client) and response header x-spent, 1 to 3',
    ],
  ])('says of %j that it is %s', async (form, words) => {
    const explained = await explain({ limits: [{ name: 'a', ...perDay, ...form }] });
    expect(explained?.note?.split('\n')[1]?.split('; ')).toContain(words);
  });

  it('says of shadows that they refuse nothing', async () => {
    const explained = await explain({ limits: [{ name: 'a', rate: 1, ...perDay, shadow: true }] });
    expect(explained).toMatchObject({ input: { limits: [{ shadow: true }] }, decides: 'later' });
    expect(explained?.note).toContain(
      'is counted, and refused by nothing\na: 1 per day, burst 1; exact, below 1,000; shadow',
    );
  });

  it('says when nothing concerns the request', async () => {
    const limits = [{ name: 'a', rate: 1, ...perDay, pattern: '/other/*' }];
    expect(await explain({ limits })).toMatchObject({ note: 'no limit concerns this request', decides: false });
  });

  it('says when a caller is needed to know', async () => {
    const limits = [{ name: 'a', rate: 1, ...perDay, key: 'consumer', missing: 'skip' }];
    const unknown = await explain({ limits });
    expect(unknown).toMatchObject({ input: { limits: [] }, decides: 'later' });
    expect(unknown?.note).toContain('who is calling is not known here');
    expect(await explain({ limits }, { consumer: null })).toMatchObject({ decides: false });
    expect(await explain({ limits }, { consumer: alice })).toMatchObject({
      input: { limits: [{ key: 'rl/s/a/0|u:api-key=alice' }] },
    });
  });

  it('names the plan of the caller, and the refusal of one without', async () => {
    const plans = { free: [{ name: 'n', rate: 1, ...perDay }], pro: [{ name: 'n', rate: 9, ...perDay }] };
    const pro = await explain({ plans }, { consumer: alice });
    expect(pro).toMatchObject({ input: { limits: [{ name: 'n.1', plan: 'pro' }] } });
    expect(pro?.note).toContain('; plan pro; ');
    expect((await explain({ plans }, { consumer: { ...alice, plan: 'gone' } }))?.note).toContain('refused: ');
    expect((await explain({ plans, defaultPlan: 'free' }, { consumer: null }))?.note).toContain('; plan free; ');
  });

  it('has the digest of a long value', async () => {
    const limits = [{ name: 'a', rate: 1, ...perDay, key: { header: 'x-long' } }];
    const value = 'v'.repeat(300);
    const key = `rl/s/a/0|h:x-long=sha256:${await sha256(value)}`;
    const explained = await explain({ limits }, { facts: { headers: { 'x-long': value } } });
    expect(explained).toMatchObject({ input: { limits: [{ key }] } });
  });

  it('speaks of refused credentials and of the fence', async () => {
    const options = { failures: { rate: 5, unit: 'hour' }, fence: 'FENCE' };
    expect(await explain(options, { policy: 'rate-limit-early' })).toEqual({
      input: {
        path: '/backend/hello',
        limits: [],
        failures: {
          name: 'failures',
          limit: '5 per hour, burst 5',
          algorithm: 'token-bucket',
          mode: 'exact',
          key: 'rl/s/failures|a:203.0.113.7',
        },
        fence: 'FENCE',
      },
      note: [
        'only refused credentials are counted',
        'failures: 5 per hour, burst 5; exact, below 1,000; counter rl/s/failures|a:203.0.113.7; counts refused credentials',
        'the fence FENCE is asked first',
      ].join('\n'),
      decides: 'later',
    });
  });
});
