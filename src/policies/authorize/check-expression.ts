/** What can be said about an expression at build: whether it is one, of type bool, of functions that are supported, and what it reads. */
import { nearest } from '../../diagnostics/nearest.ts';
import { MAX_LOOP_DEPTH } from './cost.ts';
import { CONSUMER_FIELDS, ExpressionError, REQUEST_FIELDS, VARIABLES, type Expressions } from './expressions.ts';

export type ExpressionProblem = {
  /** One clause. */
  readonly message: string;
  /** Position of its first character, from 0; null: the whole. */
  readonly at: number | null;
  readonly hint: string | null;
};

export type CheckedExpression =
  | { readonly reads: readonly string[]; readonly problems: null }
  | { readonly problems: readonly ExpressionProblem[] };

const LOOPS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
/** Called with a time zone they depend on the process's own, so they take none. */
const TIME_PARTS = [
  'getFullYear',
  'getMonth',
  'getDate',
  'getDayOfMonth',
  'getDayOfWeek',
  'getHours',
  'getMinutes',
  'getSeconds',
  'getMilliseconds',
] as const;
/** Conversions of a literal, which are tried here so that a slip does not wait for the first request. */
const CONSTANTS: ReadonlySet<string> = new Set(['timestamp', 'duration']);
const RFC3339 = /["']\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)["']/;
const FUNCTIONS: ReadonlySet<string> = new Set(
  [
    ['has', 'size', 'matches', 'startsWith', 'endsWith', 'contains', 'inCidr'],
    ['indexOf', 'lastIndexOf', 'substring', 'split', 'join', 'trim'],
    ['int', 'uint', 'double', 'string', 'bool', 'timestamp', 'duration'],
    [...LOOPS],
    [...TIME_PARTS],
  ].flat(),
);
const CASE_FUNCTIONS: ReadonlySet<string> = new Set(['lowerAscii', 'upperAscii']);

export function checkExpression(source: string, { environment }: Expressions): CheckedExpression {
  try {
    const parsed = environment.parse(source);
    const walk = new Walk(source, (text) => void environment.evaluate(text, {}));
    walk.visit(parsed.ast, 0);
    if (walk.problems.length > 0) return { problems: walk.problems };
    const { valid, type, error } = parsed.check();
    if (!valid) return { problems: [problemOf(error)] };
    if (type !== 'bool') return { problems: [notBool(type ?? 'dyn')] };
    return { reads: [...walk.reads].toSorted(), problems: null };
  } catch (error) {
    return { problems: [problemOf(error)] };
  }
}

function notBool(type: string): ExpressionProblem {
  const hint =
    type === 'dyn'
      ? 'What a claim holds is not known before the request: compare it, for example `claims.admin == true`.'
      : 'Compare it with something.';
  return { message: `it is of type ${type} and must be of type bool`, at: null, hint };
}

/** Nodes of a parsed text, structurally: macros keep what was written. */
type Node = { readonly op: string; readonly args: unknown; readonly start: number; readonly end: number };

class Walk {
  readonly problems: ExpressionProblem[] = [];
  readonly reads = new Set<string>();
  readonly #source: string;
  readonly #evaluate: (text: string) => void;

  constructor(source: string, evaluate: (text: string) => void) {
    this.#source = source;
    this.#evaluate = evaluate;
  }

  visit(node: Node, loops: number): void {
    if (node.op === 'id' && typeof node.args === 'string' && node.args in VARIABLES) this.reads.add(node.args);
    if (node.op === 'call' || node.op === 'rcall') this.#visitCall(node, loops);
    else for (const child of childrenOf(node.args)) this.visit(child, loops);
  }

  #visitCall(node: Node, loops: number): void {
    const [name, ...rest] = Array.isArray(node.args) ? node.args : [];
    if (typeof name !== 'string') return;
    const children = childrenOf(rest);
    const parameters = node.op === 'call' ? children : children.slice(1);
    const isLoop = node.op === 'rcall' && LOOPS.has(name);
    if (!FUNCTIONS.has(name)) this.#report(node, ...unsupported(name));
    else if (isTimePart(name) && parameters.length > 0) {
      this.#report(node, `\`${name}\` takes no time zone here`, 'Times are in UTC.');
    } else if (isLoop && loops === MAX_LOOP_DEPTH) {
      this.#report(node, `\`${name}\` is a loop inside ${MAX_LOOP_DEPTH} others`, 'Split the rule, or test with `in`.');
    } else if (CONSTANTS.has(name) && parameters.length === 1 && parameters[0]?.op === 'value') {
      this.#tryConstant(node);
    }
    // The receiver of a loop is evaluated once, outside it.
    const [receiver] = children;
    for (const child of children) this.visit(child, isLoop && child !== receiver ? loops + 1 : loops);
  }

  #tryConstant(node: Node): void {
    const text = this.#source.slice(node.start, node.end);
    try {
      // The library takes whatever a JavaScript Date takes, local times among them.
      if (text.startsWith('timestamp') && !RFC3339.test(text)) throw new Error('not RFC 3339');
      this.#evaluate(text);
    } catch {
      const hint =
        'A timestamp is written as `timestamp("2026-01-31T08:00:00Z")`, a duration as `duration("1h30m")`, with ns, us, ms, s, m, h.';
      this.#report(node, `\`${text}\` cannot be read`, hint);
    }
  }

  #report({ start }: Node, message: string, hint: string | null): void {
    this.problems.push({ message, at: start, hint });
  }
}

