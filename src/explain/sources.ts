/** Where routes and domains were written: the program carries no file and no line, the model does. */
import type { SourceRef } from '../diagnostics/finding.ts';
import { compareRank } from '../model/rank.ts';
import type { RegexModel, RouteMatch, RouteModel } from '../model/route-model.ts';
import type { Miss } from '../gateway/predicates.ts';
import type {
  CompiledDomain,
  CompiledMatch,
  CompiledPolicy,
  CompiledRoute,
  CompiledSource,
} from '../program/route-program.ts';

export interface SourceFinder {
  route(route: CompiledRoute): SourceRef;
  policy(route: CompiledRoute, policy: CompiledPolicy): SourceRef;
  /** The miss with a regex as it was written: a compiled one is translated. */
  written(route: CompiledRoute, match: CompiledMatch, miss: Miss): Miss;
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
    written: (route, match, miss) => {
      const authored = routes.get(route.id)?.matches.find(({ rank }) => compareRank(rank, match.rank) === 0);
      const regex = authored === undefined ? null : writtenRegex(authored, miss.failed);
      return regex === null ? miss : { ...miss, expected: `regex ${regex}` };
    },
    domain: (domain) => {
      const source = domains.get(domain.id) ?? domain.source;
      return source === undefined ? null : plainSource(source);
    },
  };
}

/** null: the test that failed is no regex. */
function writtenRegex(match: RouteMatch, failed: string): string | null {
  if (failed === 'path') return match.path.kind === 'regex' ? match.path.value : null;
  if (failed === 'method') return patternOf(match.method);
  if (failed === 'hostname') return patternOf(match.hostname);
  const [, list, name] = /^(headers|query)\.(.*)$/s.exec(failed) ?? [];
  const test = (list === 'headers' ? match.headers : match.query).find((each) => each.name === name)?.test;
  return test?.kind === 'regex' ? test.regex.pattern : null;
}

function patternOf(value: string | { readonly regex: RegexModel } | null): string | null {
  return value === null || typeof value === 'string' ? null : value.regex.pattern;
}

/** The public shape, without the field path of a provenance. */
export function plainSource(source: CompiledSource & Partial<Pick<SourceRef, 'file' | 'line'>>): SourceRef {
  const { kind, namespace, name, file = null, line = null, cluster } = source;
  return { kind, namespace, name, file, line, ...(cluster !== undefined && { cluster }) };
}
