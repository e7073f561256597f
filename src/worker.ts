/** The Worker: puts the platform's bindings behind the gateway's ports. */
import { WorkerEntrypoint } from 'cloudflare:workers';
import { createGateway, type Gateway } from './gateway/app.ts';
import { answerControl } from './gateway/control-app.ts';
import { policyPorts } from './gateway/platform-ports.ts';
import type { Log } from './gateway/problem.ts';
import { SnapshotCache, type SnapshotStatus } from './gateway/snapshot-cache.ts';
import { createTransport, parsePlatform, type Platform } from './gateway/transport.ts';
import { boundBackends, unboundUpstreams } from './gateway/upstream/bound-backends.ts';
import type { LimitAnswer, LimitCall } from './limits/calls.ts';
import { noLimits } from './objects/limit-client.ts';
import { answerOperator } from './objects/limiter-http.ts';
import { type LimitBindings, type LimitObjects, openLimits, openObjects } from './objects/open-limits.ts';
import { type CountingRateLimiter, createRateLimiter, type LimitCounts } from './objects/rate-limiter.ts';
import { POINTER_KEY } from './program/keys.ts';

export { RateLimitObject } from './objects/rate-limit-object.ts';

type Env = LimitBindings & {
  readonly ROUTES: KVNamespace;
  /** `cloudflare`, `dev` or `self-hosted` (default). */
  readonly PLATFORM?: string;
  /** How often the pointer is looked at, in milliseconds. Default 30000. */
  readonly REFRESH_MS?: string;
  /** API keys and users, see docs/policies/api-key.md. Without it those policies refuse. */
  readonly KEYS?: KVNamespace;
  /** Public Ed25519 JWK, or an array of them; then only signed programs are served. */
  readonly VERIFY_KEY?: string;
  /** Self-hosting: JSON list of upstream ids that have no binding on purpose. Their routes refuse. Default none. */
  readonly UNBOUND_UPSTREAMS?: string;
};

/** KV's shortest and a long cache time, in seconds: the pointer changes, every other value is immutable. */
const POINTER_TTL = 30;
const IMMUTABLE_TTL = 86_400;
const LONGEST_GATHER_MS = 1_000;

/** Events that tell of nothing wrong; all others are warnings. */
const NEWS: ReadonlySet<string> = new Set(['program-loaded', 'jwks-changed', 'authorize-dry-run', 'rate-limit-shadow']);

/** The only way to log in a Worker; lines are JSON so that any collector can read them. */
const log: Log = (event, fields) => {
  const line = JSON.stringify({ event, ...fields });
  /* oxlint-disable no-console */
  if (NEWS.has(event)) console.log(line);
  else console.warn(line);
};

type Process = {
  readonly platform: Platform;
  readonly programs: SnapshotCache;
  readonly rateLimiter: CountingRateLimiter;
  readonly gateway: Gateway;
};
/** One per isolate: bindings do not change while it lives. */
let started: Process | null = null;

function processOf(env: Env): Process {
  started ??= start(env);
  return started;
}

function start(env: Env): Process {
  const platform = parsePlatform(env.PLATFORM);
  const backends = boundBackends(env);
  const programs = new SnapshotCache({
    reader: { get: (key) => env.ROUTES.get(key, { cacheTtl: key === POINTER_KEY ? POINTER_TTL : IMMUTABLE_TTL }) },
    refreshMs: Number(env.REFRESH_MS ?? 30_000),
    ...(env.VERIFY_KEY !== undefined && { verifyKey: JSON.parse(env.VERIFY_KEY) }),
    // Elsewhere nobody exchanges the process: a binding that is missing must not hold up all later versions.
    ...(platform === 'self-hosted' && { unbound: unboundUpstreams(backends, env.UNBOUND_UPSTREAMS) }),
    log,
  });
  const transport = createTransport(platform);
  const rateLimiter = createRateLimiter(openLimits(env));
  const gateway = createGateway({
    programs,
    rateLimiter,
    log,
    transport,
    backends,
    ...policyPorts(platform, env),
  });
  return { platform, programs, rateLimiter, gateway };
}

/** Until when answers are held back, in milliseconds since the epoch; see Control.gather(). */
let heldUntilMs = 0;

async function heldBack(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  const leftMs = heldUntilMs - Date.now();
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
  return response;
}

export default {
  fetch: (request, env, context) => {
    const answer = processOf(env).gateway.fetch(request, (work) => context.waitUntil(work));
    return heldUntilMs === 0 ? answer : heldBack(answer);
  },
} satisfies ExportedHandler<Env>;

/** For whoever publishes: a private socket or a service binding, never the public listener. */
export class Control extends WorkerEntrypoint<Env> {
  async reload(): Promise<{ readonly version: string | null }> {
    const { programs } = processOf(this.env);
    const served = await programs.reload();
    this.ctx.waitUntil(programs.prefetch());
    return served;
  }

  /** `limits`: requests under limits since this isolate started; open and closed: decided without their counters. */
  status(): SnapshotStatus & { readonly platform: Platform; readonly limits: LimitCounts } {
    const { platform, programs, rateLimiter } = processOf(this.env);
    return { platform, ...programs.status(), limits: rateLimiter.counts() };
  }

  /**
   * Holds every answer back for a moment, at the end of which the process is told to stop. It then
   * closes kept connections: those that wait for an answer get `Connection: close` with it, while a
   * request that is on its way to an idle one would be lost. Held back, the busy ones all wait.
   */
  gather(ms: number): void {
    if (ms > 0) heldUntilMs = Date.now() + Math.min(ms, LONGEST_GATHER_MS);
  }

  override fetch(request: Request): Promise<Response> {
    return answerControl(request, this);
  }
}

/** One per isolate, so that calls of different requests can travel together. */
let objects: LimitObjects | null = null;

/** The counters for processes that hold none themselves; over RPC, never on a public listener. */
export class Limiter extends WorkerEntrypoint<Env> {
  decide(calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]> {
    objects ??= openObjects(this.env);
    return (objects?.client ?? noLimits).decide(calls, (work) => this.ctx.waitUntil(work));
  }

  override async fetch(request: Request): Promise<Response> {
    objects ??= openObjects(this.env);
    if (objects === null) return new Response(null, { status: 404 });
    return answerOperator(request, objects, (work) => this.ctx.waitUntil(work));
  }
}
