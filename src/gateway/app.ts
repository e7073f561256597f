/** The request path, from the runtime's request to the answer. docs/request-path.md tells the steps in prose. */
import { GatewayError } from '../diagnostics/errors.ts';
import type { PolicyPorts, RequestFacts } from '../policies/contract.ts';
import { createRouteLoader, type RouteLoader } from './chain.ts';
import { endAfter, runAll } from './answer-end.ts';
import type { TransportFacts } from './client-address.ts';
import type { Exchange, MatchedExchange } from './exchange.ts';
import { finishResponse } from './finish-response.ts';
import { PolicyRequest } from './policy-request.ts';
import { createPolicyRuntime } from './policy-runtime.ts';
import { logProblem, problemResponse, toGatewayError } from './problem.ts';
import type { ProgramView } from './program-view.ts';
import { readRequest } from './read-request.ts';
import { runPolicies } from './run-policies.ts';
import { selectRoute } from './security.ts';
import { forwardRequest, type Backends } from './upstream/forward.ts';
import type { WaitUntil } from './upstream/pipe.ts';
import { redirectLocation, secureLocation } from './upstream/redirect.ts';

/** Where the live program comes from; see snapshot-cache.ts. */
export interface ProgramSource {
  /**
   * The program to judge this request by. A promise only while there is none yet; it rejects with
   * GatewayError 503 `no-program`. `waitUntil` keeps refreshing alive after the answer.
   */
  current(waitUntil: WaitUntil): ProgramView | Promise<ProgramView>;
}

/** What the process gives the gateway: every side effect arrives here. */
export type GatewayBindings = PolicyPorts & {
  readonly programs: ProgramSource;
  readonly backends: Backends;
  readonly transport: (request: Request) => TransportFacts;
  /** In [0, 1); default Math.random. */
  readonly random?: () => number;
  /** Milliseconds since 1970; default Date.now. */
  readonly now?: () => number;
};

export interface Gateway {
  /** Never rejects: whatever goes wrong becomes a problem document. */
  fetch(request: Request, waitUntil: WaitUntil): Promise<Response>;
}

/** One per process: chains of policies are kept per program version. */
type GatewayState = {
  readonly bindings: GatewayBindings;
  readonly random: () => number;
  loaderOf(view: ProgramView): RouteLoader;
};

export function createGateway(bindings: GatewayBindings): Gateway {
  const loaders = new WeakMap<ProgramView, RouteLoader>();
  const state: GatewayState = {
    bindings,
    random: bindings.random ?? Math.random,
    loaderOf: (view) => {
      let loader = loaders.get(view);
      if (loader === undefined) {
        loader = createRouteLoader(createPolicyRuntime(bindings, view.settings));
        loaders.set(view, loader);
      }
      return loader;
    },
  };
  return {
    fetch: async (raw, waitUntil) => {
      const exchange: Exchange = { raw, waitUntil, view: null, facts: null, matched: null };
      try {
        return endAnswer(finishResponse(await answer(exchange, state), exchange), exchange);
      } catch (error) {
        const problem = finishResponse(answerProblem(error, exchange, bindings), exchange);
        runAll(exchange.matched?.guarded?.ends ?? []);
        return problem;
      }
    },
  };
}

function endAnswer(response: Response, { raw, waitUntil, matched }: Exchange): Response {
  const ends = matched?.guarded?.ends ?? [];
  if (matched === null || ends.length === 0) return response;
  const { isForwarded, dropUpstream } = matched;
  if (isForwarded) {
    const isHead = raw.method === 'HEAD';
    return endAfter(response, { ends, client: raw.signal, waitUntil, isHead, dropUpstream });
  }
  // An answer of our own is here as a whole.
  runAll(ends);
  return response;
}

function answerProblem(cause: unknown, { raw, view, facts, matched }: Exchange, { log }: GatewayBindings): Response {
  const error = toGatewayError(cause);
  const context = {
    requestId: facts?.requestId ?? crypto.randomUUID(),
    configVersion: view?.version ?? null,
    isHead: raw.method === 'HEAD',
  };
  const route = matched?.loaded.route.id ?? null;
  logProblem(error, { ...context, route, consumer: matched?.template.consumer?.id ?? null }, log);
  return problemResponse(error, context);
}

