import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BuildCache,
  buildProgram,
  type BuildInput,
  type BuildOptions,
  type BuildResult,
} from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { canonicalJson } from '../../src/program/canonical-json.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import type { KubernetesObject } from '../../src/resources/ambassador/types.ts';
import { parseManifests } from '../../src/resources/manifests.ts';

const OPTIONS: BuildOptions = { target: 'self-hosted', unresolved: 'refuse', now: '2026-03-02T08:00:00.000Z' };
const LATER = '2026-03-03T08:00:00.000Z';
const CLUSTERS = {
  west: { template: 'http://{service}.{namespace}.west.test:{port}' },
  east: { template: 'http://{service}.{namespace}.east.test:{port}' },
};

type Held = Readonly<Record<string, string>>;

/** `held`: cluster → manifests. */
function input(held: Held, clusters: object = CLUSTERS, silentClusters: readonly string[] = []): BuildInput {
  const initialFindings: Finding[] = [];
  const config = parseConfig({ clusters }, (one) => initialFindings.push(one), 'routes.config.ts');
  const objects = Object.entries(held).flatMap(([cluster, text]) => objectsOf(text, cluster, initialFindings));
  return { objects, config, initialFindings, silentClusters };
}
function objectsOf(text: string, cluster: string, findings: Finding[]): readonly KubernetesObject[] {
  const report = (one: Finding): unknown =>
    findings.push(one.source === null ? one : { ...one, source: { ...one.source, file: null, line: null, cluster } });
  return parseManifests([{ file: 'all.yaml', text }], report).map((object) => ({
    ...object,
    source: { ...object.source, file: null, line: null, cluster },
  }));
}
function build(held: Held, options: Partial<BuildOptions> = {}, clusters: object = CLUSTERS): BuildResult {
  return buildProgram(input(held, clusters), { ...OPTIONS, ...options });
}
function mapping(
  name: string,
  spec = `prefix: /${name}/, service: web`,
  version = 'v3alpha1',
  kind = 'Mapping',
): string {
  return `---\napiVersion: getambassador.io/${version}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: shop }\nspec: { hostname: "*", ${spec} }\n`;
}
function routes({ program }: BuildResult): readonly CompiledRoute[] {
  return Object.values(program.tables).flat();
}
/** Route id → places its requests go to. */
function places(result: BuildResult): Readonly<Record<string, readonly string[] | string>> {
  return Object.fromEntries(
    routes(result).map(({ id, action }) => [
      id,
      action.kind === 'forward'
        ? action.backends.map(({ origin, refuse, weight }) => `${weight} ${refuse?.code ?? origin}`)
        : action.kind === 'refuse'
          ? action.code
          : action.kind,
    ]),
  );
}
function said({ findings }: BuildResult): readonly string[] {
  return findings
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, code, source }) => `${severity} ${code} ${source?.cluster ?? '-'}:${source?.name ?? ''}`);
}
function states({ statuses }: BuildResult): readonly string[] {
  return statuses.map(
    ({ source, state, clusters }) => `${source.cluster ?? '-'}:${source.name} ${state} ${clusters?.join('+') ?? ''}`,
  );
}

const WEST = '1 http://web.shop.west.test';
const EAST = '1 http://web.shop.east.test';

