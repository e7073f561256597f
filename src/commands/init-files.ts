/** The files that `portolan init` writes: a gateway that `portolan dev` serves at once, without an account. */

export type StarterFile = { readonly path: string; readonly text: string };

const ROUTES_CONFIG = `import { defineConfig } from 'portolan';

export default defineConfig({
  clusters: {
    // How the services that routes and Mappings name are reached. The first of these that fits wins:
    //   services: { 'backend-service.default:8080': 'https://backend.example.com' },
    //   template: 'https://{service}.{namespace}.example.com',
    //   ingress: { url: 'https://ingress.example.com', mode: 'client-host' },
    main: {
      // \`portolan dev\` answers for every service here with a backend that echoes the request, whatever the
      // lines above say. Without it, only for those that they do not resolve.
      echoInDev: true,
    },
  },
  routes: [
    {
      name: 'hello',
      path: { exact: '/hello' },
      methods: ['GET'],
      respond: { status: 200, body: 'Hello from the gateway.\\n' },
    },
    {
      name: 'orders',
      path: '/orders/',
      rewrite: '/',
      backend: 'orders.shop:8080',
      policies: { cors: { origins: ['https://shop.example.com'], methods: ['GET', 'POST'] } },
    },
  ],
});
`;

const MANIFEST = `# Any Mapping or Host of your cluster can lie in this folder:
#   kubectl get mappings,hosts -A -o yaml > manifests/cluster.yaml
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

const WRANGLER = `# The gateway as a Cloudflare Worker: npx wrangler deploy
name = "gateway"
main = "node_modules/portolan/dist/worker.js"
compatibility_date = "2026-11-01"

# Routes are published into this namespace by: npx portolan publish -f manifests/ --to cloudflare
# Create it with \`npx wrangler kv namespace create ROUTES\` and put its id here.
[[kv_namespaces]]
binding = "ROUTES"
id = "00000000000000000000000000000000"

# API keys and users, should routes demand them: \`npx wrangler kv namespace create KEYS\`, then
# \`npx portolan keys create --consumer NAME --to cloudflare\`.
# [[kv_namespaces]]
# binding = "KEYS"
# id = "00000000000000000000000000000000"

[[durable_objects.bindings]]
name = "RATE_LIMITS"
class_name = "RateLimitObject"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["RateLimitObject"]

[vars]
PLATFORM = "cloudflare"

[observability]
enabled = true
`;

export const STARTER_FILES: readonly StarterFile[] = [
  { path: 'routes.config.ts', text: ROUTES_CONFIG },
  { path: 'wrangler.toml', text: WRANGLER },
  { path: 'manifests/backend.yaml', text: MANIFEST },
];
