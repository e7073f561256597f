/** `portolan check`: every finding. */
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import { plural, renderCounts, renderFindings, sortFindings } from '../diagnostics/render.ts';
import { parityDifferences } from '../resources/ambassador/parity-differences.ts';
import type { BuildResult } from '../compile/build-program.ts';
import { buildFromOptions } from './build-from-options.ts';
import { defineCommand } from './command.ts';
import { exitCodeFor, findingsJson } from './finding-output.ts';
import { INPUT_OPTIONS } from './input-options.ts';

export const checkCommand = defineCommand({
  name: 'check',
  summary: 'Say everything there is to say about the sources.',
  usage: '[-f PATH]… [options]',
  details: `
Exit code 1 when there is an error, with --strict also when there is a warning.
JSON: {findings: [{severity, code, message, source: {kind, namespace, name, file, line}, path, hint}],
counts: {error, warning, info}, resources, routes}.`,
  options: { ...INPUT_OPTIONS, all: { type: 'boolean', help: 'show repetitions of one code too' } },
  async run({ options, json, print, printJson, terminal }) {
    const result = await buildFromOptions(options, terminal);
    const findings = sortFindings([...result.findings, ...differences(result)]);
    const { counts: built } = result;
    const counts = countFindings(findings);
    if (json) printJson({ ...findingsJson(findings), ...built });
    else {
      const text = renderFindings(findings, { color: terminal.color.stdout, all: options.all === true });
      if (text !== '') print(`${text}\n`);
      print(`${renderCounts(counts)}; ${plural(built.resources, 'resource')}, ${plural(built.routes, 'route')}`);
    }
    return exitCodeFor(counts, options.strict === true);
  },
});

/** Said here alone: it is the same at every build, and who starts a gateway has read it before. */
function differences({ model }: BuildResult): readonly Finding[] {
  const served = model.routes.some(({ source, domains }) => source.kind === 'Mapping' && domains.length > 0);
  const found = served ? parityDifferences(model.settings) : null;
  return found === null ? [] : [found];
}