describe('one resource in several clusters', () => {
  it('is one route with a backend in each, in the order of the configuration', () => {
    const result = build({ east: mapping('a'), west: mapping('a') });
    expect(places(result)).toEqual({ 'Mapping/shop/a': [WEST, EAST] });
    expect(said(result)).toEqual([]);
    expect(states(result)).toEqual(['-:a accepted west+east']);
    expect(result.counts).toEqual({ resources: 1, routes: 1 });
    expect(result.accepted['Mapping/shop/a']?.object.clusters).toEqual(['west', 'east']);
  });

  it('keeps its id, whichever clusters hold it, and is found only in those', () => {
    expect(places(build({ east: mapping('a') }))).toEqual({ 'Mapping/shop/a': [EAST] });
    const result = build({ east: mapping('a') + mapping('c'), west: mapping('b') });
    expect(places(result)).toEqual({ 'Mapping/shop/a': [EAST], 'Mapping/shop/b': [WEST], 'Mapping/shop/c': [EAST] });
  });

  it('is the same in another version of the API', () => {
    const old = mapping('a', 'prefix: /a/, service: web, ambassador_id: default', 'v2').replace('hostname: "*", ', '');
    const now = mapping('a', 'prefix: /a/, service: web');
    expect(said(build({ west: now, east: old }))).toEqual([]);
    expect(places(build({ west: now, east: old }))).toEqual({ 'Mapping/shop/a': [WEST, EAST] });
  });

  it('serves the version of the first cluster where they differ, and tells the others', () => {
    const result = build({ east: mapping('a', 'prefix: /other/, service: web'), west: mapping('a') });
    expect(places(result)).toEqual({ 'Mapping/shop/a': [WEST] });
    expect(routes(result)[0]?.matches[0]?.path).toMatchObject({ value: '/a/' });
    expect(said(result)).toEqual(['warning cluster-conflict east:a']);
    expect(result.findings.find(({ code }) => code === 'cluster-conflict')?.message).toMatch(/east.*west/);
    expect(states(result)).toEqual(['-:a accepted west', 'east:a overruled ']);
  });

  it('counts labels as part of the meaning, and generations not', () => {
    const labelled = mapping('a').replace('name: a,', 'name: a, labels: { host: x },');
    expect(said(build({ east: mapping('a'), west: labelled }))).toEqual(['warning cluster-conflict east:a']);
    const later = mapping('a').replace('name: a,', 'name: a, generation: 7,');
    expect(said(build({ east: mapping('a'), west: later }))).toEqual([]);
  });

  it('never competes with a resource of another installation', () => {
    const theirs = mapping('a', 'prefix: /theirs/, service: web, ambassador_id: [other]');
    const result = build({ west: theirs, east: mapping('a') });
    expect(places(result)).toEqual({ 'Mapping/shop/a': [EAST] });
    expect(states(result)).toEqual(['-:a accepted east']);
    expect(result.accepted['Mapping/shop/a']?.object.spec['prefix']).toBe('/a/');
  });

  it('has one backend where both clusters lead to one place', () => {
    const shared = { services: { web: { url: 'http://shared.test' } } };
    const result = build({ east: mapping('a'), west: mapping('a') }, {}, { west: shared, east: shared });
    expect(places(result)).toEqual({ 'Mapping/shop/a': ['1 http://shared.test'] });
    const outside = 'prefix: /a/, service: "https://pay.example.com"';
    expect(places(build({ east: mapping('a', outside), west: mapping('a', outside) }))).toEqual({
      'Mapping/shop/a': ['1 https://pay.example.com'],
    });
  });

  it('leaves out a cluster in which the service cannot be reached, and refuses when none is left', () => {
    const clusters = { west: { services: {} }, east: CLUSTERS.east };
    const result = build({ east: mapping('a'), west: mapping('a') }, {}, clusters);
    expect(places(result)).toEqual({ 'Mapping/shop/a': [EAST] });
    expect(said(result)).toEqual(['warning cluster-left-out -:a']);
    const none = build({ east: mapping('a'), west: mapping('a') }, {}, { west: {}, east: {} });
    expect(places(none)).toEqual({ 'Mapping/shop/a': 'upstream-unresolved' });
    expect(said(none)).toEqual(['warning upstream-unresolved -:a']);
  });

  it('says that a cluster is not in the configuration', () => {
    const result = build({ north: mapping('a') });
    expect(said(result)).toEqual(['warning cluster-unknown -:', 'warning upstream-unresolved -:a']);
  });

  it('keeps canary groups and redirects', () => {
    const canary = mapping('a', 'prefix: /a/, service: web') + mapping('b', 'prefix: /a/, service: next, weight: 20');
    const redirect = mapping('r', 'prefix: /r/, service: example.com, host_redirect: true');
    const result = build({ east: canary + redirect, west: canary + redirect });
    const shares = routes(result).map(({ id, below, group }) => [id, below ?? null, group !== undefined]);
    expect(shares.toSorted(([a], [b]) => String(a).localeCompare(String(b)))).toEqual([
      ['Mapping/shop/a', null, true],
      ['Mapping/shop/b', 20, true],
      ['Mapping/shop/r', null, false],
    ]);
    expect(places(result)['Mapping/shop/b']).toEqual(['1 http://next.shop.west.test', '1 http://next.shop.east.test']);
    expect(places(result)['Mapping/shop/r']).toBe('redirect');
  });
});

