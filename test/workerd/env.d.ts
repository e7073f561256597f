import type { RateLimitObject } from '../../src/objects/rate-limit-object.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      RATE_LIMITS: DurableObjectNamespace<RateLimitObject>;
    }
  }
}
