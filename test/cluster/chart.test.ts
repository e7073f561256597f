/** The Helm chart, rendered by helm and tried on a real API server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { buildTools } from './cluster-tools.ts';
import { Cluster, type Ran } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start(buildTools());
  cluster.kubectl(['create', 'namespace', 'gateway']);
});
afterAll(() => cluster.stop());

const CHART = 'deploy/helm/portolan';
const CLOUDFLARE = ['cloudflare.accountId=a', 'cloudflare.kvNamespaceId=b', 'cloudflare.tokenSecret.name=c'];

type Manifest = { readonly kind: string; readonly metadata: { readonly name: string }; readonly spec?: unknown };

function run(verb: readonly string[], values: readonly string[]): Ran {
  return cluster.helm([...verb, '--namespace', 'gateway', ...values.flatMap((value) => ['--set-json', asJson(value)])]);
}

function asJson(value: string): string {
  const [name = '', text = ''] = value.split(/=(.*)/s);
  return `${name}=${/^([[{"]|\d|true|false)/.test(text) ? text : JSON.stringify(text)}`;
}

function template(values: readonly string[]): string {
  const { code, stdout, stderr } = run(['template', 'routes', CHART], values);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

function manifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document): Manifest[] => {
    const value: Manifest | null = document.toJS();
    return value === null ? [] : [value];
  });
}

/** As the account of a release called `routes`. */
function can(verb: string, resource: string, ...rest: string[]): string {
  const account = '--as=system:serviceaccount:gateway:routes-portolan';
  return cluster.tryKubectl(['auth', 'can-i', verb, resource, account, ...rest]).stdout.trim();
}

const WITH_DEFINITIONS = [...CLOUDFLARE, 'crds.install=true'];

/** Names of the definitions that an installation would bring. */
function definitionsOf(values: readonly string[]): readonly string[] {
  const { code, stdout, stderr } = run(['install', 'other', CHART, '--dry-run=server', '-o', 'json'], values);
  if (code !== 0) throw new Error(stderr);
  const { manifest } = JSON.parse(stdout) as { manifest: string };
  return manifests(manifest)
    .flatMap(({ kind, metadata }) => (kind === 'CustomResourceDefinition' ? [metadata.name] : []))
    .toSorted();
}

const variants: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['a Deployment', CLOUDFLARE, ['Deployment', 'PodDisruptionBudget', 'NetworkPolicy']],
  ['a CronJob', [...CLOUDFLARE, 'mode=cronjob'], ['CronJob', 'NetworkPolicy']],
  [
    'Secrets of Filters',
    [
      ...CLOUDFLARE,
      'cloudflare.keysNamespaceId=k',
      'keyPepperSecret.name=pepper',
      'filterSecrets=[{"namespace":"default","names":["a","b.c"]},{"namespace":"gateway","names":["d"]}]',
    ],
    ['Deployment', 'Role', 'RoleBinding'],
  ],
  ['the slice of a cluster', [...CLOUDFLARE, 'slice=east'], ['Deployment', 'ClusterRole']],
  ['a publisher of slices', [...CLOUDFLARE, 'publisher=true', 'config=export default {};'], ['Deployment', 'Role']],
  [
    'a state folder, a configuration and everything else',
    [
      'target=dir:/state',
      'stateVolume={"persistentVolumeClaim":{"claimName":"state"}}',
      'config=export default { routes: [] };\n// "{{ text }}"\n',
      'allowMassDelete=true',
      'replicas=1',
      'signingKeySecret.name=key',
      'podLabels={"team":"edge"}',
      'podAnnotations={"note":"1"}',
      'imagePullSecrets=[{"name":"pull"}]',
      `image.digest=sha256:${'0'.repeat(64)}`,
      'networkPolicy.metricsFrom=[{"namespaceSelector":{}}]',
      'nodeSelector={"kubernetes.io/os":"linux"}',
      'tolerations=[{"operator":"Exists"}]',
      'extraArgs=["--strict"]',
      'extraEnv=[{"name":"HTTPS_PROXY","value":"http://proxy:3128"}]',
    ],
    ['Deployment', 'ConfigMap', 'NetworkPolicy'],
  ],
];

