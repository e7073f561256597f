/** Templates in options of policies, parsed when the program is built. */
import type { LowerContext } from '../contract.ts';
import { reportOption } from '../parse-options.ts';
import { parseTemplate } from './parse.ts';
import type { Template } from './template.ts';

export type TemplatePlace = {
  readonly at: readonly PropertyKey[];
  /** Besides Go's own. */
  readonly functions: readonly string[];
  readonly context: LowerContext;
};

/** null after reporting a template that cannot be run. */
export function lowerTemplate(text: string, { at, functions, context }: TemplatePlace): Template | null {
  const parsed = parseTemplate(text, { functions });
  if ('template' in parsed) return parsed.template;
  reportOption(context, 'error', 'template-invalid', {
    message: `The template cannot be used: ${parsed.error}. The route refuses requests, because the policy cannot be applied as written.`,
    at,
    hint: 'docs/policies/jwt.md lists what of Go’s template language is supported.',
  });
  return null;
}
