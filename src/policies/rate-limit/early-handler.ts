/**
 * What is counted before anybody asks who is calling: the fence, limits by what every request has, and
 * refused credentials per address.
 *
 * A failure is reserved before authentication and given back as soon as nothing was refused, so that many
 * guesses at a time cannot all be made while one is still being judged. Therefore no more requests of one
 * address are judged at the same moment than may fail.
 */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { Reserved } from '../../limits/limiter.ts';
import type { PolicyContext, PolicyHandler, PolicyRuntime } from '../contract.ts';
import { logSparsely } from '../sparse-log.ts';
import { countedAddress, DEFAULT_IPV6_BITS } from './address-part.ts';
import { countRequest, limitedRequest, NO_VERDICT, reportCounted, type RateLimitPolicy } from './count.ts';
import { countingOf } from './counted.ts';
import { decodeRateLimit } from './decode.ts';
import { readyLimits } from './ready-limits.ts';
import { refusalOfFailures } from './refusal.ts';
import { select } from './select.ts';

/** A fence says yes or no, and not until when; its periods are 10 s and 60 s. */
const FENCE_RETRY_SECONDS = 10;

export const rateLimitEarlyHandler: PolicyHandler = {
  name: 'rate-limit-early',
  create(json: Json, runtime: PolicyRuntime) {
    const config = decodeRateLimit(json);
    const policy: RateLimitPolicy = { config, ready: readyLimits(config, runtime), runtime };
    return async (context) => {
      const { passed } = countingOf(context);
      if (config.fence !== undefined) await passFence(config.fence, passed, context, runtime);
      const failure = await reserveFailure(policy, passed, context);
      if (failure !== null) {
        context.afterAuthentication(() => (context.refusedCredentials ? failure.commit() : failure.release()));
      }
      return countRequest(policy, context, passed);
    };
  },
};

/** null: none is counted, or its counter cannot be asked. Throws GatewayError 429 `too-many-failures`, 503 `rate-limit-unavailable`. */
async function reserveFailure(
  { config: { failures }, ready, runtime }: RateLimitPolicy,
  passed: Set<string>,
  context: PolicyContext,
): Promise<Reserved | null> {
  const limit = failures === undefined ? undefined : ready.limits.get(failures);
  if (failures === undefined || limit === undefined) return null;
  const found = select(failures, limitedRequest(context));
  if (found === null) return null;
  if (found instanceof GatewayError) throw found;
  const key = await found.key;
  if (passed.has(key)) return null;
  passed.add(key);
  const reserved = await runtime.rateLimiter.reserve([{ ...limit.check, key, cost: 1 }], context.waitUntil);
  const counted = {
    ready: limit,
    verdict: reserved.verdicts[0] ?? NO_VERDICT,
    check: { ...limit.check, key, cost: 1 },
  };
  reportCounted([counted], context, runtime);
  const refusal = refusalOfFailures(counted, context);
  if (refusal === null) return reserved;
  reserved.release();
  throw refusal;
}

/**
 * Throws GatewayError: 429 `rate-limited`; 503 `policy-not-enforced` where the Worker has no such binding,
 * and 503 `rate-limit-unavailable` for one that fails where nothing may fail open.
 */
async function passFence(
  name: string,
  passed: Set<string>,
  context: PolicyContext,
  runtime: PolicyRuntime,
): Promise<void> {
  // No key of a counter is without a bar.
  if (passed.has(name)) return;
  passed.add(name);
  const fence = runtime.fence(name);
  const fields = { route: context.route.id, fence: name };
  if (fence === null) {
    logSparsely(runtime, 'rate-limit-fence-missing', fields, name);
    throw new GatewayError(503, 'policy-not-enforced', 'A policy of this route cannot be enforced by this gateway.');
  }
  let isWithin: boolean;
  try {
    isWithin = (await fence.limit({ key: countedAddress(context.facts.clientIp, DEFAULT_IPV6_BITS) })).success;
  } catch (error) {
    logSparsely(runtime, 'rate-limiter-unavailable', { ...fields, error: String(error) }, name);
    if (runtime.failOpen !== 'never') return;
    throw new GatewayError(503, 'rate-limit-unavailable', 'The rate limit could not be checked.', { cause: error });
  }
  if (isWithin) return;
  context.outgoing.expose('Retry-After');
  throw new GatewayError(429, 'rate-limited', 'Too many requests; see Retry-After.', {
    headers: { 'retry-after': String(FENCE_RETRY_SECONDS) },
    extensions: { 'violated-policies': ['fence'] },
  });
}
