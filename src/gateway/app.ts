/** The request path as a Hono app: one catch-all, because the program and not Hono decides about paths. */
import { Hono } from 'hono';
import { GatewayError } from '../diagnostics/errors.ts';
import type { GatewayContext, GatewayEnv, PolicyRuntime, RequestFacts } from '../policies/contract.ts';
import { createOutgoing } from '../policies/outgoing-headers.ts';
import { createRouteLoader, policyRuntime, runChain, type LoadedRoute, type RouteLoader } from './chain.ts';
import type { TransportFacts } from './client-address.ts';
import { finishResponse } from './finish-response.ts';
import { logProblem, problemResponse, toGatewayError } from './problem.ts';
import type { ProgramView } from './program-view.ts';
import { readRequest } from './read-request.ts';
import { selectRoute } from './security.ts';
import { forwardRequest, type Backends } from './upstream/forward.ts';
import type { WaitUntil } from './upstream/guard-body.ts';
import type { HeaderChange } from './upstream/header-mutations.ts';
import type { TemplateContext } from './upstream/header-template.ts';
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
export type GatewayBindings = Omit<PolicyRuntime, 'failOpen'> & {
  readonly programs: ProgramSource;
  readonly backends: Backends;
  readonly transport: (request: Request) => TransportFacts;
  /** In [0, 1); default Math.random. */
  readonly random?: () => number;
};

/** What is known about a request so far, for the error answer. */
type Progress = {
  requestId: string | null;
  view: ProgramView | null;
  loaded: LoadedRoute | null;
  template: TemplateContext | null;
  backendHeaders: HeaderChange | null;
};

export function createGateway(bindings: GatewayBindings): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>({ getPath: () => '/' });
  const loaders = new WeakMap<ProgramView, RouteLoader>();
  const loaderOf = (view: ProgramView): RouteLoader => {
    let loader = loaders.get(view);
    if (loader === undefined) {
      loader = createRouteLoader(policyRuntime(bindings, view.settings));
      loaders.set(view, loader);
    }
    return loader;
  };
  app.all('*', (c) => serve(c, bindings, loaderOf));
  return app;
}

async function serve(
  c: GatewayContext,
  bindings: GatewayBindings,
  loaderOf: (view: ProgramView) => RouteLoader,
): Promise<Response> {
  const progress: Progress = { requestId: null, view: null, loaded: null, template: null, backendHeaders: null };
  const outgoing = createOutgoing();
  c.set('outgoing', outgoing);
  try {
    return finishResponse(await answer(c, bindings, loaderOf, progress), { ...progress, outgoing });
  } catch (cause) {
    const error = toGatewayError(cause);
    const context = {
      requestId: progress.requestId ?? crypto.randomUUID(),
      configVersion: progress.view?.version ?? null,
      isHead: c.req.raw.method === 'HEAD',
    };
    logProblem(error, { ...context, route: progress.loaded?.route.id ?? null }, bindings.log);
    return finishResponse(problemResponse(error, context), { ...progress, outgoing });
  }
}

async function answer(
  c: GatewayContext,
  bindings: GatewayBindings,
  loaderOf: (view: ProgramView) => RouteLoader,
  progress: Progress,
): Promise<Response> {
  const { raw } = c.req;
  const waitUntil: WaitUntil = (work) => c.executionCtx.waitUntil(work);
  const current = bindings.programs.current(waitUntil);
  const view = current instanceof Promise ? await current : current;
  progress.view = view;
  const { settings } = view;
  const transport = bindings.transport(raw);
  const facts = readRequest(raw, transport, settings);
  if (facts === null) return new Response(null, { status: 204, headers: { allow: 'GET, HEAD, POST, OPTIONS' } });
  progress.requestId = facts.requestId;

  const found = view.find(facts.hostname, facts.authority);
  const site = found instanceof Promise ? await found : found;
  if (site === null) throw new GatewayError(404, 'host-not-served', 'No domain of this gateway has this host name.');
  const { refuse } = site.domain;
  if (refuse !== undefined) throw new GatewayError(refuse.status, refuse.code, refuse.message);

  const random = bindings.random ?? Math.random;
  const request = { facts, transportScheme: transport.scheme, random: random() * 100 };
  const verdict = selectRoute(site, request, settings);
  if (verdict === 'redirect') return redirectTo(301, secureLocation(facts), facts);

  const loaded = loaderOf(view).load(verdict.route);
  progress.loaded = loaded;
  progress.template = { facts, protocol: transport.protocol, startTime: new Date(), response: null };
  c.set('facts', facts);
  c.set('route', verdict.route);
  c.set('configVersion', view.version);
  return runChain(c, loaded, () => act(raw, bindings, progress, waitUntil));
}

async function act(
  raw: Request,
  bindings: GatewayBindings,
  progress: Progress,
  waitUntil: WaitUntil,
): Promise<Response> {
  const { view, loaded, template } = progress;
  if (view === null || loaded === null || template === null) throw new Error('A route ran before it was loaded.');
  const { route, forward } = loaded;
  const { action } = route;
  switch (action.kind) {
    case 'forward': {
      if (forward === null) throw new Error('A forwarding route was loaded without its backends.');
      const { settings } = view;
      const { backends, random = Math.random } = bindings;
      const sent = await forwardRequest({
        raw,
        route,
        forward,
        context: template,
        settings,
        backends,
        draw: random(),
        waitUntil,
      });
      progress.backendHeaders = sent.backend.responseHeaders;
      return sent.response;
    }
    case 'redirect':
      return redirectTo(action.status, redirectLocation(action, template.facts, view.settings.paths), template.facts);
    case 'respond': {
      const headers = new Headers({ 'x-request-id': template.facts.requestId });
      if (action.contentType !== undefined) headers.set('content-type', action.contentType);
      return new Response(raw.method === 'HEAD' ? null : (action.body ?? null), { status: action.status, headers });
    }
    default:
      throw new GatewayError(action.status, action.code, action.message);
  }
}

function redirectTo(status: number, location: string, { requestId }: RequestFacts): Response {
  return new Response(null, { status, headers: { location, 'x-request-id': requestId } });
}
