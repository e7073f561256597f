/** Findings about a resource, placed at the line of the field they speak of. */
import { finding, type Report, type Severity, type SourceRef } from '../../diagnostics/finding.ts';
import type { Provenance } from '../../model/route-model.ts';

/** The part of a resource that placing a finding needs. */
export type Located = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly source: SourceRef;
  readonly locate: (path: string) => number | null;
};

export type FindingText = {
  readonly severity: Severity;
  readonly code: string;
  readonly message: string;
  /** Field path; null: the object as a whole. */
  readonly path: string | null;
  readonly hint: string | null;
};

export function reportAt(report: Report, resource: Located, text: FindingText): void {
  const { path, hint } = text;
  report(finding(text.severity, text.code, text.message, { source: sourceAt(resource, path), path, hint }));
}

/** The resource's source with the line of the field, or its own line when the field's is not known. */
export function sourceAt(resource: Located, path: string | null): SourceRef {
  if (path === null) return resource.source;
  const line = resource.locate(path);
  return line === null ? resource.source : { ...resource.source, line };
}

export function provenanceAt(resource: Located, path: string | null): Provenance {
  return { ...sourceAt(resource, path), path };
}

/** `namespace/name`, as people say it. */
export function nameOf(resource: { readonly namespace: string; readonly name: string }): string {
  return `${resource.namespace}/${resource.name}`;
}

/** `a, b, c and 4 more`: keeps a sentence about many resources readable. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
