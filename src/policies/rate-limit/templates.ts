/** Headers and bodies that limits write by templates, as RateLimits of Ambassador Edge Stack do. */
import type { Limit } from '../../limits/limit.ts';
import type { PolicyContext, PolicyRuntime } from '../contract.ts';
import { executeTemplate } from '../go-template/execute.ts';
import type { Template } from '../go-template/template.ts';
import { GoStruct, TemplateError, type GoMap, type GoValue } from '../go-template/value.ts';
import { safeHeaderValue } from '../header-value.ts';
import { logSparsely } from '../sparse-log.ts';
import type { CountedLimit } from './counted.ts';

/** Request headers of every limit that counted the request, and response headers of those that clients may know of. */
export function injectHeaders(counted: readonly CountedLimit[], context: PolicyContext, runtime: PolicyRuntime): void {
  const { headers } = context.facts;
  for (const each of counted) {
    const { limit } = each.ready;
    const { inject } = limit;
    if (inject === undefined || 'undecided' in each.verdict) continue;
    const data = templateData(counted, each);
    for (const { name, value: template } of inject.request) {
      const value = headerValue(template, data, { label: limit.label, runtime });
      // What a client sent under this name must not pass for ours.
      if (value === null) headers.delete(name);
      else headers.set(name, value);
    }
    if (each.check.shadow === true) continue;
    for (const { name, value: template } of inject.response) {
      const value = headerValue(template, data, { label: limit.label, runtime });
      if (value !== null) context.outgoing.set(name, value);
    }
  }
}

export type Refused = {
  /** Whose body it is. */
  readonly by: CountedLimit;
  /** All that were asked. */
  readonly counted: readonly CountedLimit[];
  /** They are set last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly message: string;
};

/** null: the limit has no body of its own, or it failed; a problem document is then the answer. */
export function templatedRefusal(
  { by, counted, headers: own, message }: Refused,
  context: PolicyContext,
  runtime: PolicyRuntime,
): Response | null {
  const { limit } = by.ready;
  const { errorResponse } = limit;
  if (errorResponse === undefined) return null;
  const { requestId, method } = context.facts;
  const code = 429n;
  const data = new GoStruct(
    {
      ...templateData(counted, by),
      status_code: code,
      httpStatus: code,
      message,
      request_id: requestId,
      requestId,
    },
    { shown: { status_code: code, message } },
  );
  const log = { label: limit.label, runtime };
  const body = textOf(errorResponse.body, data, log);
  if (body === null) return null;
  const headers = new Headers({ 'cache-control': 'no-store', 'x-request-id': requestId });
  for (const { name, value: template } of errorResponse.headers) {
    const value = headerValue(template, data, log);
    if (value !== null) headers.set(name, value);
  }
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  // Bytes, so that no content type is made up.
  return new Response(method === 'HEAD' ? null : new TextEncoder().encode(body), { status: 429, headers });
}

type LogOf = { readonly label: string; readonly runtime: PolicyRuntime };

function headerValue(template: Template, data: GoMap | GoStruct, log: LogOf): string | null {
  const text = textOf(template, data, log);
  return text === null ? null : safeHeaderValue(text);
}

function textOf(template: Template, data: GoMap | GoStruct, { label, runtime }: LogOf): string | null {
  try {
    const { text, isSkipped } = executeTemplate(template, data);
    return isSkipped ? null : text;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    logSparsely(runtime, 'rate-limit-template-failed', { limit: label, error: error.message }, label);
    return null;
  }
}

/** A shadow sees itself beside the others; they do not see it. */
function templateData(counted: readonly CountedLimit[], own: CountedLimit): GoMap {
  const seen = counted.filter((each) => each === own || each.check.shadow !== true);
  const statuses: GoValue[] = [];
  let isOver = false;
  let retryAfterMs = 0;
  for (const { check, verdict } of seen) {
    if ('undecided' in verdict) continue;
    isOver ||= !verdict.allowed;
    retryAfterMs = Math.max(retryAfterMs, verdict.retryAfterMs ?? 0);
    statuses.push(
      new GoStruct({
        Code: codeOf(!verdict.allowed),
        CurrentLimit: new GoStruct({ RequestsPerUnit: BigInt(check.limit.rate), Unit: unitOf(check.limit) }),
        LimitRemaining: BigInt(verdict.remaining),
      }),
    );
  }
  return {
    RateLimitResponse: new GoStruct({ OverallCode: codeOf(isOver), Statuses: statuses }),
    RetryAfter: goDuration(retryAfterMs),
  };
}

/** Numbers of Envoy's `RateLimitResponse.Code`. */
function codeOf(isOver: boolean): bigint {
  return isOver ? 2n : 1n;
}

/** Numbers of Envoy's `RateLimit.Unit`; 0 is unknown. */
function unitOf(limit: Limit): bigint {
  if (limit.algorithm === 'concurrency') return 0n;
  if (limit.algorithm === 'calendar') return limit.per === 'day' ? 4n : 0n;
  return UNITS.get(limit.periodMs) ?? 0n;
}

const UNITS: ReadonlyMap<number, bigint> = new Map([
  [1_000, 1n],
  [60_000, 2n],
  [3_600_000, 3n],
  [86_400_000, 4n],
]);

/** Go's time.Duration: what `String` prints, and its other methods. */
export function goDuration(ms: number): GoStruct {
  const text = durationText(ms);
  return new GoStruct(
    {
      String: text,
      Hours: ms / 3_600_000,
      Minutes: ms / 60_000,
      Seconds: ms / 1_000,
      Milliseconds: BigInt(Math.trunc(ms)),
      Nanoseconds: BigInt(Math.round(ms * 1_000_000)),
    },
    { shown: {}, text },
  );
}

/** `1h0m30.5s`: smaller units always follow, below a second there are milliseconds alone. */
function durationText(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 1_000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const secondsText = String((ms % 60_000) / 1_000);
  if (hours > 0) return `${hours}h${minutes}m${secondsText}s`;
  return minutes > 0 ? `${minutes}m${secondsText}s` : `${secondsText}s`;
}
