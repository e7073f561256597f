/** Where routes and domains were written: the program carries no file and no line, the model does. */
import type { SourceRef } from '../diagnostics/finding.ts';
import type { RouteModel } from '../model/route-model.ts';
import type { CompiledDomain, CompiledPolicy, CompiledRoute, CompiledSource } from '../program/route-program.ts';

export interface SourceFinder {
  route(route: CompiledRoute): SourceRef;
  policy(route: CompiledRoute, policy: CompiledPolicy): SourceRef;
  /** null: nobody wrote this domain. */
  domain(domain: CompiledDomain): SourceRef | null;
}

/** @param model of the same build; null: kind, namespace and name are all that is known. */
export function createSourceFinder(model: Pick<RouteModel, 'routes' | 'domains'> | null): SourceFinder {
  const routes = new Map(model?.routes.map((route) => [route.id, route]));
  const domains = new Map(model?.domains.map(({ id, source }) => [id, source]));
  return {
    route: (route) => plainSource(routes.get(route.id)?.source ?? route.source),
    policy: (route, policy) => {
      const written = routes.get(route.id)?.policies.find((use) => use.policy === policy.name);
      return plainSource(written?.source ?? policy.source);
    },
    domain: (domain) => {
      const source = domains.get(domain.id) ?? domain.source;
      return source === undefined ? null : plainSource(source);
    },
  };
}

/** The public shape, without the field path of a provenance. */
function plainSource(source: CompiledSource & Partial<Pick<SourceRef, 'file' | 'line'>>): SourceRef {
  const { kind, namespace, name, file = null, line = null, cluster } = source;
  return { kind, namespace, name, file, line, ...(cluster !== undefined && { cluster }) };
}
