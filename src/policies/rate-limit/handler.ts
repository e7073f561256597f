/** Counts a request that every earlier policy let through, under the limits that concern it. */
import type { Json } from '../../model/route-model.ts';
import type { PolicyHandler, PolicyRuntime } from '../contract.ts';
import { countRequest, type RateLimitPolicy } from './count.ts';
import { decodeRateLimit } from './decode.ts';
import { readyLimits } from './ready-limits.ts';

export const rateLimitHandler: PolicyHandler = {
  name: 'rate-limit',
  create(json: Json, runtime: PolicyRuntime) {
    const config = decodeRateLimit(json);
    const policy: RateLimitPolicy = { config, ready: readyLimits(config, runtime), runtime };
    return (context) => countRequest(policy, context);
  },
};
