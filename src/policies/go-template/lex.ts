/** Text of a template → texts and actions; text of an action → tokens. Follows Go's text/template/parse. */

/** A mistake in a template, or something of Go's language that is not supported; the message says which. */
export class TemplateSyntaxError extends Error {
  override readonly name = 'TemplateSyntaxError';
}

export type Piece = { readonly is: 'text' | 'action'; readonly text: string };

export type Token =
  | { readonly is: 'word'; readonly text: string }
  /** `.name`; `joined`: without a space before it, so that it belongs to what stands there. */
  | { readonly is: 'field'; readonly text: string; readonly joined: boolean }
  | { readonly is: 'dot' }
  | { readonly is: 'variable'; readonly text: string }
  | { readonly is: 'string'; readonly text: string }
  | { readonly is: 'int' | 'float'; readonly text: string }
  | { readonly is: 'sign'; readonly text: string };

/** Splits at `{{` and `}}`; trim markers are applied and comments left out. */
export function splitActions(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  let trimsNext = false;
  for (;;) {
    const open = rest.indexOf('{{');
    let before = open === -1 ? rest : rest.slice(0, open);
    if (trimsNext) before = before.replace(/^[ \t\r\n]+/, '');
    if (open === -1) return before === '' ? pieces : [...pieces, { is: 'text', text: before }];
    let inside = rest.slice(open + 2);
    if (/^-[ \t\r\n]/.test(inside)) {
      before = before.replace(/[ \t\r\n]+$/, '');
      inside = inside.slice(1);
    }
    if (before !== '') pieces.push({ is: 'text', text: before });
    const end = endOfAction(inside);
    let action = inside.slice(0, end);
    trimsNext = /[ \t\r\n]-$/.test(action);
    if (trimsNext) action = action.slice(0, -1);
    if (/^[ \t\r\n]*\/\*/.test(action)) assertComment(action);
    else pieces.push({ is: 'action', text: action });
    rest = inside.slice(end + 2);
  }
}

/** `}}` inside a string or a comment does not end an action. */
function endOfAction(text: string): number {
  const comment = /^[ \t\r\n]*\/\*[^]*?\*\//.exec(text)?.[0].length ?? 0;
  const quoted = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|\}\}/g;
  quoted.lastIndex = comment;
  for (let match = quoted.exec(text); match !== null; match = quoted.exec(text)) {
    if (match[0] === '}}') return match.index;
  }
  throw new TemplateSyntaxError('an action is not closed by `}}`');
}

function assertComment(action: string): void {
  if (!/^[ \t\r\n]*\/\*[^]*\*\/[ \t\r\n]*$/.test(action)) {
    throw new TemplateSyntaxError('a comment must fill its action');
  }
}

const RULES: readonly (readonly [Exclude<Token['is'], 'dot'> | 'space' | 'raw' | 'rune' | 'dot', RegExp])[] = [
  ['space', /[ \t\r\n]+/y],
  ['field', /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['float', /[+-]?(?:\d[\d_]*\.[\d_]*(?:[eE][+-]?\d+)?|\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+)/y],
  ['int', /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*)/y],
  ['dot', /\./y],
  ['variable', /\$(?:[\p{L}_][\p{L}\p{Nd}_]*)?/uy],
  ['word', /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['string', /"(?:[^"\\\n]|\\.)*"/y],
  ['raw', /`[^`]*`/y],
  ['rune', /'(?:[^'\\\n]|\\.[^']*)'/uy],
  ['sign', /:=|[=|,()]/y],
];

export function tokensOf(action: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let afterSpace = true;
  while (at < action.length) {
    const [kind, text] = nextMatch(action, at);
    at += text.length;
    if (kind !== 'space') tokens.push(tokenOf(kind, text, afterSpace));
    // What follows a value without a space must be able to end it.
    const last = tokens.at(-1);
    if (!afterSpace && kind !== 'space') assertEnds(tokens.at(-2), last);
    afterSpace = kind === 'space';
  }
  return tokens;
}

function nextMatch(action: string, at: number): readonly [(typeof RULES)[number][0], string] {
  for (const [kind, pattern] of RULES) {
    pattern.lastIndex = at;
    const match = pattern.exec(action);
    if (match !== null) return [kind, match[0]];
  }
  throw new TemplateSyntaxError(`unexpected \`${action.slice(at, at + 12)}\` in an action`);
}

function tokenOf(kind: (typeof RULES)[number][0], text: string, afterSpace: boolean): Token {
  switch (kind) {
    case 'field':
      return { is: 'field', text: text.slice(1), joined: !afterSpace };
    case 'dot':
      return { is: 'dot' };
    case 'string':
      return { is: 'string', text: unquote(text.slice(1, -1)) };
    case 'raw':
      return { is: 'string', text: text.slice(1, -1).replaceAll('\r', '') };
    case 'rune':
      return { is: 'int', text: runeValue(text) };
    case 'int':
      return { is: 'int', text: integerText(text) };
    case 'float':
      return { is: 'float', text: text.replaceAll('_', '') };
    case 'space':
      throw new Error('spaces are no tokens');
    default:
      return { is: kind, text };
  }
}

function assertEnds(before: Token | undefined, token: Token | undefined): void {
  if (before === undefined || token === undefined || before.is === 'sign' || token.is === 'sign') return;
  if (token.is === 'field' && (before.is === 'field' || before.is === 'variable')) return;
  throw new TemplateSyntaxError('two values of an action stand together without a space');
}

function integerText(text: string): string {
  const sign = text.startsWith('-') ? '-' : '';
  let digits = text.replace(/^[+-]/, '').replaceAll('_', '');
  // A leading zero alone is Go's old octal form.
  if (/^0\d/.test(digits)) digits = `0o${digits.slice(1)}`;
  try {
    const value = BigInt(digits);
    const signed = sign === '' ? value : -value;
    if (BigInt.asIntN(64, signed) === signed) return String(signed);
  } catch {
    // Falls through: no digits of its base.
  }
  throw new TemplateSyntaxError(`\`${text}\` is no integer of 64 bits`);
}

function runeValue(text: string): string {
  const value = Array.from(text === `'\\''` ? `'` : unquote(text.slice(1, -1)));
  const code = value[0]?.codePointAt(0);
  if (value.length !== 1 || code === undefined) throw new TemplateSyntaxError(`\`${text}\` is no single character`);
  return String(code);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

function unquote(text: string): string {
  return text.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([^]))/g,
    (whole, hex?: string, short?: string, long?: string, octal?: string, plain?: string) => {
      if (plain !== undefined) {
        const found = ESCAPES[plain];
        if (found !== undefined) return found;
        throw new TemplateSyntaxError(`\`${whole}\` is no escape`);
      }
      const code = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
      // Bytes above 0x7f would need strings that are not UTF-8.
      if ((hex !== undefined || octal !== undefined) && code > 0x7f) {
        throw new TemplateSyntaxError(`the byte escape \`${whole}\` is not supported; write \`\\u00..\``);
      }
      if (code > 0x10_ff_ff || (code >= 0xd8_00 && code <= 0xdf_ff)) {
        throw new TemplateSyntaxError(`\`${whole}\` is no character`);
      }
      return String.fromCodePoint(code);
    },
  );
}
