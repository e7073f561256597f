/** Go templates of limits, parsed when the program is built. */
import type { LowerContext } from '../contract.ts';
import { lowerTemplate } from '../go-template/lower-template.ts';
import { NO_BODY, NO_HEADER, reviewFields } from '../go-template/review-fields.ts';
import type { Shape } from '../go-template/shape.ts';
import type { Template } from '../go-template/template.ts';
import type { CompiledLimit, TemplatedHeader } from './compiled.ts';
import type { RateLimitHeader, RateLimitOption } from './options.ts';
import { COUNTED_SHAPE, REFUSED_SHAPE } from './template-shape.ts';

/** Besides Go's own. */
const FUNCTIONS = ['hasKey', 'doNotSet', 'json'];

type Place = { readonly at: readonly PropertyKey[]; readonly context: LowerContext };
/** `data`: what the template can read; `effect`: what comes of a field that is not there. */
type ReviewedPlace = Place & { readonly data: Shape; readonly effect: string };

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
  const body = lowerReviewed(errorResponse?.bodyTemplate ?? '', bodyPlace);
  if (request === null || response === null || headers === null || body === null) return null;
  return {
    ...(request.length + response.length > 0 && { inject: { request, response } }),
    ...(errorResponse !== undefined && { errorResponse: { headers, body } }),
  };
}

function lowerHeaders(headers: readonly RateLimitHeader[], place: ReviewedPlace): readonly TemplatedHeader[] | null {
  const lowered: TemplatedHeader[] = [];
  for (const [index, { name, value }] of headers.entries()) {
    const template = lowerReviewed(value, { ...place, at: [...place.at, index, 'value'] });
    if (template !== null) lowered.push({ name: name.toLowerCase(), value: template });
  }
  return lowered.length === headers.length ? lowered : null;
}

function lowerReviewed(text: string, { at, context, data, effect }: ReviewedPlace): Template | null {
  const template = lowerTemplate(text, { at, functions: FUNCTIONS, context });
  if (template !== null) reviewFields(template, data, { at, context, effect });
  return template;
}
