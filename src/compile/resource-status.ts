/** What became of every resource. */
import { resourceKey, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import { compareCodePoints } from '../model/rank.ts';
import type { KeyOrder } from './key-order.ts';
import type { CompiledSource, RouteProgram } from '../program/route-program.ts';

export type ResourceStatus = {
  readonly source: SourceRef;
  /**
   * `accepted`: served as written, warnings aside. `stale`: an earlier version is served in its place.
   * `invalid`: it has error findings and no earlier version stands in. `refused`: nothing is wrong with
   * it, but a route or domain of it refuses.
   */
  readonly state: 'accepted' | 'stale' | 'invalid' | 'refused';
  /** Codes of its errors and warnings, sorted, each once. */
  readonly codes: readonly string[];
};

export function resourceStatuses(
  sources: ReadonlyMap<string, SourceRef>,
  findings: readonly Finding[],
  program: RouteProgram,
  { stale, order }: { readonly stale: ReadonlySet<string>; readonly order: KeyOrder },
): readonly ResourceStatus[] {
  const errors = new Set<string>();
  const codes = new Map<string, Set<string>>();
  for (const { source, severity, code } of findings) {
    if (source === null || severity === 'info') continue;
    const key = resourceKey(source);
    if (severity === 'error') errors.add(key);
    const known = codes.get(key);
    if (known === undefined) codes.set(key, new Set([code]));
    else known.add(code);
  }
  const refusing = refusingKeys(program);
  return order.sorted(sources).flatMap((key) => {
    const source = sources.get(key);
    if (source === undefined) return [];
    const state = stale.has(key) ? 'stale' : errors.has(key) ? 'invalid' : refusing.has(key) ? 'refused' : 'accepted';
    return [{ source, state, codes: [...(codes.get(key) ?? [])].toSorted(compareCodePoints) }];
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
