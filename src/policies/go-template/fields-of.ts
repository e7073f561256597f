/** What a template reads of the data it is started with, as far as its text tells. */
import type { Pipe, Template, TemplateNode } from './template.ts';

/** Paths of fields, each from the root; the empty path: the whole data. */
export function fieldsOf(template: Template): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  visitAll(template, { found, dotIsRoot: true });
  return found;
}

type Visit = { readonly found: (readonly string[])[]; readonly dotIsRoot: boolean };

function visitAll(template: Template, visit: Visit): void {
  for (const node of template) visitNode(node, visit);
}

function visitNode(node: TemplateNode, visit: Visit): void {
  if (!('pipe' in node)) return;
  visitPipe(node.pipe, visit);
  if (node.node === 'print') return;
  // `with` and `range` set the dot to something inside what their pipeline read.
  visitAll(node.body, node.node === 'if' ? visit : { ...visit, dotIsRoot: false });
  visitAll(node.otherwise, visit);
}

function visitPipe(pipe: Pipe, visit: Visit): void {
  for (const { args } of pipe.commands) {
    for (const operand of args) {
      if (operand.is === 'pipe') visitPipe(operand.pipe, visit);
      if (operand.is === 'dot' && visit.dotIsRoot) visit.found.push(operand.fields);
      if (operand.is === 'variable' && operand.name === '$') visit.found.push(operand.fields);
    }
  }
}
