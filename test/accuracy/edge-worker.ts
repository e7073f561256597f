/** In place of the Worker in an edge process: the limiter's port over HTTP, as the policies call it. */
import type { LimitService } from '../../src/limits/calls.ts';
import type { RateLimiter, Taken, WaitUntil } from '../../src/limits/limiter.ts';
import { openLimits } from '../../src/objects/open-limits.ts';
import { createRateLimiter } from '../../src/objects/rate-limiter.ts';
import type { Ask, Flood, FloodAnswer, Moment, Ping, PingAnswer, Records, Take, TakeAnswer } from './protocol.ts';

type Environment = { readonly RATE_LIMITER: LimitService & { records(): Promise<Records> } };
type Execution = { waitUntil(work: Promise<unknown>): void };

/** How often a flood looks what is due. */
const TICK_MS = 5;

/** One per isolate, made in a request: there is no randomness before. */
let started: { readonly process: string; readonly limiter: RateLimiter } | null = null;

function processOf({ RATE_LIMITER }: Environment): { readonly process: string; readonly limiter: RateLimiter } {
  started ??= { process: crypto.randomUUID(), limiter: createRateLimiter(openLimits({ RATE_LIMITER })) };
  return started;
}

/** Only so that the process can be seen to have started. */
export const Control = { fetch: (): Response => new Response(null, { status: 404 }) };

export default {
  async fetch(request: Request, env: Environment, context: Execution): Promise<Response> {
    const waitUntil: WaitUntil = (work) => context.waitUntil(work);
    const asked: unknown = await request.json();
    switch (new URL(request.url).pathname) {
      case '/take':
        return Response.json(await take(asked as Take, env, waitUntil));
      case '/flood':
        return Response.json(await flood(asked as Flood, env, waitUntil));
      case '/ping':
        return Response.json(await ping(asked as Ping, env));
      case '/ask':
        return Response.json({ answers: await env.RATE_LIMITER.decide((asked as Ask).calls) });
      case '/records':
        return Response.json(await env.RATE_LIMITER.records());
      default:
        return new Response(null, { status: 404 });
    }
  },
};

async function take({ tag, checks, holdMs = 0 }: Take, env: Environment, waitUntil: WaitUntil): Promise<TakeAnswer> {
  const { process, limiter } = processOf(env);
  const { verdicts, endSlots } = await limiter.take(
    checks.map((check) => Object.assign({}, check, { tag })),
    waitUntil,
  );
  if (endSlots !== null) {
    if (holdMs > 0) await new Promise((resolve) => setTimeout(resolve, holdMs));
    endSlots();
  }
  return { process, verdicts };
}

async function flood({ checks, times, spreadMs }: Flood, env: Environment, waitUntil: WaitUntil): Promise<FloodAnswer> {
  const { process, limiter } = processOf(env);
  const startedMs = Date.now();
  const moments = new Map<string, Moment>();
  const waiting: Promise<void>[] = [];
  let sent = 0;
  while (sent < times) {
    const elapsedMs = Date.now() - startedMs + TICK_MS;
    const due = Math.min(times, Math.ceil((times * elapsedMs) / spreadMs));
    for (; sent < due; sent += 1) {
      const sentMs = Date.now();
      const taken = limiter.take(checks, waitUntil);
      if (taken instanceof Promise) waiting.push(taken.then((decided) => note(moments, sentMs, decided)));
      else note(moments, sentMs, taken);
    }
    if (sent < times) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(waiting);
  return { process, moments: [...moments.values()] };
}

async function ping({ forMs, pauseMs }: Ping, { RATE_LIMITER }: Environment): Promise<PingAnswer> {
  const endMs = Date.now() + forMs;
  const tookMs: number[] = [];
  while (Date.now() < endMs) {
    const sentMs = Date.now();
    await RATE_LIMITER.decide([]);
    tookMs.push(Date.now() - sentMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return { tookMs };
}

function note(moments: Map<string, Moment>, sentMs: number, { verdicts }: Taken): void {
  const decidedMs = Date.now();
  const name = `${sentMs} ${decidedMs}`;
  const { requests, passed, undecided } = moments.get(name) ?? { requests: 0, passed: 0, undecided: 0 };
  moments.set(name, {
    sentMs,
    decidedMs,
    requests: requests + 1,
    passed: passed + (verdicts.every((verdict) => 'allowed' in verdict && verdict.allowed) ? 1 : 0),
    undecided: undecided + (verdicts.some((verdict) => 'undecided' in verdict) ? 1 : 0),
  });
}