describe.each(variants)('%s', (_, values, kinds) => {
  it('passes helm lint', () => expect(run(['lint', CHART, '--strict'], values).stdout).toContain('0 chart(s) failed'));

  it('is taken by the API server', () => {
    const text = template(values);
    expect(manifests(text).map(({ kind }) => kind)).toEqual(expect.arrayContaining([...kinds]));
    expect(cluster.tryKubectl(['apply', '--dry-run=server', '-f', '-'], text)).toMatchObject({ code: 0, stderr: '' });
  });

  it('meets the restricted profile of pod security', () => {
    cluster.kubectl(['label', 'namespace', 'gateway', '--overwrite', 'pod-security.kubernetes.io/warn=restricted']);
    const warningsOf = (text: string): string =>
      cluster.tryKubectl(['apply', '--dry-run=server', '-f', '-'], text).stderr;
    const text = template(values);
    expect(warningsOf(text)).not.toContain('PodSecurity');
    expect(warningsOf(text.replace('runAsNonRoot: true', 'runAsNonRoot: false'))).toContain('PodSecurity');
  });
});

it('says what is missing', () => {
  expect(run(['template', 'routes', CHART], []).stderr).toContain('cloudflare.accountId is needed');
  expect(run(['template', 'routes', CHART], ['target=dir:/state']).stderr).toContain('stateVolume is needed');
  expect(run(['template', 'routes', CHART], [...CLOUDFLARE, 'replica=2']).stderr).toMatch(/replica.*not allowed/);
  expect(run(['template', 'routes', CHART], [...CLOUDFLARE, 'target=local']).stderr).toMatch(/target/);
  expect(run(['template', 'routes', CHART], [...CLOUDFLARE, 'slice=a/b']).stderr).toMatch(/slice/);
  const both = run(['template', 'routes', CHART], [...CLOUDFLARE, 'slice=a', 'publisher=true']);
  expect(both.stderr).toContain('set slice or publisher');
  const secrets = 'filterSecrets=[{"namespace":"shop","names":["a"]}]';
  const inKeys = [...CLOUDFLARE, secrets, 'cloudflare.keysNamespaceId=k'];
  expect(run(['template', 'routes', CHART], [...CLOUDFLARE, secrets]).stderr).toContain('keysNamespaceId is needed');
  expect(run(['template', 'routes', CHART], inKeys).stderr).toContain('keyPepperSecret.name is needed');
  const twice = 'filterSecrets=[{"namespace":"shop","names":["a"]},{"namespace":"shop","names":["b"]}]';
  const withPepper = [...inKeys, 'keyPepperSecret.name=pepper'];
  expect(run(['template', 'routes', CHART], [...withPepper, twice]).stderr).toContain('namespace shop twice');
  expect(
    run(['template', 'routes', CHART], [...CLOUDFLARE, 'filterSecrets=[{"namespace":"shop","names":[]}]']).stderr,
  ).toMatch(/filterSecrets/);
});

it('lets a publisher read nothing of the cluster, and starts each as what it is', () => {
  const publisher = template([...CLOUDFLARE, 'publisher=true']);
  expect(manifests(publisher).map(({ kind }) => kind)).not.toContain('ClusterRole');
  expect(publisher).toContain('- --publisher\n');
  const withSecrets = template([...CLOUDFLARE, 'publisher=true', 'filterSecrets=[{"namespace":"shop","names":["a"]}]']);
  expect(withSecrets).not.toContain('resources: [secrets]');
  expect(template([...CLOUDFLARE, 'slice=east'])).toContain('- --slice\n            - "east"\n');
  expect(template(CLOUDFLARE)).not.toMatch(/--slice|--publisher/);
});

