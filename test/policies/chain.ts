/**
 * Runs policies the way the gateway does: its own chain, an error mapping at the end, outgoing headers
 * applied last. Small on purpose; the gateway's own tests cover the gateway.
 */
import { GatewayError } from '../../src/diagnostics/errors.ts';
import type { Json } from '../../src/model/route-model.ts';
import { chainOf, type LoadedRoute, type PolicyStep } from '../../src/gateway/chain.ts';
import { PolicyRequest } from '../../src/gateway/policy-request.ts';
import { runPolicies } from '../../src/gateway/run-policies.ts';
import type {
  Consumer,
  PolicyContext,
  PolicyHandler,
  PolicyRuntime,
  RequestFacts,
} from '../../src/policies/contract.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import { policyHandler } from '../../src/policies/handlers.ts';
import { regexMatches } from '../../src/gateway/regex.ts';
import { NO_LIMITER } from './memory-limiter.ts';

export type ChainOptions = {
  /** `handler`: in place of the registered one. */
  readonly policies: readonly { readonly name: string; readonly config: Json; readonly handler?: PolicyHandler }[];
  /** Sees the request once every policy has let it pass. */
  readonly inspect?: (context: PolicyContext) => void;
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
  const steps = options.policies.map(({ name, config, handler: given }) => {
    const handler = given ?? policyHandler(name);
    if (handler === null) throw new Error(`no policy ${name}`);
    return { policy: { name, config, source: ROUTE.source }, ask: handler.create(config, runtime) };
  });
  const raw = new Request('http://gateway.test/', { method: facts.method });
  const request = new PolicyRequest({ raw, facts, route: ROUTE, waitUntil: () => undefined });
  request.consumer = options.consumer ?? null;
  const answer = await answerOf(request, steps, options);
  const response = new Response(answer.body, answer);
  request.outgoing.applyTo(response.headers);
  for (const end of request.ends) end();
  return response;
}

const ROUTE: CompiledRoute = {
  id: 'Mapping/default/backend-mapping',
  source: { kind: 'Mapping', namespace: 'default', name: 'backend-mapping' },
  matches: [],
  action: { kind: 'respond', status: 200 },
  timeouts: { requestMs: 0, idleMs: 0 },
};

async function answerOf(
  request: PolicyRequest,
  steps: readonly PolicyStep[],
  { inspect, upstream }: ChainOptions,
): Promise<Response> {
  const { facts, consumer } = request;
  const loaded: LoadedRoute = { route: ROUTE, policies: chainOf(steps), forward: null, responseHeaders: null };
  const template = { facts, consumer, protocol: 'HTTP/1.1', startTime: new Date(0), response: null };
  try {
    // There is one route: the second look finds it again.
    const refusal = await runPolicies(request, { loaded, template }, () => loaded);
    if (refusal !== null) return refusal;
    inspect?.(request);
    const answer = upstream?.() ?? new Response('upstream');
    request.answered(answer);
    return answer;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const body = { code: error.code, status: error.status, ...error.options.extensions };
    return Response.json(body, { status: error.status, headers: { ...error.options.headers } });
  }
}
