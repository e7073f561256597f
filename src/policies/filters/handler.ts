/**
 * Filters by host and path: the first rule that matches decides, and its chain says who may pass. A rule
 * that cannot be enforced refuses what it matches; where no rule matches, the request passes.
 */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import { refuseWith } from '../authentication/denial-answer.ts';
import type { AuthMethod, AuthMethodHandler } from '../authentication/method.ts';
import { authMethod } from '../authentication/methods.ts';
import type { PolicyContext, PolicyHandler, PolicyRuntime } from '../contract.ts';
import type { CompiledFilterRule, CompiledFilters } from './compiled.ts';
import { decodeFilters } from './decode.ts';
import { runChain, type ReadyUse } from './run-chain.ts';
import { selectRule } from './select.ts';

export const filtersHandler: PolicyHandler = createFiltersHandler(authMethod);

export function createFiltersHandler(methodOf: (name: string) => AuthMethodHandler | null): PolicyHandler {
  return {
    name: 'filters',
    create(json: Json, runtime: PolicyRuntime) {
      const config = decodeFilters(json);
      const rules = prepareRules(config, methodOf, runtime);
      return (context) => {
        const rule = selectRule(config, context.facts);
        const ready = rule === null ? undefined : rules.get(rule);
        return ready === undefined ? null : enforce(ready, context, runtime);
      };
    },
  };
}

type ReadyRule = {
  readonly rule: CompiledFilterRule;
  readonly chain: readonly ReadyUse[];
  readonly keepsRoute: boolean;
  /** Rules with one identity, of whatever route, decide alike. */
  readonly identity: string;
};

/** Rules without filters are left out: they let pass. */
function prepareRules(
  config: CompiledFilters,
  methodOf: (name: string) => AuthMethodHandler | null,
  runtime: PolicyRuntime,
): ReadonlyMap<CompiledFilterRule, ReadyRule> {
  const { filters, rules, keepRoute = false } = config;
  const methods = filters.map(({ method, config: payload }) => {
    const handler = methodOf(method);
    if (handler === null) throw new Error(`The authentication method ${method} is unknown to this gateway.`);
    return handler.create(payload, runtime);
  });
  const ready = new Map<CompiledFilterRule, ReadyRule>();
  for (const rule of rules) {
    if (rule.chain.length === 0 && rule.refuse === undefined) continue;
    const chain = rule.chain.map((use) => ({ ...use, method: methodAt(methods, use.filter) }));
    const identity = JSON.stringify(rule.chain.map((use) => ({ ...use, filter: filters[use.filter] })));
    ready.set(rule, { rule, chain, keepsRoute: keepRoute, identity });
  }
  return ready;
}

function methodAt(methods: readonly AuthMethod[], index: number): AuthMethod {
  const method = methods[index];
  if (method === undefined) throw new Error('A rule names a filter that is not in the program.');
  return method;
}

/**
 * The answer of the gateway; null: the request passes. A second look at the routes may lead to another one
 * with the same rule, and a credential that the rule took out must not be asked for again.
 */
async function enforce(
  { rule, chain, keepsRoute, identity }: ReadyRule,
  context: PolicyContext,
  runtime: PolicyRuntime,
): Promise<Response | null> {
  if (rule.refuse !== undefined) {
    throw new GatewayError(503, 'policy-not-enforced', 'A policy of this route cannot be enforced by this gateway.');
  }
  const { facts } = context;
  if (context.rematch && context.passedFilters?.has(identity) === true) return null;
  const outcome = await runChain(
    chain,
    { facts, body: context.body, waitUntil: context.waitUntil, routeId: context.route.id },
    runtime.regex,
  );
  if (outcome.kind === 'refuse') {
    if (outcome.refusedCredentials) context.refusedCredentials = true;
    return refuseWith(outcome.answer, context.outgoing);
  }
  if (outcome.consumer !== null) context.consumer = outcome.consumer;
  if (outcome.hasChangedHeaders) {
    context.passedFilters ??= new Set();
    context.passedFilters.add(identity);
    if (!keepsRoute) context.rematch = true;
  }
  return null;
}