function policy(
  path: string,
  rule = 'wafRef: { name: w, namespace: shop }',
  kind = 'WebApplicationFirewallPolicy',
): string {
  return `---\napiVersion: gateway.getambassador.io/v1alpha1\nkind: ${kind}\nmetadata: { name: p, namespace: shop }\nspec: { rules: [{ host: "*", path: ${path}, ${rule} }] }\n`;
}

function externalFilter(prefix: string): string {
  return `---\napiVersion: getambassador.io/v3alpha1\nkind: Filter\nmetadata: { name: f, namespace: shop }\nspec: { External: { auth_service: auth, path_prefix: ${prefix} } }\n`;
}

function filterPolicy(path: string): string {
  return policy(path, 'filterRefs: [{ name: f }]', 'FilterPolicy');
}

type Filters = {
  readonly rules?: readonly { readonly refuse?: string }[];
  readonly filters?: readonly { readonly config: { readonly pathPrefix: string; readonly target: object } }[];
};

/** By route: what each rule does, then what is asked where. */
function filtersOf(held: Held): object {
  return Object.fromEntries(
    routes(build(held)).map(({ id, policies = [] }) => {
      const { rules = [], filters = [] } = JSON.parse(JSON.stringify(policies[0]?.config ?? {})) as Filters;
      const asked = filters.map(({ config: { pathPrefix, target } }) => `${pathPrefix} ${JSON.stringify(target)}`);
      return [id, [...rules.map(({ refuse }) => refuse ?? 'asks'), ...asked]];
    }),
  );
}

function module(config: string): string {
  return `---\napiVersion: getambassador.io/v3alpha1\nkind: Module\nmetadata: { name: ambassador, namespace: shop }\nspec: { config: ${config} }\n`;
}

function host(insecure: string, more = '', hostname = 'a.test'): string {
  return `---\napiVersion: getambassador.io/v3alpha1\nkind: Host\nmetadata: { name: h, namespace: shop }\nspec: { hostname: ${hostname}, requestPolicy: { insecure: { action: ${insecure} } }${more} }\n`;
}

