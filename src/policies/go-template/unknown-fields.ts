/**
 * Fields that a template reads and its data never has.
 *
 * Follows execute.ts step by step, with shapes in place of values. What a value decides may go either way;
 * what never runs is not looked at, so that `{{ if hasKey . "x" }}{{ .x }}{{ end }}` is no mistake.
 */
import { ANY, NONE, PLAIN, truthOf, type Shape } from './shape.ts';
import type { Command, Operand, Pipe, Template, TemplateNode } from './template.ts';

export type UnknownField = {
  /** As written: `.RetryAfter.Secnds`, `$status.Cod`, `(…).x`. */
  readonly path: string;
  /** Of what it is read, written the same way; empty: the dot. */
  readonly parent: string;
  /** Its fields; null: it is a list. */
  readonly names: readonly string[] | null;
};

/** Each once, in the order of the text. */
export function unknownFields(template: Template, data: Shape): readonly UnknownField[] {
  const walk = new Walk(data, reassigned(template));
  walk.visitAll(template, data);
  return [...walk.found.values()];
}

/** Variables whose value depends on which way the template went. */
function reassigned(template: Template): readonly string[] {
  return template.flatMap((node) => {
    if (!('pipe' in node)) return [];
    const here = node.pipe.assigns === true ? (node.pipe.variables ?? []) : [];
    return node.node === 'print' ? here : [...here, ...reassigned(node.body), ...reassigned(node.otherwise)];
  });
}

class Walk {
  readonly found = new Map<string, UnknownField>();
  readonly #reassigned: ReadonlySet<string>;
  readonly #variables: { readonly name: string; readonly shape: Shape }[];

  constructor(data: Shape, changing: readonly string[]) {
    this.#reassigned = new Set(changing);
    this.#variables = [{ name: '$', shape: data }];
  }

  visitAll(template: Template, dot: Shape): void {
    for (const node of template) {
      if ('pipe' in node) this.#visit(node, dot);
      // Nothing runs behind a `break` or `continue`.
      else if (node.node !== 'text') return;
    }
  }

