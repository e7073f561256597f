/** Go's fmt: `%v` of every value, and the verbs of printf that header templates use. */
import { formatFixed } from './format-fixed.ts';
import { GoStruct, isList, mapOf, entryOf, sortedKeys, TemplateError, typeName, type GoValue } from './value.ts';

/** Widths and precisions above it would only serve to use up memory. */
const MAX_WIDTH = 1_000;

/** As `{{…}}` writes a value. */
export function printable(value: GoValue): string {
  return value === undefined || value === null ? '<no value>' : formatValue(value, 'v', PLAIN);
}

/** fmt.Sprint: a space between two operands when neither is a string. */
export function sprint(values: readonly GoValue[]): string {
  let text = '';
  for (const [index, value] of values.entries()) {
    if (index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string') text += ' ';
    text += formatValue(value, 'v', PLAIN);
  }
  return text;
}

/** fmt.Sprintln. */
export function sprintln(values: readonly GoValue[]): string {
  return `${values.map((value) => formatValue(value, 'v', PLAIN)).join(' ')}\n`;
}

type Flags = {
  readonly plus: boolean;
  readonly minus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number;
  /** -1: none given. */
  readonly precision: number;
};

const PLAIN: Flags = { plus: false, minus: false, sharp: false, space: false, zero: false, width: 0, precision: -1 };
const DIRECTIVE = /%([-+# 0]*)(\d*)(?:(\.)(\d*))?([^]|$)/gu;
/** Verbs that are supported; a template with another one is refused. */
export const VERBS = 'sdfqvtx';

/** fmt.Sprintf for the verbs s d f q v t x; throws TemplateError for another. */
export function sprintf(format: string, values: readonly GoValue[]): string {
  let next = 0;
  let text = format.replaceAll(
    DIRECTIVE,
    (_whole, marks: string, width: string, dot: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '') return '%!(NOVERB)';
      if (verb === '%') return '%';
      const flags = flagsOf(marks, width, dot === undefined ? undefined : (precision ?? ''));
      if (!VERBS.includes(verb)) throw new TemplateError(`the verb %${verb} is not supported`);
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const value = values[next];
      next += 1;
      // With %v a plus asks for more detail, which these values do not have.
      return formatValue(value, verb, verb === 'v' ? { ...flags, plus: false } : flags);
    },
  );
  if (next < values.length) {
    const extra = values
      .slice(next)
      .map((value) =>
        value === undefined || value === null ? '<nil>' : `${typeName(value)}=${formatValue(value, 'v', PLAIN)}`,
      );
    text += `%!(EXTRA ${extra.join(', ')})`;
  }
  return text;
}

function flagsOf(marks: string, width: string, precision: string | undefined): Flags {
  const flags: Flags = {
    plus: marks.includes('+'),
    minus: marks.includes('-'),
    sharp: marks.includes('#'),
    space: marks.includes(' '),
    // Go ignores `0` beside `-`.
    zero: marks.includes('0') && !marks.includes('-'),
    width: Number(width),
    precision: precision === undefined ? -1 : Number(precision),
  };
  if (flags.width > MAX_WIDTH || flags.precision > MAX_WIDTH) throw new TemplateError('a width of printf is too large');
  if (flags.sharp) throw new TemplateError('the flag # of printf is not supported');
  return flags;
}

function formatValue(value: GoValue, verb: string, flags: Flags): string {
  if (value === undefined || value === null) return verb === 'v' ? pad('<nil>', flags) : `%!${verb}(<nil>)`;
  switch (typeof value) {
    case 'string':
      return formatText(value, verb, flags);
    case 'boolean':
      return verb === 'v' || verb === 't' ? pad(String(value), flags) : bad(value, verb, flags);
    case 'bigint':
      return formatInteger(value, verb, flags);
    case 'number':
      return formatFloat(value, verb, flags);
    default:
      break;
  }
  // Flags and verb apply to every element, as in fmt.
  if (isList(value)) return `[${value.map((item) => formatElement(item, verb, flags)).join(' ')}]`;
  if (value instanceof GoStruct) {
    if (value.text === null) throw new TemplateError('this value cannot be printed whole, only its fields');
    return formatText(value.text, verb, flags);
  }
  const map = mapOf(value) ?? {};
  const entries = sortedKeys(map).map((key) => {
    const entry = entryOf(map, key);
    return `${formatText(key, verb, flags)}:${formatElement(entry, verb, flags)}`;
  });
  return `map[${entries.join(' ')}]`;
}

/** A nil inside a map or list is written the same by every verb and width. */
function formatElement(value: GoValue, verb: string, flags: Flags): string {
  return value === undefined || value === null ? '<nil>' : formatValue(value, verb, flags);
}

/** Flags go on to what is written instead, as in fmt. */
function bad(value: GoValue, verb: string, flags: Flags): string {
  return `%!${verb}(${typeName(value)}=${formatValue(value, 'v', flags)})`;
}

function formatText(value: string, verb: string, flags: Flags): string {
  switch (verb) {
    case 'v':
    case 's':
      return pad(truncate(value, flags.precision), flags);
    case 'q':
      return pad(quote(truncate(value, flags.precision), flags.plus), flags);
    case 'x': {
      const bytes = new TextEncoder().encode(value).slice(0, flags.precision < 0 ? undefined : flags.precision);
      return pad(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(flags.space ? ' ' : ''), flags);
    }
    default:
      return bad(value, verb, flags);
  }
}

function truncate(text: string, precision: number): string {
  return precision < 0 ? text : Array.from(text).slice(0, precision).join('');
}

function formatInteger(value: bigint, verb: string, flags: Flags): string {
  if (verb === 'q') return pad(quoteRune(value, flags.plus), flags);
  if (verb !== 'v' && verb !== 'd' && verb !== 'x') return bad(value, verb, flags);
  const digits = (value < 0n ? -value : value).toString(verb === 'x' ? 16 : 10);
  // A precision of zero writes no digits for zero.
  const shown = flags.precision === 0 && value === 0n ? '' : digits.padStart(Math.max(flags.precision, 0), '0');
  return padNumber(value < 0n, shown, flags.precision >= 0 ? { ...flags, zero: false } : flags);
}

function formatFloat(value: number, verb: string, flags: Flags): string {
  if (verb === 'v') return padNumber(isNegative(value), general(Math.abs(value), flags.precision), flags);
  if (verb === 'f') {
    return padNumber(isNegative(value), formatFixed(Math.abs(value), flags.precision < 0 ? 6 : flags.precision), flags);
  }
  if (verb === 'x') throw new TemplateError('%x of a number with a point is not supported');
  return bad(value, verb, flags);
}

function isNegative(value: number): boolean {
  return value < 0 || Object.is(value, -0);
}

/** strconv's `g` with the shortest digits. */
function general(value: number, precision: number): string {
  if (precision >= 0) throw new TemplateError('%v with a precision is not supported');
  const [digits = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= GENERAL_EXPONENT) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return value.toFixed(Math.max(0, digits.replace('.', '').length - 1 - exponent));
}

/** From this exponent on, and below -4, numbers are written with one. */
const GENERAL_EXPONENT = 6;

function padNumber(negative: boolean, digits: string, flags: Flags): string {
  const sign = negative ? '-' : flags.plus ? '+' : flags.space ? ' ' : '';
  if (!flags.zero) return pad(sign + digits, flags);
  return sign + digits.padStart(flags.width - sign.length, '0');
}

/** Widths count characters, not bytes. */
function pad(text: string, { width, minus, zero }: Flags): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  return minus ? text + ' '.repeat(missing) : (zero ? '0' : ' ').repeat(missing) + text;
}

const QUOTED: Readonly<Record<string, string>> = {
  '\u0007': String.raw`\a`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '\\': '\\\\',
};

/** strconv.Quote. */
function quote(text: string, asciiOnly: boolean): string {
  return `"${Array.from(text, (character) => (character === '"' ? String.raw`\"` : quoteCharacter(character, asciiOnly))).join('')}"`;
}

function quoteRune(value: bigint, asciiOnly: boolean): string {
  const valid = value >= 0n && value <= 0x10_ff_ffn && !(value >= 0xd8_00n && value <= 0xdf_ffn);
  const character = String.fromCodePoint(valid ? Number(value) : 0xff_fd);
  return `'${character === "'" ? String.raw`\'` : quoteCharacter(character, asciiOnly)}'`;
}

function quoteCharacter(character: string, asciiOnly: boolean): string {
  const known = QUOTED[character];
  if (known !== undefined) return known;
  if (isPrint(character) && (!asciiOnly || character <= '~')) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return String.raw`\x${code.toString(16).padStart(2, '0')}`;
  return code > 0xff_ff
    ? String.raw`\U${code.toString(16).padStart(8, '0')}`
    : String.raw`\u${code.toString(16).padStart(4, '0')}`;
}

/** unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space. */
export function isPrint(character: string): boolean {
  return character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}