describe('what protects routes', () => {
  const ab = mapping('a') + mapping('b');
  const REFUSES = 'policy-not-enforced';

  it('counts in every version, wherever it is from', () => {
    const result = build({ west: ab + policy('/a/*'), east: ab + policy('/b/*') });
    expect(places(result)).toEqual({ 'Mapping/shop/a': REFUSES, 'Mapping/shop/b': REFUSES });
    expect(said(result).filter((text) => text.includes('cluster-conflict'))).toEqual([]);
    expect(states(result).filter((text) => text.includes(':p '))).toEqual(['-:p accepted west', 'east:p accepted ']);
    const same = build({ west: ab + policy('/a/*'), east: ab + policy('/a/*') });
    expect(places(same)).toEqual({ 'Mapping/shop/a': REFUSES, 'Mapping/shop/b': [WEST, EAST] });
    expect(states(same).filter((text) => text.includes(':p '))).toEqual(['-:p accepted west+east']);
  });

  it('takes the keys of differing Modules together', () => {
    const denied = (west: string, east: string): unknown =>
      routes(build({ west: ab + module(west), east: ab + module(east) })).map(({ policies }) =>
        policies?.map(({ config }) => config),
      );
    const policies = [{ deny: { peer: ['10.0.0.0/8'] } }];
    expect(denied('{ use_remote_address: true }', '{ ip_deny: [{ peer: 10.0.0.0/8 }] }')).toEqual([policies, policies]);
    expect(denied('{ ip_deny: [{ peer: 10.0.0.0/8 }] }', '{ use_remote_address: true }')).toEqual([policies, policies]);
    const both = build({
      west: ab + module('{ ip_deny: [{ peer: 10.0.0.0/8 }] }'),
      east: ab + module('{ ip_deny: [{ peer: 11.0.0.0/8 }] }'),
    });
    expect(said(both)).toEqual(['error module-duplicate east:ambassador']);
    expect(both.findings.find(({ code }) => code === 'module-duplicate')).toMatchObject({
      message: 'The Module that another cluster has also sets `ip_deny`, and its values count.',
      hint: 'Make the Modules of all clusters equal.',
    });
  });

  it.each([
    ['Route', 'Reject', 'reject', 'west'],
    ['Reject', 'Route', 'reject', 'east'],
    ['Redirect', 'Route', 'redirect', 'east'],
    ['Route', 'Redirect', 'redirect', 'west'],
  ])('serves the stricter of two Hosts: %s in the first cluster, %s in the second', (west, east, action, loser) => {
    const result = build({ west: ab + host(west), east: ab + host(east) });
    expect(result.program.domains.find(({ hostname }) => hostname === 'a.test')?.insecureAction).toBe(action);
    expect(said(result)).toEqual([`warning cluster-conflict ${loser}:h`]);
    expect(result.findings.find(({ code }) => code === 'cluster-conflict')?.message).toContain('which is stricter');
    // Where neither is, the first cluster's serves.
    const equal = build({ west: ab + host(west), east: ab + host(west, ', previewUrl: { enabled: false }') });
    expect(said(equal)).toContain('warning cluster-conflict east:h');
  });

  it('takes Hosts of one name with differing hostnames for two', () => {
    const held = { west: ab + host('Redirect'), east: ab + host('Reject', '', 'b.test') };
    const result = build(held);
    expect(result.program.domains.map(({ hostname, insecureAction }) => [hostname, insecureAction])).toEqual(
      expect.arrayContaining([
        ['a.test', 'redirect'],
        ['b.test', 'reject'],
      ]),
    );
    expect(said(result)).toEqual([]);
    expect(states(result).filter((text) => text.includes(':h '))).toEqual(['-:h accepted west', 'east:h accepted ']);
    const again = build({ west: held.west, east: ab }, { previous: result.accepted });
    expect(again.program.domains.map(({ hostname }) => hostname)).not.toContain('b.test');
    const cache = new BuildCache();
    for (const next of [held, { ...held, east: ab + host('Reject') }, { west: held.east, east: held.west }, held])
      expect(build(next, { cache }).program).toEqual(build(next).program);
  });

  it('holds for Filters and their policies, each policy with the Filter of its cluster', () => {
    const apart = {
      west: ab + filterPolicy('/a/*') + externalFilter('/w'),
      east: ab + filterPolicy('/b/*') + externalFilter('/e'),
    };
    expect(filtersOf(apart)).toEqual({
      'Mapping/shop/a': ['asks', expect.stringMatching(/^\/w .*west/)],
      'Mapping/shop/b': ['asks', expect.stringMatching(/^\/e .*east/)],
    });
    const shared = {
      west: ab + filterPolicy('/a/*') + externalFilter('/w'),
      east: ab + filterPolicy('/a/*') + externalFilter('/e'),
    };
    expect(filtersOf(shared)).toEqual({
      'Mapping/shop/a': [expect.stringContaining('not the same in every cluster')],
      'Mapping/shop/b': [],
    });
  });

  it('goes on counting where it cannot be read, or its cluster cannot', () => {
    const { accepted: previous } = build({ west: ab + policy('/a/*'), east: ab + policy('/b/*') });
    const options = { ...OPTIONS, previous };
    const unread = policy('/b/*').replace('spec: {', 'spec: [').replace(' }\n', ' ]\n');
    for (const held of [
      { west: ab + policy('/a/*'), east: ab + unread },
      { west: ab + unread, east: ab + policy('/b/*') },
      { west: ab + unread, east: ab + unread },
    ]) {
      const result = buildProgram(input(held), options);
      expect(places(result)).toEqual({ 'Mapping/shop/a': REFUSES, 'Mapping/shop/b': REFUSES });
      const again = buildProgram(input(held), { ...options, previous: result.accepted });
      expect(places(again)).toEqual(places(result));
    }
    const silent = buildProgram(input({ west: ab + policy('/a/*') }, CLUSTERS, ['east']), options);
    expect(places(silent)).toEqual({ 'Mapping/shop/a': REFUSES, 'Mapping/shop/b': REFUSES });
    // Deleted is deleted.
    expect(places(build({ west: ab + policy('/a/*'), east: ab }, { previous }))['Mapping/shop/b']).toEqual([
      WEST,
      EAST,
    ]);
  });
});

