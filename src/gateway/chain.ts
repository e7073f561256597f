/**
 * A route made ready to serve: its policies with their configuration read, its header changes parsed. Done
 * once per loaded route, when the first request for it arrives.
 */
import { GatewayError } from '../diagnostics/errors.ts';
import type { Policy, PolicyRuntime } from '../policies/contract.ts';
import { policyHandler } from '../policies/handlers.ts';
import { mayChangeHeaders } from '../policies/order.ts';
import type { CompiledPolicy, CompiledRoute } from '../program/route-program.ts';
import { prepareMutations, type HeaderChange } from './upstream/header-mutations.ts';
import { prepareForward, type PreparedForward } from './upstream/plan-forward.ts';

export type LoadedRoute = {
  readonly route: CompiledRoute;
  /** null: this route has no policies. */
  readonly policies: PolicyChain | null;
  /** Set when the action is `forward`. */
  readonly forward: PreparedForward | null;
  /** The route's own changes of the answer, whoever made it. */
  readonly responseHeaders: HeaderChange | null;
};

/**
 * In two parts, because a policy of the first may change request headers, and then another route may
 * be the right one. Both parts run in order; either may be empty.
 */
export type PolicyChain = {
  /** Up to the last policy that may change request headers. */
  readonly head: readonly PolicyStep[];
  readonly tail: readonly PolicyStep[];
};

export type PolicyStep = { readonly policy: CompiledPolicy; readonly ask: Policy };

export interface RouteLoader {
  load(route: CompiledRoute): LoadedRoute;
}

/** One per program version: routes live as long as their program, and so do their chains. */
export function createRouteLoader(runtime: PolicyRuntime): RouteLoader {
  const loaded = new WeakMap<CompiledRoute, LoadedRoute>();
  return {
    load: (route) => {
      let ready = loaded.get(route);
      if (ready === undefined) {
        ready = prepareRoute(route, runtime);
        loaded.set(route, ready);
      }
      return ready;
    },
  };
}

function prepareRoute(route: CompiledRoute, runtime: PolicyRuntime): LoadedRoute {
  const { policies = [] } = route;
  return {
    route,
    policies: policies.length === 0 ? null : prepareChain(policies, route, runtime),
    forward: route.action.kind === 'forward' ? prepareForward(route, route.action) : null,
    responseHeaders: prepareMutations(route.responseHeaders),
  };
}

function prepareChain(policies: readonly CompiledPolicy[], route: CompiledRoute, runtime: PolicyRuntime): PolicyChain {
  return chainOf(policies.map((policy) => ({ policy, ask: createPolicy(policy, route, runtime) })));
}

export function chainOf(steps: readonly PolicyStep[]): PolicyChain {
  const end = steps.findLastIndex(({ policy }) => mayChangeHeaders(policy.name)) + 1;
  return { head: steps.slice(0, end), tail: steps.slice(end) };
}

/** A policy that cannot be run makes its route refuse: leaving it out would serve the route less protected. */
function createPolicy(policy: CompiledPolicy, route: CompiledRoute, runtime: PolicyRuntime): Policy {
  const handler = policyHandler(policy.name);
  let reason = 'unknown policy';
  if (handler !== null) {
    try {
      return handler.create(policy.config, runtime);
    } catch (error) {
      reason = String(error);
    }
  }
  runtime.log('policy-unusable', { route: route.id, policy: policy.name, reason });
  return () => {
    throw new GatewayError(503, 'policy-not-enforced', 'A policy of this route cannot be enforced by this gateway.');
  };
}

/** Two policies with one identity decide alike. */
export function identityOf({ name, config }: CompiledPolicy): string {
  return `${name} ${JSON.stringify(config)}`;
}
