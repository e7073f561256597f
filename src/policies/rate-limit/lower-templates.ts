/** Go templates of limits, parsed when the program is built. */
import type { LowerContext } from '../contract.ts';
import { parseTemplate } from '../go-template/parse.ts';
import type { Template } from '../go-template/template.ts';
import { reportOption } from '../parse-options.ts';
import type { CompiledLimit, TemplatedHeader } from './compiled.ts';
import type { RateLimitHeader, RateLimitOption } from './options.ts';

/** Besides Go's own. */
const FUNCTIONS = ['hasKey', 'doNotSet', 'json'];

type Place = { readonly at: readonly PropertyKey[]; readonly context: LowerContext };

/** null after reporting a template that cannot be run. */
export function lowerTemplates(
  { injectRequestHeaders, injectResponseHeaders, errorResponse }: RateLimitOption,
  { at, context }: Place,
): Pick<CompiledLimit, 'inject' | 'errorResponse'> | null {
  const request = lowerHeaders(injectRequestHeaders ?? [], { at: [...at, 'injectRequestHeaders'], context });
  const response = lowerHeaders(injectResponseHeaders ?? [], { at: [...at, 'injectResponseHeaders'], context });
  const place = [...at, 'errorResponse'];
  const headers = lowerHeaders(errorResponse?.headers ?? [], { at: [...place, 'headers'], context });
  const body = lowerTemplate(errorResponse?.bodyTemplate ?? '', { at: [...place, 'bodyTemplate'], context });
  if (request === null || response === null || headers === null || body === null) return null;
  return {
    ...(request.length + response.length > 0 && { inject: { request, response } }),
    ...(errorResponse !== undefined && { errorResponse: { headers, body } }),
  };
}

function lowerHeaders(headers: readonly RateLimitHeader[], { at, context }: Place): readonly TemplatedHeader[] | null {
  const lowered: TemplatedHeader[] = [];
  for (const [index, { name, value }] of headers.entries()) {
    const template = lowerTemplate(value, { at: [...at, index, 'value'], context });
    if (template !== null) lowered.push({ name: name.toLowerCase(), value: template });
  }
  return lowered.length === headers.length ? lowered : null;
}

function lowerTemplate(text: string, { at, context }: Place): Template | null {
  const parsed = parseTemplate(text, { functions: FUNCTIONS });
  if ('template' in parsed) return parsed.template;
  reportOption(context, 'error', 'template-invalid', {
    message: `The template cannot be used: ${parsed.error}. The route refuses requests, because the policy cannot be applied as written.`,
    at,
    hint: 'docs/policies/jwt.md lists what of Go’s template language is supported.',
  });
  return null;
}
