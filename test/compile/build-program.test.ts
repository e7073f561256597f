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
import type { CompiledRoute } from '../../src/program/route-program.ts';
import { parseManifests } from '../../src/resources/manifests.ts';

const OPTIONS: BuildOptions = { target: 'self-hosted', unresolved: 'echo', now: '2026-03-02T08:00:00.000Z' };
const LATER = '2026-03-03T08:00:00.000Z';

/** `config` as routes.config.ts would export it. */
function read(files: Readonly<Record<string, string>>, config?: object): BuildInput {
  const initialFindings: Finding[] = [];
  const report = (one: Finding): void => void initialFindings.push(one);
  const objects = parseManifests(
    Object.entries(files).map(([file, text]) => ({ file, text })),
    report,
  );
  const parsed = config === undefined ? null : parseConfig(config, report, 'routes.config.ts');
  return { objects, config: parsed, initialFindings };
}
function build(text: string, options: Partial<BuildOptions> = {}, config?: object): BuildResult {
  return buildProgram(read({ 'all.yaml': text }, config), { ...OPTIONS, ...options });
}
function routesOf({ program }: BuildResult): readonly CompiledRoute[] {
  return Object.values(program.tables).flat();
}
function codesOf({ findings }: BuildResult): readonly string[] {
  return findings.map(({ severity, code }) => `${severity} ${code}`);
}
function aMapping(name: string, spec: string): string {
  return `---\napiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: { name: ${name}, namespace: default }\nspec: { ${spec} }\n`;
}

function aFilter(host: string): string {
  return aResource('Filter', `JWT: { jwksURI: "https://${host}.test/", requireExpiresAt: true }`);
}
function aFilterPolicy(path: string): string {
  return aResource('FilterPolicy', `rules: [{ path: ${path}, filters: [{ name: it }] }]`);
}
function anAuthService(proto: string): string {
  return aResource('AuthService', `auth_service: auth, proto: ${proto}`);
}
function aRateLimit(rate: string): string {
  return aResource(
    'RateLimit',
    `domain: ambassador, limits: [{ pattern: [{ generic_key: a }], rate: ${rate}, unit: minute }]`,
  );
}
function aResource(kind: string, spec: string, name = 'it'): string {
  return `---\napiVersion: getambassador.io/v3alpha1\nkind: ${kind}\nmetadata: { name: ${name}, namespace: default }\nspec: { ${spec} }\n`;
}
function objectsOf(text: string): BuildInput['objects'] {
  return parseManifests([{ file: 'all.yaml', text }], () => undefined);
}

const PASTED = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: backend-mapping, namespace: default }
spec:
  prefix: /backend/
  service: backend-service:8080
  timeout_ms: 3000
  cors: { origins: "*", methods: [GET, POST] }
  rate_limits:
    - name: basic
      limits: [{ pattern: "*", rate: 100, unit: second }]
