/** Options that are right, of every kind. */
import * as fc from 'fast-check';
import type { RateLimitKeyPart, RateLimitOption, RateLimitOptions } from '../../../src/policies/rate-limit/options.ts';

const name = fc.constantFrom('a', 'b', 'a.0', 'failures', 'fence', 'ü"', '%', ' ');
const count = fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.constantFrom(1, 99, 100, 999, 1_000, 1_000_000));
const text = fc.string({ minLength: 1, maxLength: 8 });
const unit = fc.constantFrom('second' as const, 'minute' as const, 'hour' as const, 'day' as const);

const earlyPart: fc.Arbitrary<RateLimitKeyPart> = fc.oneof(
  fc.constantFrom('address' as const, 'country' as const, 'method' as const, 'route' as const, 'authority' as const),
  fc.integer({ min: 1, max: 128 }).map((ipv6Bits) => ({ address: { ipv6Bits } })),
  fc.constantFrom({ header: 'X-Tenant' }, { cookie: 'session' }, { query: 'q' }, { constant: '' }, { constant: '|/' }),
);
const part: fc.Arbitrary<RateLimitKeyPart> = fc.oneof(
  earlyPart,
  fc.constantFrom('consumer' as const, 'api-key' as const, { claim: 'org.id' }, { claim: String.raw`a\.b` }),
);

const shape: fc.Arbitrary<Pick<RateLimitOption, 'algorithm' | 'rate' | 'unit' | 'burst' | 'zone'>> = fc.oneof(
  fc.record({ rate: count, unit, burst: count }, { requiredKeys: ['rate', 'unit'] }),
  fc.record({
    algorithm: fc.constantFrom('fixed-window' as const, 'sliding-window' as const, 'token-bucket' as const),
    rate: count,
    unit,
  }),
  fc.record({
    algorithm: fc.constant('calendar' as const),
    rate: count,
    unit: fc.constantFrom('day' as const, 'month' as const),
    zone: fc.constantFrom('Europe/Berlin', 'UTC', undefined),
  }),
  fc.record({ algorithm: fc.constant('concurrency' as const), rate: fc.integer({ min: 1, max: 1_000 }) }),
);

const headers = fc.array(
  fc.record({
    name: fc.constantFrom('X-A', 'cookie', 'retry-after'),
    value: fc.constantFrom('v', '{{ .RetryAfter }}'),
  }),
  { maxLength: 2 },
);

/** Concurrency has neither a cost nor leases. */
function fitting(option: RateLimitOption): RateLimitOption {
  if (option.algorithm !== 'concurrency') return option;
  return { ...option, cost: undefined, mode: option.mode === 'leased' ? undefined : option.mode };
}

function optionOf(parts: fc.Arbitrary<RateLimitKeyPart>): fc.Arbitrary<RateLimitOption> {
  const more = fc.record(
    {
      scope: text,
      pattern: fc.constantFrom('*', '/a*', '/b/*/c', 'never'),
      if: fc.array(fc.record({ part: parts, is: fc.constantFrom('', 'x', undefined) }), { maxLength: 2 }),
      key: fc.oneof(parts, fc.array(parts, { minLength: 1, maxLength: 8 })),
      missing: fc.constantFrom('address' as const, 'skip' as const, 'refuse' as const),
      mode: fc.constantFrom('exact' as const, 'leased' as const),
      onFailure: fc.constantFrom('open' as const, 'closed' as const),
      timeoutMs: fc.integer({ min: 1, max: 10_000 }),
      shadow: fc.boolean(),
      cost: fc.record({
        header: fc.constant('X-Cost'),
        trustClient: fc.constant(true),
        responseHeader: fc.constantFrom('x-units', undefined),
        maxCost: fc.constantFrom(7, undefined),
      }),
      injectRequestHeaders: headers,
      injectResponseHeaders: headers,
      errorResponse: fc.record({ headers, bodyTemplate: fc.constant('{{ . | json "" }}') }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  );
  return fc.tuple(name, shape, more).map(([each, form, rest]) => fitting({ name: each, ...form, ...rest }));
}

/** Without `index`: numbering tells limits of one name apart. */
const limit = optionOf(part);
const early = optionOf(earlyPart).map((option): RateLimitOption => ({ ...option, when: 'before-auth' }));

export const rateLimitOptions: fc.Arbitrary<RateLimitOptions> = fc.record(
  {
    scope: text,
    limits: fc.array(fc.oneof(limit, early), { minLength: 1, maxLength: 4 }),
    groups: fc.array(fc.array(limit, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
    plans: fc.record({ free: fc.array(limit, { maxLength: 2 }), pro: fc.array(limit, { maxLength: 1 }) }),
    failures: fc.record({ rate: count, unit }),
    headers: fc.constantFrom('draft' as const, 'draft-7' as const, 'x-ratelimit' as const, 'none' as const),
    fence: fc.constant('FENCE'),
  },
  { requiredKeys: ['limits'] },
);
