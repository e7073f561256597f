/** The shipped definitions on a real API server, with a real kubectl. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedObjects } from '../crds/accepted-objects.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster, type Ran } from './cluster.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(buildTools());
  cluster.kubectl(['apply', '-f', 'deploy/crds/']);
  cluster.kubectl(['wait', '--for', 'condition=established', '--timeout=90s', 'crd', '-lproduct=aes']);
  cluster.kubectl(['create', 'namespace', 'shop']);
});
afterAll(() => cluster.stop());

function apply(kind: string, spec: object, ...options: string[]): Ran {
  const object = {
    apiVersion: 'getambassador.io/v3alpha1',
    kind,
    metadata: { name: 'tried', namespace: 'default' },
    spec,
  };
  return cluster.tryKubectl(['apply', '-f', '-', ...options], JSON.stringify(object));
}
const mapping = { prefix: '/a/', service: 'a' };

it('are served, and complain of nothing in their own schema', () => {
  const { items } = JSON.parse(cluster.kubectl(['get', 'crd', '-lproduct=aes', '-o', 'json'])) as {
    items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
  };
  expect(items.map(({ metadata }) => metadata.name)).toEqual(
    ['hosts', 'listeners', 'mappings', 'modules'].map((plural) => `${plural}.getambassador.io`),
  );
  for (const { status } of items) {
    expect(status.conditions.filter(({ type }) => type === 'NonStructuralSchema')).toEqual([]);
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
  }
});

it('take the examples as they are written, and keep what they say', () => {
  cluster.kubectl(['apply', '-f', 'examples/backend.yaml', '-f', 'examples/shop/']);
  const read = JSON.parse(cluster.kubectl(['get', 'mapping', 'backend-mapping', '-o', 'json'])) as { spec: unknown };
  expect(read.spec).toEqual({
    prefix: '/backend/',
    service: 'backend-service:8080',
    timeout_ms: 3000,
    cors: { origins: '*', methods: ['GET', 'POST'] },
    rate_limits: [{ name: 'basic', limits: [{ pattern: '*', rate: 100, unit: 'second' }] }],
  });
  expect(cluster.kubectl(['get', 'map', '-A']).split('\n').length).toBeGreaterThan(25);
});

it('take every resource that the check takes', () => {
  const items = acceptedObjects().map(({ apiVersion, kind, metadata, spec }) => ({
    apiVersion,
    kind,
    // The namespaces are not there.
    metadata: { name: metadata.name, namespace: 'default' },
    spec,
  }));
  expect(items.length).toBeGreaterThan(150);
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  expect(cluster.tryKubectl(['apply', '--dry-run=server', '-f', '-'], list)).toMatchObject({ code: 0, stderr: '' });
});

it.each([
  ['mapping.spec.cors', /origins\s+<\[\]string>\s+Sites that may read answers/],
  ['mapping.spec.cors.max_age', /Seconds that a browser may keep the answer/],
  ['mapping.spec.rate_limits.limits', /rate\s+<integer> -required-\s+Requests per unit and client address/],
  ['mapping.spec.add_request_headers', /append\s+<boolean>\s+Whether a value/],
  ['host.spec.requestPolicy.insecure', /enum: Redirect, Reject, Route/],
  ['module.spec.config', /cluster_request_timeout_ms\s+<Object>\s+Milliseconds/],
])('explain %s', (at, text) => expect(cluster.kubectl(['explain', at])).toMatch(text));

describe('what is wrong', () => {
  it.each<[string, object, string]>([
    ['Mapping', { prefix: '/a/' }, 'spec.service: Required value'],
    ['Mapping', { ...mapping, timeout_ms: '3s' }, 'spec.timeout_ms: Invalid value'],
    ['Mapping', { ...mapping, host: '*.example.com' }, 'host takes no *'],
    ['Mapping', { ...mapping, load_balancer: { policy: 'maglev' } }, 'need exactly one of cookie, header'],
    ['Mapping', { ...mapping, load_balancer: { policy: 'round_robin', header: 'a' } }, 'the other policies take none'],
    ['Mapping', { ...mapping, error_response_overrides: [{ on_status_code: 404, body: {} }] }, 'exactly one of text_f'],
    ['Mapping', { ...mapping, rate_limits: [{ name: 'a', limits: [{ rate: 1, unit: 'week' }] }] }, 'unit'],
    ['Listener', { port: 80, securityModel: 'XFP', hostBinding: { namespace: {} } }, 'needs protocol or protocolStack'],
    ['Listener', { port: 80, protocol: 'HTTP', securityModel: 'XFP', hostBinding: {} }, 'needs namespace or selector'],
    [
      'Listener',
      { port: 80, protocolStack: ['TLS', 'UDP'], securityModel: 'XFP', hostBinding: { namespace: {} } },
      'must end in TCP',
    ],
  ])('in a %s is told: %j', (kind, spec, message) => {
    const { code, stderr } = apply(kind, spec, '--dry-run=server');
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it.each<[string, object]>([
    ['Mapping', { ...mapping, host: '.*', host_regex: true }],
    ['Mapping', { ...mapping, host: '*', hostname: 'a.example.com' }],
    ['Mapping', { ...mapping, load_balancer: { policy: 'ring_hash', cookie: { name: 'a' } } }],
    ['Mapping', { ...mapping, rate_limits: [{ name: 'a', limits: [{ rate: 1, unit: 'Hour' }] }] }],
    [
      'Listener',
      { port: 80, protocolStack: ['TLS', 'HTTP', 'UDP'], securityModel: 'XFP', hostBinding: { namespace: {} } },
    ],
    [
      'Listener',
      { port: 80, protocol: 'HTTP', protocolStack: [], securityModel: 'XFP', hostBinding: { namespace: {} } },
    ],
    ['Module', { config: { lua_scripts: [], unknown: 5 } }],
  ])('is not: a %s with %j', (kind, spec) => expect(apply(kind, spec, '--dry-run=server').stderr).toBe(''));
});

it('keep a misspelt field, so that sync can name it', () => {
  expect(apply('Mapping', { ...mapping, bypas_auth: true, cors: { origin: 'a' } }).stderr).toBe('');
  const read = JSON.parse(cluster.kubectl(['get', 'mapping', 'tried', '-o', 'json'])) as { spec: unknown };
  expect(read.spec).toEqual({ ...mapping, bypas_auth: true, cors: { origin: 'a' } });
});

function condition(type: string, status: string): object {
  const times = { observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' };
  return { type, status, reason: type, message: '', ...times };
}

it('show conditions, one of each type, and keep what Ambassador writes beside them', () => {
  apply('Mapping', mapping);
  const patch = (conditions: readonly object[], manager: string, status: object = {}): string =>
    cluster.kubectl(
      ['apply', '--server-side', '--subresource=status', `--field-manager=${manager}`, '-f', '-'],
      JSON.stringify({
        apiVersion: 'getambassador.io/v3alpha1',
        kind: 'Mapping',
        metadata: { name: 'tried', namespace: 'default' },
        status: { ...status, conditions },
      }),
    );
  patch([condition('Accepted', 'True'), condition('Programmed', 'False')], 'one', { state: 'Running', reason: '' });
  patch([condition('Else', 'True')], 'another');
  const { status } = JSON.parse(cluster.kubectl(['get', 'mapping', 'tried', '-o', 'json'])) as {
    status: { state: string; conditions: { type: string }[] };
  };
  expect(status.state).toBe('Running');
  expect(status.conditions.map(({ type }) => type).toSorted()).toEqual(['Accepted', 'Else', 'Programmed']);
  const row = cluster.kubectl(['get', 'mappings', 'tried']).split('\n')[1] ?? '';
  expect(row).toMatch(/^tried\s+\/a\/\s+a\s+True\s+False\s+\d+s/);
});
