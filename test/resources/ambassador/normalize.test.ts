import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeResources } from '../../../src/resources/ambassador/normalize.ts';
import { translateAmbassador } from '../../../src/resources/ambassador/translate.ts';
import type { KubernetesObject } from '../../../src/resources/ambassador/types.ts';
import { unenforcedKinds } from '../../../src/resources/resource-kinds.ts';
import { manifest, mappingWith, normalize } from './normalized.ts';
import { OPTIONS } from './resources.ts';

const filter = (id: string): string =>
  `apiVersion: gateway.getambassador.io/v1alpha1\nkind: Filter\nmetadata: { name: ${id} }\nspec: { ambassadorSelector: { ambassadorIds: [${id}] } }\n`;

const deployment = (name: string): string => `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: ${name} }\n`;

const objectOf = (kind: string, version: string, content: Record<string, unknown>, at: number): KubernetesObject => ({
  apiVersion: `getambassador.io/${version}`,
  kind,
  metadata: {
    name: kind === 'Module' ? 'ambassador' : `o${at}`,
    namespace: null,
    labels: {},
    annotations: {},
    generation: null,
    creationTimestamp: null,
  },
  spec: content,
  source: { kind, namespace: 'default', name: `o${at}`, file: 'f', line: at },
  locate: () => null,
});

describe('the Mapping of the front page', () => {
  it('reads without an error or a warning', () => {
    const { mappings, problems } = normalize(readFileSync('examples/backend.yaml', 'utf8'));
    expect(problems).toEqual([]);
    expect(mappings).toMatchObject([
      {
        kind: 'Mapping',
        namespace: 'default',
        name: 'backend-mapping',
        invalid: [],
        staleSince: null,
        spec: {
          prefix: '/backend/',
          service: 'backend-service:8080',
          timeout_ms: 3000,
          cors: { origins: ['*'], methods: ['GET', 'POST'] },
          rate_limits: [{ name: 'basic', limits: [{ pattern: '*', rate: 100, unit: 'second' }] }],
          other: {},
        },
      },
    ]);
  });
});

