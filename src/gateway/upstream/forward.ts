/**
 * Sends the request to its backend and hands the answer back, both bodies streamed untouched.
 *
 * Nothing here reads a body: the bytes, their encoding and their framing stay what the two sides made
 * them. The request deadline runs until the last response byte; before the headers it becomes a 504,
 * afterwards it cuts the body, which the client sees as an incomplete answer.
 */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { GatewaySettings } from '../../model/route-model.ts';
import type { CompiledRoute, UpstreamTransport } from '../../program/route-program.ts';
import { startDeadline, type Deadline } from './deadline.ts';
import { guardBody } from './guard-body.ts';
import type { TemplateContext } from './header-template.ts';
import {
  chooseBackend,
  planTarget,
  writeUpstreamHeaders,
  type PreparedBackend,
  type PreparedForward,
} from './plan-forward.ts';
import { contentLength, SHORT_BODY, type WaitUntil } from './pipe.ts';
import { wantedUpgrade } from './upgrade.ts';
import { watchUpload, type Upload } from './watch-upload.ts';

export interface UpstreamFetcher {
  fetch(input: Request | string, init?: RequestInit): Promise<Response>;
}

/** How this process reaches upstreams. */
export interface Backends {
  /**
   * null: this process has no way to this upstream (the program is newer than the process's bindings).
   * `relayId`: the fetcher leads to a relay that must be told which upstream is meant.
   */
  fetcher(
    upstreamId: string,
    via: UpstreamTransport,
  ): { readonly fetcher: UpstreamFetcher; readonly relayId?: string } | null;
}

/** Tells the development relay which upstream is meant. Removed from client requests with every `x-portolan-*`. */
export const RELAY_HEADER = 'x-portolan-relay';

export type ForwardInput = {
  readonly raw: Request;
  readonly route: CompiledRoute;
  readonly forward: PreparedForward;
  readonly context: TemplateContext;
  readonly settings: GatewaySettings;
  readonly backends: Backends;
  /** Stands in for the body of `raw` when a policy looked at that; null: nobody did. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** Draw for the weighted choice, in [0, 1). */
  readonly draw: number;
  /** Keeps the request's script alive; called only for bodies that may take long. */
  readonly waitUntil: WaitUntil;
  /**
   * The client's signal, where something outlives the client and keeps the request's script running: an
   * upstream that is silent must not go on for nobody. null: the runtime ends such a request itself.
   */
  readonly client: AbortSignal | null;
};

export type Forwarded = {
  readonly response: Response;
  readonly backend: PreparedBackend;
  /** Breaks the connection to the upstream, of an upgraded exchange; null of any other. */
  readonly drop: (() => void) | null;
};

/**
 * Throws GatewayError: 400 `request-body-broken` and `client-gone`, 403 `upgrade-not-allowed`, 411 `length-required`, 500 `no-backend`, 503 `upstream-unbound`, 503
 * `upstream-unreachable`, 504 `upstream-timeout`, 400 `rewrite-unsafe`.
 */
export async function forwardRequest(input: ForwardInput): Promise<Forwarded> {
  const { raw, route, context, settings } = input;
  const upgrade = wantedUpgrade(raw.headers, route);
  refuseUnsendable(raw);
  const backend = chooseBackend(input.forward, input.draw);
  const { upstream, via } = backend.backend;
  const way = input.backends.fetcher(upstream, via);
  if (way === null) {
    throw new GatewayError(503, 'upstream-unbound', 'This gateway process has no binding for the upstream yet.', {
      headers: { 'retry-after': '5' },
    });
  }
  const target = planTarget(backend.backend, context.facts, settings);
  // The last to use them: changing the facts' own headers spares a copy of every request's headers.
  const { headers } = context.facts;
  writeUpstreamHeaders(headers, target, backend, { context, settings, timeouts: route.timeouts });
  if (way.relayId !== undefined) headers.set(RELAY_HEADER, way.relayId);
  if (upgrade !== null) headers.set('upgrade', upgrade);
  const upload = input.body === null ? longUpload(raw) : { body: input.body, length: contentLength(raw.headers) };
  const deadline = startDeadline(route.timeouts, upgrade !== null ? 'upgrade' : upload === null ? 'plain' : 'upload');
  const { signal } = deadline;
  // A body that was looked at needs the pipe also to keep its length.
  const isWatched = upload !== null && (signal !== null || input.body !== null);
  const watched = signal ?? new AbortController().signal;
  const body = isWatched ? watchUpload({ ...upload, signal: watched }, deadline, input.waitUntil) : raw.body;
  // Until the head is there; afterwards whoever moves the body or the messages sees to it.
  const gone = input.client === null ? null : followClient(input.client);
  const ends = gone === null ? signal : signal === null ? gone.signal : AbortSignal.any([gone.signal, signal]);
  try {
    const response = await send(way.fetcher, raw, { url: target.url, headers, body, deadline, signal: ends });
    if (upgrade !== null) deadline.clear();
    const context = { deadline, client: raw.signal, waitUntil: input.waitUntil };
    return {
      response: await guardBody(response, context),
      backend,
      drop: upgrade === null ? null : () => deadline.expire(),
    };
  } catch (error) {
    if (gone?.signal.aborted === true) {
      deadline.clear();
      throw new GatewayError(400, 'client-gone', 'The client left before there was an answer.', { cause: error });
    }
    throw upstreamError(error, deadline);
  } finally {
    gone?.forget();
  }
}

