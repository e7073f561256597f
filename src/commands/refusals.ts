/** Routes of a program that answer with a refusal instead of a backend: what makes a publish partial. */
import type { SourceRef } from '../diagnostics/finding.ts';
import type { RouteModel } from '../model/route-model.ts';
import type { CompiledRefuse, CompiledRoute, RouteProgram } from '../program/route-program.ts';

/** Keys are public: `portolan publish --json`. */
export type Refusal = {
  /** Id of the route or, when all of it refuses, of the domain. */
  readonly id: string;
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly source: SourceRef | null;
};

/** By id. A route that lies in several tables is listed once. */
export function listRefusals(program: RouteProgram, model: RouteModel): readonly Refusal[] {
  const found = new Map<string, Refusal>();
  const add = (id: string, refuse: CompiledRefuse, source: SourceRef | null): void => {
    const { status, code, message } = refuse;
    if (!found.has(id)) found.set(id, { id, status, code, message, source });
  };
  const sources = new Map<string, SourceRef>();
  for (const { id, source } of [...model.routes, ...model.domains])
    if (source !== null) sources.set(id, plainSource(source));
  for (const { id, refuse } of program.domains) if (refuse !== undefined) add(id, refuse, sources.get(id) ?? null);
  for (const routes of Object.values(program.tables)) {
    for (const route of routes) {
      const refuse = refusalOf(route);
      if (refuse !== undefined) add(route.id, refuse, sources.get(route.id) ?? null);
    }
  }
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function refusalOf({ action }: CompiledRoute): CompiledRefuse | undefined {
  if (action.kind === 'refuse') return action;
  return action.kind === 'forward' ? action.backends.find(({ refuse }) => refuse !== undefined)?.refuse : undefined;
}

/** Without the field path of the model's provenance. */
function plainSource({ kind, namespace, name, file, line, cluster }: SourceRef): SourceRef {
  return { kind, namespace, name, file, line, ...(cluster !== undefined && { cluster }) };
}
