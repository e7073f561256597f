/** Warns of fields that a template reads and that are never there. */
import { nearest } from '../../diagnostics/nearest.ts';
import type { LowerContext } from '../contract.ts';
import { reportOption } from '../parse-options.ts';
import type { Shape } from './shape.ts';
import type { Template } from './template.ts';
import { unknownFields, type UnknownField } from './unknown-fields.ts';

export type ReviewPlace = {
  readonly at: readonly PropertyKey[];
  readonly context: LowerContext;
  /** What comes of it; ends the sentence. */
  readonly effect: string;
};

/** What comes of it in a header, and in the body of an error answer. */
export const NO_HEADER = 'the header never gets the value that was meant';
export const NO_BODY = 'it fails there, and a problem document is sent instead';

/** Whether there are such fields. */
export function reviewFields(template: Template, data: Shape, { at, context, effect }: ReviewPlace): boolean {
  const found = unknownFields(template, data);
  for (const field of found) {
    reportOption(context, 'warning', 'template-field-unknown', {
      message: `The template reads \`${field.path}\`, which does not exist, so ${effect}.`,
      at,
      hint: hintOf(field),
    });
  }
  return found.length > 0;
}

function hintOf({ path, parent, names }: UnknownField): string {
  const owner = parent === '' ? 'The dot' : `\`${parent}\``;
  if (names === null) return `${owner} is a list: \`range\` goes through its elements, \`index\` takes one of them.`;
  if (names.length === 0) return `${owner} is a single value and has no fields.`;
  const near = nearest(path.slice(parent.length + 1), names);
  const question = near === null ? '' : `Did you mean \`${parent}.${near}\`? `;
  return `${question}There are ${names.map((name) => `${parent}.${name}`).join(', ')}.`;
}