it('shows metrics to a ServiceMonitor when asked', () => {
  const rendered = manifests(template([...CLOUDFLARE, 'serviceMonitor.enabled=true']));
  expect(rendered.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Service', 'ServiceMonitor']));
});

describe('the permissions', () => {
  beforeAll(() => {
    cluster.kubectl(['apply', '-f', 'deploy/crds/']);
    const rendered = manifests(template(CLOUDFLARE)).filter(({ kind }) => /Role|ServiceAccount/.test(kind));
    cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rendered }));
  });

  it.each([
    ['list', 'mappings.getambassador.io', '-A'],
    ['watch', 'hosts.getambassador.io', '-A'],
    ['patch', 'mappings.getambassador.io', '--subresource=status', '-n', 'shop'],
    ['list', 'services', '-A'],
    ['watch', 'ingresses.networking.k8s.io', '-A'],
    ['get', 'customresourcedefinitions.apiextensions.k8s.io'],
    ['create', 'events.events.k8s.io', '-n', 'shop'],
    ['create', 'leases.coordination.k8s.io', '-n', 'gateway'],
    ['update', 'leases.coordination.k8s.io/routes-portolan', '-n', 'gateway'],
  ])('allow to %s %s', (verb, resource, ...rest) => expect(can(verb, resource, ...rest)).toBe('yes'));

  it.each([
    ['get', 'secrets', '-n', 'gateway'],
    ['list', 'secrets', '-A'],
    ['get', 'configmaps', '-n', 'gateway'],
    ['list', 'pods', '-A'],
    ['list', 'namespaces'],
    ['list', 'customresourcedefinitions.apiextensions.k8s.io'],
    ['patch', 'events.events.k8s.io', '-n', 'shop'],
    ['patch', 'mappings.getambassador.io', '-n', 'shop'],
    ['create', 'mappings.getambassador.io', '-n', 'shop'],
    ['delete', 'mappings.getambassador.io', '-n', 'shop'],
    ['patch', 'customresourcedefinitions.apiextensions.k8s.io'],
    ['update', 'leases.coordination.k8s.io/other', '-n', 'gateway'],
    ['create', 'leases.coordination.k8s.io', '-n', 'default'],
  ])('do not allow to %s %s', (verb, resource, ...rest) => expect(can(verb, resource, ...rest)).toBe('no'));
});

function installed(): number {
  return cluster.kubectl(['get', 'crd', '-lproduct=aes', '-o', 'name']).split('\n').filter(Boolean).length;
}

describe('definitions in the chart', () => {
  const all = ['hosts', 'listeners', 'mappings', 'modules'].map((plural) => `${plural}.getambassador.io`);

  beforeAll(async () => {
    // Not kubectl's own waiting, which was once seen to go on when the definitions were gone.
    cluster.kubectl(['delete', '--wait=false', '--ignore-not-found', 'crd', ...all]);
    for (let attempt = 0; attempt < 400 && installed() > 0; attempt += 1) {
      // Its finalizer was seen to hang for minutes; a new process goes on with it.
      if (attempt === 100) await cluster.restartApiServer();
      await new Promise((next) => setTimeout(next, 200));
    }
    expect(installed()).toBe(0);
  });

  it('are installed when asked for, and only then', () => {
    expect(definitionsOf(CLOUDFLARE)).toEqual([]);
    expect(definitionsOf(WITH_DEFINITIONS)).toEqual(all);
  });

  it('leave a foreign one alone', () => {
    cluster.kubectl(['apply', '-f', 'deploy/crds/mappings.yaml']);
    cluster.kubectl(['annotate', 'crd', 'mappings.getambassador.io', 'portolan.dev/crd-version-']);
    expect(definitionsOf(WITH_DEFINITIONS)).toEqual(all.filter((name) => !name.startsWith('mappings')));
    cluster.kubectl(['delete', 'crd', 'mappings.getambassador.io']);
  });

  it('are kept by an upgrade and stay after an uninstall', () => {
    const values = [...WITH_DEFINITIONS, 'replicas=0'];
    expect(run(['install', 'other', CHART], values)).toMatchObject({ code: 0 });
    expect(run(['upgrade', 'other', CHART], values)).toMatchObject({ code: 0 });
    const { stdout } = run(['get', 'manifest', 'other'], []);
    expect(stdout.match(/^kind: CustomResourceDefinition$/gm)).toHaveLength(all.length);
    expect(run(['uninstall', 'other'], [])).toMatchObject({ code: 0 });
    expect(cluster.kubectl(['get', 'crd', '-o', 'name']).match(/getambassador\.io/g)).toHaveLength(all.length);
  });
});
