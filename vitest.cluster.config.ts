import { defineConfig } from 'vitest/config';

// Against a real API server (test/cluster). scripts/test.ts builds it first, or skips the suite by name.
export default defineConfig({
  resolve: { conditions: ['portolan-source'] },
  ssr: { resolve: { conditions: ['portolan-source'] } },
  test: {
    include: ['test/cluster/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One API server at a time: each takes 400 MB.
    fileParallelism: false,
  },
});
