/** Secrets of APIKey Filters on a real API server, with the permissions that the chart grants and nothing more. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grantChartAccount, syncOnce, type SyncOnce } from './chart-account.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
let account: string;
beforeAll(async () => {
  cluster = await Cluster.start(buildTools());
  cluster.kubectl(['create', 'namespace', 'shop']);
  cluster.kubectl(['apply', '-f', 'deploy/crds/mappings.yaml']);
  cluster.kubectl(
    ['apply', '-f', '-'],
    [definition('filters', 'Filter'), definition('filterpolicies', 'FilterPolicy')].join('\n'),
  );
  cluster.kubectl(['wait', '--for=condition=established', '--timeout=90s', 'crd', '--all']);
  account = grantChartAccount(
    cluster,
    '--set=cloudflare.keysNamespaceId=k,keyPepperSecret.name=p',
    '--set-json=filterSecrets=[{"namespace":"shop","names":["granted","absent"]}]',
  );
});
afterAll(() => cluster.stop());

/** Ambassador's own definitions, as far as they matter. */
function definition(plural: string, kind: string): string {
  const schema = {
    openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  };
  return JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.getambassador.io` },
    spec: {
      group: 'getambassador.io',
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind },
      versions: [{ name: 'v3alpha1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  });
}

function apply(kind: string, name: string, spec: object): void {
  const metadata = { name, namespace: 'shop' };
  const object = { apiVersion: 'getambassador.io/v3alpha1', kind, metadata, spec };
  cluster.kubectl(['apply', '-f', '-'], JSON.stringify(object));
}

function protect(secretName: string): void {
  apply('Mapping', 'a', { hostname: '*', prefix: '/a/', service: 'http://192.0.2.1:8080' });
  apply('Filter', 'keys', { APIKey: { keys: [{ secretName }] } });
  apply('FilterPolicy', 'keys', { rules: [{ host: '*', path: '*', filters: [{ name: 'keys' }] }] });
}

function secret(name: string, key: string): void {
  const literal = `--from-literal=alice=${key}`;
  const made = cluster.kubectl([
    'create',
    'secret',
    'generic',
    name,
    '-n=shop',
    '--dry-run=client',
    '-o=json',
    literal,
  ]);
  cluster.kubectl(['apply', '-f', '-'], made);
}

function codes({ outcome }: SyncOnce): readonly string[] {
  const { findings } = outcome as { readonly findings: readonly { readonly code: string }[] };
  return findings.map(({ code }) => code).filter((code) => code.startsWith('secret-'));
}

/** Of the records in KEYS: how many places each has. */
function records(): readonly number[] {
  const folder = path.join(cluster.folder, 'state', 'keys');
  const names = fs.readdirSync(folder).filter((name) => name.startsWith('aeskey-'));
  const counts = names.map((name) => {
    const record = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as {
      readonly places: readonly unknown[];
    };
    return record.places.length;
  });
  return counts.toSorted((a, b) => a - b);
}

function can(verb: string, resource: string, namespace = 'shop'): string {
  const as = '--as=system:serviceaccount:gateway:routes-portolan';
  return cluster.tryKubectl(['auth', 'can-i', verb, resource, '-n', namespace, as]).stdout.trim();
}

describe('the chart’s permissions', () => {
  it('are enough for a Secret that filterSecrets names, at every change of it', () => {
    protect('granted');
    secret('granted', 'key-one-of-alice');
    const first = syncOnce(cluster, account);
    expect({ first, codes: codes(first) }).toMatchObject({ codes: [], first: { outcome: { published: true } } });
    expect(records()).toEqual([1]);
    secret('granted', 'key-two-of-alice');
    expect(syncOnce(cluster, account).outcome).toMatchObject({ published: false, reason: 'unchanged' });
    expect(records()).toEqual([0, 1]);
    const { stdout, stderr } = syncOnce(cluster, account);
    expect(stdout + stderr).not.toMatch(/key-(one|two)-of-alice/);
  });

  it('show a Secret that is not there as missing', () => {
    protect('absent');
    expect(codes(syncOnce(cluster, account))).toEqual(['secret-missing']);
  });

  it('do not show one that is not named: the finding says which permission is missing', () => {
    secret('other', 'key-of-nobody');
    protect('other');
    const pass = syncOnce(cluster, account);
    expect(codes(pass)).toEqual(['secret-forbidden']);
    expect(pass.stdout).toContain('resourceNames');
    expect(records().filter((places) => places > 0)).toEqual([]);
  });

  it('allow nothing else about Secrets', () => {
    expect(can('get', 'secrets/granted')).toBe('yes');
    for (const verb of ['list', 'watch', 'create', 'delete'])
      expect([verb, can(verb, 'secrets')]).toEqual([verb, 'no']);
    for (const verb of ['update', 'patch', 'delete'])
      expect([verb, can(verb, 'secrets/granted')]).toEqual([verb, 'no']);
    expect([can('get', 'secrets/other'), can('get', 'secrets/granted', 'gateway')]).toEqual(['no', 'no']);
  });
});
