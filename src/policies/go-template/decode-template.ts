/** A tree as it comes out of a stored program; execute.ts relies on its shape. */
import type { Json } from '../../model/route-model.ts';
import type { Command, Operand, Pipe, Template, TemplateNode } from './template.ts';

type Members = { readonly [name: string]: Json };

/** Throws when it is no template that this version can run. */
export function decodeTemplate(json: Json): Template {
  if (!isTemplate(json)) throw new Error('A template of this program is not one this version understands.');
  return json;
}

function isTemplate(json: Json | undefined): json is Template {
  return Array.isArray(json) && json.every(isNode);
}

function isNode(json: Json): json is TemplateNode {
  if (!isMembers(json)) return false;
  switch (json['node']) {
    case 'text':
      return typeof json['text'] === 'string';
    case 'print':
      return isPipe(json['pipe']);
    case 'if':
    case 'with':
    case 'range':
      return isPipe(json['pipe']) && isTemplate(json['body']) && isTemplate(json['otherwise']);
    default:
      return json['node'] === 'break' || json['node'] === 'continue';
  }
}

function isPipe(json: Json | undefined): json is Pipe {
  if (!isMembers(json)) return false;
  const { variables, assigns, commands } = json;
  return (
    (variables === undefined || isTexts(variables)) &&
    (assigns === undefined || assigns === true) &&
    Array.isArray(commands) &&
    commands.every(isCommand)
  );
}

function isCommand(json: Json): json is Command {
  return isMembers(json) && Array.isArray(json['args']) && json['args'].every(isOperand);
}

function isOperand(json: Json): json is Operand {
  if (!isMembers(json)) return false;
  const { is, value, name, fields, pipe } = json;
  switch (is) {
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'string' && /^-?\d+$/.test(value);
    case 'float':
      return typeof value === 'string' && Number.isFinite(Number(value));
    case 'nil':
      return true;
    case 'function':
      return typeof name === 'string';
    case 'dot':
      return isTexts(fields);
    case 'variable':
      return typeof name === 'string' && isTexts(fields);
    default:
      return is === 'pipe' && isPipe(pipe) && isTexts(fields);
  }
}

function isTexts(json: Json | undefined): boolean {
  return Array.isArray(json) && json.every((item) => typeof item === 'string');
}

function isMembers(json: Json | undefined): json is Members {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
