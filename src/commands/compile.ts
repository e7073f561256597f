/** `portolan compile`: what the sources become. */
import { stringify } from 'yaml';
import { countFindings } from '../diagnostics/finding.ts';
import { buildFromOptions } from './build-from-options.ts';
import { defineCommand } from './command.ts';
import { exitCodeFor, noteFindings } from './finding-output.ts';
import { INPUT_OPTIONS } from './input-options.ts';

export const compileCommand = defineCommand({
  name: 'compile',
  summary: 'Print the route model or the route program.',
  usage: '[-f PATH]… [--stage model|program] [options]',
  details: `
The model is what the routes mean, with file and line; the program is what the Worker loads: no clock,
no findings, no lines, equal for equal input. Readable YAML, with --json JSON. Findings go to stderr.
Exit code as for check.`,
  options: {
    ...INPUT_OPTIONS,
    stage: { type: 'string', choices: ['model', 'program'], help: 'default program' },
  },
  async run(context) {
    const { options, json, print, printJson, terminal } = context;
    const { model, program, findings } = await buildFromOptions(options, terminal);
    const tree = options.stage === 'model' ? model : program;
    noteFindings(findings, context);
    if (json) printJson(tree);
    // No anchors: shared sub-objects are an accident of memory, not a fact about the routes.
    else print(stringify(tree, { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd());
    return exitCodeFor(countFindings(findings), options.strict === true);
  },
});
