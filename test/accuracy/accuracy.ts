/**
 * `npm run accuracy [-- PART…] [--json]`: parts are exact, several, leased, crash and retry; default all.
 * Exit code 1 when a target was missed. docs/accuracy.md says what each measures and holds the figures.
 */
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { renderSection } from '../bench/report.ts';
import type { Part } from './part.ts';

const PARTS: Readonly<Record<string, () => Promise<() => Promise<Part>>>> = {
  exact: async () => (await import('./exact-part.ts')).measureExact,
  several: async () => (await import('./several-part.ts')).measureSeveral,
  leased: async () => (await import('./leased-part.ts')).measureLeased,
  crash: async () => (await import('./crash-part.ts')).measureCrash,
  retry: async () => (await import('./retry-part.ts')).measureRetry,
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const unknown = positionals.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) {
  console.error(`There is no part "${unknown}"; parts are ${Object.keys(PARTS).join(', ')}.`);
  process.exit(2);
}

const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`;
if (values.json !== true) console.log(machine);
const results: Record<string, Part> = {};
for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  const measure = await PARTS[name]?.();
  if (measure === undefined) continue;
  const part = await measure();
  results[name] = part;
  if (values.json !== true) for (const section of part.sections) console.log(renderSection(section));
}
const missed = Object.values(results).flatMap((part) => part.missed);
if (values.json === true) console.log(JSON.stringify({ machine, results }, null, 2));
else
  console.log(
    ['', missed.length === 0 ? 'All targets reached.' : 'Missed:', ...missed.map((each) => `- ${each}`)].join('\n'),
  );
process.exitCode = missed.length === 0 ? 0 : 1;
