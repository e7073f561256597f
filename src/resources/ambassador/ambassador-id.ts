/** Which installation a resource is for. */
import type { KubernetesObject } from './types.ts';
import { isRecord } from '../record.ts';

/** What a v3alpha1 id looks like after the cluster has shown it as v2; people paste it back. */
const CONVERTED = '--apiVersion-v3alpha1-only--';
const EVERYBODY = '_automatic_';

export type IdResult = 'ours' | 'theirs' | 'unreadable';

/** A list of ids, or one id alone. None: `default`. */
export function matchesId({ spec }: Pick<KubernetesObject, 'spec'>, id: string): IdResult {
  const ids = readIds(writtenIds(spec));
  if (ids === null) return 'unreadable';
  const effective = ids.length === 0 ? ['default'] : ids;
  return effective.includes(id) || effective.includes(EVERYBODY) ? 'ours' : 'theirs';
}

/** Field path of the ids, for findings. */
export function idPath(spec: KubernetesObject['spec']): string {
  if (isRecord(spec['ambassadorSelector'])) return 'spec.ambassadorSelector.ambassadorIds';
  return spec['ambassador_id'] === undefined ? 'spec.ambassadorId' : 'spec.ambassador_id';
}

/** As it is written, of any type. */
export function writtenIds(spec: KubernetesObject['spec']): unknown {
  const selector = spec['ambassadorSelector'];
  if (isRecord(selector)) return selector['ambassadorIds'];
  return spec['ambassador_id'] ?? spec['ambassadorId'];
}

function readIds(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const ids = list.filter((id): id is string => typeof id === 'string');
  if (ids.length < list.length) return null;
  return ids.map((id) => (id.startsWith(CONVERTED) ? id.slice(CONVERTED.length) : id));
}
