/** Clusters where Ambassador's own definition of Mapping was first: it stays, is read, and gets a status of its form. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHART, grantChartAccount, syncOnce } from './chart-account.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
let account: string;

beforeAll(async () => {
  cluster = await Cluster.start(buildTools());
  account = grantChartAccount(cluster);
});
afterAll(() => cluster.stop());

const NAME = 'mappings.getambassador.io';

/** In the form of theirs: specs that keep everything, a status of two texts. Without the webhook that converts. */
function foreignDefinition(served: readonly string[], storage: string): string {
  const status = {
    type: 'object',
    nullable: true,
    properties: { state: { type: 'string', enum: ['', 'Inactive', 'Running'] }, reason: { type: 'string' } },
  };
  const spec = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const versions = served.map((name) => ({
    name,
    served: true,
    storage: name === storage,
    subresources: { status: {} },
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: { type: 'object' },
          spec,
          status,
        },
      },
    },
  }));
  return JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: NAME, labels: { product: 'aes' } },
    spec: {
      group: 'getambassador.io',
      scope: 'Namespaced',
      names: { plural: 'mappings', singular: 'mapping', kind: 'Mapping', categories: ['ambassador-crds'] },
      versions,
    },
  });
}

function mapping(version: string, name: string, spec: object): string {
  const metadata = { name, namespace: 'default' };
  return JSON.stringify({ apiVersion: `getambassador.io/${version}`, kind: 'Mapping', metadata, spec });
}

function define(served: readonly string[], storage: string): void {
  cluster.kubectl(['delete', '--ignore-not-found', 'crd', NAME]);
  cluster.kubectl(['apply', '-f', '-'], foreignDefinition(served, storage));
  cluster.kubectl(['wait', '--for', 'condition=established', '--timeout=90s', 'crd', NAME]);
}

function statusOf(name: string): unknown {
  return (JSON.parse(cluster.kubectl(['get', 'mapping', name, '-o', 'json'])) as { status?: unknown }).status;
}

const SERVICE = 'http://192.0.2.1:8080';

describe.each([
  { served: ['v2', 'v3alpha1'], storage: 'v2' },
  { served: ['v2', 'v3alpha1'], storage: 'v3alpha1' },
  { served: ['v2'], storage: 'v2' },
])('a foreign definition that serves $served and stores $storage', ({ served, storage }) => {
  beforeAll(() => define(served, storage));

  it('has its objects read in each version, and their status written as state and reason', () => {
    const objects = served.map((version) =>
      mapping(version, `of-${version}`, {
        prefix: `/${version}/`,
        service: SERVICE,
        [version === 'v2' ? 'host' : 'hostname']: 'a.example',
      }),
    );
    const broken = mapping(served.at(-1) ?? '', 'broken', {
      hostname: '*',
      prefix: '/broken/',
      service: SERVICE,
      timeout_ms: 'soon',
    });
    cluster.kubectl(['apply', '-f', '-'], [...objects, broken].join('\n'));
    const { code, outcome, stderr } = syncOnce(cluster, account);
    expect({ code, stderr, outcome }).toMatchObject({ outcome: { published: true, resources: served.length + 1 } });
    for (const version of served) expect(statusOf(`of-${version}`)).toEqual({ state: 'Running', reason: '' });
    expect(statusOf('broken')).toEqual({ state: 'Inactive', reason: expect.stringContaining('spec.timeout_ms') });
    // Again: nothing is written when nothing changed.
    const before = cluster.kubectl(['get', 'mappings', '-o', 'json']);
    syncOnce(cluster, account);
    expect(cluster.kubectl(['get', 'mappings', '-o', 'json'])).toBe(before);
  });

  it('is left alone by an installation of the chart that brings definitions', () => {
    const read = (): object => {
      const { metadata, spec } = JSON.parse(cluster.kubectl(['get', 'crd', NAME, '-o', 'json'])) as {
        metadata: { generation: number; uid: string; annotations: object };
        spec: object;
      };
      const { generation, uid, annotations } = metadata;
      return { generation, uid, annotations, spec };
    };
    const before = read();
    const values =
      '--set=crds.install=true,replicas=0,cloudflare.accountId=a,cloudflare.kvNamespaceId=b,cloudflare.tokenSecret.name=c';
    const inNamespace = ['--namespace', 'gateway'];
    expect(cluster.helm(['install', 'own', CHART, ...inNamespace, values])).toMatchObject({ code: 0 });
    expect(read()).toEqual(before);
    expect(cluster.helm(['upgrade', 'own', CHART, ...inNamespace, values])).toMatchObject({ code: 0 });
    expect(read()).toEqual(before);
    expect(cluster.helm(['get', 'manifest', 'own', ...inNamespace]).stdout).not.toContain(`name: ${NAME}`);
    expect(cluster.helm(['uninstall', 'own', ...inNamespace])).toMatchObject({ code: 0 });
    expect(read()).toEqual(before);
    expect(cluster.kubectl(['get', 'mappings', '-o', 'name']).trim().split('\n')).toHaveLength(served.length + 1);
  });

  it('is told from ours by the command of docs/crds.md', () => {
    const path = String.raw`jsonpath={.metadata.annotations.portolan\.dev/crd-version}{"\n"}`;
    expect(cluster.kubectl(['get', 'crd', NAME, '-o', path])).toBe('\n');
  });
});
