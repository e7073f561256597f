/** Routes written in TypeScript beside those of the manifests. Every key: docs/configuration.md. */
import { defineConfig, defineRoute } from 'portolan';

const health = defineRoute({
  name: 'health',
  path: { exact: '/gateway/health' },
  methods: ['GET', 'HEAD'],
  respond: { status: 200, body: 'ok\n' },
});

export default defineConfig({
  clusters: {
    // The names that services have inside a cluster. `echoInDev` makes `npm start` answer for all of
    // them with echo backends, so the examples work without a cluster.
    shop: {
      default: true,
      template: '{scheme}://{service}.{namespace}.svc.cluster.local:{port}',
      echoInDev: true,
    },
  },
  upstreams: {
    catalog: 'catalog.shop:8080',
  },
  routes: [
    health,
    {
      // Product boxes that partner sites embed: any of them may call from a browser, none too often.
      name: 'widgets',
      hostnames: ['widgets.shop.example.com'],
      path: '/v1/products/',
      methods: ['GET', 'HEAD', 'OPTIONS'],
      backend: { upstream: 'catalog' },
      rewrite: '/catalog/',
      requestHeaders: { set: { 'x-shop-channel': 'widget' } },
      policies: {
        cors: { origins: ['*'], methods: ['GET', 'HEAD'], maxAge: 600 },
        rateLimit: { limits: [{ name: 'widgets', rate: 10, unit: 'minute' }] },
      },
    },
    {
      name: 'docs-moved',
      path: { prefix: '/docs', segments: true },
      redirect: { status: 308, scheme: 'https', host: 'docs.shop.example.com', prefix: '/' },
    },
  ],
});
