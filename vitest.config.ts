import { defineConfig } from 'vitest/config';

// Unit, property, golden and end-to-end tests: plain Node. The suites that need the runtime or a cluster
// have configurations of their own, vitest.workerd.config.ts and vitest.cluster.config.ts; scripts/test.ts
// runs all and adds them up.
export default defineConfig({
  resolve: { conditions: ['portolan-source'] },
  ssr: { resolve: { conditions: ['portolan-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/workerd/**', 'test/bench/**', 'test/cluster/**'],
    setupFiles: ['test/property-seed.ts'],
    testTimeout: 30_000,
    hookTimeout: 90_000,
    maxWorkers: 2,
  },
});