  #visit(node: Action, dot: Shape): void {
    const { pipe } = node;
    const outer = this.#variables.length;
    const value = this.#pipe(pipe, dot);
    if (node.node === 'range') {
      this.#range(node, value, dot);
    } else {
      this.#declare(pipe, value);
      if (node.node === 'print') return;
      const inner = this.#variables.length;
      const truth = truthOf(value);
      if (truth !== false) this.visitAll(node.body, node.node === 'with' ? value : dot);
      this.#variables.length = inner;
      if (truth !== true) this.visitAll(node.otherwise, dot);
    }
    this.#variables.length = outer;
  }

  #range({ pipe, body, otherwise }: Range, value: Shape, dot: Shape): void {
    // A struct and most single values fail here, so that what is inside may never run.
    if (value.is === 'fields' || value.is === 'plain') return;
    const outer = this.#variables.length;
    const element = value.is === 'list' ? value.of : ANY;
    this.#declareElement(pipe, element);
    if (value.is !== 'none') this.visitAll(body, element);
    this.#variables.length = outer;
    this.visitAll(otherwise, dot);
  }

  #declare({ variables = [], assigns }: Pipe, shape: Shape): void {
    if (assigns !== true) for (const name of variables) this.#variables.push({ name, shape });
  }

  /** Of two variables the first takes the index or key. */
  #declareElement({ variables = [], assigns }: Pipe, element: Shape): void {
    const [first, second] = variables;
    if (first === undefined || assigns === true) return;
    this.#variables.push({ name: first, shape: second === undefined ? element : PLAIN });
    if (second !== undefined) this.#variables.push({ name: second, shape: element });
  }

  #variable(name: string): Shape {
    if (this.#reassigned.has(name)) return ANY;
    return this.#variables.findLast((variable) => variable.name === name)?.shape ?? ANY;
  }

  #pipe({ commands }: Pipe, dot: Shape): Shape {
    let value = NONE;
    for (const [index, command] of commands.entries()) value = this.#command(command, dot, index === 0 ? [] : [value]);
    return value;
  }

  #command({ args: [first, ...rest] }: Command, dot: Shape, piped: readonly Shape[]): Shape {
    if (first === undefined) return ANY;
    if (first.is === 'function') return this.#call(first.name, rest, { dot, piped });
    const value = this.#operand(first, dot);
    // Arguments of a method; without a field they are a mistake, and are not looked at.
    if ('fields' in first && first.fields.length > 0) rest.forEach((arg) => this.#operand(arg, dot));
    return value;
  }

  #call(name: string, args: readonly Operand[], { dot, piped }: Surroundings): Shape {
    if (name === 'and' || name === 'or') return this.#shortCircuit(name, args, { dot, piped });
    return resultOf(name, [...args.map((arg) => this.#operand(arg, dot)), ...piped]);
  }

  #shortCircuit(name: 'and' | 'or', args: readonly Operand[], { dot, piped }: Surroundings): Shape {
    let value = NONE;
    let isSure = true;
    for (const arg of args) {
      value = this.#operand(arg, dot);
      const truth = truthOf(value);
      // The rest is never looked at.
      if (truth === (name === 'or')) return isSure ? value : ANY;
      isSure &&= truth !== null;
    }
    return isSure ? (piped[0] ?? value) : ANY;
  }

  #operand(operand: Operand, dot: Shape): Shape {
    switch (operand.is) {
      case 'string':
      case 'bool':
        return { is: 'plain', value: operand.value };
      case 'int':
      case 'float':
        return PLAIN;
      case 'nil':
        return NONE;
      case 'function':
        return this.#call(operand.name, [], { dot, piped: [] });
      case 'dot':
        return this.#chain(dot, operand.fields, '');
      case 'variable':
        return this.#chain(this.#variable(operand.name), operand.fields, operand.name);
      default:
        return this.#chain(this.#pipe(operand.pipe, dot), operand.fields, '(…)');
    }
  }

  #chain(start: Shape, fields: readonly string[], written: string): Shape {
    let shape = start;
    let parent = written;
    for (const name of fields) {
      if (shape.is === 'any' || shape.is === 'none') return shape;
      const known = shape.is === 'fields' ? shape.fields : {};
      const field = Object.hasOwn(known, name) ? known[name] : undefined;
      if (field === undefined) {
        this.#report({
          path: `${parent}.${name}`,
          parent,
          names: shape.is === 'list' ? null : Object.keys(known),
        });
        return NONE;
      }
      shape = field;
      parent += `.${name}`;
    }
    return shape;
  }

  #report(field: UnknownField): void {
    const key = JSON.stringify(field);
    if (!this.found.has(key)) this.found.set(key, field);
  }
}

type Action = Extract<TemplateNode, { readonly pipe: Pipe }>;
type Range = Extract<TemplateNode, { readonly node: 'range' }>;
type Surroundings = { readonly dot: Shape; readonly piped: readonly Shape[] };

/** Of a function; those that are not named return a text, a number or a boolean. */
function resultOf(name: string, [item = ANY, ...more]: readonly Shape[]): Shape {
  switch (name) {
    case 'not': {
      const truth = truthOf(item);
      return truth === null ? PLAIN : { is: 'plain', value: !truth };
    }
    case 'hasKey': {
      const [key = ANY] = more;
      const isKnown = item.is === 'fields' && key.is === 'plain' && typeof key.value === 'string';
      return isKnown ? { is: 'plain', value: Object.hasOwn(item.fields, key.value) } : PLAIN;
    }
    case 'index':
      return more.reduce((shape) => (shape.is === 'list' ? shape.of : ANY), item);
    case 'slice':
      return item.is === 'list' ? item : ANY;
    default:
      return PLAIN;
  }
}
