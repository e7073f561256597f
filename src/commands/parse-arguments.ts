/** argv of one command → checked options and positionals. Everything wrong here is a usage error (exit 2). */
import { parseArgs } from 'node:util';
import { UserError } from '../diagnostics/errors.ts';
import { nearest } from '../diagnostics/nearest.ts';
import { EXIT_USAGE, type OptionSpec, type OptionSpecs } from './command.ts';

/** Accepted by every command. */
export const COMMON_OPTIONS = {
  json: { type: 'boolean', help: 'print one JSON document on stdout; keys are stable' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies OptionSpecs;

export type ParsedArguments = {
  readonly values: Readonly<Record<string, boolean | string | readonly string[]>>;
  readonly positionals: readonly string[];
};

type OptionToken = {
  readonly kind: 'option';
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
};

/**
 * Node's parser runs unchecked and its tokens are judged here, because its own errors cannot name
 * the nearest option and it takes `-f --json` for a file called `--json`.
 */
export function parseArguments(verb: string, argv: readonly string[], specs: OptionSpecs): ParsedArguments {
  const known: OptionSpecs = { ...specs, ...COMMON_OPTIONS };
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(Object.entries(known).map(([name, spec]) => [name, nodeOption(spec)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, boolean | string | string[]> = {};
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (spec === undefined) throw unknownOption(verb, token.rawName, known);
    const value = checkValue(verb, token, spec);
    const given = values[token.name];
    if (spec.multiple === true) values[token.name] = [...(Array.isArray(given) ? given : []), String(value)];
    else if (given !== undefined && given !== value) {
      throw usageError(verb, `${token.rawName} is given twice with different values.`);
    } else values[token.name] = value;
  }
  return { values, positionals };
}

export function checkPositionals(
  verb: string,
  positionals: readonly string[],
  bounds: { readonly min: number; readonly max: number } = { min: 0, max: 0 },
): void {
  if (positionals.length < bounds.min) throw usageError(verb, 'An argument is missing.');
  const surplus = positionals[bounds.max];
  if (surplus === undefined) return;
  const hint = bounds.max === 0 ? ' Files are given with -f PATH.' : '';
  throw usageError(verb, `Unexpected argument "${surplus}".${hint}`);
}

export function usageError(verb: string, message: string): UserError {
  return new UserError(`${message} See \`portolan help ${verb}\`.`, EXIT_USAGE);
}

/** A port number; 0 means any free port. `name` is where the text was written. */
export function parsePort(verb: string, text: string, name = '--port'): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw usageError(verb, `${name} must be a number from 0 to 65535; got "${text}".`);
  return port;
}

function nodeOption(spec: OptionSpec): { type: 'string' | 'boolean'; short?: string; multiple?: boolean } {
  return { type: spec.type, ...(spec.short === undefined ? {} : { short: spec.short }), multiple: true };
}

function checkValue(verb: string, token: OptionToken, spec: OptionSpec): boolean | string {
  if (spec.type === 'boolean') {
    if (token.inlineValue === true) throw usageError(verb, `${token.rawName} takes no value.`);
    return true;
  }
  const { value } = token;
  const looksLikeOption =
    token.inlineValue !== true && value !== undefined && value.length > 1 && value.startsWith('-');
  if (value === undefined || value === '' || looksLikeOption) {
    throw usageError(verb, `${token.rawName} needs a value${spec.value === undefined ? '' : ` (${spec.value})`}.`);
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw usageError(verb, `${token.rawName} must be one of ${spec.choices.join(', ')}; got "${value}".`);
  }
  return value;
}

function unknownOption(verb: string, rawName: string, known: OptionSpecs): UserError {
  const guess = rawName.startsWith('--') ? nearest(rawName.slice(2), Object.keys(known)) : null;
  const hint = guess === null ? '' : ` Did you mean --${guess}?`;
  return usageError(verb, `Unknown option ${rawName}.${hint}`);
}
