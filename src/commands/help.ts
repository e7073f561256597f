/** Help texts, derived from the declarations of the commands. */
import type { Command, OptionSpec, OptionSpecs } from './command.ts';
import { COMMON_OPTIONS } from './parse-arguments.ts';

export function renderOverview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Usage: portolan VERB [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '`portolan help VERB` or `portolan VERB --help` explains one of them; `portolan --version` prints the version.',
    'Exit codes: 0 fine, 1 errors found, 2 wrong usage, 3 partly done, 70 a bug in portolan.',
  ].join('\n');
}

export function renderCommandHelp(command: Command): string {
  const lines = [
    `Usage: portolan ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`,
    '',
    command.summary,
  ];
  if (command.details !== undefined) lines.push('', command.details.trim());
  lines.push('', 'Options:', ...renderOptions({ ...command.options, ...COMMON_OPTIONS }));
  return lines.join('\n');
}

const HELP_WIDTH = 100;

function renderOptions(options: OptionSpecs): string[] {
  const rows = Object.entries(options).map(([name, spec]) => ({
    left: optionSyntax(name, spec),
    help: optionHelp(spec),
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.flatMap(({ left, help }) => {
    const lines = wrap(help, HELP_WIDTH - width - 4);
    return lines.map((line, index) => `  ${(index === 0 ? left : '').padEnd(width)}  ${line}`);
  });
}

/** Breaks at spaces; a word that is too long stands alone. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function optionSyntax(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const value = spec.type === 'string' ? ` ${spec.value ?? spec.choices?.join('|') ?? 'VALUE'}` : '';
  return `${short}--${name}${value}`;
}

function optionHelp(spec: OptionSpec): string {
  return spec.multiple === true ? `${spec.help} (may be repeated)` : spec.help;
}
