/** What operators ask of one process, over its private socket and never on a public listener. */
import { Hono } from 'hono';

/** See `Control` in worker.ts, which other Workers call by RPC. */
export interface Controlled {
  reload(): Promise<{ readonly version: string | null }>;
  status(): object;
  gather(ms: number): void;
}

const app = new Hono<{ Bindings: { readonly control: Controlled } }>()
  .post('/gather', (c) => {
    c.env.control.gather(Number(c.req.query('ms') ?? 0));
    return c.body(null, 204);
  })
  .post('/reload', async (c) => c.json(await c.env.control.reload()))
  .get('/status', (c) => c.json(c.env.control.status()));

// Whoever runs the process logs what went wrong.
app.onError((error) => {
  throw error;
});

/** 404 for whatever is not asked so. Rejects with what `control` threw. */
export async function answerControl(request: Request, control: Controlled): Promise<Response> {
  return app.fetch(request, { control });
}
