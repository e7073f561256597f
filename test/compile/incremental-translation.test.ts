import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IncrementalTranslation } from '../../src/compile/incremental-translation.ts';
import { sortFindings } from '../../src/diagnostics/render.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { translateAmbassador, type AmbassadorTranslation } from '../../src/resources/ambassador/translate.ts';
import type {
  AmbassadorOptions,
  HostResource,
  MappingResource,
  MappingSpec,
  NormalizedResources,
  RateLimitServiceResource,
} from '../../src/resources/ambassador/types.ts';
import { authService, filter, filterPolicy, rateLimit, rateLimitService } from '../resources/ambassador/resources.ts';

const OPTIONS: AmbassadorOptions = {
  ambassadorId: 'default',
  ambassadorNamespace: 'default',
  allowUnenforced: new Set(),
  unattached: 'serve',
  prefixMode: 'raw',
  weightsRemainder: 'fallthrough',
  looseLabelSelectors: false,
};

function common(kind: string, name: string): Omit<MappingResource, 'kind' | 'spec'> {
  const source = { kind, namespace: 'default', name, file: 'all.yaml', line: 1 };
  return {
    source,
    locate: () => 1,
    namespace: 'default',
    name,
    labels: {},
    creationTimestamp: null,
    invalid: [],
    staleSince: null,
  };
}
function aMapping(name: string, spec: Partial<MappingSpec>): MappingResource {
  return { kind: 'Mapping', ...common('Mapping', name), spec: { prefix: '/', service: 'web', other: {}, ...spec } };
}
const host: HostResource = {
  kind: 'Host',
  ...common('Host', 'shop'),
  spec: {
    hostname: 'shop.example.com',
    mappingSelector: null,
    insecureAction: 'Route',
    requiresClientCertificate: false,
  },
};
/** A foreign one that must stop what it cannot count. */
const foreign = rateLimitService('limits', { denies: true });
const counted = rateLimit('counted', {
  domain: 'ambassador',
  limits: [
    { pattern: [{ g: 'x' }], rate: 5, unit: 'minute' },
    { pattern: [{ g: '*' }], rate: 9, unit: 'minute' },
  ],
});
const unreadable = rateLimit('counted', { domain: 'ambassador', limits: [{ pattern: [{ g: 'x' }] }] });
/** One that can be asked, one that makes routes refuse. */
const auth = authService('auth', {});
const grpc = authService('grpc', { proto: 'grpc' });
const jwt = filter('jwt', { JWT: { jwksURI: 'https://keys.test/' } });
const login = filter('jwt', { OAuth2: {} });
const narrow = filterPolicy('p', [{ path: '/a/x*', filters: [{ name: 'jwt' }] }]);
const wide = filterPolicy('p', [{ path: '*', filters: [{ name: 'jwt' }] }]);

const mapping = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    prefix: fc.constantFrom('/a/', '/b/', '/c/'),
    hostname: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(undefined, 'shop.example.com', 'other.test') },
      { weight: 1, arbitrary: fc.constant('SHOP.example.com') },
    ),
    weight: fc.constantFrom(undefined, 10, 60),
    broken: fc.boolean(),
    label: fc.constantFrom(undefined, 'x', 'y'),
  })
  .map(({ name, prefix, hostname, weight, broken, label }) =>
    aMapping(name, {
      prefix,
      service: broken ? 'http://:x' : 'web',
      ...(hostname === undefined ? {} : { hostname }),
      ...(weight === undefined ? {} : { weight }),
      ...(label === undefined
        ? {}
        : { labels: { ambassador: [{ a: [{ generic_key: { key: 'g', value: label } }] }] } }),
    }),
  );

function rarely<T>(usual: T, rare: T): fc.Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(rare) });
}

/** The one list after another, as a person edits: what is not touched stays the same object. */
const history = fc.array(
  fc.record({
    edits: fc.array(mapping, { maxLength: 3 }),
    removed: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 1 }),
    hosts: rarely<readonly HostResource[]>([host], []),
    rateLimits: rarely([counted], [unreadable]),
    rateLimitServices: rarely<readonly RateLimitServiceResource[]>([], [foreign]),
    filters: rarely([jwt], [login]),
    filterPolicies: rarely([narrow], [wide]),
    authServices: rarely([auth], [grpc]),
    duplicate: rarely(false, true),
  }),
  { minLength: 2, maxLength: 8, size: 'max' },
);

function full(resources: NormalizedResources): { output: AmbassadorTranslation; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  return { output: translateAmbassador(resources, OPTIONS, (one) => findings.push(one)), findings };
}

describe('IncrementalTranslation', () => {
  it('never differs from a full translation', () => {
    let partial = 0;
    fc.assert(
      fc.property(history, (steps) => {
        const incremental = new IncrementalTranslation<NormalizedResources, AmbassadorTranslation>();
        const mappings = new Map<string, MappingResource>();
        for (const { edits, removed, duplicate, ...others } of steps) {
          for (const edited of edits) mappings.set(edited.name, edited);
          for (const name of removed) mappings.delete(name);
          const list = [...mappings.values(), ...(duplicate ? [...mappings.values()].slice(0, 1) : [])];
          const resources: NormalizedResources = {
            mappings: list,
            listeners: [],
            module: null,
            unenforced: [],
            ...others,
          };
          const findings: Finding[] = [];
          let translated = 0;
          const output = incremental.translate(
            resources,
            '',
            (part, report) => {
              translated += part.mappings.length;
              return translateAmbassador(part, OPTIONS, report);
            },
            (one) => findings.push(one),
          );
          if (translated < list.length) partial += 1;
          const expected = full(resources);
          expect(output).toEqual(expected.output);
          expect(sortFindings(findings)).toEqual(sortFindings(expected.findings));
        }
      }),
      { numRuns: 300 },
    );
    // Otherwise everything was translated every time and nothing was shown. About 180 of some 1,500 steps are.
    expect(partial).toBeGreaterThan(100);
  });

  it('gives back the same routes for what did not change', () => {
    const incremental = new IncrementalTranslation<NormalizedResources, AmbassadorTranslation>();
    const run = (mappings: readonly MappingResource[], options = ''): AmbassadorTranslation =>
      incremental.translate(
        {
          mappings,
          hosts: [],
          listeners: [],
          module: null,
          filters: [],
          filterPolicies: [],
          authServices: [],
          rateLimits: [],
          rateLimitServices: [],
          unenforced: [],
        },
        options,
        (part, report) => translateAmbassador(part, OPTIONS, report),
        () => undefined,
      );
    const [a, b] = [aMapping('a', { prefix: '/a/' }), aMapping('b', { prefix: '/b/' })];
    const first = run([a, b]);
    const second = run([a, aMapping('b', { prefix: '/b/', timeout_ms: 1 })]);
    expect(second.routes[0]).toBe(first.routes[0]);
    expect(second.routes[1]?.timeouts.requestMs).toBe(1);
    expect(run([a, b], 'other options').routes[0]).not.toBe(first.routes[0]);
  });
});
