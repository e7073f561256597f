/** The baseline "Hono and its own middleware `hono/jwk`", before the same backend. Only the bench uses it. */
import { Hono } from 'hono';
import { jwk } from 'hono/jwk';
import { forwardBackend, type GuardedEnv } from './guarded-forward.ts';

type Options = Parameters<typeof jwk>[0];
let middleware: ReturnType<typeof jwk> | null = null;

function jwkOf({ JWK, ISSUER, AUDIENCE }: GuardedEnv): ReturnType<typeof jwk> {
  const keys = [JSON.parse(JWK)] as Extract<Options['keys'], readonly unknown[]>;
  return jwk({ keys, alg: ['ES256'], verification: { iss: ISSUER, aud: AUDIENCE } });
}

const app = new Hono<{ Bindings: GuardedEnv }>();
app.use('/backend/*', (c, next) => {
  middleware ??= jwkOf(c.env);
  return middleware(c, next);
});
app.all('/backend/*', forwardBackend);

export default app;
