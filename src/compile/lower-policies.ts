/** Policies of a route: authored options → compiled JSON, in chain order. */
import type { Finding } from '../diagnostics/finding.ts';
import { nearest } from '../diagnostics/nearest.ts';
import type { LowerContext, LowerProblem, UsedCounter } from '../policies/contract.ts';
import { POLICY_LOWERINGS, policyLowering } from '../policies/lowerings.ts';
import { policyOrder } from '../policies/order.ts';
import type { PolicyUse, Provenance, RouteModelRoute } from '../model/route-model.ts';
import type { CompiledPolicy, CompiledUpstream } from '../program/route-program.ts';
import { compiledSource, reportAt, type LoweredUse, type RouteContext } from './compile-context.ts';
import { isProblem } from './upstreams.ts';

export type LoweredPolicies = {
  readonly policies: readonly CompiledPolicy[];
  /** What the policies themselves will ask. */
  readonly upstreams: readonly CompiledUpstream[];
  /** Request headers that they write. */
  readonly injectedHeaders: readonly string[];
  readonly clientHeaders: readonly ClientHeader[];
  readonly counters: readonly PlacedCounter[];
};

/** A request header of which the policy written at `source` takes the client's word. */
export type ClientHeader = { readonly name: string; readonly policy: string; readonly source: Provenance };

/** A counter that the policy written at `source` uses. */
export type PlacedCounter = UsedCounter & { readonly source: Provenance };

/** null: a policy cannot be applied, so the route must refuse. Reported. */
export function lowerPolicies(route: RouteModelRoute, context: RouteContext): LoweredPolicies | null {
  const compiled: CompiledPolicy[] = [];
  const upstreams: CompiledUpstream[] = [];
  const injectedHeaders: string[] = [];
  const clientHeaders: ClientHeader[] = [];
  const counters: PlacedCounter[] = [];
  let complete = true;
  for (const use of route.policies) {
    const lowered = lowerUse(use, route, context);
    for (const finding of lowered.findings) context.report(finding);
    if (lowered.policy === null) {
      complete = false;
      continue;
    }
    compiled.push(lowered.policy);
    upstreams.push(...lowered.upstreams);
    injectedHeaders.push(...lowered.injectedHeaders);
    const { policy, source } = use;
    for (const name of lowered.clientHeaders) clientHeaders.push({ name, policy, source });
    for (const used of lowered.counters) counters.push({ ...used, source });
  }
  // Stable: two uses of one policy keep the order they were written in.
  const policies = compiled.toSorted((a, b) => position(a.name) - position(b.name));
  return complete ? { policies, upstreams, injectedHeaders, clientHeaders, counters } : null;
}

function lowerUse(use: PolicyUse, route: RouteModelRoute, context: RouteContext): LoweredUse {
  const known = context.lowered.get(use);
  if (known !== undefined) return known;
  const findings: Finding[] = [];
  const here = { ...context, report: (one: Finding): unknown => findings.push(placed(one, use)), source: use.source };
  const upstreams: CompiledUpstream[] = [];
  const lowering = policyLowering(use.policy);
  if (lowering === null) reportUnknown(use.policy, here);
  const config = lowering?.lower(use.options, lowerContext(route, use.source, here, upstreams)) ?? null;
  const lowered = {
    policy: config === null ? null : { name: use.policy, config, source: compiledSource(use.source) },
    upstreams,
    injectedHeaders: config === null ? [] : (lowering?.injectedHeaders?.(config) ?? []),
    clientHeaders: config === null ? [] : (lowering?.clientHeaders?.(config) ?? []),
    counters: config === null ? [] : (lowering?.counters?.(config) ?? []),
    findings,
  };
  if (lowering?.isOfNoRoute === true) context.lowered.set(use, lowered);
  return lowered;
}

/** What is said of options that another object wrote is said of that object. */
function placed(one: Finding, { source, parts = [] }: PolicyUse): Finding {
  for (const part of parts) {
    const at = source.path === null ? part.at : `${source.path}.${part.at}`;
    if (one.path?.startsWith(at) !== true) continue;
    const { path, ...writer } = part.source;
    return { ...one, source: writer, path: `${path ?? ''}${one.path.slice(at.length)}` };
  }
  return one;
}

function lowerContext(
  { id }: RouteModelRoute,
  source: Provenance,
  { report, target, trustedHops, resolver, regex }: RouteContext,
  upstreams: CompiledUpstream[],
): LowerContext {
  return {
    routeId: id,
    source,
    report,
    target,
    trustedHops,
    upstream: (service) => {
      const resolved = resolver(service);
      if (isProblem(resolved)) return resolved;
      if (resolved.ingress !== null) return behindIngress(service.text);
      const { upstream } = resolved;
      upstreams.push(upstream);
      return { upstream: upstream.id, origin: upstream.origin, via: upstream.via };
    },
    regex: (model, full) => {
      const result = regex(model, full);
      if ('regex' in result) return result.regex;
      const message = `The regular expression \`${model.pattern}\` cannot be used: ${result.error}.`;
      return { code: 'regex-invalid', message, hint: 'Write it in RE2 syntax.' };
    },
  };
}

/** An ingress finds services by the routes of clients; a question of the gateway's own is on none of them. */
function behindIngress(service: string): LowerProblem {
  return {
    code: 'upstream-unresolved',
    message: `The service ${service} is reachable only through the ingress of its cluster, which policies cannot ask.`,
    hint: 'Add it to the `services` of a cluster in routes.config.ts, or give the cluster a template.',
  };
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
