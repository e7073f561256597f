/**
 * Asks the limiter once for all limits that match the path, and says in the IETF header fields
 * (draft-ietf-httpapi-ratelimit-headers) what is left, on passed and refused requests alike.
 */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { GatewayContext, OutgoingHeaders, PolicyHandler, PolicyRuntime, RateLimitDecision } from '../contract.ts';
import { logSparsely } from '../sparse-log.ts';
import type { CompiledLimit } from './compiled.ts';
import { decodeRateLimit } from './decode.ts';
import { bucketOf, selectLimits, toCheck } from './select.ts';

export const rateLimitHandler: PolicyHandler = {
  name: 'rate-limit',
  create(json: Json, runtime: PolicyRuntime) {
    const config = decodeRateLimit(json);
    return async (c, next) => {
      const limits = selectLimits(config, c.get('facts').path);
      if (limits.length === 0) return next();
      const decisions = await askLimiter(limits, c, runtime);
      if (decisions !== null) {
        writeHeaders(limits, decisions, c.get('outgoing'));
        refuseUnlessAllowed(limits, decisions, c.get('outgoing'));
      }
      return next();
    };
  },
};

/** null: the limiter cannot be asked and the gateway's setting says to let the request pass. */
async function askLimiter(
  limits: readonly CompiledLimit[],
  c: GatewayContext,
  runtime: PolicyRuntime,
): Promise<readonly RateLimitDecision[] | null> {
  const facts = c.get('facts');
  try {
    return await runtime.rateLimiter.take(limits.map((limit) => toCheck(limit, facts)));
  } catch (error) {
    const { failOpen } = runtime;
    const fields = { requestId: facts.requestId, route: c.get('route').id, error: String(error), failOpen };
    logSparsely(runtime, 'rate-limiter-unavailable', fields);
    if (failOpen === 'never') {
      throw new GatewayError(503, 'rate-limit-unavailable', 'The rate limit could not be checked.', { cause: error });
    }
    return null;
  }
}

function writeHeaders(
  limits: readonly CompiledLimit[],
  decisions: readonly RateLimitDecision[],
  outgoing: OutgoingHeaders,
): void {
  for (const [index, limit] of limits.entries()) {
    const decision = decisions[index];
    if (decision === undefined) continue;
    // Added, not set: an upstream may have limits of its own, and both are true.
    const { rate, periodMs } = bucketOf(limit.limit);
    outgoing.append('ratelimit-policy', `"${limit.label}";q=${rate};w=${periodMs / 1_000}`);
    outgoing.append('ratelimit', `"${limit.label}";r=${decision.remaining};t=${Math.ceil(decision.resetMs / 1_000)}`);
  }
  outgoing.expose('RateLimit-Policy');
  outgoing.expose('RateLimit');
}

function refuseUnlessAllowed(
  limits: readonly CompiledLimit[],
  decisions: readonly RateLimitDecision[],
  outgoing: OutgoingHeaders,
): void {
  const violated: string[] = [];
  let retryAfterMs = 0;
  for (const [index, limit] of limits.entries()) {
    const decision = decisions[index];
    // A missing decision is a broken limiter, and must not read as "allowed".
    if (decision?.allowed === true) continue;
    violated.push(limit.label);
    retryAfterMs = Math.max(retryAfterMs, decision?.retryAfterMs ?? 0);
  }
  if (violated.length === 0) return;
  outgoing.expose('Retry-After');
  throw new GatewayError(429, 'rate-limited', 'Too many requests; see Retry-After.', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) },
    extensions: { 'violated-policies': violated },
  });
}
