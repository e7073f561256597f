/** A backend whose resource lives in several clusters → one backend for each that can be reached. */
import type { WeightedBackend } from '../model/route-model.ts';
import type { CompiledRewrite } from '../program/route-program.ts';
import { compileBackend, type BackendResult } from './backends.ts';
import { reportAt, type Problem, type RouteContext } from './compile-context.ts';
import { isDeepEqual } from './deep-equal.ts';
import { isProblem, type UpstreamProblem } from './upstreams.ts';

/**
 * In the order of the clusters; those that lead to one place are one. A cluster whose service cannot be
 * reached is left out with a warning. Empty, and nothing is said, when none can.
 */
export function compilePerCluster(
  model: WeightedBackend,
  rewrite: CompiledRewrite | null,
  context: RouteContext,
): readonly BackendResult[] {
  const found: BackendResult[] = [];
  const lost: (readonly [string, UpstreamProblem])[] = [];
  for (const cluster of model.service.clusters) {
    const service = { ...model.service, clusters: [cluster] };
    const result = compileBackend({ ...model, service }, rewrite, context.resolver);
    if (isProblem(result)) lost.push([cluster, result]);
    else if (!found.some(({ backend }) => isDeepEqual(backend, result.backend))) found.push(result);
  }
  if (found.length === 0) return [];
  for (const [cluster, problem] of lost) {
    reportAt(context, 'warning', leftOut(model.service.text, cluster, problem), model.service.at);
  }
  return found;
}

/** Of another code than the problem's own: nothing refuses, so no earlier version must stand in. */
function leftOut(service: string, cluster: string, { code, hint }: UpstreamProblem): Problem {
  return {
    code: 'cluster-left-out',
    message: `The service ${service} of cluster ${cluster} cannot be reached (${code}), so the other clusters get all its requests.`,
    hint,
  };
}