`;

describe('buildProgram', () => {
  it('serves a pasted Mapping', () => {
    const result = build(PASTED);
    expect(result.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
    expect(result.counts).toEqual({ resources: 1, routes: 1 });
    expect(result.statuses).toMatchObject([
      { source: { name: 'backend-mapping', file: 'all.yaml' }, state: 'accepted', codes: [] },
    ]);
    expect(routesOf(result)).toMatchObject([
      {
        id: 'Mapping/default/backend-mapping',
        matches: [{ path: { kind: 'prefix', value: '/backend/' } }],
        policies: [{ name: 'cors' }, { name: 'rate-limit' }],
        action: {
          kind: 'forward',
          backends: [
            { upstream: 'echo/http/backend-service.default:8080', rewrite: { kind: 'prefix', length: 9, value: '/' } },
          ],
        },
        timeouts: { requestMs: 3000 },
      },
    ]);
    expect(result.program.upstreams).toMatchObject([{ resolvedBy: 'echo', service: 'backend-service.default:8080' }]);
  });

  it('an unreachable service is a warning with the field, and its route refuses', () => {
    const result = build(PASTED, { unresolved: 'refuse' });
    expect(result.findings).toMatchObject([
      {
        severity: 'warning',
        code: 'upstream-unresolved',
        path: 'spec.service',
        source: { name: 'backend-mapping', line: 7 },
      },
    ]);
    expect(routesOf(result)).toMatchObject([{ action: { kind: 'refuse', status: 503, code: 'upstream-unresolved' } }]);
    expect(result.statuses).toMatchObject([{ state: 'refused', codes: ['upstream-unresolved'] }]);
  });

  it('merges routes and clusters of routes.config.ts', () => {
    const config = {
      clusters: { main: { services: { 'backend-service.default:8080': 'http://10.0.0.5:8080' } } },
      routes: [{ name: 'hello', path: { exact: '/backend/hello' }, respond: { status: 200, body: 'hi' } }],
      parity: { mergeSlashes: true },
    };
    const result = build(PASTED, { unresolved: 'refuse' }, config);
    expect(codesOf(result)).toEqual([]);
    expect(
      routesOf(result)
        .map(({ id }) => id)
        .toSorted((a, b) => (a < b ? -1 : 1)),
    ).toEqual(['Mapping/default/backend-mapping', 'config/hello']);
    expect(result.program.settings.paths.mergeSlashes).toBe(true);
    expect(result.program.upstreams).toMatchObject([{ origin: 'http://10.0.0.5:8080', resolvedBy: 'services' }]);
  });

  it('options of the command line go before the configuration, accepted gaps add up', () => {
    const auth = `---\napiVersion: getambassador.io/v3alpha1\nkind: AuthService\nmetadata: { name: auth }\nspec: { auth_service: auth, proto: grpc, ambassador_id: [edge] }\n`;
    const mapping = aMapping('web', 'prefix: /, service: web, hostname: "*", ambassador_id: [edge]');
    const refusals = (options: Partial<BuildOptions>, config: object): readonly string[] =>
      routesOf(build(mapping + auth, options, config)).map(({ action }) => action.kind);
    const edge = { ambassador: { ambassadorId: 'edge' } };
    expect(refusals({}, { ambassador: { id: 'edge' } })).toEqual(['refuse']);
    expect(refusals(edge, { ambassador: { id: 'other' } })).toEqual(['refuse']);
    expect(refusals({}, { ambassador: { id: 'other' } })).toEqual([]);
    expect(refusals(edge, { ambassador: { allowUnenforced: ['AuthService'] } })).toEqual(['forward']);
    expect(refusals({ ambassador: { ...edge.ambassador, allowUnenforced: new Set(['AuthService']) } }, {})).toEqual([
      'forward',
    ]);
  });

  it('notices every change of what protects routes, beside Mappings that stay', () => {
    const mappings = objectsOf(['a', 'b'].map((name) => aMapping(name, `prefix: /${name}/, service: web`)).join(''));
    const states = [
      aFilter('one') + aFilterPolicy('/a/*'),
      aFilter('two') + aFilterPolicy('/a/*'),
      aFilter('two') + aFilterPolicy('/b/*'),
      aFilterPolicy('/b/*'),
      aFilter('two') + aFilterPolicy('/b/*') + anAuthService('http'),
      aFilter('two') + anAuthService('grpc'),
      '',
    ];
    const cache = new BuildCache();
    const programs = states.map((state) => {
      const objects = [...mappings, ...objectsOf(state)];
      const kept = buildProgram({ objects, config: null }, { ...OPTIONS, cache });
      const fresh = buildProgram({ objects, config: null }, OPTIONS);
      expect(kept.program).toEqual(fresh.program);
      expect(kept.findings).toEqual(fresh.findings);
      return JSON.stringify(fresh.program);
    });
    expect(new Set(programs).size).toBe(states.length);
  });

  it('one broken resource of many is one error, and no other route changes', () => {
    const good = Array.from({ length: 50 }, (_, index) =>
      aMapping(`m${index}`, `prefix: /m${index}/, service: web`),
    ).join('');
    const before = routesOf(build(good));
    const broken = aMapping('broken', 'prefix: "/x(?=y)", prefix_regex: true, service: web');
    const result = build(good + broken);
    expect(codesOf(result).filter((code) => code.startsWith('error'))).toEqual(['error regex-invalid']);
    expect(result.findings.find(({ code }) => code === 'regex-invalid')).toMatchObject({
      path: 'spec.prefix',
      source: { name: 'broken', line: expect.any(Number) },
    });
    expect(routesOf(result).filter(({ source }) => source.name !== 'broken')).toEqual(before);
  });
});

describe('buildProgram: last good versions', () => {
  const good = aMapping('web', 'prefix: /v1/, service: web') + aMapping('api', 'prefix: /api/, service: api');

  it.each([
    ['a wrong type', aMapping('web', 'prefix: /v2/, service: web, timeout_ms: soon')],
    ['a bad regex', aMapping('web', 'prefix: "/v2(", prefix_regex: true, service: web')],
    ['a bad service', aMapping('web', 'prefix: /v2/, service: "http://:99999"')],
    [
      'broken YAML',
      '---\napiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: { name: web, namespace: default }\nspec: { prefix: [\n',
    ],
  ])('after %s the earlier version serves', (_, text) => {
    const { accepted } = build(good);
    const edited = text + aMapping('api', 'prefix: /api/v2/, service: api');
    const result = build(edited, { previous: accepted, now: LATER });
    expect(
      routesOf(result).map(({ source, matches, staleSince }) => [source.name, matches[0]?.path, staleSince]),
    ).toEqual([
      ['api', { kind: 'prefix', value: '/api/v2/' }, undefined],
      ['web', { kind: 'prefix', value: '/v1/' }, LATER],
    ]);
    expect(codesOf(result)).toContain('warning serving-last-accepted');
    expect(codesOf(result).filter((code) => code.startsWith('error'))).toHaveLength(1);
    expect(result.statuses.map(({ source, state }) => [source.name, state])).toEqual([
      ['api', 'accepted'],
      ['web', 'stale'],
    ]);

    const again = build(edited, { previous: result.accepted, now: '2026-04-01T00:00:00.000Z' });
    expect(JSON.stringify(again.program)).toBe(JSON.stringify(result.program));
    expect(JSON.stringify(again.accepted)).toBe(JSON.stringify(result.accepted));
  });

  it('a limit that broke is still counted as it was', () => {
    const web = aMapping(
      'web',
      'prefix: /, service: web, labels: { ambassador: [{ g: [{ generic_key: { value: a } }] }] }',
    );
    const first = build(web + aRateLimit('5'));
    const { model, statuses, findings } = build(web + aRateLimit('-5'), { previous: first.accepted, now: LATER });
    expect(model.routes[0]?.policies).toMatchObject([{ options: { groups: [[{ rate: 5 }]] } }]);
    expect(statuses.find(({ source }) => source.kind === 'RateLimit')?.state).toBe('stale');
    expect(findings).toContainEqual(expect.objectContaining({ code: 'serving-last-accepted' }));
    // Without an earlier version the route that it is about refuses.
    expect(build(web + aRateLimit('-5')).model.routes[0]?.action).toMatchObject({ kind: 'refuse' });
  });

  it('of several limits of a route the one that broke is counted as it was', () => {
    const long = '{ generic_key: a }, { remote_address: "*" }';
    const web = aMapping(
      'web',
      'prefix: /, service: web, rate_limits: [{ name: own, limits: [{ pattern: "*", rate: 9, unit: second }] }], labels: { ambassador: [{ g: [{ generic_key: { value: a } }, { remote_address: { key: remote_address } }] }, { h: [{ generic_key: { value: b } }] }] }',
    );
    const text = (template: string) =>
      web + aTemplatedLimit('long', long, 'a') + aTemplatedLimit('short', '{ generic_key: b }', template);
    const first = build(text('b'));
    const { statuses, findings } = build(text('{{ if }}'), { previous: first.accepted, now: LATER });
    expect(findings.filter(({ code }) => code === 'template-invalid')).toMatchObject([
      { source: { kind: 'RateLimit', name: 'short' }, path: 'spec.limits[0].injectRequestHeaders[0].value' },
    ]);
    expect(statuses.find(({ source }) => source.name === 'short')).toMatchObject({ state: 'stale' });
    expect(statuses.find(({ source }) => source.name === 'web')).toMatchObject({ state: 'accepted' });
  });

  it('no earlier version of a Mapping takes away labels that only a foreign service could count', () => {
    const service = aResource('RateLimitService', 'service: limits, protocol_version: v3');
    const first = build(aMapping('web', 'prefix: /v1/, service: web') + service);
    const labelled = 'prefix: /v2/, service: web, labels: { ambassador: [{ g: [{ generic_key: { value: a } }] }] }';
    const result = build(aMapping('web', labelled) + service, { previous: first.accepted });
    expect(codesOf(result)).toContain('error rate-limit-service-unsupported');
    expect(routesOf(result)).toMatchObject([{ matches: [{ path: { value: '/v2/' } }] }]);
    expect(result.accepted['Mapping/default/web']?.object.spec).toHaveProperty('labels');
  });

  it('survives being stored as JSON', () => {
    const stored = JSON.parse(JSON.stringify(build(good).accepted));
    const result = build(aMapping('web', 'prefix: /v2/, service: web, timeout_ms: soon'), { previous: stored });
    expect(routesOf(result)).toMatchObject([{ matches: [{ path: { value: '/v1/' } }] }]);
  });
});

function aTemplatedLimit(name: string, pattern: string, template: string): string {
  const headers = `injectRequestHeaders: [{ name: x, value: '${template}' }]`;
  const limit = `{ pattern: [${pattern}], rate: 5, unit: day, ${headers} }`;
  return aResource('RateLimit', `domain: ambassador, limits: [${limit}]`, name);
}

const SPECS = [
  'prefix: /a/, service: a',
  'prefix: /a/, service: b, weight: 10',
  'prefix: /a/, service: c, weight: 30, hostname: shop.example.com',
  'prefix: "/a/.*", prefix_regex: true, service: a',
  'prefix: "/(?=x)", prefix_regex: true, service: a',
  'prefix: /b/, service: "http://:x"',
  'prefix: /b/, service: b, unknown_field: 1',
  'prefix: /c/, service: b, labels: {}, ambassador_id: [other]',
  'service: b',
  'prefix: /a/, service: a, labels: { ambassador: [{ g: [{ generic_key: { value: x } }] }] }',
  'prefix: /d/, service: d, labels: { ambassador: [{ g: [{ generic_key: { value: y } }] }], other: [] }',
];
const RATE_LIMIT = aResource(
  'RateLimit',
  'domain: ambassador, limits: [{ pattern: [{ generic_key: x }], rate: 5, unit: minute }, { pattern: [{ generic_key: "*" }], rate: 9, unit: day }]',
);
const HOST = `---\napiVersion: getambassador.io/v3alpha1\nkind: Host\nmetadata: { name: shop, namespace: default }\nspec: { hostname: shop.example.com }\n`;
const DEPLOYMENT = '---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: x }\n';

const specs = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom(...SPECS)), { maxLength: 6 });

describe('buildProgram: same input, same result', () => {
  it('whatever the order of files', () => {
    fc.assert(
      fc.property(specs, fc.boolean(), fc.infiniteStream(fc.nat()), (list, withHost, order) => {
        const files = [...list.map(([name, spec]) => aMapping(`m${name}`, spec)), ...(withHost ? [HOST] : [])].map(
          (text, index) => [`${index}.yaml`, text] as const,
        );
        const keys = [...order.take(files.length)];
        const shuffled = files
          .map((file, index) => ({ file, key: keys[index] ?? 0 }))
          .toSorted((a, b) => a.key - b.key);
        const one = buildProgram(read(Object.fromEntries(files)), OPTIONS);
        const other = buildProgram(read(Object.fromEntries(shuffled.map(({ file }) => file))), OPTIONS);
        expect(JSON.stringify(other)).toBe(JSON.stringify(one));
      }),
      { numRuns: 100 },
    );
  });

  it('with a cache as without, through any history of edits', () => {
    const history = fc.array(
      fc.tuple(specs, fc.constantFrom('', HOST, HOST, HOST + DEPLOYMENT, HOST + RATE_LIMIT, RATE_LIMIT)),
      {
        minLength: 2,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(history, (steps) => {
        const cache = new BuildCache();
        const texts = new Map<string, BuildInput>();
        let cached: BuildResult | null = null;
        let fresh: BuildResult | null = null;
        for (const [list, others] of steps) {
          // Documents of equal text are the same objects, as when only one of many files was read again.
          const documents = [others, ...list.map(([name, spec]) => aMapping(`m${name}`, spec))];
          const inputs = documents.map((text, index) => {
            const key = `${index}.yaml ${text}`;
            const input = texts.get(key) ?? read({ [`${index}.yaml`]: text });
            texts.set(key, input);
            return input;
          });
          const input: BuildInput = {
            objects: inputs.flatMap(({ objects }) => objects),
            config: null,
            initialFindings: inputs.flatMap(({ initialFindings = [] }) => initialFindings),
          };
          cached = buildProgram(input, {
            ...OPTIONS,
            cache,
            ...(cached === null ? {} : { previous: cached.accepted }),
          });
          fresh = buildProgram(input, { ...OPTIONS, ...(fresh === null ? {} : { previous: fresh.accepted }) });
          expect(cached).toEqual(fresh);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('with a cache, when a known Mapping gets a namesake and loses it again', () => {
    const one = read({ 'b.yaml': aMapping('web', 'prefix: /one/, service: web') });
    const namesake = read({
      'a.yaml': aMapping('web', 'prefix: /two/, service: web').replace(', namespace: default', ''),
    });
    const both = { objects: [...one.objects, ...namesake.objects], config: null };
    const cache = new BuildCache();
    for (const input of [one, both, one]) {
      expect(buildProgram(input, { ...OPTIONS, cache })).toEqual(buildProgram(input, OPTIONS));
    }
    const result = buildProgram(both, OPTIONS);
    expect(codesOf(result)).toContain('error resource-duplicate');
    // By file and line, not by order of arrival.
    expect(routesOf(result).map(({ matches }) => matches[0]?.path)).toEqual([{ kind: 'prefix', value: '/two/' }]);
  });
});
