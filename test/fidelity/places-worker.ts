/** A gateway whose limits are counted in its own memory and can be looked at, so that the end of each answer shows. */
import { createGateway, type Gateway } from '../../src/gateway/app.ts';
import { policyPorts } from '../../src/gateway/platform-ports.ts';
import { SnapshotCache } from '../../src/gateway/snapshot-cache.ts';
import { createTransport } from '../../src/gateway/transport.ts';
import { boundBackends } from '../../src/gateway/upstream/bound-backends.ts';
import { createMemoryLimiter } from '../policies/memory-limiter.ts';

type Environment = Readonly<Record<string, unknown>> & {
  readonly ROUTES: { get(key: string): Promise<string | null> };
};
type Context = { waitUntil(work: Promise<unknown>): void };

/** Answered by the worker itself: `TAKEN FREED`. */
const PLACES = '/-/places';

const limiter = createMemoryLimiter(Date.now);
let gateway: Gateway | null = null;

function start(env: Environment): Gateway {
  return createGateway({
    ...policyPorts('self-hosted', env),
    programs: new SnapshotCache({
      reader: { get: (key) => env.ROUTES.get(key) },
      refreshMs: 30_000,
      log: () => undefined,
    }),
    rateLimiter: limiter,
    log: () => undefined,
    transport: createTransport('self-hosted'),
    backends: boundBackends(env),
  });
}

export default {
  fetch(request: Request, env: Environment, context: Context): Promise<Response> {
    if (new URL(request.url).pathname === PLACES) {
      const count = (kind: string): number => limiter.calls.filter((call) => call.kind === kind).length;
      return Promise.resolve(new Response(`${count('take')} ${count('free')}`));
    }
    gateway ??= start(env);
    return gateway.fetch(request, (work) => context.waitUntil(work));
  },
};
