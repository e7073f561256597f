/** What of a cluster's objects goes into its slice. Never a Secret; see KEPT_FIELDS of compile/last-accepted.ts. */
import { compareSources } from '../compile/compare-sources.ts';
import type { PlainForm } from '../compile/last-accepted.ts';
import { resourceKey, type Finding, type SourceRef } from '../diagnostics/finding.ts';
import type { AcceptedResource } from '../program/accepted.ts';
import type { StoredFinding } from '../program/slice-form.ts';
import type { SliceContent } from '../program/slices.ts';
import type { KubernetesObject } from '../resources/ambassador/types.ts';
import { classifyKind, splitApiVersion } from '../resources/resource-kinds.ts';
import type { ClusterSnapshot } from './cluster-snapshot.ts';

/** Of several objects with one name the first by file and line stands for it, as it does in a build. */
export function sliceContent(
  { objects, findings }: Pick<ClusterSnapshot, 'objects' | 'findings'>,
  plain: PlainForm,
): SliceContent {
  const resources = new Map<string, AcceptedResource>();
  const said = findings.filter(({ severity }) => severity !== 'info').map(storedFinding);
  const inOrder = objects.toSorted((a, b) => compareSources(a.source, b.source));
  for (const object of inOrder) {
    const entry = entryOf(object, plain);
    if (entry === null) continue;
    const key = keyIn(resources, object);
    if (key === null) said.push(duplicate(object));
    else resources.set(key, entry);
  }
  return { resources: Object.fromEntries(resources), findings: said };
}

export function storedFinding({ severity, code, message, source, path, hint }: Finding): StoredFinding {
  const about = source === null ? null : { kind: source.kind, namespace: source.namespace, name: source.name };
  return { severity, code, message, about, path, hint };
}

export function loadFinding(stored: StoredFinding, cluster: string): Finding {
  const { severity, code, message, about, path, hint } = stored;
  const source: SourceRef | null = about === null ? null : { ...about, file: null, line: null, cluster };
  return { severity, code, message, source, path, hint };
}

/** null: nothing of ours. */
function entryOf(object: KubernetesObject, plain: PlainForm): AcceptedResource | null {
  const { known } = classifyKind(object.apiVersion, object.kind);
  if (known === 'foreign' || known === 'gateway-api') return null;
  const entry = plain.entry(object);
  // Nobody knows what a misspelt kind holds: perhaps what a kind of ours would keep to itself.
  return known === 'wrong-kind' ? { ...entry, object: { ...entry.object, spec: {} } } : entry;
}

/** Kinds of one name in two groups are two resources. null: this one is there already. */
function keyIn(resources: ReadonlyMap<string, AcceptedResource>, object: KubernetesObject): string | null {
  const { kind, namespace, name } = object.source;
  const key = resourceKey({ kind, namespace, name });
  const other = resources.get(key);
  if (other === undefined) return key;
  const second = `${key}@${groupOf(object)}`;
  return groupOf(other.object) === groupOf(object) || resources.has(second) ? null : second;
}

function groupOf({ apiVersion }: Pick<KubernetesObject, 'apiVersion'>): string {
  return splitApiVersion(apiVersion).group;
}

function duplicate({ source: { kind, namespace, name } }: KubernetesObject): StoredFinding {
  return {
    severity: 'error',
    code: 'resource-duplicate',
    message: `The cluster has another ${kind} of this name; that one is used, this one is not.`,
    about: { kind, namespace, name },
    path: 'metadata.name',
    hint: 'Remove one of the two, or rename it.',
  };
}
