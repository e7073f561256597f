/** argv → command → exit code. The only place where a thrown error becomes a message. */
import { UserError } from '../diagnostics/errors.ts';
import { nearest } from '../diagnostics/nearest.ts';
import {
  EXIT_BUG,
  EXIT_OK,
  EXIT_USAGE,
  type Command,
  type CommandContext,
  type OptionValues,
  type OptionSpecs,
  type Terminal,
} from './command.ts';
import { renderCommandHelp, renderOverview } from './help.ts';
import { checkPositionals, parseArguments } from './parse-arguments.ts';
import { packageVersion } from './package-version.ts';

/**
 * Runs one command line (without node and script) and returns the exit code; never throws.
 *
 * @param commands in the order in which help lists them
 */
export async function runCli(
  argv: readonly string[],
  terminal: Terminal,
  commands: readonly Command[],
): Promise<number> {
  try {
    return await dispatch(argv, terminal, commands);
  } catch (error) {
    if (error instanceof UserError) {
      terminal.stderr(`portolan: ${error.message}\n`);
      return error.exitCode;
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    terminal.stderr(`portolan: this is a bug in portolan; please report it with the lines below.\n${stack}\n`);
    return EXIT_BUG;
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal, commands: readonly Command[]): Promise<number> {
  const [verb, ...rest] = argv;
  if (verb === undefined) {
    terminal.stderr(`${renderOverview(commands)}\n`);
    return EXIT_USAGE;
  }
  if (verb === '--version' || verb === '-V') return say(terminal, packageVersion());
  if (verb === '--help' || verb === '-h') return say(terminal, renderOverview(commands));
  if (verb === 'help') return help(rest, terminal, commands);
  const command = findCommand(verb, commands);
  const wantsHelp = rest.some((word) => word === '--help' || word === '-h');
  if (wantsHelp) return say(terminal, renderCommandHelp(command));
  const { values, positionals } = parseArguments(command.name, rest, command.options);
  checkPositionals(command.name, positionals, command.positionals);
  return command.run(createContext(terminal, values, positionals));
}

function help(words: readonly string[], terminal: Terminal, commands: readonly Command[]): number {
  const [verb] = words;
  if (verb === undefined || verb.startsWith('-')) return say(terminal, renderOverview(commands));
  return say(terminal, renderCommandHelp(findCommand(verb, commands)));
}

function findCommand(verb: string, commands: readonly Command[]): Command {
  const command = commands.find(({ name }) => name === verb);
  if (command !== undefined) return command;
  const names = commands.map(({ name }) => name);
  const guess = nearest(verb, [...names, 'help']);
  const what = verb.startsWith('-') ? `Unknown option ${verb} before the command.` : `Unknown command "${verb}".`;
  const hint = guess === null ? `Commands: ${names.join(', ')}.` : `Did you mean \`portolan ${guess}\`?`;
  throw new UserError(`${what} ${hint}`, EXIT_USAGE);
}

function createContext(
  terminal: Terminal,
  values: Readonly<Record<string, unknown>>,
  positionals: readonly string[],
): CommandContext {
  return {
    // parseArguments has checked every value against the command's own declaration.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    options: values as OptionValues<OptionSpecs>,
    positionals,
    json: values['json'] === true,
    terminal,
    print: (text) => terminal.stdout(`${text}\n`),
    printJson: (value) => terminal.stdout(`${JSON.stringify(value, null, 2)}\n`),
    note: (text) => terminal.stderr(`${text}\n`),
  };
}

function say(terminal: Terminal, text: string): number {
  terminal.stdout(`${text}\n`);
  return EXIT_OK;
}
