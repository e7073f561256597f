/** Programs of any size and random ones, for everything that stores and reads them. */
import * as fc from 'fast-check';
import { DEFAULT_SETTINGS } from '../../src/model/settings.ts';
import type { AcceptedResources } from '../../src/program/accepted.ts';
import { compareCodePoints } from '../../src/model/rank.ts';
import {
  FORMAT_VERSION,
  type CompiledDomain,
  type CompiledRoute,
  type CompiledUpstream,
  type RouteProgram,
} from '../../src/program/route-program.ts';

export type MappingFacts = { readonly name: string; readonly prefix: string; readonly service: string };

export function mappings(count: number): MappingFacts[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `mapping-${String(index).padStart(6, '0')}`,
    prefix: `/service-${index}/api/`,
    service: `service-${index % 500}.shop:8080`,
  }));
}

/** One route as the compiler makes it of an ordinary Mapping. */
export function routeOf({ name, prefix, service }: MappingFacts): CompiledRoute {
  return {
    id: `Mapping/shop/${name}`,
    source: { kind: 'Mapping', namespace: 'shop', name },
    group: `GET ${prefix}`,
    matches: [
      { rank: [0, 0, prefix.length, 0, 0, prefix, 'GET', { ascending: 0 }], path: { kind: 'prefix', value: prefix } },
    ],
    action: {
      kind: 'forward',
      backends: [
        {
          weight: 100,
          upstream: `http://${service}`,
          origin: `http://${service}`,
          via: { kind: 'binding' },
          rewrite: { kind: 'prefix', length: prefix.length, value: '/' },
        },
      ],
    },
    policies: [
      {
        name: 'cors',
        config: { origins: ['*'], methods: ['GET', 'POST'] },
        source: { kind: 'Mapping', namespace: 'shop', name },
      },
    ],
    timeouts: { requestMs: 3000, idleMs: 300_000 },
  };
}

/** One domain, one table: what a cluster full of Mappings without hostname compiles to. */
export function programOf(facts: readonly MappingFacts[]): RouteProgram {
  const routes = facts.map(routeOf).toSorted((a, b) => compareCodePoints(a.id, b.id));
  return {
    format: FORMAT_VERSION,
    settings: DEFAULT_SETTINGS,
    domains: [domainOf('default', '*', ['table-a'])],
    tables: { 'table-a': routes },
    upstreams: [...new Set(facts.map(({ service }) => service))].toSorted().map(upstreamOf),
  };
}

export function domainOf(id: string, hostname: string, tables: readonly string[]): CompiledDomain {
  return {
    id,
    hostname,
    security: { http: 'forwarded-proto', https: 'forwarded-proto' },
    insecureAction: 'route',
    tables: tables.map((table) => ({ id: table, hostname: null })),
  };
}

function upstreamOf(service: string): CompiledUpstream {
  return {
    id: `http://${service}`,
    origin: `http://${service}`,
    via: { kind: 'binding' },
    resolvedBy: 'echo',
    service,
  };
}

export function acceptedOf(facts: readonly MappingFacts[]): AcceptedResources {
  return Object.fromEntries(
    facts.map(({ name, prefix, service }) => [
      `Mapping/shop/${name}`,
      {
        object: {
          apiVersion: 'getambassador.io/v3alpha1',
          kind: 'Mapping',
          metadata: {
            name,
            namespace: 'shop',
            labels: {},
            annotations: {},
            generation: null,
            creationTimestamp: null,
          },
          spec: { prefix, service },
        },
        staleSince: null,
      },
    ]),
  );
}

const word = fc.constantFrom('a', 'b', 'shop', 'é', '𝄞', '__proto__', '"', '\\', '\u0001', '\ud800', 'x'.repeat(40));
// Table ids are keys: without what JSON escapes, some of which V8 13.6 reads wrongly (nodejs/node#63785).
const tableId = fc.constantFrom('a', 'b', 'table-1', 'é', '𝄞', '__proto__', 'constructor', '10', '9');
const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('-'));
const hostname = fc.oneof(
  fc.constantFrom('*', '*.example.com', 'shop.*', '*com', 'a.example.com:8080'),
  fc.nat(400).map((n) => `host-${n}.example.com`),
);

const route: fc.Arbitrary<CompiledRoute> = fc
  .record({
    name,
    prefix: name,
    service: name,
    group: fc.boolean(),
    stale: fc.boolean(),
    below: fc.double({ noNaN: true, min: 0, max: 100 }),
  })
  .map(({ group, stale, below, ...facts }) => {
    const { group: groupName, ...rest } = routeOf(facts);
    return Object.assign(
      rest,
      group && groupName !== undefined && { group: groupName, below },
      stale && { staleSince: '2026-11-01T00:00:00.000Z' },
    );
  });

/** Valid programs as the compiler makes them: sorted, every table there. */
export const arbitraryProgram: fc.Arbitrary<RouteProgram> = fc
  .record({
    tables: fc.dictionary(tableId, fc.uniqueArray(route, { selector: ({ id }) => id, maxLength: 8 }), { maxKeys: 6 }),
    hostnames: fc.uniqueArray(hostname, { maxLength: 12 }),
    picks: fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
    upstreams: fc.uniqueArray(name, { maxLength: 6 }),
    hostPort: fc.constantFrom('strip' as const, 'strict' as const),
  })
  .map(({ tables, hostnames, picks, upstreams, hostPort }) => {
    const ids = Object.keys(tables);
    const sorted = Object.entries(tables).map(([id, routes]): [string, CompiledRoute[]] => [
      id,
      routes.toSorted((a, b) => compareCodePoints(a.id, b.id)),
    ]);
    const domains = hostnames.map((pattern, index) =>
      domainOf(
        `Host/${pattern}`,
        pattern,
        ids.filter((_, at) => ((picks[index] ?? 0) >> at) % 2 === 0).toSorted(compareCodePoints),
      ),
    );
    return {
      format: FORMAT_VERSION,
      settings: { ...DEFAULT_SETTINGS, hostPort },
      domains: domains.toSorted((a, b) => compareCodePoints(a.id, b.id)),
      tables: Object.fromEntries(sorted),
      upstreams: upstreams.map(upstreamOf).toSorted((a, b) => compareCodePoints(a.id, b.id)),
    };
  });

/** The same data with every object's keys and every set-like list in another order. */
export function shuffled(program: RouteProgram): RouteProgram {
  return {
    upstreams: program.upstreams.map(turned).toReversed(),
    tables: Object.fromEntries(
      Object.entries(program.tables)
        .toReversed()
        .map(([id, routes]) => [id, routes.map(turned).toReversed()]),
    ),
    domains: program.domains.map((domain) => turned({ ...domain, tables: domain.tables.toReversed() })).toReversed(),
    settings: turned(program.settings),
    format: program.format,
  };
}

function turned<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => turned(item)) as T;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]: [string, unknown]) => [key, turned(member)]),
  ) as T;
}
