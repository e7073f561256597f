/** Walks the tree of a template. Bounded: neither its output nor its steps can grow with what a client sends. */
import { printable } from './format.ts';
import { FUNCTIONS, type GoFunction } from './functions.ts';
import type { Command, Operand, Pipe, Template, TemplateNode } from './template.ts';
import {
  entryOf,
  GoHeader,
  GoStruct,
  isList,
  isTrue,
  mapOf,
  sortedKeys,
  TemplateError,
  type GoMap,
  type GoValue,
} from './value.ts';

/** UTF-16 units. */
const MAX_OUTPUT = 8_192;
const MAX_STEPS = 10_000;
/** Of what one function returns. */
const MAX_TEXT = 65_536;

export type TemplateResult = {
  readonly text: string;
  /** `doNotSet` was called: the text is not to be used. */
  readonly isSkipped: boolean;
};

/** Throws TemplateError when the template asks for what its data does not have, or passes a bound. */
export function executeTemplate(template: Template, data: GoMap | GoStruct): TemplateResult {
  const run = new Run(data);
  run.walk(template, data);
  return { text: run.text, isSkipped: run.isSkipped };
}

/** What ends a list early: a `break` or `continue` on its way to the range around it. */
type Jump = 'break' | 'continue' | null;

class Run {
  text = '';
  isSkipped = false;
  #steps = 0;
  readonly #variables: { readonly name: string; value: GoValue }[];

  constructor(data: GoMap | GoStruct) {
    this.#variables = [{ name: '$', value: data }];
  }

  walk(template: Template, dot: GoValue): Jump {
    for (const node of template) {
      const jump = this.#visit(node, dot);
      if (jump !== null) return jump;
    }
    return null;
  }

  #visit(node: TemplateNode, dot: GoValue): Jump {
    this.#step();
    switch (node.node) {
      case 'text':
        this.#write(node.text);
        return null;
      case 'print': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables === undefined) this.#write(printable(value));
        return null;
      }
      case 'if':
      case 'with': {
        const outer = this.#variables.length;
        const value = this.#pipe(node.pipe, dot);
        const inner = node.node === 'with' && isTrue(value) ? value : dot;
        const jump = this.walk(isTrue(value) ? node.body : node.otherwise, inner);
        this.#variables.length = outer;
        return jump;
      }
      case 'range':
        return this.#range(node, dot);
      default:
        return node.node;
    }
  }

  #range(node: TemplateNode & { readonly node: 'range' }, dot: GoValue): Jump {
    const outer = this.#variables.length;
    const entries = elementsOf(this.#pipe({ commands: node.pipe.commands }, dot), node.pipe.variables?.length ?? 0);
    let jump: Jump = null;
    for (const [index, element] of entries) {
      this.#step();
      this.#bind(node.pipe, index, element);
      jump = this.walk(node.body, element);
      this.#variables.length = outer;
      if (jump === 'break') break;
    }
    if (entries.length === 0) jump = this.walk(node.otherwise, dot);
    else jump = null;
    this.#variables.length = outer;
    return jump;
  }

  /** One variable takes the element; of two the first takes the index. */
  #bind({ variables = [], assigns }: Pipe, index: GoValue, element: GoValue): void {
    const [first, second] = variables;
    if (first === undefined) return;
    this.#declare(first, second === undefined ? element : index, assigns);
    if (second !== undefined) this.#declare(second, element, assigns);
  }

  #declare(name: string, value: GoValue, assigns: true | undefined): void {
    if (assigns !== true) {
      this.#variables.push({ name, value });
      return;
    }
    this.#find(name).value = value;
  }

  #find(name: string): { value: GoValue } {
    const found = this.#variables.findLast((variable) => variable.name === name);
    if (found === undefined) throw new TemplateError(`the variable ${name} has no value here`);
    return found;
  }

  #pipe({ commands, variables, assigns }: Pipe, dot: GoValue): GoValue {
    let value: GoValue;
    for (const [index, command] of commands.entries()) {
      value = this.#command(command, dot, index === 0 ? [] : [value]);
      // An interface that holds nil is no value from here on.
      value ??= undefined;
    }
    for (const name of variables ?? []) this.#declare(name, value, assigns);
    return value;
  }

  /** `piped`: the result of the command before, which becomes the last argument. */
  #command({ args: [first, ...rest] }: Command, dot: GoValue, piped: readonly GoValue[]): GoValue {
    if (first === undefined) throw new TemplateError('an empty command');
    if (first.is === 'function') return this.#call(first.name, rest, dot, piped);
    if (first.is === 'pipe' || !('fields' in first) || first.fields.length === 0) {
      if (rest.length + piped.length > 0 && !(first.is === 'pipe' && first.fields.length > 0)) {
        throw new TemplateError('an argument is given to a value');
      }
    }
    return this.#operand(first, dot, () => [...rest.map((arg) => this.#operand(arg, dot)), ...piped]);
  }

  #call(name: string, args: readonly Operand[], dot: GoValue, piped: readonly GoValue[]): GoValue {
    this.#step();
    if (name === 'and' || name === 'or') return this.#shortCircuit(name, args, dot, piped);
    const values = [...args.map((arg) => this.#operand(arg, dot)), ...piped];
    if (name === 'doNotSet') {
      if (values.length > 0) throw new TemplateError('doNotSet takes no argument');
      this.isSkipped = true;
      return '';
    }
    const called: GoFunction | undefined = FUNCTIONS.get(name);
    if (called === undefined) throw new TemplateError(`there is no function ${name}`);
    const result = called(values);
    // Texts made of one another double at every step.
    if (typeof result === 'string' && result.length > MAX_TEXT) throw new TemplateError('a text grows too long');
    return result;
  }

  #shortCircuit(name: 'and' | 'or', args: readonly Operand[], dot: GoValue, piped: readonly GoValue[]): GoValue {
    if (args.length + piped.length === 0) throw new TemplateError(`${name} takes at least one argument`);
    let value: GoValue;
    for (const arg of args) {
      value = this.#operand(arg, dot);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #operand(operand: Operand, dot: GoValue, methodArgs: () => readonly GoValue[] = () => []): GoValue {
    this.#step();
    switch (operand.is) {
      case 'string':
      case 'bool':
        return operand.value;
      case 'float':
        return Number(operand.value);
      case 'int':
        return BigInt(operand.value);
      case 'nil':
        return undefined;
      case 'function':
        return this.#call(operand.name, [], dot, []);
      case 'dot':
        return chain(dot, operand.fields, methodArgs);
      case 'variable':
        return chain(this.#find(operand.name).value, operand.fields, methodArgs);
      default:
        return chain(this.#pipe(operand.pipe, dot), operand.fields, methodArgs);
    }
  }

  #write(text: string): void {
    if (this.text.length + text.length > MAX_OUTPUT)
      throw new TemplateError(`writes more than ${MAX_OUTPUT} characters`);
    this.text += text;
  }

  #step(): void {
    this.#steps += 1;
    if (this.#steps > MAX_STEPS) throw new TemplateError(`takes more than ${MAX_STEPS} steps`);
  }
}

function elementsOf(value: GoValue, variables: number): readonly (readonly [GoValue, GoValue])[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'bigint') return countTo(value, variables);
  if (isList(value)) return value.map((element, index) => [BigInt(index), element]);
  const map = mapOf(value);
  if (map === null) throw new TemplateError('range over a value that has no elements');
  return sortedKeys(map).map((key) => [key, entryOf(map, key)]);
}

