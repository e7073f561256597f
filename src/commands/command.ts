/**
 * What a command of the CLI is: one declarative file per verb, listed in registry.ts.
 *
 * A command gets its options checked and typed, prints results with `print` (stdout) and everything
 * else with `note` (stderr), and returns its exit code. A mistake of the user is thrown as UserError.
 */

/** Exit codes shared by all commands; documented in docs/cli.md. */
export const EXIT_OK = 0;
/** Error findings (with `--strict` warnings too), or a UserError. */
export const EXIT_ERRORS = 1;
export const EXIT_USAGE = 2;
/** Done, but not all of it: for example published with refusing routes. */
export const EXIT_PARTLY = 3;
/** A bug of ours, printed with its stack. */
export const EXIT_BUG = 70;

export type OptionSpec = {
  readonly type: 'string' | 'boolean';
  /** One letter. */
  readonly short?: string;
  /** May be given several times; the value is then a list. */
  readonly multiple?: true;
  /** Placeholder of the value in the help text, for example `PATH`. */
  readonly value?: string;
  /** The only accepted values; anything else is a usage error. */
  readonly choices?: readonly string[];
  readonly help: string;
};
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type OptionValue<Spec extends OptionSpec> = Spec extends { readonly type: 'boolean' }
  ? boolean
  : Spec extends { readonly choices: readonly (infer Choice)[] }
    ? Choice
    : string;

/** Absent options are absent keys: a command writes its own defaults where it uses them. */
export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]?: Specs[Name] extends { readonly multiple: true }
    ? readonly OptionValue<Specs[Name]>[]
    : OptionValue<Specs[Name]>;
};

/** The outside world as a command sees it; tests pass their own. */
export interface Terminal {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Whether escape sequences for colour may be written to each stream. */
  readonly color: { readonly stdout: boolean; readonly stderr: boolean };
  /** Never throws: a reader that went away (`| head`) is not an error. */
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /**
   * Resolves at the first SIGINT or SIGTERM. Asking for it turns the default (dying) off, and the
   * handlers of libraries too: ask again after starting one that installs some.
   */
  readonly stopped: () => Promise<void>;
}

export type CommandContext<Specs extends OptionSpecs = OptionSpecs> = {
  readonly options: OptionValues<Specs>;
  readonly positionals: readonly string[];
  /** `--json` was given: stdout must then hold exactly one JSON document. */
  readonly json: boolean;
  readonly terminal: Terminal;
  /** One line (or block) of the result, to stdout. */
  readonly print: (text: string) => void;
  readonly printJson: (value: unknown) => void;
  /** One message for the person, to stderr. */
  readonly note: (text: string) => void;
};

export type Command<Specs extends OptionSpecs = OptionSpecs> = {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows `portolan NAME` in the usage line. */
  readonly usage: string;
  /** Paragraphs below the usage line: meaning, output, exit codes. */
  readonly details?: string;
  readonly options: Specs;
  /** Positional arguments; absent: none are accepted. */
  readonly positionals?: { readonly min: number; readonly max: number };
  /** Returns the exit code. */
  run(context: CommandContext<Specs>): Promise<number>;
};

/** Keeps the option types of one command while it is listed among others. */
export function defineCommand<const Specs extends OptionSpecs>(command: Command<Specs>): Command<Specs> {
  return command;
}
