/**
 * Asks another service over HTTP whether a request may pass, as Envoy's ext_authz does it for Ambassador:
 * only 200 allows; 5xx and silence are an outage; every other answer is the client's.
 */
import { GatewayError } from '../../../diagnostics/errors.ts';
import type { Json } from '../../../model/route-model.ts';
import type { Consumer, PolicyRuntime } from '../../contract.ts';
import type { AuthMethodHandler, AuthRequest, AuthVerdict } from '../method.ts';
import { clientAnswer, copiedHeaders, discard, upstreamEdits } from './answer.ts';
import { checkHeaders, checkPath, checkTarget, readBody } from './check-request.ts';
import { startClock, type Clock } from './clock.ts';
import { logSparsely } from '../../sparse-log.ts';
import type { CompiledExternal } from './compiled.ts';
import { decodeExternal } from './decode.ts';

/** Longer names are no names; they would be keys of counters and words of log lines. */
const MAX_CONSUMER_LENGTH = 512;

/** For log and explain; the client gets the service's own answer. */
const DENIED = 'external-auth-denied';

type Check = { readonly request: AuthRequest; readonly config: CompiledExternal; readonly runtime: PolicyRuntime };

export const externalMethod: AuthMethodHandler = {
  name: 'external',
  create(json: Json, runtime: PolicyRuntime) {
    const config = decodeExternal(json);
    return { check: (request) => checkRequest({ request, config, runtime }) };
  },
};

async function checkRequest(check: Check): Promise<AuthVerdict> {
  const { request, config } = check;
  const { facts, waitUntil } = request;
  const body = await readBody(request, config);
  const clock = startClock(config.timeoutMs);
  const init = {
    method: facts.method,
    headers: checkHeaders(config, facts, body),
    body: body.bytes.length === 0 ? null : body.bytes,
    signal: clock.signal,
  };
  let response: Response;
  try {
    response = await ask(check, init);
  } catch (error) {
    clock.stop();
    // Who explains a request asks nobody, and must not be told that an outage lets it pass.
    if (error instanceof GatewayError) throw error;
    return outage(check, clock.hasExpired() ? `no answer within ${config.timeoutMs} ms` : describe(error));
  }
  const verdict = judge(response, check, clock);
  if (verdict.kind === 'deny') return verdict;
  waitUntil(discard(response).finally(clock.stop));
  return verdict.kind === 'allow' ? verdict : outage(check, verdict.reason);
}

/**
 * A connection that ends before a response head is mostly a kept one which the service closed just when
 * the question was put on it, and a new one serves. To ask twice changes nothing but the service's figures.
 */
async function ask({ request: { facts }, config, runtime }: Check, init: RequestInit): Promise<Response> {
  const [target, path] = [checkTarget(config, facts), checkPath(facts, config.pathPrefix)];
  try {
    return await runtime.ask(target, path, init);
  } catch (error) {
    if (!(error instanceof Error) || Reflect.get(error, 'retryable') !== true || init.signal?.aborted === true)
      throw error;
    return runtime.ask(target, path, init);
  }
}

type Outage = { readonly kind: 'outage'; readonly reason: string };

/** Throws GatewayError for an answer that nobody can use; that is no outage, so it never lets a request pass. */
function judge(response: Response, check: Check, clock: Clock): AuthVerdict | Outage {
  const { request, config } = check;
  const { status } = response;
  if (status >= 500 && status <= 599) return { kind: 'outage', reason: `status ${status}` };
  const copied = copiedHeaders(response.headers, config.answerHeaders);
  const consumer = consumerOf(response.headers, config);
  if (status < 200 || status > 599 || copied === null || consumer === 'unusable') {
    request.waitUntil(discard(response).finally(clock.stop));
    const what = copied === null || consumer === 'unusable' ? 'unusable headers' : `status ${status}`;
    throw refusal(check, `an answer with ${what}`);
  }
  if (status === 200) return { kind: 'allow', consumer, edits: upstreamEdits(response.headers, copied) };
  const isHead = request.facts.method === 'HEAD';
  return {
    kind: 'deny',
    isMissing: false,
    isOpaque: true,
    code: DENIED,
    challenge: status === 401 ? (copied.find(([name]) => name === 'www-authenticate')?.[1] ?? null) : null,
    answer: clientAnswer(response, { copied, isHead, clock, waitUntil: request.waitUntil }),
  };
}

function consumerOf(headers: Headers, { consumerHeader }: CompiledExternal): Consumer | null | 'unusable' {
  const id = consumerHeader === undefined ? null : headers.get(consumerHeader);
  if (id === null || id === '') return null;
  if (id.length > MAX_CONSUMER_LENGTH || /[^ -~\u0080-\uffff]/.test(id)) return 'unusable';
  return { id, kind: 'external', issuer: null, plan: null, scopes: [], claims: {} };
}

/** The service cannot say anything: the request passes where the configuration says so, else throws GatewayError. */
function outage(check: Check, reason: string): AuthVerdict {
  if (check.config.failOpen !== true) throw refusal(check, reason);
  log(check, reason);
  return { kind: 'allow', consumer: null, edits: [] };
}

function refusal(check: Check, reason: string): GatewayError {
  log(check, reason);
  const { statusOnError } = check.config;
  return new GatewayError(statusOnError, 'external-auth-unavailable', 'The request could not be checked.', {
    cause: reason,
    origin: 'upstream',
  });
}

function log({ request, config, runtime }: Check, reason: string): void {
  const { upstream } = config.target;
  const failOpen = config.failOpen === true;
  const { requestId } = request.facts;
  const fields = { upstream, requestId, route: request.routeId, reason, failOpen };
  logSparsely(runtime, 'external-auth-unavailable', fields, upstream);
}

/** Messages of the network may hold the address asked, and its query may hold a credential. */
function describe(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown failure';
  return text.replaceAll(/\?\S*/g, '?…').slice(0, 200);
}
