/** Counts a request that every earlier policy let through, under the limits that concern it. */
import type { Json } from '../../model/route-model.ts';
import type { GatewayContext, PolicyHandler, PolicyRuntime } from '../contract.ts';
import { chargeAnswer } from './cost.ts';
import { countRequest, type Outcome, type RateLimitPolicy } from './count.ts';
import type { AskedLimit } from './counted.ts';
import { decodeRateLimit } from './decode.ts';
import { readyLimits } from './ready-limits.ts';

type Next = () => Promise<void>;

export const rateLimitHandler: PolicyHandler = {
  name: 'rate-limit',
  create(json: Json, runtime: PolicyRuntime) {
    const config = decodeRateLimit(json);
    const policy: RateLimitPolicy = { config, ready: readyLimits(config, runtime), runtime };
    const goOn = async ({ answer, counted }: Outcome, c: GatewayContext, next: Next): Promise<Response | undefined> => {
      if (answer !== null) return answer;
      await next();
      chargeFor(counted, c, runtime);
      return undefined;
    };
    // Where the limiter decides without waiting, so does this.
    return (c, next) => {
      const outcome = countRequest(policy, c);
      return outcome instanceof Promise ? outcome.then((done) => goOn(done, c, next)) : goOn(outcome, c, next);
    };
  },
};

/** The rest of what the answer says to have cost; after `next()`. An answer of ours, a refusal below, costs no more. */
export function chargeFor(counted: readonly AskedLimit[], c: GatewayContext, runtime: PolicyRuntime): void {
  const admitted = counted.filter(({ ready }) => ready.limit.cost?.responseHeader !== undefined);
  if (admitted.length > 0) chargeAnswer(admitted, c.res.headers, runtime.rateLimiter, c.get('waitUntil'));
}
