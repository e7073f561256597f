/** The one place where errors become answers: RFC 9457 problem documents with our stable code. */
import { GatewayError } from '../diagnostics/errors.ts';
import type { Json } from '../model/route-model.ts';

/** One structured line; worker.ts writes it. Never a header value, a token or a body. */
export type Log = (event: string, fields: Readonly<Record<string, Json>>) => void;

export type ProblemContext = {
  readonly requestId: string;
  /** Version of the program that judged the request; null when there was none. */
  readonly configVersion: string | null;
  readonly isHead: boolean;
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

/** Codes with a registered problem type; the others are told apart by `code`, RFC 9457 §4.2.1. */
const TYPES: Readonly<Record<string, string>> = {
  'rate-limited': QUOTA_EXCEEDED,
  'rate-limit-cost-too-high': QUOTA_EXCEEDED,
  'too-many-failures': QUOTA_EXCEEDED,
};

/** Anything that is not a GatewayError is a bug of ours: 500 `internal`, its text only in the log. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError(500, 'internal', 'The gateway failed to serve this request.', { cause: error });
}

export function problemResponse(error: GatewayError, context: ProblemContext): Response {
  const headers = new Headers(error.options.headers);
  headers.set('content-type', 'application/problem+json');
  headers.set('cache-control', 'no-store');
  headers.set('x-request-id', context.requestId);
  const body = JSON.stringify({
    ...error.options.extensions,
    type: TYPES[error.code] ?? 'about:blank',
    title: TITLES[error.status] ?? 'Error',
    status: error.status,
    detail: error.message,
    code: error.code,
    requestId: context.requestId,
    configVersion: context.configVersion,
  });
  return new Response(context.isHead ? null : body, { status: error.status, headers });
}

/** Errors of ours and of upstreams (5xx) are worth a line; refusals of bad requests are the client's business. */
export function logProblem(
  error: GatewayError,
  context: ProblemContext & { readonly route: string | null; readonly consumer: string | null },
  log: Log,
): void {
  if (error.status < 500) return;
  const { cause, origin = 'gateway' } = error.options;
  log('request-failed', {
    code: error.code,
    status: error.status,
    origin,
    requestId: context.requestId,
    configVersion: context.configVersion,
    route: context.route,
    consumer: context.consumer,
    cause: cause === undefined ? null : describe(cause, error.code === 'internal'),
  });
}

function describe(cause: unknown, withStack: boolean): string {
  if (!(cause instanceof Error)) return String(cause);
  return withStack && cause.stack !== undefined ? cause.stack : `${cause.name}: ${cause.message}`;
}