describe('what a cluster held last', () => {
  const both = build({ west: mapping('a') + mapping('b'), east: mapping('a') + mapping('c') });

  it('stays while nothing is known of it', () => {
    const result = buildProgram(input({ west: mapping('a') + mapping('b') }, CLUSTERS, ['east']), {
      ...OPTIONS,
      previous: both.accepted,
    });
    expect(canonicalJson(result.program)).toBe(canonicalJson(both.program));
    expect(result.accepted).toEqual(both.accepted);
  });

  it('goes when the cluster is known to hold it no more', () => {
    const result = build({ west: mapping('a') + mapping('b') }, { previous: both.accepted });
    expect(places(result)).toEqual({ 'Mapping/shop/a': [WEST], 'Mapping/shop/b': [WEST] });
  });

  const unreadable = mapping('a').replace('spec: {', 'spec: [').replace(' }\n', ' ]\n');

  it('stays of a resource that cannot be read there, beside the others', () => {
    const held = input({ west: mapping('a') + mapping('b'), east: unreadable + mapping('c') });
    const result = buildProgram(held, { ...OPTIONS, previous: both.accepted });
    expect(places(result)['Mapping/shop/a']).toEqual([WEST, EAST]);
    expect(said(result)).toEqual([expect.stringMatching(/^error .* east:a$/)]);
    expect(states(result)).toContain('east:a stale ');
  });

  it('stands in when it can be read nowhere, in the clusters that still have it', () => {
    const held = input({ west: mapping('b'), east: unreadable + mapping('c') });
    const result = buildProgram(held, { ...OPTIONS, previous: both.accepted, now: LATER });
    expect(places(result)['Mapping/shop/a']).toEqual([EAST]);
    expect(states(result)).toContain('-:a stale east');
    expect(result.accepted['Mapping/shop/a']?.staleSince).toBe(LATER);
  });

  it('stands in where it cannot be read, though only another cluster had it before', () => {
    const west = build({ west: mapping('a') });
    const held = input({ west: mapping('b'), east: unreadable });
    const result = buildProgram(held, { ...OPTIONS, previous: west.accepted, now: LATER });
    expect(places(result)['Mapping/shop/a']).toEqual([EAST]);
    const silent = buildProgram(input({ west: mapping('b') }, CLUSTERS, ['east']), {
      ...OPTIONS,
      previous: result.accepted,
    });
    expect(places(silent)['Mapping/shop/a']).toEqual([EAST]);
  });

  it('stands in for a broken version where that version was', () => {
    const broken = mapping('a', 'prefix: /a/, service: web, cors: { max_age: soon }');
    const result = build({ west: broken + mapping('b'), east: broken + mapping('c') }, { previous: both.accepted });
    expect(places(result)['Mapping/shop/a']).toEqual([WEST, EAST]);
    const gone = build({ west: broken + mapping('b'), east: mapping('c') }, { previous: both.accepted });
    expect(places(gone)['Mapping/shop/a']).toEqual([WEST]);
    expect(states(gone)).toContain('-:a stale west');
  });

  it('is kept of a version that does not serve, until it does', () => {
    const other = mapping('a', 'prefix: /other/, service: web');
    const conflict = build({ west: mapping('a'), east: other });
    expect(Object.keys(conflict.accepted).toSorted()).toEqual(['Mapping/shop/a', 'east:Mapping/shop/a']);
    const { accepted: previous } = conflict;
    const unread = other.replace('spec: {', 'spec: [').replace(' }\n', ' ]\n');
    // West's is gone: what stands in for east's is east's.
    const alone = buildProgram(input({ west: mapping('b'), east: unread }), { ...OPTIONS, previous, now: LATER });
    expect(places(alone)['Mapping/shop/a']).toEqual([EAST]);
    expect(routes(alone).find(({ id }) => id === 'Mapping/shop/a')?.matches[0]?.path).toMatchObject({
      value: '/other/',
    });
    // West's is there: east's waits.
    const beside = buildProgram(input({ west: mapping('a'), east: unread }), { ...OPTIONS, previous, now: LATER });
    expect(places(beside)).toEqual({ 'Mapping/shop/a': [WEST] });
    expect(beside.accepted).toEqual(previous);
    expect(Object.keys(build({ west: other, east: other }, { previous }).accepted)).toEqual(['Mapping/shop/a']);
  });

  it('is known of a store that was filled before clusters had names', () => {
    const unnamed = build({ west: mapping('a') });
    const { clusters: _, ...object } = unnamed.accepted['Mapping/shop/a']?.object ?? expect.fail();
    const previous = { 'Mapping/shop/a': { object, staleSince: null } };
    const broken = mapping('a', 'prefix: /a/, service: web, cors: { max_age: soon }');
    expect(places(build({ east: broken }, { previous }))).toEqual({ 'Mapping/shop/a': [EAST] });
  });
});

