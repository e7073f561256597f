/** What became of every resource. */
import { resourceKey, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { CompiledSource, RouteProgram } from '../program/route-program.ts';

export type ResourceStatus = {
  readonly source: SourceRef;
  /**
   * `accepted`: served as written, warnings aside. `stale`: an earlier version is served in its place.
   * `invalid`: it has error findings and no earlier version stands in. `refused`: nothing is wrong with
   * it, but a route or domain of it refuses. `overruled`: another cluster has a different version, and
   * that one counts; the source then names the cluster.
   */
  readonly state: 'accepted' | 'stale' | 'invalid' | 'refused' | 'overruled';
  /** Clusters whose object this is about; absent: the one and unnamed, or the one that the source names. */
  readonly clusters?: readonly string[];
  /** Codes of its errors and warnings, sorted, each once. */
  readonly codes: readonly string[];
};

/** `keys`: those of `sources`, in the order wanted. */
export function resourceStatuses(
  keys: readonly string[],
  sources: ReadonlyMap<string, SourceRef>,
  built: {
    readonly findings: readonly Finding[];
    readonly program: RouteProgram;
    readonly stale: ReadonlyMap<string, unknown>;
  },
): readonly ResourceStatus[] {
  const errors = new Set<string>();
  const codes = new Map<string, Set<string>>();
  for (const { source, severity, code } of built.findings) {
    if (source === null || severity === 'info') continue;
    const key = resourceKey(source);
    if (severity === 'error') errors.add(key);
    const known = codes.get(key);
    if (known === undefined) codes.set(key, new Set([code]));
    else known.add(code);
  }
  const refusing = refusingKeys(built.program);
  return keys.flatMap((key) => {
    const source = sources.get(key);
    if (source === undefined) return [];
    const refused = errors.has(key) ? 'invalid' : refusing.has(key) ? 'refused' : 'accepted';
    const found = codes.get(key);
    return {
      source,
      state: built.stale.has(key) ? 'stale' : refused,
      codes: found === undefined ? [] : [...found].toSorted(compareCodePoints),
    };
  });
}

function refusingKeys(program: RouteProgram): ReadonlySet<string> {
  const keys = new Set<string>();
  const add = (source: CompiledSource | undefined): void => {
    if (source !== undefined) keys.add(resourceKey(source));
  };
  for (const { refuse, source } of program.domains) if (refuse !== undefined) add(source);
  for (const routes of Object.values(program.tables)) {
    for (const { action, source } of routes) if (action.kind === 'refuse') add(source);
  }
  return keys;
}
