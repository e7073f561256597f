/** In place of the Worker: a key source over the real bindings of the process, and its network service. */
import { policyPorts } from '../../src/gateway/platform-ports.ts';
import { createPolicyRuntime } from '../../src/gateway/policy-runtime.ts';
import { boundBackends } from '../../src/gateway/upstream/bound-backends.ts';
import type { Json } from '../../src/model/route-model.ts';
import type { PolicyRuntime } from '../../src/policies/contract.ts';
import { createKeySource } from '../../src/policies/authentication/jwt/keys/create-key-source.ts';
import type { KeySource } from '../../src/policies/authentication/jwt/keys/key-source.ts';
import { NO_LIMITER } from '../policies/memory-limiter.ts';
import { decodeKeys } from '../../src/policies/authentication/jwt/keys/decode-keys.ts';

/** Only so that the process can be seen to have started. */
export const Control = { fetch: (): Response => new Response(null, { status: 404 }) };

/** The configuration of the development server names it and the next one. Answers with what it was asked. */
export const Limiter = {
  fetch: async (request: Request): Promise<Response> =>
    new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, { status: 202 }),
};

export class RateLimitObject {
  fetch(): Response {
    return new Response(null, { status: 404 });
  }
}

type Environment = Readonly<Record<string, unknown>>;
type Execution = { waitUntil(work: Promise<unknown>): void };

let runtime: PolicyRuntime | null = null;
const logged: string[] = [];

function runtimeOf(env: Environment): PolicyRuntime {
  runtime ??= createPolicyRuntime(
    {
      ...policyPorts('self-hosted', env),
      backends: boundBackends(env),
      rateLimiter: NO_LIMITER,
      log: (event, fields) => logged.push(`${event} ${JSON.stringify(fields)}`),
    },
    { failOpen: 'as-upstream' },
  );
  return runtime;
}

export default {
  /**
   * `/keys` with compiled keys as the body: the keys now, or why not. `/flood`: as many unknown kids as
   * `flood` says, each beside a request that needs a known one. `/public` with a URL: what the service says.
   */
  async fetch(request: Request, env: Environment, context: Execution): Promise<Response> {
    const ports = runtimeOf(env);
    const { pathname } = new URL(request.url);
    if (pathname === '/public') return askPublic(ports, await request.text());
    const asked = (await request.json()) as { readonly keys: Json; readonly kid?: string; readonly flood?: number };
    const { keys, kid = null, flood = 0 } = asked;
    const waitUntil = (work: Promise<unknown>): void => context.waitUntil(work);
    if (pathname === '/flood')
      return Response.json(await floodOf(createKeySource(decodeKeys(keys), ports), flood, waitUntil));
    try {
      const source = createKeySource(decodeKeys(keys), ports);
      const set = await (kid === null ? source.current(waitUntil) : source.refreshed(kid, waitUntil));
      return Response.json({ keys: set.keys.map((key) => [key.kid, ...key.algorithms]), logged: logged.splice(0) });
    } catch (error) {
      const { status, code } = error as { readonly status: number; readonly code: string };
      return Response.json({ status, code, logged: logged.splice(0) });
    }
  },
};

async function floodOf(source: KeySource, count: number, waitUntil: (work: Promise<unknown>) => void): Promise<object> {
  await source.current(waitUntil);
  const waiting: Promise<unknown>[] = [];
  let known = 0;
  for (let number = 0; number < count; number += 1) {
    const set = source.refreshed(`nobody-${number}`, waitUntil);
    if (set instanceof Promise && waiting.length < 100) waiting.push(set);
    const current = source.current(waitUntil);
    if (!(current instanceof Promise) && current.keys.length > 0) known += 1;
  }
  await Promise.all(waiting);
  return { known };
}

async function askPublic({ askPublic: ask }: PolicyRuntime, url: string): Promise<Response> {
  if (ask === null) return new Response('no service');
  try {
    return new Response(`answered ${(await ask(url, {})).status}`);
  } catch (error) {
    return new Response(`refused: ${String(error)}`);
  }
}
