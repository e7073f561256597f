/** Tokens of an action → the pipeline that they are. */
import { TemplateSyntaxError, type Token } from './lex.ts';
import type { Command, Operand, Pipe } from './template.ts';

/** Functions of Go's own that are supported; `call` is not, because no data holds a function. */
export const BUILTINS: ReadonlySet<string> = new Set(
  'and or not eq ne lt le gt ge len index slice print printf println html js urlquery'.split(' '),
);
const MAX_PIPE_DEPTH = 32;

/** Over the tokens of one action. Declared variables are added to `variables`, which the caller cuts at the end of the scope. */
export class PipeParser {
  readonly tokens: readonly Token[];
  readonly functions: ReadonlySet<string>;
  readonly variables: string[];
  at = 0;
  depth = 0;

  constructor(tokens: readonly Token[], functions: ReadonlySet<string>, variables: string[]) {
    this.tokens = tokens;
    this.functions = functions;
    this.variables = variables;
  }

  peekSign(text: string): boolean {
    const token = this.tokens[this.at];
    return token?.is === 'sign' && token.text === text;
  }

  assertEnd(): void {
    if (this.at < this.tokens.length) throw new TemplateSyntaxError('unexpected text at the end of an action');
  }
}

/** A pipeline that fills its action. */
export function parsePipe(parser: PipeParser): Pipe {
  const pipe = parseDeclared(parser, 1);
  parser.assertEnd();
  return pipe;
}

/** As parsePipe, with up to two variables. */
export function parseRangePipe(parser: PipeParser): Pipe {
  const pipe = parseDeclared(parser, 2);
  parser.assertEnd();
  return pipe;
}

function parseDeclared(parser: PipeParser, most: 1 | 2): Pipe {
  const [first, second, third, fourth] = parser.tokens.slice(parser.at, parser.at + 4);
  const names: string[] = [];
  if (first?.is === 'variable' && isSign(second, ':=', '=')) names.push(first.text);
  else if (first?.is === 'variable' && isSign(second, ',') && third?.is === 'variable' && isSign(fourth, ':=', '=')) {
    if (most === 1) throw new TemplateSyntaxError('only `range` takes two variables');
    names.push(first.text, third.text);
  }
  if (names.length === 0) return parseCommands(parser);
  parser.at += names.length * 2;
  const operator = parser.tokens[parser.at - 1];
  const assigns = isSign(operator, '=');
  if (assigns) names.forEach((name) => assertKnown(name, parser));
  const pipe = parseCommands(parser);
  if (!assigns) parser.variables.push(...names);
  return { variables: names, ...(assigns && { assigns: true as const }), ...pipe };
}

function isSign(token: Token | undefined, ...texts: readonly string[]): boolean {
  return token?.is === 'sign' && texts.includes(token.text);
}

function parseCommands(parser: PipeParser): Pipe {
  parser.depth += 1;
  if (parser.depth > MAX_PIPE_DEPTH) throw new TemplateSyntaxError('parentheses are nested too deep');
  const commands: Command[] = [parseCommand(parser)];
  while (parser.peekSign('|')) {
    parser.at += 1;
    const command = parseCommand(parser);
    const [first] = command.args;
    // Go refuses at parse time what can take no argument.
    if (first !== undefined && !['function', 'dot', 'variable', 'pipe'].includes(first.is)) {
      throw new TemplateSyntaxError('a value stands where a pipe needs a function');
    }
    commands.push(command);
  }
  parser.depth -= 1;
  return { commands };
}

function parseCommand(parser: PipeParser): Command {
  const args: Operand[] = [];
  for (;;) {
    const token = parser.tokens[parser.at];
    if (token === undefined || isSign(token, '|', ')')) break;
    args.push(parseOperand(token, parser));
  }
  const [first] = args;
  if (first === undefined) throw new TemplateSyntaxError('an empty command');
  if (first.is === 'nil') throw new TemplateSyntaxError('nil is not a command');
  return { args };
}

function parseOperand(token: Token, parser: PipeParser): Operand {
  parser.at += 1;
  switch (token.is) {
    case 'string':
      return { is: 'string', value: token.text };
    case 'int':
      return { is: 'int', value: token.text };
    case 'float':
      return { is: 'float', value: finiteText(token.text) };
    case 'word':
      return wordOperand(token.text, parser);
    case 'dot':
      return { is: 'dot', fields: [] };
    case 'field':
      return { is: 'dot', fields: [token.text, ...joinedFields(parser)] };
    case 'variable':
      assertKnown(token.text, parser);
      return { is: 'variable', name: token.text, fields: joinedFields(parser) };
    default:
      if (token.text !== '(') throw new TemplateSyntaxError(`unexpected \`${token.text}\``);
      return parseParenthesis(parser);
  }
}

function parseParenthesis(parser: PipeParser): Operand {
  const pipe = parseCommands(parser);
  if (!parser.peekSign(')')) throw new TemplateSyntaxError('`)` is missing');
  parser.at += 1;
  return { is: 'pipe', pipe, fields: joinedFields(parser) };
}

function wordOperand(text: string, parser: PipeParser): Operand {
  if (text === 'true' || text === 'false') return { is: 'bool', value: text === 'true' };
  if (text === 'nil') return { is: 'nil' };
  if (!BUILTINS.has(text) && !parser.functions.has(text)) {
    throw new TemplateSyntaxError(`the function \`${text}\` does not exist here`);
  }
  return { is: 'function', name: text };
}

/** `.a.b` right behind a value. */
function joinedFields(parser: PipeParser): string[] {
  const fields: string[] = [];
  for (;;) {
    const token = parser.tokens[parser.at];
    if (token?.is !== 'field' || !token.joined) return fields;
    fields.push(token.text);
    parser.at += 1;
  }
}

function assertKnown(name: string, parser: PipeParser): void {
  if (!parser.variables.includes(name)) throw new TemplateSyntaxError(`the variable \`${name}\` is not declared`);
}

function finiteText(text: string): string {
  if (!Number.isFinite(Number(text))) throw new TemplateSyntaxError(`\`${text}\` is out of range`);
  return text;
}
