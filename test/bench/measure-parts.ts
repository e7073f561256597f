/** Command lines of measurements: `[PART…] [--json]`. */
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { renderSection, type Section } from './report.ts';

/** Imported when asked for: the heap of one part should not hold the others. */
export type Parts<Result> = Readonly<Record<string, () => Promise<() => Promise<Result>>>>;

export type PartsOptions<Result> = {
  readonly sectionsOf: (result: Result) => readonly Section[];
  /** Run only when they are named. */
  readonly onDemand?: ReadonlySet<string>;
};

/**
 * Measures the parts that the command line names and prints each when it is done, or all as JSON at the end.
 * Ends the process with 2 for a part that does not exist.
 */
export async function measureParts<Result>(
  parts: Parts<Result>,
  { sectionsOf, onDemand = new Set() }: PartsOptions<Result>,
): Promise<{ readonly results: readonly Result[]; readonly isJson: boolean }> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
  const unknown = positionals.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) {
    console.error(`There is no part "${unknown}"; parts are ${Object.keys(parts).join(', ')}.`);
    process.exit(2);
  }
  const isJson = values.json === true;
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`;
  if (!isJson) console.log(machine);
  const results = new Map<string, Result>();
  for (const [name, load] of Object.entries(parts)) {
    if (positionals.length > 0 ? !positionals.includes(name) : onDemand.has(name)) continue;
    const measure = await load();
    const result = await measure();
    results.set(name, result);
    if (!isJson) for (const section of sectionsOf(result)) console.log(renderSection(section));
  }
  if (isJson) console.log(JSON.stringify({ machine, results: Object.fromEntries(results) }, null, 2));
  return { results: [...results.values()], isJson };
}
