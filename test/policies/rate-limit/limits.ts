/** Compiled limits for tests of the request side. */
import type { Json } from '../../../src/model/route-model.ts';
import type { Limit, TokenBucket } from '../../../src/limits/limit.ts';
import type { LimitedRequest } from '../../../src/policies/rate-limit/key-parts.ts';
import { parseTemplate } from '../../../src/policies/go-template/parse.ts';
import type { Template } from '../../../src/policies/go-template/template.ts';
import type { CompiledLimit, CompiledRateLimit, TemplatedHeader } from '../../../src/policies/rate-limit/compiled.ts';
import type { Consumer, PolicyHandler, PolicyRuntime } from '../../../src/policies/contract.ts';
import { rateLimitHandler } from '../../../src/policies/rate-limit/handler.ts';
import { type ChainOptions, factsOf, runChain, runtimeOf } from '../chain.ts';

export function bucket(rate: number, periodMs = 60_000, burst = rate): TokenBucket {
  return { algorithm: 'token-bucket', rate, periodMs, burst };
}

export const PLACES: Limit = { algorithm: 'concurrency', rate: 2 };

/** Named and counted by its label. */
export function aLimit(label: string, limit: Limit, changes: Partial<CompiledLimit> = {}): CompiledLimit {
  return { label, counter: `rl/${label}`, limit, ...changes };
}

/** Templates as the build leaves them. */
export function template(text: string): Template {
  const parsed = parseTemplate(text, { functions: ['hasKey', 'doNotSet', 'json'] });
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed.template;
}

export function templated(headers: readonly { readonly name: string; readonly value: string }[]): TemplatedHeader[] {
  return headers.map(({ name, value }) => ({ name: name.toLowerCase(), value: template(value) }));
}

export type Sent = {
  readonly facts?: Parameters<typeof factsOf>[0];
  readonly consumer?: Consumer | null;
  readonly upstream?: ChainOptions['upstream'];
};

/** Sends requests through one loaded route with this policy. */
export function policyOf(
  config: CompiledRateLimit,
  ports: Partial<PolicyRuntime>,
  handler: PolicyHandler = rateLimitHandler,
): (sent?: Sent) => Promise<Response> {
  const runtime = runtimeOf(ports);
  const run = handler.create(toJson(config), runtime);
  const loaded: PolicyHandler = { name: handler.name, create: () => run };
  return ({ facts = {}, consumer = null, upstream } = {}) => {
    const policies = [{ name: handler.name, config: null, handler: loaded }];
    return runChain({ policies, runtime, consumer, ...(upstream !== undefined && { upstream }) }, factsOf(facts));
  };
}

/** As a stored program has it. */
export function toJson(config: CompiledRateLimit): Json {
  const json: Json = JSON.parse(JSON.stringify(config));
  return json;
}

export function requestOf(facts: Parameters<typeof factsOf>[0], consumer: Consumer | null = null): LimitedRequest {
  return { facts: factsOf(facts), consumer, routeId: 'web' };
}