const aSpec = fc.constantFrom(
  'prefix: /x/, service: web',
  'prefix: /y/, service: api',
  'prefix: /x/, service: web, weight: 30',
  'prefix: /x/, service: web, cors: { max_age: soon }',
);
const content = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), aSpec);
const several = fc.dictionary(fc.constantFrom('west', 'east', 'south'), content, { minKeys: 1 });

function manifests(of: Readonly<Record<string, string>>): string {
  return Object.entries(of)
    .map(([name, spec]) => mapping(name, spec))
    .join('');
}

describe('any content of any clusters', () => {
  it('gives the same in every order, one route per name, and every version is accounted for', () => {
    fc.assert(
      fc.property(several, several, fc.infiniteStream(fc.nat()), (before, held, picks) => {
        const texts = (of: typeof held): Held =>
          Object.fromEntries(Object.entries(of).map(([cluster, some]) => [cluster, manifests(some)]));
        const { accepted: previous } = build(texts(before));
        const once = input(texts(held));
        const weights = new Map(once.objects.map((object) => [object, picks.next().value ?? 0]));
        const shuffled = once.objects.toSorted((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0));
        const result = buildProgram(once, { ...OPTIONS, previous });
        const other = buildProgram({ ...once, objects: shuffled }, { ...OPTIONS, previous });
        expect(canonicalJson(other.program)).toBe(canonicalJson(result.program));
        expect(other.findings).toEqual(result.findings);
        expect(other.statuses).toEqual(result.statuses);
        expect(other.accepted).toEqual(result.accepted);

        const names = [...new Set(Object.values(held).flatMap((some) => Object.keys(some)))].toSorted();
        expect(new Set(routes(result).map(({ id }) => id))).toEqual(
          new Set(names.map((name) => `Mapping/shop/${name}`)),
        );
        for (const [cluster, some] of Object.entries(held)) {
          for (const name of Object.keys(some)) {
            const judged = result.statuses.filter(
              ({ source, clusters }) =>
                source.name === name && (source.cluster === cluster || clusters?.includes(cluster) === true),
            );
            expect(judged).toHaveLength(1);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('gives with a cache what it gives without one', () => {
    fc.assert(
      fc.property(fc.array(several, { minLength: 2, maxLength: 5 }), (history) => {
        const cache = new BuildCache();
        let previous = {};
        for (const held of history) {
          const texts = Object.fromEntries(Object.entries(held).map(([cluster, some]) => [cluster, manifests(some)]));
          const now = input(texts);
          const fresh = buildProgram(now, { ...OPTIONS, previous });
          const cached = buildProgram(now, { ...OPTIONS, previous, cache });
          expect(canonicalJson(cached.program)).toBe(canonicalJson(fresh.program));
          expect(cached.accepted).toEqual(fresh.accepted);
          expect(cached.findings).toEqual(fresh.findings);
          previous = fresh.accepted;
        }
      }),
      { numRuns: 60 },
    );
  });
});
