/** Clusters with the Gateway API's own definitions: they and ours do not disturb each other. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFINITIONS, grantChartAccount, syncOnce } from './chart-account.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster } from './cluster.ts';
import { gatewayApiDefinitions } from './gateway-api-definitions.ts';

let cluster: Cluster;
let account: string;

beforeAll(async () => {
  cluster = await Cluster.start(buildTools());
  cluster.kubectl(['apply', '--server-side', ...gatewayApiDefinitions().flatMap((file) => ['-f', file])]);
  cluster.kubectl(['apply', '-f', DEFINITIONS]);
  cluster.kubectl(['wait', '--for', 'condition=established', '--timeout=90s', 'crd', '--all']);
  account = grantChartAccount(cluster);
});
afterAll(() => cluster.stop());

const MANIFEST = `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: GatewayClass
metadata: { name: portolan }
spec: { controllerName: example.com/gateway }
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: Gateway
metadata: { name: web, namespace: default }
spec:
  gatewayClassName: portolan
  listeners:
    - { name: http, port: 80, protocol: HTTP, hostname: '*.example.com', allowedRoutes: { namespaces: { from: All } } }
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: HTTPRoute
metadata: { name: shop, namespace: default }
spec:
  parentRefs: [{ name: web }]
  hostnames: [shop.example.com]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /cart } }]
      filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-a, value: b }] } }]
      backendRefs: [{ name: cart, port: 8080, weight: 90 }, { name: cart-next, port: 8080, weight: 10 }]
`;

const MAPPING = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: beside, namespace: default }
spec: { hostname: '*', prefix: /beside/, service: 'http://192.0.2.1:8080' }
`;

/** A file of what kubectl prints. */
function printed(kinds: string): string {
  const file = path.join(cluster.folder, 'printed.json');
  fs.writeFileSync(file, cluster.kubectl(['get', kinds, '-A', '-o', 'json']));
  return file;
}

type Listed = {
  readonly items: readonly { readonly kind: string; readonly metadata: object; readonly spec: object }[];
};

function list(kinds: string): Listed {
  return JSON.parse(cluster.kubectl(['get', kinds, '-A', '-o', 'json'])) as Listed;
}

describe('a cluster with the Gateway API', () => {
  it('takes v1beta1 manifests as they are written', () => {
    const { code, stdout } = cluster.tryKubectl(['apply', '-f', '-'], MANIFEST);
    expect({ code, lines: stdout.trim().split('\n') }).toEqual({
      code: 0,
      lines: [
        'gatewayclass.gateway.networking.k8s.io/portolan created',
        'gateway.gateway.networking.k8s.io/web created',
        'httproute.gateway.networking.k8s.io/shop created',
      ],
    });
    const route = JSON.parse(
      cluster.kubectl(['get', 'httproutes.v1beta1.gateway.networking.k8s.io', 'shop', '-o', 'json']),
    );
    expect(route).toMatchObject({
      apiVersion: 'gateway.networking.k8s.io/v1beta1',
      spec: {
        hostnames: ['shop.example.com'],
        rules: [
          {
            backendRefs: [
              { name: 'cart', weight: 90 },
              { name: 'cart-next', weight: 10 },
            ],
          },
        ],
      },
    });
    expect(list('gateways').items[0]).toMatchObject({
      spec: { gatewayClassName: 'portolan', listeners: [{ port: 80 }] },
    });
  });

  it('is read by sync without an error, with the permissions of the chart, and left as it is', () => {
    cluster.kubectl(['apply', '-f', '-'], MAPPING);
    const before = list('gatewayclasses,gateways,httproutes');
    expect(before.items).toHaveLength(3);
    const { code, outcome, stderr } = syncOnce(cluster, account);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(outcome).toMatchObject({ published: true, routes: 1, resources: 1 });
    expect(list('gatewayclasses,gateways,httproutes')).toEqual(before);
    expect(cluster.kubectl(['get', 'mapping', 'beside'])).toMatch(/ True +True /);
  });

  it('hears that its objects are not served yet when they are given to sync as they are printed', () => {
    const { code, outcome } = syncOnce(cluster, '/nonexistent', '-f', printed('mappings,gateways,httproutes'));
    expect(code).toBe(0);
    const { findings } = outcome as { findings: readonly { code: string; message: string }[] };
    expect(findings.filter(({ code: of }) => of === 'kind-not-built').map(({ message }) => message)).toEqual([
      '1 Gateway object is not served: the Gateway API is not built yet.',
      '1 HTTPRoute object is not served: the Gateway API is not built yet.',
    ]);
  });
});
