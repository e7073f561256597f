/** The RateLimiter port over one Durable Object per counter. */
import { waitUntil } from 'cloudflare:workers';
import type { BucketLimiter, RateLimitCheck, RateLimitDecision } from './bucket-limits.ts';
import type { Limit } from './gcra.ts';
import type { RateLimitObject } from './rate-limit-object.ts';

/** Longer keys are replaced by their digest: object names are bounded, client-chosen parts of a key are not. */
const MAX_KEY_BYTES = 512;
/** The runtime gives up a lost connection a moment after its calls fail; until then a new call fails on it too. */
const RECONNECT_MS = 10;

export type RateLimiterOptions = {
  /** Longest wait for one object, in milliseconds; then the limiter counts as unreachable. Default 2,000. */
  readonly timeoutMs?: number;
};

/** What the client calls on an object; see RateLimitObject for the meaning. */
export interface CounterStub {
  take(limit: Limit): Promise<RateLimitDecision>;
  reserve(limit: Limit, id: string): Promise<RateLimitDecision>;
  commit(limit: Limit, id: string): Promise<void>;
  release(limit: Limit, id: string): Promise<RateLimitDecision>;
}
type Counter = { readonly name: string; readonly limit: Limit };
type Ask = <T>(counter: Counter, call: (stub: CounterStub) => Promise<T>, attempts?: 1 | 2) => Promise<T>;

/** `take` throws what the platform threw, or a plain Error after the timeout. */
export function createRateLimiter(
  namespace: DurableObjectNamespace<RateLimitObject>,
  options: RateLimiterOptions = {},
): BucketLimiter {
  return createRateLimiterOver((name) => namespace.get(namespace.idFromName(name)), options);
}

/** The same over anything that opens a counter by name; a stub is opened anew for every attempt. */
export function createRateLimiterOver(
  open: (name: string) => CounterStub,
  options: RateLimiterOptions = {},
): BucketLimiter {
  const timeoutMs = options.timeoutMs ?? 2_000;
  const ask: Ask = (counter, call, attempts = 2) => {
    // A new stub for each attempt, because an error breaks the old one.
    const attempt = () => withTimeout(call(open(counter.name)), timeoutMs);
    return attempts === 1 ? attempt() : retryOnce(attempt);
  };
  return {
    async take(checks) {
      const counters = await Promise.all(checks.map(toCounter));
      const [first] = counters;
      if (first === undefined) return [];
      if (counters.length === 1) return [await ask(first, (stub) => stub.take(first.limit))];
      return takeFromAll(counters, ask);
    },
  };
}

/** The limiter of another process, over RPC; `timeoutMs` is for a whole call. */
export function createRemoteRateLimiter(remote: BucketLimiter, options: RateLimiterOptions = {}): BucketLimiter {
  const timeoutMs = options.timeoutMs ?? 2_000;
  return { take: (checks) => retryOnce(() => withTimeout(remote.take(checks), timeoutMs), RECONNECT_MS) };
}

/** For a process with no way to any counter: what needs a limit fails as when the limiter is down. */
export const noRateLimiter: BucketLimiter = {
  take: () => Promise.reject(new Error('This process has neither RATE_LIMITER nor RATE_LIMITS.')),
};

/** All or nothing over several objects: reserve everywhere, then settle. A key named twice counts once. */
async function takeFromAll(counters: readonly Counter[], ask: Ask): Promise<readonly RateLimitDecision[]> {
  const id = crypto.randomUUID();
  const outcomes = await Promise.allSettled(
    counters.map((counter) => ask(counter, (stub) => stub.reserve(counter.limit, id))),
  );
  const release = (counter: Counter) => ask(counter, (stub) => stub.release(counter.limit, id));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) {
    // Everywhere, not only where the answer arrived: a reservation may have been made and its answer lost.
    waitUntil(Promise.allSettled(counters.map(release)));
    throw failure.reason;
  }
  const decisions = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (decisions.every(({ allowed }) => allowed)) {
    // After the answer: a held place counts like a spent one, so the next request sees no difference.
    // Not retried, because a commit that arrived twice would count twice; a lost one favours the client.
    waitUntil(Promise.allSettled(counters.map((counter) => ask(counter, (stub) => stub.commit(counter.limit, id), 1))));
    return decisions;
  }
  // Before the answer: the client's next request must find its places given back. A release that fails
  // is made good by the reservation's lapse.
  const settled = counters.map(async (counter, index) => {
    const decision = decisions[index];
    return decision?.allowed ? release(counter).catch(() => decision) : decision;
  });
  return (await Promise.all(settled)).filter((decision) => decision !== undefined);
}

async function toCounter({ key, rate, periodMs, burst }: RateLimitCheck): Promise<Counter> {
  return { name: await objectName(key), limit: { rate, periodMs, burst } };
}

async function objectName(key: string): Promise<string> {
  const bytes = new TextEncoder().encode(key);
  if (bytes.length <= MAX_KEY_BYTES) return key;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** If the lost call had counted, the client is one request short until it refills: the strict direction. */
async function retryOnce<T>(attempt: () => Promise<T>, pauseMs = 0): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!isWorthRetrying(error)) throw error;
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    return attempt();
  }
}

/** `overloaded` errors are never retried: the object would only get more to do. */
function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { retryable, overloaded } = error as Error & { readonly retryable?: unknown; readonly overloaded?: unknown };
  return retryable === true && overloaded !== true;
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The rate limiter did not answer within ${timeoutMs} ms.`)), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
