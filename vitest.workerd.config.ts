import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

// What needs the runtime itself: Durable Objects, storage, alarms, eviction. Everything else runs in
// plain Node (vitest.config.ts).
export default defineConfig({
  plugins: [cloudflareTest({ wrangler: { configPath: './test/workerd/wrangler.jsonc' } })],
  test: {
    include: ['test/workerd/**/*.test.ts'],
    setupFiles: ['test/property-seed.ts'],
    testTimeout: 20_000,
    // One runtime for all files: starting one costs more than the tests.
    isolate: false,
    maxWorkers: 1,
  },
});
