/** Templates of injected headers and of error answers. */
import type { LowerContext } from '../../contract.ts';
import { executeTemplate } from '../../go-template/execute.ts';
import { lowerTemplate, type TemplatePlace } from '../../go-template/lower-template.ts';
import { NO_BODY, NO_HEADER, reviewFields } from '../../go-template/review-fields.ts';
import { ANY, PLAIN, withFields, type Shape } from '../../go-template/shape.ts';
import type { Template } from '../../go-template/template.ts';
import { TemplateError } from '../../go-template/value.ts';
import { reportOption } from '../../parse-options.ts';
import type { CompiledHeader, CompiledJwt } from './compiled.ts';
import { errorData } from './deny.ts';
import type { JwtHeaderOption, JwtOptions } from './options.ts';

/** What the connection, the gateway or the challenge needs for itself. */
const RESERVED = new Set(
  'connection content-length expect host keep-alive proxy-connection te trailer transfer-encoding upgrade www-authenticate'.split(
    ' ',
  ),
);
const REFUSES = 'The route refuses requests, because the policy cannot be applied as written.';

type Place = Omit<TemplatePlace, 'functions'>;

/** null after reporting what is wrong. */
export function lowerInjected(
  { injectRequestHeaders = [] }: JwtOptions,
  context: LowerContext,
): readonly CompiledHeader[] | null {
  const place = { at: ['injectRequestHeaders'], functions: ['hasKey', 'doNotSet'], context };
  const headers = lowerHeaders(injectRequestHeaders, place);
  if (headers !== null) reviewHeaders(headers, INJECTED_SHAPE, place);
  return headers;
}

/** undefined: none is configured; null after reporting what is wrong. */
export function lowerErrorResponse(
  { errorResponse }: JwtOptions,
  context: LowerContext,
): CompiledJwt['errorResponse'] | null {
  if (errorResponse === undefined) return undefined;
  const { headers = [{ name: 'Content-Type', value: 'application/json' }], bodyTemplate = '{{ . | json "" }}' } =
    errorResponse;
  const place = { at: ['errorResponse', 'headers'], functions: ['hasKey', 'doNotSet', 'json'], context };
  const lowered = lowerHeaders(headers, place);
  const body = lowerTemplate(bodyTemplate, { ...place, at: ['errorResponse', 'bodyTemplate'] });
  if (lowered === null || body === null) return null;
  reviewHeaders(lowered, ERROR_SHAPE, place);
  const bodyPlace = { at: ['errorResponse', 'bodyTemplate'], context };
  if (!reviewFields(body, ERROR_SHAPE, { ...bodyPlace, effect: NO_BODY })) tryBody(body, bodyPlace);
  return { headers: lowered, body };
}

function reviewHeaders(headers: readonly CompiledHeader[], data: Shape, { at, context }: Place): void {
  for (const [index, { value }] of headers.entries()) {
    reviewFields(value, data, { at: [...at, index, 'value'], context, effect: NO_HEADER });
  }
}

function lowerHeaders(headers: readonly JwtHeaderOption[], place: TemplatePlace): readonly CompiledHeader[] | null {
  const compiled: CompiledHeader[] = [];
  for (const [index, { name, value }] of headers.entries()) {
    const at = [...place.at, index];
    if (RESERVED.has(name.toLowerCase())) {
      reportOption(place.context, 'error', 'policy-options-invalid', {
        message: `Policy jwt: the header \`${name}\` belongs to the connection or the gateway. ${REFUSES}`,
        at: [...at, 'name'],
        hint: 'Choose another name.',
      });
      continue;
    }
    const template = lowerTemplate(value, { ...place, at: [...at, 'value'] });
    if (template !== null) compiled.push({ name: name.toLowerCase(), value: template });
  }
  return compiled.length === headers.length ? compiled : null;
}

/** What injected headers can read; which headers and claims there are, only requests say. */
const INJECTED_SHAPE = withFields({
  token: withFields({ Raw: PLAIN, Header: ANY, Claims: ANY, Signature: PLAIN }),
  httpRequestHeader: ANY,
});

/** What error answers can read: the fields of `errorData`. */
const ERROR_SHAPE = withFields({
  status_code: PLAIN,
  httpStatus: PLAIN,
  message: PLAIN,
  // Not there when no token was read.
  error: withFields({ ValidationError: ANY, Error: PLAIN }),
  request_id: PLAIN,
  requestId: PLAIN,
});

/** Its data is the same for every request but for numbers and texts, so that it can be tried. */
function tryBody(body: Template, { at, context }: Place): void {
  try {
    executeTemplate(body, errorData({ status: 401, detail: 'The token is not valid.' }, 'request-id', 'expired'));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    reportOption(context, 'warning', 'template-fails', {
      message: `The template fails (${error.message}), and a problem document is sent instead of it.`,
      at,
      hint: 'There are .status_code, .httpStatus, .message, .error, .request_id and .requestId.',
    });
  }
}
