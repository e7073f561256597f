/**
 * The baseline "a gateway as one would write it by hand": Hono, its CORS middleware, one Durable
 * Object call per request for a per-address limit, then forward. Only the bench uses it.
 */
import { DurableObject } from 'cloudflare:workers';
import { Hono } from 'hono';
import { cors } from 'hono/cors';

type Env = { BACKEND: Fetcher; LIMITS: DurableObjectNamespace<Counter> };

/** Fixed window in memory: the simplest limiter that people write. */
export class Counter extends DurableObject {
  #window = 0;
  #count = 0;

  take(limit: number, windowMs: number): boolean {
    const window = Math.floor(Date.now() / windowMs);
    if (window !== this.#window) {
      this.#window = window;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count <= limit;
  }
}

const app = new Hono<{ Bindings: Env }>();
app.use('/backend/*', cors({ origin: '*', allowMethods: ['GET', 'POST'] }));
app.use('/backend/*', async (c, next) => {
  const address = c.req.header('cf-connecting-ip') ?? 'unknown';
  if (!(await c.env.LIMITS.getByName(address).take(1_000_000, 1000))) return c.text('too many requests', 429);
  return next();
});
app.all('/backend/*', (c) => {
  const url = new URL(c.req.url);
  url.pathname = url.pathname.slice('/backend'.length);
  return c.env.BACKEND.fetch(new Request(url, c.req.raw));
});

export default app;
