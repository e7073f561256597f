/** Objects of one name in several clusters, before it is decided which of them serves. */
import type { SourceRef } from '../diagnostics/finding.ts';
import type { ManifestObject } from './last-accepted.ts';

export type Candidate = {
  readonly object: ManifestObject;
  readonly cluster: string;
  /** `held`: what the cluster holds, or held when it was last heard of. `kept`: stands for one that cannot be read. */
  readonly as: 'held' | 'kept';
};

export type MergeRules = {
  /** Text that differs whenever the scope of an object could. */
  readonly options: string;
  /** What an object competes in by its name, such as its kind; null: it is not a resource of ours. */
  readonly scopeOf: (object: ManifestObject) => string | null;
  /**
   * Whether differing versions count side by side: leaving one out of what protects routes would open
   * what only that one covers.
   */
  readonly allCount: (object: ManifestObject) => boolean;
  /** Whether a version that differs is about something else, so that both count. */
  readonly isApart: (a: ManifestObject, b: ManifestObject) => boolean;
  /** Of versions that differ the one with the highest number serves; of equal ones that of the first cluster. */
  readonly strictnessOf: (object: ManifestObject) => number;
  /** Whether two objects of one name say the same. */
  readonly isSame: (a: ManifestObject, b: ManifestObject) => boolean;
};

/** Identity of an object among those of its scope, whatever its cluster. */
export function competitorId(object: ManifestObject, scope: string): string {
  return `${scope}/${object.metadata.namespace ?? 'default'}/${object.metadata.name}`;
}

export function withoutCluster({ kind, namespace, name, file, line }: SourceRef): SourceRef {
  return { kind, namespace, name, file, line };
}