function countTo(value: bigint, variables: number): readonly (readonly [GoValue, GoValue])[] {
  if (variables > 1) throw new TemplateError('range over an integer takes one variable');
  if (value > BigInt(MAX_STEPS)) throw new TemplateError(`takes more than ${MAX_STEPS} steps`);
  return Array.from({ length: Math.max(0, Number(value)) }, (_, index) => [undefined, BigInt(index)]);
}

/** Arguments belong to the last name, which must then be a method. */
function chain(start: GoValue, fields: readonly string[], methodArgs: () => readonly GoValue[]): GoValue {
  let value = start;
  for (const [index, name] of fields.entries()) {
    const args = index === fields.length - 1 ? methodArgs() : [];
    value = fieldOf(value, name, args);
  }
  return value;
}

function fieldOf(value: GoValue, name: string, args: readonly GoValue[]): GoValue {
  // A chain through a missing key stays without a value; through a nil it is a mistake.
  if (value === undefined) return undefined;
  if (value === null) throw new TemplateError(`.${name} of nil`);
  if (value instanceof GoHeader && (name === 'Get' || name === 'Values')) return headerMethod(value, name, args);
  if (args.length > 0) throw new TemplateError(`.${name} takes no argument`);
  if (value instanceof GoStruct) {
    if (!Object.hasOwn(value.fields, name)) throw new TemplateError(`there is no field .${name}`);
    return value.fields[name];
  }
  const map = mapOf(value);
  if (map === null) throw new TemplateError(`.${name} of a value without fields`);
  return entryOf(map, name);
}

function headerMethod({ headers }: GoHeader, method: 'Get' | 'Values', args: readonly GoValue[]): GoValue {
  const [name] = args;
  if (typeof name !== 'string' || args.length !== 1) throw new TemplateError(`.${method} takes the name of a header`);
  // A text that is no header name names no header.
  const value = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ? headers.get(name) : null;
  if (method === 'Values') return value === null ? [] : [value];
  return value ?? '';
}
