/**
 * What a Mapping is compiled to against a naive reading of the rules, request by request: which limits
 * decide, and which requests they count together.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  RateLimitCondition,
  RateLimitKeyPart,
  RateLimitOptions,
} from '../../../src/policies/rate-limit/options.ts';
import type { CompiledRateLimit } from '../../../src/policies/rate-limit/compiled.ts';
import { decodeRateLimit } from '../../../src/policies/rate-limit/decode.ts';
import { selectLimits } from '../../../src/policies/rate-limit/select.ts';
import type { LabelGroup, LabelSpecifier } from '../../../src/resources/ambassador/label-shape.ts';
import { factsOf } from '../../policies/chain.ts';
import { lowered } from '../../policies/lowering.ts';
import { mapping, moduleOf, rateLimit, rateLimitService, translate } from './resources.ts';

const KEYS = ['k', 'l'];
const VALUES = ['1', '2'];
const HEADERS = ['x-a', 'x-b'];

type Request = {
  readonly address: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
};

const value = fc.constantFrom(...VALUES);
const key = fc.constantFrom(...KEYS);

const specifier: fc.Arbitrary<LabelSpecifier> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key, value }).map((generic) => ({ generic_key: generic })) },
  value.map((only) => ({ generic_key: { value: only } })),
  fc.constant<LabelSpecifier>({ remote_address: { key: 'remote_address' } }),
  {
    weight: 8,
    arbitrary: fc
      .record({
        key,
        header_name: fc.constantFrom('X-A', 'x-b', ':method', ':authority', ':path', 'Host'),
        omit_if_not_present: fc.boolean(),
      })
      .map((header) => ({ request_headers: header })),
  },
);
const specifiers = fc.array(specifier, { maxLength: 3 });
const groups = fc.array(specifiers, { maxLength: 3 });

const wanted = fc.constantFrom(...VALUES, ...VALUES, '*', '', '10.0.0.1');
const item = fc.oneof(
  { weight: 2, arbitrary: fc.record({ key, wanted }).map((one) => ({ [one.key]: one.wanted })) },
  fc.dictionary(fc.constantFrom(...KEYS, 'generic_key', 'remote_address'), wanted, { minKeys: 1, maxKeys: 4 }),
);
const limitsOf = fc.array(fc.array(item, { maxLength: 3 }), { maxLength: 4 });

const request: fc.Arbitrary<Request> = fc.record({
  address: fc.constantFrom('10.0.0.1', '2001:db8::1', '2001:db8::2'),
  method: value,
  authority: value,
  path: value,
  headers: fc.dictionary(fc.constantFrom(...HEADERS), value),
});

const scenario = fc.record({
  mappings: fc.array(
    fc.option(
      fc.record({ ambassador: fc.option(groups, { nil: undefined }), other: fc.option(groups, { nil: undefined }) }),
      {
        nil: undefined,
      },
    ),
    { minLength: 1, maxLength: 2 },
  ),
  defaults: fc.record({
    ambassador: fc.option(specifiers, { nil: undefined }),
    other: fc.option(specifiers, { nil: undefined }),
  }),
  defaultDomain: fc.constantFrom('ambassador', 'other'),
  rateLimits: fc.array(limitsOf, { maxLength: 3 }),
  requests: fc.array(request, { minLength: 1, maxLength: 4 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

const DOMAIN = 'ambassador';

/** Limit, and what it counts together. */
type Decision = { readonly limit: string; readonly counter: string };

// The rules, read naively.

type Pair = readonly [key: string, value: string];

/** null: the request lacks it. */
function naiveLabel(one: LabelSpecifier, { address, method, authority, path, headers }: Request): Pair | null {
  if (one.generic_key !== undefined) return [one.generic_key.key ?? 'generic_key', one.generic_key.value];
  if (one.remote_address !== undefined) return ['remote_address', address];
  const { key: name = '', header_name: header = '' } = one.request_headers ?? {};
  const all: Readonly<Record<string, string>> = {
    ...headers,
    ':method': method,
    ':authority': authority,
    ':path': path,
    host: authority,
  };
  const found = all[header.toLowerCase()];
  return found === undefined ? null : [name, found];
}

function naiveGroups(own: Scenario['mappings'][number], { defaults, defaultDomain }: Scenario): LabelSpecifier[][] {
  const before = defaults[DOMAIN] ?? [];
  const hasLabels = own !== undefined && (own.ambassador !== undefined || own.other !== undefined);
  if (!hasLabels) return defaultDomain === DOMAIN ? [[...before]] : [];
  return (own[DOMAIN] ?? []).map((group) => [...before, ...group]);
}

function naiveDecisions(own: Scenario['mappings'][number], given: Scenario, asked: Request): readonly Decision[] {
  const decisions: Decision[] = [];
  for (const group of naiveGroups(own, given)) {
    const labels = group.map((one) => naiveLabel(one, asked));
    if (labels.length === 0 || labels.includes(null)) continue;
    let best: (Decision & { readonly items: number; readonly exactness: string }) | null = null;
    for (const [at, patterns] of given.rateLimits.entries()) {
      for (const [index, pattern] of patterns.entries()) {
        const counter: unknown[] = [];
        // Compared as text: exact before any, item by item.
        let exactness = '';
        const matches = pattern.every((items, position) => {
          const [name = '', actual] = labels[position] ?? [];
          const meant = Object.hasOwn(items, name) ? items[name] : undefined;
          counter.push(Object.keys(items).length > 1 ? [name, actual] : actual);
          const isAny = meant === '' || meant === '*';
          exactness += isAny ? 'b' : 'a';
          return actual !== undefined && (isAny || meant === actual);
        });
        if (!matches) continue;
        const isBetter =
          best === null || pattern.length > best.items || (pattern.length === best.items && exactness < best.exactness);
        if (isBetter) {
          best = { limit: `${at}-${index}`, counter: JSON.stringify(counter), items: pattern.length, exactness };
        }
      }
    }
    if (best !== null) decisions.push({ limit: best.limit, counter: `${best.limit} ${best.counter}` });
  }
  return decisions;
}

