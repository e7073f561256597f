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
import { guardBody, type WaitUntil } from './guard-body.ts';
import type { TemplateContext } from './header-template.ts';
import {
  chooseBackend,
  planTarget,
  writeUpstreamHeaders,
  type PreparedBackend,
  type PreparedForward,
} from './plan-forward.ts';
import { wantedUpgrade } from './upgrade.ts';

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
const RELAY_HEADER = 'x-portolan-relay';

export type ForwardInput = {
  readonly raw: Request;
  readonly route: CompiledRoute;
  readonly forward: PreparedForward;
  readonly context: TemplateContext;
  readonly settings: GatewaySettings;
  readonly backends: Backends;
  /** Draw for the weighted choice, in [0, 1). */
  readonly draw: number;
  /** Keeps the request's script alive; called only for bodies that may take long. */
  readonly waitUntil: WaitUntil;
};

export type Forwarded = { readonly response: Response; readonly backend: PreparedBackend };

/**
 * Throws GatewayError: 403 `upgrade-not-allowed`, 500 `no-backend`, 503 `upstream-unbound`, 503
 * `upstream-unreachable`, 504 `upstream-timeout`, 400 `rewrite-unsafe`.
 */
export async function forwardRequest(input: ForwardInput): Promise<Forwarded> {
  const { raw, route, context, settings } = input;
  const upgrade = wantedUpgrade(raw.headers, route);
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
  const deadline = startDeadline(route.timeouts, upgrade !== null);
  let response: Response;
  try {
    response = await send(way.fetcher, raw, { url: target.url, headers, signal: deadline.signal });
  } catch (error) {
    throw upstreamError(error, deadline);
  }
  if (upgrade !== null) deadline.clear();
  return { response: guardBody(response, deadline, input.waitUntil), backend };
}

type RequestParts = { readonly url: string; readonly headers: Headers; readonly signal: AbortSignal | null };

/** URL and dictionary go to `fetch` as they are: a Request built here would be copied by it once more. */
function send(fetcher: UpstreamFetcher, raw: Request, { url, headers, signal }: RequestParts): Promise<Response> {
  const { method, body } = raw;
  if (body === null) return fetcher.fetch(url, { method, headers, redirect: 'manual', signal });
  // A dictionary with a body is refused for these two; a request as the source carries it over.
  if (method === 'GET' || method === 'HEAD') {
    return fetcher.fetch(new Request(new Request(url, raw), { headers, redirect: 'manual', signal }));
  }
  const init = { method, headers, body, redirect: 'manual', signal, duplex: 'half' } as const;
  return fetcher.fetch(url, init);
}

function upstreamError(error: unknown, deadline: Deadline): GatewayError {
  deadline.clear();
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
