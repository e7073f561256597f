/**
 * `npm run bench [-- PART…] [--json]`: parts are proxy, serve, auth, limits, limit-keys, match, build, bundle and
 * v8; default all but limit-keys and v8.
 * docs/benchmarks.md says what each measures and holds the figures of the last release.
 */
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { renderSection, type Section } from './report.ts';

type Part = () => Promise<readonly Section[]>;

/** Imported when asked for: the heap of one part should not hold the others. */
const PARTS: Readonly<Record<string, () => Promise<Part>>> = {
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

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const unknown = positionals.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) {
  console.error(`There is no part "${unknown}"; parts are ${Object.keys(PARTS).join(', ')}.`);
  process.exit(2);
}

const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`;
if (values.json !== true) console.log(machine);
const results: Record<string, readonly Section[]> = {};
const byDefault = Object.keys(PARTS).filter((name) => !ON_DEMAND.has(name));
for (const name of positionals.length > 0 ? positionals : byDefault) {
  const part = await PARTS[name]?.();
  if (part === undefined) continue;
  const sections = await part();
  results[name] = sections;
  if (values.json !== true) for (const section of sections) console.log(renderSection(section));
}
if (values.json === true) console.log(JSON.stringify({ machine, results }, null, 2));
