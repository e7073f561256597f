import { defineConfig } from 'vitest/config';

// Unit, property, golden and end-to-end tests: plain Node. The suite that needs the runtime has
// its own configuration, vitest.workerd.config.ts; scripts/test.ts runs both and adds them up.
export default defineConfig({
  resolve: { conditions: ['portolan-source'] },
  ssr: { resolve: { conditions: ['portolan-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/workerd/**', 'test/bench/**'],
    testTimeout: 30_000,
    hookTimeout: 90_000,
    maxWorkers: 2,
  },
});
