/** The served routes in match order: what `portolan routes` prints. */
import { compareRank } from '../model/rank.ts';
import type { RouteModel, RouteModelRoute, ValueMatch } from '../model/route-model.ts';
import type {
  CompiledAction,
  CompiledDomain,
  CompiledHostname,
  CompiledMatch,
  CompiledRegex,
  CompiledRoute,
  CompiledValueMatch,
  RouteProgram,
} from '../program/route-program.ts';
import type { SourceRef } from '../diagnostics/finding.ts';

/** Keys are public: `portolan routes --json`. Absent things are null. */
export type DomainRows = {
  readonly id: string;
  readonly hostname: string;
  readonly insecureAction: string;
  /** Code of the refusal when the whole domain refuses. */
  readonly refuses: string | null;
  readonly routes: readonly RouteRow[];
};

export type RouteRow = {
  readonly id: string;
  /** Restriction inside the domain, even when it says the same; a regex starts with `~`. */
  readonly hostname: string | null;
  readonly path: {
    readonly kind: 'exact' | 'prefix' | 'segments' | 'regex';
    readonly value: string;
    readonly ignoreCase: boolean;
  };
  readonly method: string | null;
  readonly headers: readonly Condition[];
  readonly query: readonly Condition[];
  /** Percent of the requests that may match this route; null: all. */
  readonly below: number | null;
  readonly group: string | null;
  readonly action: CompiledAction;
  readonly policies: readonly string[];
  readonly source: SourceRef;
  readonly staleSince: string | null;
};
export type Condition = {
  readonly name: string;
  readonly kind: 'exact' | 'regex' | 'present';
  readonly value: string | null;
};

/**
 * One row for each match of each route, in the order in which a request meets them: domains by id,
 * rows by rank. File and line come from the model, because the program carries none.
 */
export function listRoutes(program: RouteProgram, model: RouteModel): readonly DomainRows[] {
  const byId = new Map(model.routes.map((route) => [route.id, route]));
  return program.domains.map((domain) => ({
    id: domain.id,
    hostname: domain.hostname,
    insecureAction: domain.insecureAction,
    refuses: domain.refuse?.code ?? null,
    routes: rowsOf(domain, program, byId),
  }));
}

function rowsOf(domain: CompiledDomain, program: RouteProgram, byId: ReadonlyMap<string, RouteModelRoute>): RouteRow[] {
  const found: { readonly match: CompiledMatch; readonly row: RouteRow }[] = [];
  for (const { id, hostname } of domain.tables) {
    for (const route of program.tables[id] ?? []) {
      for (const match of route.matches) {
        found.push({ match, row: toRow(route, match, hostname, byId.get(route.id)) });
      }
    }
  }
  // The sort is stable and tables and routes are sorted by id: ties stay in the order of the program.
  return found.toSorted((a, b) => compareRank(a.match.rank, b.match.rank)).map(({ row }) => row);
}

function toRow(
  route: CompiledRoute,
  match: CompiledMatch,
  hostname: CompiledHostname,
  authored: RouteModelRoute | undefined,
): RouteRow {
  // A compiled regex is translated; the authored match of the same rank has it as it was written.
  const written = authored?.matches.find(({ rank }) => compareRank(rank, match.rank) === 0);
  const method = match.method;
  return {
    id: route.id,
    hostname:
      hostname === null || typeof hostname === 'string'
        ? hostname
        : `~${writtenHostname(written?.hostname, hostname.regex)}`,
    path:
      match.path.kind === 'regex'
        ? {
            kind: 'regex',
            value: written?.path.kind === 'regex' ? written.path.value : match.path.regex.source,
            ignoreCase: false,
          }
        : { kind: match.path.kind, value: match.path.value, ignoreCase: match.path.ignoreCase === true },
    method:
      method === undefined || typeof method === 'string'
        ? (method ?? null)
        : `~${typeof written?.method === 'object' ? (written.method?.regex.pattern ?? method.source) : method.source}`,
    headers: (match.headers ?? []).map((condition) => toCondition(condition, written?.headers)),
    query: (match.query ?? []).map((condition) => toCondition(condition, written?.query)),
    below: route.below ?? null,
    group: route.group ?? null,
    action: route.action,
    policies: (route.policies ?? []).map(({ name }) => name),
    source: sourceOf(route, authored),
    staleSince: route.staleSince ?? null,
  };
}

function writtenHostname(
  hostname: RouteModelRoute['matches'][number]['hostname'] | undefined,
  regex: CompiledRegex,
): string {
  return typeof hostname === 'object' && hostname !== null ? hostname.regex.pattern : regex.source;
}

function toCondition(condition: CompiledValueMatch, written: readonly ValueMatch[] | undefined): Condition {
  const { name, value, regex } = condition;
  if (value !== undefined) return { name, kind: 'exact', value };
  if (regex === undefined) return { name, kind: 'present', value: null };
  const test = written?.find((each) => each.name === name && each.test.kind === 'regex')?.test;
  return { name, kind: 'regex', value: test?.kind === 'regex' ? test.regex.pattern : regex.source };
}

function sourceOf(route: CompiledRoute, authored: RouteModelRoute | undefined): SourceRef {
  const { kind, namespace, name, cluster } = authored?.source ?? route.source;
  return {
    kind,
    namespace,
    name,
    file: authored?.source.file ?? null,
    line: authored?.source.line ?? null,
    ...(cluster !== undefined && { cluster }),
  };
}
