/** In place of the Worker: the rate limiter over objects that take a while, asked over HTTP. */
import type { LimitAnswer, LimitCall } from '../../src/limits/calls.ts';
import type { LimitCheck } from '../../src/limits/limiter.ts';
import { type LimitBindings, openLimits } from '../../src/objects/open-limits.ts';
import { type CountingRateLimiter, createRateLimiter } from '../../src/objects/rate-limiter.ts';
import { RateLimitObject as RealObject } from '../../src/worker.ts';

export { Limiter } from '../../src/worker.ts';

type Environment = LimitBindings & { readonly OBJECT_DELAY_MS?: string };

type Decisions = readonly LimitAnswer[];
interface DecidingObject {
  readonly env: Environment;
  decide(calls: readonly LimitCall[]): Decisions | Promise<Decisions>;
}
/** RPC makes a promise of every answer anyway. */
const Base = RealObject as unknown as new (context: DurableObjectState, env: Environment) => DecidingObject;

export class RateLimitObject extends Base {
  override async decide(calls: readonly LimitCall[]): Promise<Decisions> {
    await new Promise((resolve) => setTimeout(resolve, Number(this.env.OBJECT_DELAY_MS ?? 0)));
    rpcs += 1;
    return super.decide(calls);
  }
}

let limiter: CountingRateLimiter | null = null;
let rpcs = 0;

/** Only so that the process can be seen to have started. */
export const Control = { fetch: (): Response => new Response(null, { status: 404 }) };

export default {
  /** GET `/counts`; or a list of checks as the body, which are taken, while the process is busy for `busy-ms`. */
  async fetch(request, env, context): Promise<Response> {
    limiter ??= createRateLimiter(openLimits(env));
    if (new URL(request.url).pathname === '/counts') return Response.json({ ...limiter.counts(), rpcs });
    const checks: readonly LimitCheck[] = await request.json();
    const taken = limiter.take(checks, (work) => context.waitUntil(work));
    await stayBusy(Number(request.headers.get('busy-ms') ?? 0));
    const { verdicts, endSlots } = await taken;
    endSlots?.();
    return Response.json(verdicts);
  },
} satisfies ExportedHandler<Environment>;

/** Longer than the calls need to leave, nothing else is done. */
async function stayBusy(ms: number): Promise<void> {
  if (ms === 0) return;
  await new Promise((resolve) => setTimeout(resolve, 0));
  const untilMs = Date.now() + ms;
  while (Date.now() < untilMs);
}
