/**
 * Calls to Cloudflare's REST API: envelope, retries, errors.
 *
 * Answers 429 and 5xx, time-outs and broken connections are retried; every call made through here may
 * be repeated without harm. Whatever fails for good is a UserError that names the call and what
 * Cloudflare said, never the token.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../diagnostics/errors.ts';

export type CloudflareApiOptions = {
  /** API token with the permission "Workers KV Storage: Edit". */
  readonly apiToken: string;
  /** Default `https://api.cloudflare.com/client/v4`. */
  readonly baseUrl?: string;
  /** Tries of one call. Default 6. */
  readonly attempts?: number;
  /** First back-off; it doubles with each try, and a random part of it is waited. Default 500. */
  readonly backOffMs?: number;
  /** Longest single wait, whatever `Retry-After` asks for; above it the call fails. Default 60,000. */
  readonly maxWaitMs?: number;
  /** Of one try. Default 60,000. */
  readonly timeoutMs?: number;
};

export type ApiCall = {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** Below the base URL, with its query. */
  readonly path: string;
  readonly body?: unknown;
};

export type ApiError = { readonly code: number; readonly message: string };

/** What Cloudflare answered in the end: 2xx or 404. */
export type ApiAnswer = { readonly status: number; readonly text: string };

export const DEFAULT_BASE_URL = 'https://api.cloudflare.com/client/v4';
const LONGEST_BACK_OFF_MS = 10_000;

type Outcome =
  | { readonly kind: 'answer'; readonly answer: ApiAnswer }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number | null };

export class CloudflareApi {
  readonly #options: Required<CloudflareApiOptions>;

  constructor(options: CloudflareApiOptions) {
    const defaults = { baseUrl: DEFAULT_BASE_URL, attempts: 6, backOffMs: 500, maxWaitMs: 60_000, timeoutMs: 60_000 };
    this.#options = { ...defaults, ...options };
  }

  async call(call: ApiCall): Promise<ApiAnswer> {
    const { attempts, maxWaitMs } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#try(call);
      if (outcome.kind === 'answer') return outcome.answer;
      const waitMs = outcome.afterMs ?? this.#backOff(attempt);
      if (attempt >= attempts) throw failure(call, `${outcome.reason}, ${attempts} times`);
      if (waitMs > maxWaitMs) throw failure(call, `${outcome.reason}; try again in ${Math.ceil(waitMs / 1000)} s`);
      await sleep(waitMs);
    }
  }

  async #try(call: ApiCall): Promise<Outcome> {
    const { apiToken, baseUrl, timeoutMs } = this.#options;
    let status: number;
    let text: string;
    let retryAfter: string | null;
    try {
      const response = await fetch(baseUrl + call.path, {
        method: call.method,
        headers: {
          authorization: `Bearer ${apiToken}`,
          ...(call.body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
        // A redirect would carry the token to another place.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = response.status;
      retryAfter = response.headers.get('retry-after');
      text = await response.text();
    } catch (error) {
      return { kind: 'retry', reason: `it could not be reached (${reasonOf(error)})`, afterMs: null };
    }
    if (status === 429 || status >= 500) {
      return { kind: 'retry', reason: `it answered ${status}${quoted(text)}`, afterMs: waitAskedFor(retryAfter) };
    }
    if (status < 300 || status === 404) return { kind: 'answer', answer: { status, text } };
    throw failure(call, `it answered ${status}${quoted(text)}${remedy(status)}`);
  }

  /** Half fixed, half random: publishers that were refused together do not come back together. */
  #backOff(attempt: number): number {
    const full = Math.min(LONGEST_BACK_OFF_MS, this.#options.backOffMs * 2 ** (attempt - 1));
    return full / 2 + (Math.random() * full) / 2;
  }
}

/** `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3); null when absent or unreadable. */
function waitAskedFor(value: string | null): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}

/** Errors of an answer's envelope; empty when it is no envelope. */
export function apiErrors(text: string): readonly ApiError[] {
  const envelope = parseJson(text);
  if (typeof envelope !== 'object' || envelope === null || !('errors' in envelope)) return [];
  if (!Array.isArray(envelope.errors)) return [];
  return envelope.errors.filter(isApiError);
}

/** `result` of a successful envelope and its `result_info`. Throws UserError when it is something else. */
export function resultOf(call: ApiCall, { status, text }: ApiAnswer): { result: unknown; info: unknown } {
  const envelope = parseJson(text);
  const good = typeof envelope === 'object' && envelope !== null && 'success' in envelope && envelope.success === true;
  if (status >= 300 || !good) throw failure(call, `it answered ${status}${quoted(text)}${remedy(status)}`);
  return {
    result: 'result' in envelope ? envelope.result : undefined,
    info: 'result_info' in envelope ? envelope.result_info : undefined,
  };
}

export function failure({ method, path }: ApiCall, reason: string): UserError {
  return new UserError(`Cloudflare's API failed (${method} ${path.split('?')[0]}): ${reason}`);
}

function quoted(text: string): string {
  const errors = apiErrors(text);
  return errors.length === 0 ? '' : ` (${errors.map(({ code, message }) => `${code}: ${message}`).join('; ')})`;
}

function remedy(status: number): string {
  if (status === 401 || status === 403) {
    return '. CLOUDFLARE_API_TOKEN must be a token with the permission "Workers KV Storage: Edit" for this account';
  }
  return status === 404
    ? '. Check CLOUDFLARE_ACCOUNT_ID and PORTOLAN_KV_NAMESPACE_ID, for keys PORTOLAN_KEYS_NAMESPACE_ID'
    : '';
}

/** fetch hides the reason of a failed connection in `cause`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function isApiError(value: unknown): value is ApiError {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