function followClient(client: AbortSignal): { readonly signal: AbortSignal; readonly forget: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  if (client.aborted) abort();
  else client.addEventListener('abort', abort, { once: true });
  return { signal: controller.signal, forget: () => client.removeEventListener('abort', abort) };
}

/** The runtime sends these methods without their body when its length is unknown: half a request is worse than none. */
function refuseUnsendable({ method, headers, body }: Request): void {
  if (body === null || (method !== 'GET' && method !== 'HEAD') || headers.has('content-length')) return;
  throw new GatewayError(411, 'length-required', `A ${method} request with a body needs a Content-Length.`);
}

/** The request's body when it may take long to arrive; null: it has none, or a short one. */
function longUpload({ method, headers, body }: Request): Omit<Upload, 'signal'> | null {
  if (body === null || method === 'GET' || method === 'HEAD') return null;
  const length = contentLength(headers);
  return length !== null && length <= SHORT_BODY ? null : { body, length };
}

type RequestParts = {
  readonly url: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly deadline: Deadline;
  readonly signal: AbortSignal | null;
};

/** `manual`: the body stays encoded as it came even when it is read here. */
const UNTOUCHED = { redirect: 'manual', encodeResponseBody: 'manual' } as const;

/** URL and dictionary go to `fetch` as they are: a Request built here would be copied by it once more. */
async function send(fetcher: UpstreamFetcher, raw: Request, parts: RequestParts): Promise<Response> {
  const { method } = raw;
  const { url, headers, body, deadline, signal } = parts;
  if (body === null) {
    const init = { ...UNTOUCHED, method, headers, signal };
    if (!SAFE_METHODS.has(method) || headers.has('upgrade')) return fetcher.fetch(url, init);
    try {
      return await fetcher.fetch(url, init);
    } catch (error) {
      if (!isConnectionLost(error) || deadline.hasExpired()) throw error;
      return fetcher.fetch(url, init);
    }
  }
  // A dictionary with a body is refused for these two; a request as the source carries it over.
  if (method === 'GET' || method === 'HEAD') {
    return fetcher.fetch(new Request(new Request(url, raw), { ...UNTOUCHED, headers, signal }));
  }
  const init = { ...UNTOUCHED, method, headers, body, signal, duplex: 'half' } as const;
  return fetcher.fetch(url, init);
}

/** RFC 9110 §9.2.1: sending them twice asks for nothing more than sending them once. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The connection ended before a response head. Mostly that is a kept connection which the upstream
 * closed just when the request was put on it, and a new one serves.
 */
function isConnectionLost(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'retryable') === true;
}

function upstreamError(error: unknown, deadline: Deadline): GatewayError {
  deadline.clear();
  if (deadline.isBrokenOff()) {
    return new GatewayError(400, 'request-body-broken', 'The request body broke off before its end.', { cause: error });
  }
  if (deadline.hasExpired()) {
    return new GatewayError(504, 'upstream-timeout', 'The upstream did not answer in time.', {
      cause: error,
      origin: 'upstream',
    });
  }
  return new GatewayError(503, 'upstream-unreachable', 'The upstream could not be reached.', {
    cause: error,
    origin: 'upstream',
  });
}
