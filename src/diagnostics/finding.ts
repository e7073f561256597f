/**
 * Findings: everything the compiler has to say about its input.
 *
 * Input problems are collected, never thrown, so that one bad resource cannot hide the
 * others. The JSON form of a finding is public (`portolan check --json`) and its keys are stable.
 */

/** `error`: the resource is wrong. `warning`: it works differently than written. `info`: worth knowing. */
export type Severity = 'error' | 'warning' | 'info';

/** Where a finding (or a route) comes from. Absent facts are null. */
export type SourceRef = {
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  /** Path as the user gave it; `-` for standard input. */
  readonly file: string | null;
  /** 1-based line of the object's document, or of the field when it is known. */
  readonly line: number | null;
  /** Kubernetes context; present only when several clusters feed one gateway. */
  readonly cluster?: string;
};

export type Finding = {
  readonly severity: Severity;
  /** Stable kebab-case identifier, see `docs/findings.md`. */
  readonly code: string;
  /** What is wrong and why it matters, one or two sentences. */
  readonly message: string;
  readonly source: SourceRef | null;
  /** Field path inside the object, for example `spec.cors.max_age`. */
  readonly path: string | null;
  /** How to fix it. */
  readonly hint: string | null;
};

export type FindingCounts = { readonly error: number; readonly warning: number; readonly info: number };

/** Receives findings while a build runs. */
export type Report = (finding: Finding) => void;

/** Fills the optional keys of a finding. */
export function finding(
  severity: Severity,
  code: string,
  message: string,
  at: { source?: SourceRef | null; path?: string | null; hint?: string | null } = {},
): Finding {
  return { severity, code, message, source: at.source ?? null, path: at.path ?? null, hint: at.hint ?? null };
}

export function countFindings(findings: readonly Finding[]): FindingCounts {
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

/** `Kind/namespace/name`: the identity of a resource, independent of file and line. */
export function resourceKey(source: Pick<SourceRef, 'kind' | 'namespace' | 'name' | 'cluster'>): string {
  const key = `${source.kind}/${source.namespace ?? ''}/${source.name}`;
  return source.cluster === undefined ? key : `${source.cluster}:${key}`;
}
