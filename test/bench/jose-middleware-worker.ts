/** The baseline "Hono and a middleware of ten lines over jose", before the same backend. Only the bench uses it. */
import { Hono } from 'hono';
import { createLocalJWKSet, jwtVerify, type JWTPayload } from 'jose';
import { forwardBackend, type GuardedEnv } from './guarded-forward.ts';

let keys: ReturnType<typeof createLocalJWKSet> | null = null;

const app = new Hono<{ Bindings: GuardedEnv; Variables: { claims: JWTPayload } }>();
app.use('/backend/*', async (c, next) => {
  const { JWK, ISSUER, AUDIENCE } = c.env;
  keys ??= createLocalJWKSet({ keys: [JSON.parse(JWK)] });
  const [, token] = /^bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
  if (token === undefined) return c.text('Unauthorized', 401);
  try {
    const checks = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['ES256'], requiredClaims: ['exp'] };
    c.set('claims', (await jwtVerify(token, keys, checks)).payload);
  } catch {
    return c.text('Unauthorized', 401);
  }
  return next();
});
app.all('/backend/*', forwardBackend);

export default app;
