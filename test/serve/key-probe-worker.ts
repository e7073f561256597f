/** In place of the Worker: a key source over the real bindings of the process, and its network service. */
import { policyPorts } from '../../src/gateway/platform-ports.ts';
import { createPolicyRuntime } from '../../src/gateway/policy-runtime.ts';
import { boundBackends } from '../../src/gateway/upstream/bound-backends.ts';
import type { Json } from '../../src/model/route-model.ts';
import type { PolicyRuntime } from '../../src/policies/contract.ts';
import { createKeySource } from '../../src/policies/authentication/jwt/keys/create-key-source.ts';
import { decodeKeys } from '../../src/policies/authentication/jwt/keys/decode-keys.ts';

/** Only so that the process can be seen to have started. */
export const Control = { fetch: (): Response => new Response(null, { status: 404 }) };

/** The configuration of the development server names it. */
export class RateLimitObject {}

type Environment = Readonly<Record<string, unknown>>;
type Execution = { waitUntil(work: Promise<unknown>): void };

let runtime: PolicyRuntime | null = null;
const logged: string[] = [];

function runtimeOf(env: Environment): PolicyRuntime {
  runtime ??= createPolicyRuntime(
    {
      ...policyPorts('self-hosted', env),
      backends: boundBackends(env),
      rateLimiter: { take: () => Promise.reject(new Error('no limiter in this test')) },
      log: (event, fields) => logged.push(`${event} ${String(fields['reason'])} ${String(fields['cause'])}`),
    },
    { failOpen: 'as-upstream' },
  );
  return runtime;
}

export default {
  /** `/keys` with compiled keys as the body: the kids now, and why not. `/public` with a URL: what the service says. */
  async fetch(request: Request, env: Environment, context: Execution): Promise<Response> {
    const ports = runtimeOf(env);
    const { pathname } = new URL(request.url);
    if (pathname === '/public') return askPublic(ports, await request.text());
    const { keys, kid = null } = (await request.json()) as { readonly keys: Json; readonly kid?: string };
    const waitUntil = (work: Promise<unknown>): void => context.waitUntil(work);
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

async function askPublic({ askPublic: ask }: PolicyRuntime, url: string): Promise<Response> {
  if (ask === null) return new Response('no service');
  try {
    return new Response(`answered ${(await ask(url, {})).status}`);
  } catch (error) {
    return new Response(`refused: ${String(error)}`);
  }
}
