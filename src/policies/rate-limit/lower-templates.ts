/** Go templates of limits, parsed when the program is built. */
import type { LowerContext } from '../contract.ts';
import { parseTemplate } from '../go-template/parse.ts';
import { reviewFields } from '../go-template/review-fields.ts';
import type { Shape } from '../go-template/shape.ts';
import type { Template } from '../go-template/template.ts';
import { reportOption } from '../parse-options.ts';
import type { CompiledLimit, TemplatedHeader } from './compiled.ts';
import type { RateLimitHeader, RateLimitOption } from './options.ts';
import { COUNTED_SHAPE, REFUSED_SHAPE } from './template-shape.ts';

/** Besides Go's own. */
const FUNCTIONS = ['hasKey', 'doNotSet', 'json'];

type Place = { readonly at: readonly PropertyKey[]; readonly context: LowerContext };
/** `data`: what the template can read; `effect`: what comes of a field that is not there. */
type TemplatePlace = Place & { readonly data: Shape; readonly effect: string };

const NO_HEADER = 'the header never gets the value that was meant';
const NO_BODY = 'it fails there, and a problem document is sent instead';

/** null after reporting a template that cannot be run. */
export function lowerTemplates(
  { injectRequestHeaders, injectResponseHeaders, errorResponse }: RateLimitOption,
  { at, context }: Place,
): Pick<CompiledLimit, 'inject' | 'errorResponse'> | null {
  const header = { context, effect: NO_HEADER };
  const injected = { ...header, data: COUNTED_SHAPE };
  const request = lowerHeaders(injectRequestHeaders ?? [], { ...injected, at: [...at, 'injectRequestHeaders'] });
  const response = lowerHeaders(injectResponseHeaders ?? [], { ...injected, at: [...at, 'injectResponseHeaders'] });
  const answer = { ...header, data: REFUSED_SHAPE };
  const place = [...at, 'errorResponse'];
  const headers = lowerHeaders(errorResponse?.headers ?? [], { ...answer, at: [...place, 'headers'] });
  const bodyPlace = { ...answer, effect: NO_BODY, at: [...place, 'bodyTemplate'] };
  const body = lowerTemplate(errorResponse?.bodyTemplate ?? '', bodyPlace);
  if (request === null || response === null || headers === null || body === null) return null;
  return {
    ...(request.length + response.length > 0 && { inject: { request, response } }),
    ...(errorResponse !== undefined && { errorResponse: { headers, body } }),
  };
}

function lowerHeaders(headers: readonly RateLimitHeader[], place: TemplatePlace): readonly TemplatedHeader[] | null {
  const lowered: TemplatedHeader[] = [];
  for (const [index, { name, value }] of headers.entries()) {
    const template = lowerTemplate(value, { ...place, at: [...place.at, index, 'value'] });
    if (template !== null) lowered.push({ name: name.toLowerCase(), value: template });
  }
  return lowered.length === headers.length ? lowered : null;
}

function lowerTemplate(text: string, { at, context, data, effect }: TemplatePlace): Template | null {
  const parsed = parseTemplate(text, { functions: FUNCTIONS });
  if ('template' in parsed) {
    reviewFields(parsed.template, data, { at, context, effect });
    return parsed.template;
  }
  reportOption(context, 'error', 'template-invalid', {
    message: `The template cannot be used: ${parsed.error}. The route refuses requests, because the policy cannot be applied as written.`,
    at,
    hint: 'docs/policies/jwt.md lists what of Go’s template language is supported.',
  });
  return null;
}
