/**
 * Runs policies the way the gateway does: Hono's composition, an error mapping at the end, outgoing
 * headers applied last. Small on purpose; the gateway's own tests cover the gateway.
 */
import { Hono } from 'hono';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import type { Json } from '../../src/model/route-model.ts';
import type {
  Consumer,
  GatewayEnv,
  GatewayVariables,
  PolicyHandler,
  PolicyRuntime,
  RequestFacts,
} from '../../src/policies/contract.ts';
import { policyHandler } from '../../src/policies/handlers.ts';
import { regexMatches } from '../../src/gateway/regex.ts';
import { createRequestBody } from '../../src/gateway/request-body.ts';
import { OutgoingHeaderLog } from '../../src/policies/outgoing-headers.ts';
import { NO_LIMITER } from './memory-limiter.ts';

export type ChainOptions = {
  /** `handler`: in place of the registered one. */
  readonly policies: readonly { readonly name: string; readonly config: Json; readonly handler?: PolicyHandler }[];
  /** Sees the variables once every policy has let the request pass. */
  readonly inspect?: (variables: GatewayVariables) => void;
  readonly upstream?: () => Response;
  readonly runtime?: PolicyRuntime;
  /** Who authentication found. */
  readonly consumer?: Consumer | null;
};

export function factsOf(
  request: Partial<Omit<RequestFacts, 'headers'>> & { headers?: HeadersInit } = {},
): RequestFacts {
  return {
    requestId: 'req-1',
    method: 'GET',
    scheme: 'https',
    hostname: 'api.example.com',
    authority: 'api.example.com',
    path: '/backend/hello',
    query: null,
    clientIp: '203.0.113.7',
    peerIp: '203.0.113.7',
    place: null,
    ...request,
    headers: new Headers(request.headers),
  };
}

/** Ports that policies get; a limiter that was not given cannot be asked. */
export function runtimeOf(ports: Partial<PolicyRuntime>): PolicyRuntime {
  return {
    rateLimiter: NO_LIMITER,
    fence: () => null,
    failOpen: 'as-upstream',
    log: () => undefined,
    now: Date.now,
    ask: () => Promise.reject(new Error('nothing to ask in this test')),
    askPublic: null,
    keys: { get: () => Promise.resolve(null) },
    secret: () => null,
    shared: null,
    regex: regexMatches,
    ...ports,
  };
}

/** An upstream that always answers 200 with these headers. */
export function answering(headers: HeadersInit): () => Response {
  return () => new Response('upstream', { headers });
}

/** One request through the given policies to an upstream that answers 200 `upstream`. */
export async function runChain(options: ChainOptions, facts: RequestFacts): Promise<Response> {
  const runtime = options.runtime ?? runtimeOf({});
  const outgoing = new OutgoingHeaderLog();
  const ends: (() => void)[] = [];
  const passed: (() => void)[] = [];
  const app = new Hono<GatewayEnv>();
  app.use(async (c, next) => {
    c.set('facts', facts);
    c.set('outgoing', outgoing);
    c.set('rematch', false);
    c.set('refusedCredentials', false);
    c.set('afterAuthentication', (work) => void passed.push(work));
    c.set('atEnd', (work) => void ends.push(work));
    c.set('consumer', options.consumer ?? null);
    c.set('body', createRequestBody(c.req.raw));
    c.set('waitUntil', () => undefined);
    c.set('route', {
      id: 'Mapping/default/backend-mapping',
      source: { kind: 'Mapping', namespace: 'default', name: 'backend-mapping' },
      matches: [],
      action: { kind: 'respond', status: 200 },
      timeouts: { requestMs: 0, idleMs: 0 },
    });
    await next();
  });
  for (const { name, config, handler: given } of options.policies) {
    const handler = given ?? policyHandler(name);
    if (handler === null) throw new Error(`no policy ${name}`);
    app.use(handler.create(config, runtime));
  }
  app.all('*', (c) => {
    for (const work of passed) work();
    options.inspect?.(c.var);
    return options.upstream?.() ?? new Response('upstream');
  });
  app.onError((error) => {
    if (!(error instanceof GatewayError)) throw error;
    const body = { code: error.code, status: error.status, ...error.options.extensions };
    return Response.json(body, { status: error.status, headers: { ...error.options.headers } });
  });
  const answer = await app.request('http://gateway.test/', { method: facts.method });
  const response = new Response(answer.body, answer);
  outgoing.applyTo(response.headers);
  for (const end of ends) end();
  return response;
}
