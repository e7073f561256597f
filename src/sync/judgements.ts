/** What the build said about one cluster's own object, by the key it has in that cluster. */
import type { BuildResult } from '../compile/build-program.ts';
import type { ResourceStatus } from '../compile/resource-status.ts';
import { resourceKey, type Finding } from '../diagnostics/finding.ts';

export type Judgement = {
  readonly state: ResourceStatus['state'];
  /** Errors and warnings. */
  readonly findings: readonly Finding[];
};

/** `key`: without a cluster. null: the object takes no part, for example one of another installation. */
export type Judge = (key: string) => Judgement | null;

/** @param cluster null: the one and unnamed */
export function judgeOf({
  statuses,
  findings,
}: Pick<BuildResult, 'statuses' | 'findings'>): (cluster: string | null) => Judge {
  const byKey = new Map(statuses.map((status) => [resourceKey(status.source), status]));
  const about = Map.groupBy(
    findings.filter(({ source, severity }) => source !== null && severity !== 'info'),
    ({ source }) => (source === null ? '' : resourceKey(source)),
  );
  return (cluster) => (key) => {
    const own = cluster === null ? key : `${cluster}:${key}`;
    const status = byKey.get(own);
    if (status !== undefined) return { state: status.state, findings: about.get(own) ?? [] };
    const shared = cluster === null ? undefined : byKey.get(key);
    if (cluster !== null && shared?.clusters?.includes(cluster) === true)
      return { state: shared.state, findings: [...(about.get(own) ?? []), ...(about.get(key) ?? [])] };
    const said = about.get(own);
    return said === undefined ? null : { state: 'invalid', findings: said };
  };
}
