/**
 * Resources inside the annotation `getambassador.io/config` of a Service or an Ingress: a YAML text of
 * several documents, with the fields of a resource at the top level.
 */
import { finding, type Report, type SourceRef } from '../diagnostics/finding.ts';
import type { KubernetesObject } from './ambassador/types.ts';
import { CONFIG_ANNOTATION, fileSource, recoverFlat } from './document-identity.ts';
import { readYaml } from './yaml-document.ts';
import { isDeeperThan, isRecord } from './record.ts';
import { splitDocuments } from './split-documents.ts';

const PATH = `metadata.annotations["${CONFIG_ANNOTATION}"]`;
const MAX_DEPTH = 64;

/** Findings and sources carry the line of the annotation: the text has no lines of its own in the file. */
export function objectsOfAnnotation(carrier: KubernetesObject, report: Report): readonly KubernetesObject[] {
  const text = carrier.metadata.annotations[CONFIG_ANNOTATION];
  if (text === undefined || !carriesResources(carrier)) return [];
  const line = carrier.locate(PATH);
  return splitDocuments(text).flatMap((part, index) => {
    const { value, problems } = readYaml(part.text, 1);
    const problem = problems[0]?.message ?? mistakeOf(value);
    if (problem === null) return isRecord(value) ? (unfold(value, carrier, line) ?? []) : [];
    const whose = `${carrier.kind} ${carrier.metadata.namespace ?? 'default'}/${carrier.metadata.name}`;
    const message = `Document ${index + 1} of the annotation of ${whose} is not used: ${problem}.`;
    report(
      finding('error', 'annotation-invalid', message, {
        source: sourceOfUnused(isRecord(value) ? value : recoverFlat(part.text), carrier, line),
        path: PATH,
        hint: 'Correct it, or write the resource as an object of its own.',
      }),
    );
    return [];
  });
}

/** Whether the annotation is there, and on a kind where it counts. */
export function carriesResources({ kind, metadata }: Pick<KubernetesObject, 'kind' | 'metadata'>): boolean {
  return (kind === 'Service' || kind === 'Ingress') && metadata.annotations[CONFIG_ANNOTATION] !== undefined;
}

function mistakeOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (!isRecord(value)) return 'it is not a mapping of fields';
  if (textOf(value['kind']) === null || textOf(value['apiVersion']) === null) return 'it has no `apiVersion` or `kind`';
  const { metadata } = value;
  if (textOf(value['name']) === null && (!isRecord(metadata) || textOf(metadata['name']) === null))
    return 'it has no `name`';
  return isDeeperThan(value, MAX_DEPTH) ? 'it is nested too deeply' : null;
}

/** Members of the top level that are no fields of the resource. */
const HEAD = new Set([
  'apiVersion',
  'kind',
  'metadata',
  'spec',
  'status',
  'name',
  'namespace',
  'generation',
  'metadata_labels',
]);

function unfold(
  value: Readonly<Record<string, unknown>>,
  carrier: KubernetesObject,
  line: number | null,
): KubernetesObject | null {
  const source = ownSource(value, carrier, line);
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  const labels = value['metadata_labels'] ?? metadata['labels'];
  const fields = Object.entries(value).filter(([key]) => !HEAD.has(key));
  const nested = isRecord(value['spec']) ? Object.entries(value['spec']) : [];
  return {
    // The group used to be called `ambassador`.
    apiVersion: (textOf(value['apiVersion']) ?? '').replace(/^ambassador\//, 'getambassador.io/'),
    kind: source.kind,
    metadata: {
      name: source.name,
      namespace: source.namespace,
      labels: isRecord(labels) ? texts(labels) : carrier.metadata.labels,
      annotations: {},
      generation: null,
      creationTimestamp: carrier.metadata.creationTimestamp,
    },
    spec: Object.fromEntries([...nested, ...fields]),
    source,
    locate: () => line,
  };
}

/** The resource itself, so that its last good version can be kept; the file when nobody knows which it was. */
function sourceOfUnused(
  value: Readonly<Record<string, unknown>> | null,
  carrier: KubernetesObject,
  line: number | null,
): SourceRef {
  const metadata = value !== null && isRecord(value['metadata']) ? value['metadata'] : {};
  const isNamed =
    value !== null && textOf(value['kind']) !== null && textOf(value['name'] ?? metadata['name']) !== null;
  return isNamed ? ownSource(value, carrier, line) : fileSource(carrier.source.file ?? carrier.metadata.name, line);
}

function ownSource(
  value: Readonly<Record<string, unknown>>,
  carrier: KubernetesObject,
  line: number | null,
): SourceRef {
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  return {
    kind: textOf(value['kind']) ?? carrier.kind,
    namespace: textOf(value['namespace']) ?? textOf(metadata['namespace']) ?? carrier.metadata.namespace ?? 'default',
    name: textOf(value['name']) ?? textOf(metadata['name']) ?? carrier.metadata.name,
    file: carrier.source.file,
    line,
  };
}

function texts(value: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
