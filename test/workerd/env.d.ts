declare namespace Cloudflare {
  interface Env {
    RATE_LIMITS: DurableObjectNamespace<import('../../src/objects/rate-limit-object.ts').RateLimitObject>;
  }
}
