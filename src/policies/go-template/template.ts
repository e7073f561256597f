/**
 * A parsed template: the subset of Go's text/template that header and body templates of Ambassador use.
 *
 * JSON, because it crosses to the Worker inside a program: text is parsed when the program is built
 * (parse.ts), the Worker only walks this tree (execute.ts).
 */
export type Template = readonly TemplateNode[];

export type TemplateNode =
  | { readonly node: 'text'; readonly text: string }
  /** Prints the value, unless it declares or assigns a variable. */
  | { readonly node: 'print'; readonly pipe: Pipe }
  | {
      readonly node: 'if' | 'with';
      readonly pipe: Pipe;
      readonly body: Template;
      readonly otherwise: Template;
    }
  | { readonly node: 'range'; readonly pipe: Pipe; readonly body: Template; readonly otherwise: Template }
  | { readonly node: 'break' | 'continue' };

export type Pipe = {
  /** Names with `$`; of `range` up to two. Absent: none. */
  readonly variables?: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns?: true;
  /** The result of one is the last argument of the next. */
  readonly commands: readonly Command[];
};

export type Command = { readonly args: readonly Operand[] };

export type Operand =
  | { readonly is: 'string'; readonly value: string }
  | { readonly is: 'bool'; readonly value: boolean }
  /** `int`: a constant without point and exponent. Decimal text, because JSON numbers lose digits and the sign of zero. */
  | { readonly is: 'int' | 'float'; readonly value: string }
  | { readonly is: 'nil' }
  | { readonly is: 'function'; readonly name: string }
  /** `.a.b`, or `.` with no fields. */
  | { readonly is: 'dot'; readonly fields: readonly string[] }
  /** `$x.a`; `$` is the data the template was started with. */
  | { readonly is: 'variable'; readonly name: string; readonly fields: readonly string[] }
  /** `(…).a` */
  | { readonly is: 'pipe'; readonly pipe: Pipe; readonly fields: readonly string[] };