describe('which objects count', () => {
  it('filters by ambassador_id in all its spellings, and counts the others by kind', () => {
    const ids: readonly (readonly [string, string, boolean])[] = [
      ['v3alpha1', '[other, mine]', true],
      ['v3alpha1', '[_automatic_]', true],
      ['v2', 'mine', true],
      ['v2', '["--apiVersion-v3alpha1-only--mine"]', true],
      ['v1', 'other', false],
      ['v3alpha1', '[]', false],
      ['v3alpha1', 'null', false],
    ];
    const text = ids
      .map(([version, id], at) =>
        manifest('Mapping', `{ prefix: /, service: s, ambassador_id: ${id} }`, version, `m${at}`),
      )
      .join('---\n');
    const { mappings, findings } = normalize(text, { ambassadorId: 'mine' });
    expect(mappings.map(({ name }) => name)).toEqual(ids.flatMap(([, , ours], at) => (ours ? [`m${at}`] : [])));
    expect(findings).toMatchObject([
      { severity: 'info', code: 'ambassador-id-other', message: expect.stringContaining('3 Mapping objects') },
    ]);
    expect(normalize(manifest('Mapping', '{ prefix: /, service: s }')).mappings).toHaveLength(1);
  });

  it('keeps a resource whose ambassador_id cannot be read, as an invalid one', () => {
    const { mappings, problems } = normalize(mappingWith('ambassador_id: [1]'));
    expect(problems).toEqual(['error field-invalid spec.ambassador_id']);
    expect(mappings[0]?.invalid).toMatchObject([{ path: 'spec.ambassador_id' }]);
  });

  it('reads ids of the Edge Stack kinds', () => {
    expect(normalize(`${filter('default')}---\n${filter('other')}`).filters.map(({ name }) => name)).toEqual([
      'default',
    ]);
  });

  it('says once per kind what is not for the gateway', () => {
    const { findings } = normalize(
      [deployment('a'), deployment('b'), 'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\n'].join('---\n'),
    );
    expect(findings).toMatchObject([
      { severity: 'info', code: 'kind-ignored', message: expect.stringMatching(/^1 Secret object is/), source: null },
      { severity: 'info', code: 'kind-ignored', message: expect.stringMatching(/^2 Deployment objects are/) },
    ]);
  });

  it('names the nearest kind, and versions it cannot read', () => {
    const { findings, mappings } = normalize(`${manifest('Maping', '{}')}---\n${manifest('Mapping', '{}', 'v9')}`);
    expect(mappings).toEqual([]);
    expect(findings).toMatchObject([
      { severity: 'warning', code: 'kind-unknown', hint: 'Did you mean `Mapping`?', source: { line: 1 } },
      { severity: 'error', code: 'api-version-unknown', path: 'apiVersion' },
    ]);
  });

  it.each([
    ['getambasador.io/v2', 'Mapping', 'getambassador.io/v2'],
    ['ambassador/v3alpha1', 'Host', 'getambassador.io/v3alpha1'],
  ])('takes the group of %s %s for a misspelt one', (apiVersion, kind, meant) => {
    expect(normalize(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\n`).findings).toMatchObject([
      { severity: 'warning', code: 'kind-unknown', path: 'apiVersion', hint: `Did you mean \`${meant}\`?` },
    ]);
  });

  it.each([
    ['getambasador.io/v2', 'Deployment'],
    ['gateway.envoyproxy.io/v1', 'Filter'],
    ['networking.istio.io/v1', 'EnvoyFilter'],
  ])('leaves %s %s to others', (apiVersion, kind) => {
    expect(normalize(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\n`).findings).toMatchObject([
      { severity: 'info', code: 'kind-ignored' },
    ]);
  });

  it('says that Gateway API and Ingress are not built', () => {
    const { findings } = normalize(
      [
        'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: r }\n',
        'apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: { name: edge }\nspec: { controller: getambassador.io/ingress-controller }\n',
        'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: i }\nspec: { ingressClassName: edge }\n',
        'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: j, annotations: { kubernetes.io/ingress.class: Ambassador } }\n',
        'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: k }\nspec: { ingressClassName: nginx }\n',
      ].join('---\n'),
    );
    expect(
      findings.map(({ severity, code, message }) => [severity, code, message.split(' ').slice(0, 2).join(' ')]),
    ).toEqual([
      ['info', 'kind-ignored', '1 Ingress'],
      ['info', 'kind-ignored', '1 IngressClass'],
      ['info', 'kind-not-built', '1 HTTPRoute'],
      ['info', 'kind-not-built', '2 Ingress'],
    ]);
  });

  it('uses the first of two objects of one name', () => {
    const { mappings, findings } = normalize(
      `${manifest('Mapping', '{ prefix: /a/, service: a }')}---\n${manifest('Mapping', '{ prefix: /b/, service: b }', 'v2')}`,
    );
    expect(mappings.map(({ spec }) => spec.prefix)).toEqual(['/a/']);
    expect(findings).toMatchObject([
      {
        severity: 'error',
        code: 'resource-duplicate',
        message: expect.stringContaining('a.yaml:1'),
        source: { line: 6 },
      },
    ]);
  });

  it('tells Filters of the two groups apart, and reads preview names', () => {
    const { filters, mappings } = normalize(
      [
        'apiVersion: getambassador.io/v3alpha1\nkind: Filter\nmetadata: { name: f }\n',
        'apiVersion: gateway.getambassador.io/v1alpha1\nkind: Filter\nmetadata: { name: f }\n',
        'apiVersion: x.getambassador.io/v3alpha1\nkind: AmbassadorMapping\nmetadata: { name: m }\nspec: { prefix: /, service: s }\n',
      ].join('---\n'),
    );
    expect(filters.map(({ spec }) => spec.group)).toEqual(['edge', 'gateway']);
    expect(mappings).toMatchObject([{ kind: 'Mapping', source: { kind: 'AmbassadorMapping' } }]);
  });
});

describe('kinds that are not built', () => {
  /** The translation speaks of these, knowing which routes they concern. */
  const saidLater = ['WebApplicationFirewallPolicy', 'EnvoyFilterPolicy'];

  it.each(unenforcedKinds)('keeps %s for linking, and says what becomes of it unless the routes will', (kind) => {
    const { unenforced, findings } = normalize(manifest(kind, '{}'));
    expect(unenforced).toMatchObject([{ kind, name: 'x', namespace: 'shop' }]);
    expect(findings).toHaveLength(saidLater.includes(kind) ? 0 : 1);
  });

  it.each([
    ['true', true],
    ['"yes"', true],
    ['false', false],
    ['null', false],
  ])('reads failure_mode_deny %s on the safe side', (written, deny) => {
    const result = normalize(manifest('RateLimitService', `{ service: s, failure_mode_deny: ${written} }`));
    expect(result.rateLimitServices[0]?.spec.denies).toBe(deny);
  });
});

describe('anything at all', () => {
  const roles = [
    'Mapping',
    'Host',
    'Listener',
    'Module',
    'TLSContext',
    'RateLimitService',
    'RateLimit',
    'FilterPolicy',
  ];
  const fieldNames = fc.constantFrom(
    'prefix',
    'service',
    'cors',
    'labels',
    'rate_limits',
    'headers',
    'tls',
    'config',
    'hostname',
    'host',
    'hostBinding',
    'protocolStack',
    'mappingSelector',
    'requestPolicy',
    'load_balancer',
    'retry_policy',
    'ambassador_id',
    '__proto__',
    'error_response_overrides',
    'add_request_headers',
    'origins',
    'defaults',
    'ip_allow',
    'selector',
    'host_regex',
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, false, 0, -1, 1.5, NaN, '', '/', '*', 'a,b', 'true', 'x\n'),
      fc.string(),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.array(fc.tuple(fc.oneof(fieldNames, fc.string()), tie('any')), { maxLength: 4 }).map(Object.fromEntries),
    ),
  })).any;
  const spec = fc.array(fc.tuple(fieldNames, value), { maxLength: 8 }).map((entries) => Object.fromEntries(entries));

  it('never throws, here or in the translation', () => {
    const object = fc.tuple(fc.constantFrom(...roles), fc.constantFrom('v1', 'v2', 'v3alpha1'), spec);
    fc.assert(
      fc.property(fc.array(object, { maxLength: 5 }), (list) => {
        const objects = list.map(([kind, version, content], at) => objectOf(kind, version, content, at));
        const resources = normalizeResources(objects, OPTIONS, () => {});
        translateAmbassador(resources, OPTIONS, () => {});
      }),
      { numRuns: 1000 },
    );
  });

  it('touches no other resource', () => {
    const sound = { prefix: '/sound/', service: 'sound' };
    const alone = normalizeResources([objectOf('Mapping', 'v3alpha1', sound, 99)], OPTIONS, () => {}).mappings[0];
    fc.assert(
      fc.property(fc.constantFrom('v1', 'v2', 'v3alpha1'), spec, (version, content) => {
        const objects = [objectOf('Mapping', version, content, 1), objectOf('Mapping', 'v3alpha1', sound, 99)];
        const { mappings } = normalizeResources(objects, OPTIONS, () => {});
        expect({ ...mappings.at(-1), locate: null }).toEqual({ ...alone, locate: null });
      }),
    );
  });
});
