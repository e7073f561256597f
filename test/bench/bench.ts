/**
 * `npm run bench [-- PART…] [--json]`: parts are proxy, serve, auth, limits, limit-keys, match, build, bundle and
 * v8; default all but limit-keys and v8.
 * docs/benchmarks.md says what each measures and holds the figures of the last release.
 */
import { measureParts, type Parts } from './measure-parts.ts';
import type { Section } from './report.ts';

const PARTS: Parts<readonly Section[]> = {
  bundle: async () => (await import('./bundle-bench.ts')).benchBundle,
  build: async () => (await import('./build-bench.ts')).benchBuild,
  match: async () => (await import('./match-bench.ts')).benchMatch,
  proxy: async () => (await import('./proxy-bench.ts')).benchProxy,
  auth: async () => (await import('./auth-bench.ts')).benchAuth,
  limits: async () => (await import('./limits-bench.ts')).benchLimits,
  'limit-keys': async () => (await import('./limit-keys-bench.ts')).benchLimitKeys,
  serve: async () => (await import('./serve-bench.ts')).benchServe,
  v8: async () => (await import('./v8-bench.ts')).benchV8,
};
/** Decide about one setting each, once for each new version of the runtime. */
const ON_DEMAND: ReadonlySet<string> = new Set(['limit-keys', 'v8']);

await measureParts(PARTS, { sectionsOf: (sections) => sections, onDemand: ON_DEMAND });
