/** What the two hand-written gateways with a token check do when the token is good. */
import type { Context } from 'hono';

export type GuardedEnv = {
  readonly BACKEND: Fetcher;
  /** The one public key, as JSON. */
  readonly JWK: string;
  readonly ISSUER: string;
  readonly AUDIENCE: string;
};

export function forwardBackend<Env extends { Bindings: GuardedEnv }>(c: Context<Env>): Promise<Response> {
  const url = new URL(c.req.url);
  url.pathname = url.pathname.slice('/backend'.length);
  return c.env.BACKEND.fetch(new Request(url, c.req.raw));
}
