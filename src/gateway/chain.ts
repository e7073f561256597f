/**
 * A route made ready to serve: its policies composed by Hono, its header changes parsed. Done once
 * per loaded route, when the first request for it arrives.
 */
import type { MiddlewareHandler } from 'hono';
import { every } from 'hono/combine';
import { GatewayError } from '../diagnostics/errors.ts';
import type { GatewayEnv, PolicyRuntime } from '../policies/contract.ts';
import { policyHandler } from '../policies/handlers.ts';
import type { CompiledPolicy, CompiledRoute } from '../program/route-program.ts';
import { prepareMutations, type HeaderChange } from './upstream/header-mutations.ts';
import { prepareForward, type PreparedForward } from './upstream/plan-forward.ts';

export type LoadedRoute = {
  readonly route: CompiledRoute;
  /** null: this route has no policies. */
  readonly policies: MiddlewareHandler<GatewayEnv> | null;
  /** Set when the action is `forward`. */
  readonly forward: PreparedForward | null;
  /** The route's own changes of the answer, whoever made it. */
  readonly responseHeaders: HeaderChange | null;
};

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
  const policies = (route.policies ?? []).map((policy) => createPolicy(policy, route, runtime));
  return {
    route,
    policies: policies.length === 0 ? null : policies.length === 1 ? (policies[0] ?? null) : every(...policies),
    forward: route.action.kind === 'forward' ? prepareForward(route, route.action) : null,
    responseHeaders: prepareMutations(route.responseHeaders),
  };
}

/** A policy that cannot be run makes its route refuse: leaving it out would serve the route less protected. */
function createPolicy(
  policy: CompiledPolicy,
  route: CompiledRoute,
  runtime: PolicyRuntime,
): MiddlewareHandler<GatewayEnv> {
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
