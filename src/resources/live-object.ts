/** Objects as an API server gives them: no file, no lines. */
import type { Report } from '../diagnostics/finding.ts';
import type { KubernetesObject } from './ambassador/types.ts';
import { carriesResources, objectsOfAnnotation } from './annotation-objects.ts';
import { toObject } from './kubernetes-object.ts';

const NO_LINES = { lineOf: () => null, memberLines: () => new Map<string, number>() };

/**
 * The object and what its annotation holds. A malformed one is a finding and gives nothing.
 *
 * @param value parsed JSON; lists of an API server leave `apiVersion` and `kind` out of their items, so they come apart
 */
export function toLiveObjects(
  value: Readonly<Record<string, unknown>>,
  { apiVersion, kind, report }: { readonly apiVersion: string; readonly kind: string; readonly report: Report },
): readonly KubernetesObject[] {
  const object = toObject({ ...value, apiVersion, kind }, { document: NO_LINES, path: [], file: null, report });
  if (object === null) return [];
  return carriesResources(object) ? [object, ...objectsOfAnnotation(object, report)] : [object];
}
