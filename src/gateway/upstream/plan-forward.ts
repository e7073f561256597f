/**
 * What will be sent upstream, without sending it: forwarding and `explain` both use this.
 *
 * The URL is put together as text. Through a service binding (`binding`, `vpc`) the platform connects
 * to the binding's own address and takes only Host and path from the URL, so the URL's host is the
 * Host header we want. Plain fetch connects to what the URL names, so there the wanted Host travels in
 * `x-forwarded-host`.
 */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { GatewaySettings } from '../../model/route-model.ts';
import type { RequestFacts } from '../../policies/contract.ts';
import type { CompiledBackend, CompiledForward, CompiledRoute } from '../../program/route-program.ts';
import { prepareMutations, type HeaderChange } from './header-mutations.ts';
import { pathAndQuery, type TemplateContext } from './header-template.ts';
import { rewriteTarget } from './rewrite.ts';

/** A backend with its route's header changes prepared. */
export type PreparedBackend = {
  readonly backend: CompiledBackend;
  /** The route's changes, then the backend's. */
  readonly requestHeaders: HeaderChange | null;
  readonly responseHeaders: HeaderChange | null;
};

export type PreparedForward = { readonly backends: readonly PreparedBackend[]; readonly totalWeight: number };

/** The request as it goes up. */
export type ForwardPlan = {
  readonly url: string;
  /** Host header that the upstream will see. */
  readonly host: string;
  /** Headers as the upstream will see them, `host` apart. */
  readonly headers: Headers;
};

/** Where the request goes, before its headers are touched. */
export type ForwardTarget = {
  readonly url: string;
  /** Host header that the upstream will see. */
  readonly host: string;
  /** Value of `x-envoy-original-path`; null: the path was not rewritten. */
  readonly originalPath: string | null;
  /** Value of `x-forwarded-host` where Host itself cannot say it; null: left as it is. */
  readonly forwardedHost: string | null;
};

type UpstreamHeaderInput = {
  readonly context: TemplateContext;
  readonly settings: Pick<GatewaySettings, 'suppressEnvoyHeaders'>;
  readonly timeouts: CompiledRoute['timeouts'];
};

export function prepareForward(route: CompiledRoute, action: CompiledForward): PreparedForward {
  return {
    backends: action.backends.map((backend) => ({
      backend,
      requestHeaders: prepareMutations(route.requestHeaders, backend.requestHeaders),
      responseHeaders: prepareMutations(backend.responseHeaders),
    })),
    totalWeight: action.backends.reduce((sum, { weight }) => sum + weight, 0),
  };
}

/**
 * The backend whose share of the weights holds `draw`, in [0, 1). Throws GatewayError: 500 `no-backend`
 * when all weights are 0, or the backend's own refusal.
 */
export function chooseBackend({ backends, totalWeight }: PreparedForward, draw: number): PreparedBackend {
  let rest = draw * totalWeight;
  const chosen = backends.find(({ backend }) => {
    rest -= backend.weight;
    return rest < 0;
  });
  if (chosen === undefined) throw new GatewayError(500, 'no-backend', 'No backend of this route takes requests.');
  const { refuse } = chosen.backend;
  if (refuse !== undefined) throw new GatewayError(refuse.status, refuse.code, refuse.message);
  return chosen;
}

/** What would be sent, leaving the facts alone: for explain. Throws GatewayError 400 `rewrite-unsafe`. */
export function planForward(
  prepared: PreparedBackend,
  context: TemplateContext,
  settings: Pick<GatewaySettings, 'paths' | 'suppressEnvoyHeaders'>,
  timeouts: CompiledRoute['timeouts'],
): ForwardPlan {
  const target = planTarget(prepared.backend, context.facts, settings);
  const headers = new Headers(context.facts.headers);
  writeUpstreamHeaders(headers, target, prepared, { context, settings, timeouts });
  return { url: target.url, host: target.host, headers };
}

/** Throws GatewayError 400 `rewrite-unsafe`. */
export function planTarget(
  backend: CompiledBackend,
  facts: Pick<RequestFacts, 'path' | 'query' | 'authority'>,
  settings: Pick<GatewaySettings, 'paths'>,
): ForwardTarget {
  const target = rewriteTarget(backend.rewrite, facts, settings.paths);
  const wantedHost = backend.host ?? facts.authority;
  const hostIsFree = backend.via.kind !== 'fetch';
  const origin = hostIsFree ? `${schemeOf(backend.origin)}://${wantedHost}` : backend.origin;
  return {
    url: origin + pathAndQuery(target),
    host: hostIsFree ? wantedHost : hostOf(backend.origin),
    originalPath: target === facts ? null : pathAndQuery(facts),
    forwardedHost: hostIsFree ? null : wantedHost,
  };
}

/**
 * Turns the sanitised headers of the request into those that go up, in place. `host` is taken out: it
 * follows from the target's URL.
 */
export function writeUpstreamHeaders(
  headers: Headers,
  target: ForwardTarget,
  { requestHeaders }: PreparedBackend,
  { context, settings, timeouts }: UpstreamHeaderInput,
): void {
  headers.delete('host');
  if (!settings.suppressEnvoyHeaders) {
    if (target.originalPath !== null) headers.set('x-envoy-original-path', target.originalPath);
    if (timeouts.requestMs > 0) headers.set('x-envoy-expected-rq-timeout-ms', String(timeouts.requestMs));
  }
  requestHeaders?.(headers, context);
  if (target.forwardedHost !== null) headers.set('x-forwarded-host', target.forwardedHost);
}

function schemeOf(origin: string): string {
  return origin.startsWith('https:') ? 'https' : 'http';
}

function hostOf(origin: string): string {
  return origin.slice(origin.indexOf('://') + 3);
}