async function answer(exchange: Exchange, state: GatewayState): Promise<Response> {
  const { raw, waitUntil } = exchange;
  const current = state.bindings.programs.current(exchange.waitUntil);
  const view = current instanceof Promise ? await current : current;
  exchange.view = view;
  const { settings } = view;
  const transport = state.bindings.transport(raw);
  const facts = readRequest(raw, transport, settings);
  if (facts === null) return new Response(null, { status: 204, headers: { allow: 'GET, HEAD, POST, OPTIONS' } });
  exchange.facts = facts;

  const found = view.find(facts.hostname, facts.authority);
  const site = found instanceof Promise ? await found : found;
  if (site === null) throw new GatewayError(404, 'host-not-served', 'No domain of this gateway has this host name.');
  const { refuse } = site.domain;
  if (refuse !== undefined) throw new GatewayError(refuse.status, refuse.code, refuse.message);

  const request = { facts, transportScheme: transport.scheme, random: state.random() * 100 };
  const verdict = selectRoute(site, request, settings);
  if (verdict === 'redirect') return redirectTo(301, secureLocation(facts), facts);

  const loader = state.loaderOf(view);
  const loaded = loader.load(verdict.route);
  const template = { facts, protocol: transport.protocol, startTime: new Date(), response: null, consumer: null };
  const matched: MatchedExchange = {
    view,
    loaded,
    template,
    backendHeaders: null,
    guarded: null,
    isForwarded: false,
    dropUpstream: null,
  };
  exchange.matched = matched;
  if (loaded.policies === null) return act(exchange, matched, state);
  const guarded = new PolicyRequest({ raw, facts, route: loaded.route, waitUntil });
  matched.guarded = guarded;
  const said = runPolicies(guarded, matched, () => {
    const again = selectRoute(site, request, settings);
    return again === 'redirect' ? redirectTo(301, secureLocation(facts), facts) : loader.load(again.route);
  });
  const refusal = said instanceof Promise ? await said : said;
  if (refusal !== null) return raw.method === 'HEAD' ? new Response(null, refusal) : refusal;
  const response = await act(exchange, matched, state);
  guarded.answered(response);
  return response;
}

async function act({ raw, waitUntil }: Exchange, matched: MatchedExchange, state: GatewayState): Promise<Response> {
  const { view, loaded, template, guarded } = matched;
  const { route, forward } = loaded;
  const { action } = route;
  if (forward !== null) {
    const { settings } = view;
    const { backends } = state.bindings;
    const draw = state.random();
    const body = guarded?.restOfBody() ?? null;
    // What waits for the end of the answer holds the request's script, and the runtime then no longer ends it.
    const client = guarded !== null && guarded.ends.length > 0 ? raw.signal : null;
    const request = { raw, route, forward, context: template, settings, backends, draw, waitUntil, body, client };
    const sent = await forwardRequest(request);
    matched.isForwarded = true;
    matched.dropUpstream = sent.drop;
    matched.backendHeaders = sent.backend.responseHeaders;
    return sent.response;
  }
  switch (action.kind) {
    case 'redirect':
      return redirectTo(action.status, redirectLocation(action, template.facts, view.settings.paths), template.facts);
    case 'respond': {
      const headers = new Headers({ 'x-request-id': template.facts.requestId });
      if (action.contentType !== undefined) headers.set('content-type', action.contentType);
      return new Response(raw.method === 'HEAD' ? null : (action.body ?? null), { status: action.status, headers });
    }
    case 'refuse':
      throw new GatewayError(action.status, action.code, action.message);
    default:
      throw new Error('A forwarding route was loaded without its backends.');
  }
}

function redirectTo(status: number, location: string, { requestId }: RequestFacts): Response {
  return new Response(null, { status, headers: { location, 'x-request-id': requestId } });
}