function childrenOf(args: unknown): readonly Node[] {
  if (Array.isArray(args)) return args.flatMap((item: unknown) => childrenOf(item));
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value && 'start' in value;
}

function isTimePart(name: string): boolean {
  return (TIME_PARTS as readonly string[]).includes(name);
}

function unsupported(name: string): readonly [string, string] {
  const message = `there is no function \`${name}\` here`;
  if (CASE_FUNCTIONS.has(name)) return [message, 'Compare without regard to case with `matches("(?i)^text$")`.'];
  const near = nearest(name, [...FUNCTIONS]);
  return [message, near === null ? `There are ${[...FUNCTIONS].join(', ')}.` : `Did you mean \`${near}\`?`];
}

const LITERAL_RANGE = 'Write the range itself, for example `inCidr(address, "10.0.0.0/8")`.';
const HINTS: Readonly<Record<ExpressionError['code'], string>> = {
  pattern_not_literal: 'Write the pattern itself, for example `request.path.matches("^/v[0-9]+/")`.',
  pattern_invalid: 'Write it in RE2 syntax.',
  range_not_literal: LITERAL_RANGE,
  range_invalid: LITERAL_RANGE,
};

function problemOf(error: unknown): ExpressionProblem {
  if (error instanceof ExpressionError)
    return { message: lowerFirst(error.message), at: error.range.start, hint: HINTS[error.code] };
  if (!(error instanceof Error)) return { message: 'it cannot be read', at: null, hint: null };
  // A nesting so deep that the parser itself gives up.
  if (error instanceof RangeError) return { message: 'it is nested too deeply', at: null, hint: 'Split the rule.' };
  const summary: unknown = Reflect.get(error, 'summary');
  const range: unknown = Reflect.get(error, 'range');
  const at: unknown = typeof range === 'object' && range !== null ? Reflect.get(range, 'start') : null;
  const message = typeof summary === 'string' ? summary : error.message;
  return { message: lowerFirst(message), at: typeof at === 'number' ? at : null, hint: hintFor(message) };
}

function hintFor(message: string): string | null {
  const [, kind, name = ''] = /^(Unknown variable|No such key): (\w+)$/.exec(message) ?? [];
  if (kind === undefined) return message.startsWith('Exceeded ') ? 'Split the rule into several.' : null;
  const names =
    kind === 'Unknown variable'
      ? Object.keys(VARIABLES)
      : [...new Set([...Object.keys(REQUEST_FIELDS), ...Object.keys(CONSUMER_FIELDS)])];
  const near = nearest(name, names);
  return near === null ? `There are ${names.join(', ')}.` : `Did you mean \`${near}\`?`;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
