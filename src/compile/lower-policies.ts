/** Policies of a route: authored options → compiled JSON, in chain order. */
import { nearest } from '../diagnostics/nearest.ts';
import { POLICY_LOWERINGS, policyLowering } from '../policies/lowerings.ts';
import { policyOrder } from '../policies/order.ts';
import type { RouteModelRoute } from '../model/route-model.ts';
import type { CompiledPolicy } from '../program/route-program.ts';
import { compiledSource, reportAt, type RouteContext } from './compile-context.ts';

/** null: a policy cannot be applied, so the route must refuse. Reported. */
export function lowerPolicies(route: RouteModelRoute, context: RouteContext): readonly CompiledPolicy[] | null {
  const compiled: CompiledPolicy[] = [];
  let complete = true;
  for (const use of route.policies) {
    const lowering = policyLowering(use.policy);
    if (lowering === null) {
      reportUnknown(use.policy, { ...context, source: use.source });
      complete = false;
      continue;
    }
    const config = lowering.lower(use.options, { routeId: route.id, source: use.source, report: context.report });
    if (config === null) complete = false;
    else compiled.push({ name: use.policy, config, source: compiledSource(use.source) });
  }
  // Stable: two uses of one policy keep the order they were written in.
  return complete ? compiled.toSorted((a, b) => position(a.name) - position(b.name)) : null;
}

function position(name: string): number {
  return policyOrder(name) ?? Number.MAX_SAFE_INTEGER;
}

function reportUnknown(name: string, context: RouteContext): void {
  const names = POLICY_LOWERINGS.map((lowering) => lowering.name);
  const near = nearest(name, names);
  reportAt(context, 'error', {
    code: 'policy-invalid',
    message: `There is no policy \`${name}\`. The route refuses its requests, because without the policy it would be less protected.`,
    hint: near === null ? `Known policies: ${names.join(', ')}.` : `Did you mean \`${near}\`?`,
  });
}
