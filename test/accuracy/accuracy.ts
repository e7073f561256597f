/**
 * `npm run accuracy [-- PART…] [--json]`: parts are exact, several, leased, crash and retry; default all.
 * Exit code 1 when a target was missed. docs/accuracy.md says what each measures and holds the figures.
 */
import { measureParts, type Parts } from '../bench/measure-parts.ts';
import type { Part } from './part.ts';

const PARTS: Parts<Part> = {
  exact: async () => (await import('./exact-part.ts')).measureExact,
  several: async () => (await import('./several-part.ts')).measureSeveral,
  leased: async () => (await import('./leased-part.ts')).measureLeased,
  crash: async () => (await import('./crash-part.ts')).measureCrash,
  retry: async () => (await import('./retry-part.ts')).measureRetry,
};

const { results, isJson } = await measureParts(PARTS, { sectionsOf: ({ sections }) => sections });
const missed = results.flatMap((part) => part.missed);
if (!isJson)
  console.log(
    ['', missed.length === 0 ? 'All targets reached.' : 'Missed:', ...missed.map((each) => `- ${each}`)].join('\n'),
  );
process.exitCode = missed.length === 0 ? 0 : 1;
