/** Plain data → one Kubernetes object, with lines for its fields. */
import { nearest } from '../diagnostics/nearest.ts';
import { finding, type Report, type SourceRef } from '../diagnostics/finding.ts';
import type { KubernetesObject } from './ambassador/types.ts';
import { fileSource } from './document-identity.ts';
import { memberPath, parseFieldPath, type FieldPath } from './field-path.ts';
import type { ReadDocument } from './read-document.ts';
import { isDeeperThan, isRecord } from './record.ts';
import { isOwnGroup } from './resource-kinds.ts';

export type ObjectPlace = {
  readonly document: {
    /** null: it has no lines. */
    readonly lineOf: (path: FieldPath) => number | null;
    readonly memberLines: ReadDocument['memberLines'];
  };
  /** Where in the document the object is: `[]`, or `['items', 3]` in a list. */
  readonly path: FieldPath;
  /** null: from no file. */
  readonly file: string | null;
  readonly report: Report;
};

/**
 * No resource nests deeper; a document that does is meant to break its readers. An alias inside its own
 * anchor makes data without end, which shows here too. Schemas and the like of others may go further.
 */
const MAX_DEPTH = 64;
const MAX_FOREIGN_DEPTH = 500;
/** Stands for a file in findings about what has neither file nor name. */
const NO_FILE = 'the cluster';
const TOP_LEVEL = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

/** null, and a finding, when the data is no Kubernetes object. */
export function toObject(value: unknown, place: ObjectPlace): KubernetesObject | null {
  const { document, path, file, report } = place;
  const line = document.lineOf(path);
  if (!isRecord(value)) {
    const found = Array.isArray(value) ? 'a list' : 'a single value';
    rejectDocument(report, fileSource(file ?? NO_FILE, line), {
      message: `A Kubernetes object is a mapping with \`apiVersion\`, \`kind\` and \`metadata\`, but this document is ${found}.`,
      hint: 'Remove the document, or indent it under the fields it belongs to.',
    });
    return null;
  }
  const { apiVersion, kind } = value;
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  const name = nonEmpty(metadata['name']);
  const source: SourceRef = {
    kind: nonEmpty(kind) ?? 'File',
    namespace: nonEmpty(metadata['namespace']) ?? 'default',
    name: name ?? file ?? NO_FILE,
    file,
    line,
  };
  const mistake = objectMistake(value, name);
  if (mistake !== null || typeof apiVersion !== 'string' || typeof kind !== 'string') {
    // Without a name nobody can say which resource is missing now.
    rejectDocument(report, name === null ? fileSource(file ?? NO_FILE, line) : source, mistake ?? missingHead);
    return null;
  }
  const own = isOwnGroup(apiVersion);
  const locate = createLocate(place, own ? document.memberLines([...path, 'spec']) : null);
  if (own) reportTopLevel(value, source, locate, report);
  return {
    apiVersion,
    kind,
    metadata: {
      name: name ?? '',
      namespace: nonEmpty(metadata['namespace']),
      labels: own ? readLabels(metadata['labels'], source, locate, report) : texts(metadata['labels']),
      annotations: texts(metadata['annotations']),
      generation: typeof metadata['generation'] === 'number' ? metadata['generation'] : null,
      creationTimestamp: nonEmpty(metadata['creationTimestamp']),
    },
    spec: isRecord(value['spec']) ? value['spec'] : {},
    source: { ...source, name: name ?? '' },
    locate,
  };
}

type Mistake = { readonly message: string; readonly hint: string };

const missingHead: Mistake = {
  message: 'A Kubernetes object needs `apiVersion` and `kind`; without them nobody knows what this document is.',
  hint: 'Add both, or keep files that are no Kubernetes manifests in another folder.',
};

/** What makes an object unusable. Objects of other groups only need to be told apart. */
function objectMistake(value: Readonly<Record<string, unknown>>, name: string | null): Mistake | null {
  const { apiVersion, kind, spec } = value;
  if (nonEmpty(apiVersion) === null || nonEmpty(kind) === null) return missingHead;
  const own = typeof apiVersion === 'string' && isOwnGroup(apiVersion);
  if (isDeeperThan(value, own ? MAX_DEPTH : MAX_FOREIGN_DEPTH)) {
    const message = 'Lists and mappings are nested deeper than any resource needs. The object is not used.';
    return { message, hint: 'Remove the nesting.' };
  }
  if (!own) return null;
  if (name === null) {
    const { metadata } = value;
    const written = isRecord(metadata) ? (metadata['name'] ?? '') : '';
    const fault = written === '' ? 'has no `metadata.name`' : 'has a `metadata.name` that is not text';
    return {
      message: `This ${String(kind)} ${fault}, so it cannot be told apart from others.`,
      hint: written === '' ? 'Give it a name.' : 'Put the name in quotes.',
    };
  }
  if (spec !== undefined && spec !== null && !isRecord(spec)) {
    return {
      message: '`spec` must be a mapping of fields, so nothing of this object is used.',
      hint: 'Indent the fields below `spec:`.',
    };
  }
  return null;
}

function rejectDocument(report: Report, source: SourceRef, { message, hint }: Mistake): void {
  report(finding('error', 'document-invalid', message, { source, hint }));
}

/** Direct members of `spec` are known at once; anything deeper reads the document again. */
function createLocate(
  { document, path }: ObjectPlace,
  members: ReadonlyMap<string, number> | null,
): KubernetesObject['locate'] {
  return (field) => {
    const known = field.startsWith('spec.') ? members?.get(field.slice('spec.'.length)) : undefined;
    return known ?? document.lineOf([...path, ...parseFieldPath(field)]);
  };
}

function reportTopLevel(
  value: Readonly<Record<string, unknown>>,
  source: SourceRef,
  locate: KubernetesObject['locate'],
  report: Report,
): void {
  for (const key of Object.keys(value)) {
    if (TOP_LEVEL.includes(key)) continue;
    const near = nearest(key, TOP_LEVEL);
    report(
      finding('warning', 'field-unknown', `\`${key}\` is not a field of a resource, so it is ignored.`, {
        source: { ...source, line: locate(memberPath('', key)) },
        path: memberPath('', key),
        hint: near === null ? 'Fields of the resource belong below `spec:`.' : `Did you mean \`${near}\`?`,
      }),
    );
  }
}

/** Kubernetes stores text only. A bare number or `true` is taken as its text; anything else is left out. */
function readLabels(
  value: unknown,
  source: SourceRef,
  locate: KubernetesObject['locate'],
  report: Report,
): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([label, text]) => {
      if (typeof text === 'string') return [[label, text]];
      const plain = typeof text === 'number' || typeof text === 'boolean';
      const path = memberPath('metadata.labels', label);
      const read = plain ? `it is read as \`"${String(text)}"\`` : 'it is left out';
      report(
        finding(plain ? 'warning' : 'error', 'label-invalid', `A label must be text; ${read}.`, {
          source: { ...source, line: locate(path) },
          path,
          hint: 'Put the value in quotes.',
        }),
      );
      return plain ? [[label, String(text)]] : [];
    }),
  );
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function nonEmpty(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