// What was compiled, evaluated naively.

function partOf(part: RateLimitKeyPart, asked: Request): string | null {
  if (part === 'method') return asked.method;
  if (part === 'authority') return asked.authority;
  if (part === 'path') return asked.path;
  if (typeof part === 'string') throw new Error(`No label is ${part}`);
  if ('constant' in part) return part.constant;
  if ('header' in part) return asked.headers[part.header] ?? null;
  if ('address' in part && part.address.ipv6Bits === 128) return asked.address;
  throw new Error(`No label is ${JSON.stringify(part)}`);
}

function holds({ part, is }: RateLimitCondition, asked: Request): boolean {
  const found = partOf(part, asked);
  return found !== null && (is === undefined || found === is);
}

function compiledDecisions({ groups: compiled = [] }: RateLimitOptions, asked: Request): readonly Decision[] {
  return compiled.flatMap((group) => {
    const decides = group.find(({ if: conditions = [] }) => conditions.every((one) => holds(one, asked)));
    if (decides === undefined) return [];
    const { scope = '', name, index = -1, key: parts, missing } = decides;
    if (!Array.isArray(parts) || missing !== 'skip') throw new Error('A limit without a key');
    const values = parts.map((part: RateLimitKeyPart) => partOf(part, asked));
    // What decides counts: a part that a condition did not ask for would open the route.
    expect(values).not.toContain(null);
    const limit = `${scope.split('/').at(-1)}-${name}`;
    return { limit, counter: `${limit} ${index} ${JSON.stringify(values)}` };
  });
}

function labelled(all: readonly (readonly LabelSpecifier[])[]): readonly LabelGroup[] {
  return all.map((group, at) => ({ [`g${at}`]: group }));
}

function compile(given: Scenario): readonly RateLimitOptions[] {
  const { mappings, defaults, defaultDomain, rateLimits } = given;
  const { route } = translate({
    mappings: mappings.map((own, at) =>
      mapping(`m${at}`, {
        ...(own !== undefined && {
          labels: {
            ...(own.ambassador !== undefined && { ambassador: labelled(own.ambassador) }),
            ...(own.other !== undefined && { other: labelled(own.other) }),
          },
        }),
      }),
    ),
    module: moduleOf({
      default_label_domain: defaultDomain,
      default_labels: Object.fromEntries(
        Object.entries(defaults).flatMap(([domain, before]) =>
          before === undefined ? [] : [[domain, { defaults: before }]],
        ),
      ),
    }),
    rateLimits: rateLimits.map((patterns, at) =>
      rateLimit(String(at), {
        domain: DOMAIN,
        limits: patterns.map((pattern, index) => ({ name: String(index), pattern, rate: 1, unit: 'day' })),
      }),
    ),
    rateLimitServices: [rateLimitService('s', { service: '127.0.0.1:8500', domain: DOMAIN })],
  });
  return mappings.map((_, at) => {
    const use = route(`m${at}`).policies.find(({ policy }) => policy === 'rate-limit');
    return (use?.options ?? {}) as RateLimitOptions;
  });
}

function configOf(options: RateLimitOptions): CompiledRateLimit | null {
  return options.groups === undefined ? null : decodeRateLimit(lowered('rate-limit', options));
}

/** By the gateway's own code. */
function servedLimits(config: CompiledRateLimit | null, asked: Request): readonly string[] {
  if (config === null) return [];
  const { address: clientIp, headers, method, authority, path } = asked;
  const facts = factsOf({ clientIp, headers, method, authority, path });
  const { selected, refusal } = selectLimits(config, { facts, consumer: null, routeId: '' });
  expect(refusal).toBeNull();
  const names = selected.map(({ limit: { counter } }) => {
    const [scope = '', name] = counter.split('/').slice(1);
    return `${decodeURIComponent(scope).split('/').at(-1)}-${name}`;
  });
  return [...new Set(names)].toSorted();
}

function distinct(decisions: readonly Decision[], by: keyof Decision): readonly string[] {
  return [...new Set(decisions.map((one) => one[by]))].toSorted();
}

describe('labels and patterns', () => {
  it('decide as a naive reading of the rules does, for any request', () => {
    let decided = 0;
    fc.assert(
      fc.property(scenario, (given) => {
        const options = compile(given);
        const configs = options.map(configOf);
        const all = given.mappings.flatMap((own, at) =>
          given.requests.map((asked) => {
            const naive = naiveDecisions(own, given, asked);
            const compiled = compiledDecisions(options[at] ?? {}, asked);
            expect(distinct(compiled, 'limit')).toEqual(distinct(naive, 'limit'));
            expect(servedLimits(configs[at] ?? null, asked)).toEqual(distinct(naive, 'limit'));
            decided += naive.length;
            return { naive: distinct(naive, 'counter'), compiled: distinct(compiled, 'counter') };
          }),
        );
        // Counters have other names than the naive ones; what they hold together must be the same.
        for (const one of all) {
          for (const other of all) {
            const shared = (kind: 'naive' | 'compiled') =>
              one[kind].filter((name) => other[kind].includes(name)).length;
            expect(shared('compiled')).toBe(shared('naive'));
          }
        }
      }),
      { numRuns: 3_000 },
    );
    // Otherwise nothing was compared.
    expect(decided).toBeGreaterThan(2_000);
  });
});
