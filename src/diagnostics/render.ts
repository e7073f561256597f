/** Findings as text for people: grouped by file, in line order, repetitions folded, counted at the end. */
import { countFindings, type Finding, type FindingCounts, type Severity, type SourceRef } from './finding.ts';

export type RenderOptions = {
  /** Whether escape sequences may be written. Default false. */
  readonly color?: boolean;
  /** Show every finding. Default false: of one severity and code at most FOLD_ABOVE are shown. */
  readonly all?: boolean;
};

/** Findings of one severity and code beyond this many say nothing new to a person. */
export const FOLD_ABOVE = 10;

const SEVERITIES = ['error', 'warning', 'info'] as const satisfies readonly Severity[];
const COLORS: Readonly<Record<Severity, string>> = { error: '31', warning: '33', info: '36' };
const NO_FILE = '(no file)';

/** All findings as one block of text without a final newline; empty when there are none. */
export function renderFindings(findings: readonly Finding[], options: RenderOptions = {}): string {
  const sorted = sortFindings(findings);
  const { shown, folded } = options.all === true ? { shown: sorted, folded: [] } : fold(sorted);
  const paint = painter(options.color === true);
  const blocks: string[] = [];
  let file: string | null = null;
  for (const finding of shown) {
    const here = finding.source?.file ?? NO_FILE;
    if (here !== file) blocks.push(`${blocks.length === 0 ? '' : '\n'}${paint('1', here)}`);
    file = here;
    blocks.push(renderFinding(finding, paint));
  }
  if (folded.length > 0) blocks.push('');
  for (const { severity, code, count } of folded) {
    blocks.push(`… and ${formatCount(count)} more ${paint(COLORS[severity], severity)} ${code} (--all shows them)`);
  }
  return blocks.join('\n');
}

/** `2 errors, 1 warning, 0 notes`. */
export function renderCounts(counts: FindingCounts): string {
  return [plural(counts.error, 'error'), plural(counts.warning, 'warning'), plural(counts.info, 'note')].join(', ');
}

/** `1,234 routes`; the plural is the singular with an s. */
export function plural(count: number, singular: string): string {
  return `${formatCount(count)} ${singular}${count === 1 ? '' : 's'}`;
}

/** `Mapping/default/shop`; for a source without namespace `Module/ambassador`. */
export function renderSource(source: Pick<SourceRef, 'kind' | 'namespace' | 'name' | 'cluster'>): string {
  const key = [source.kind, source.namespace, source.name].filter((part) => part !== null && part !== '').join('/');
  return source.cluster === undefined ? key : `${source.cluster}:${key}`;
}

/** By file, line, severity (worst first), then everything else: the same for every order of input. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted(
    (a, b) =>
      compareText(a.source?.file ?? '', b.source?.file ?? '') ||
      (a.source?.line ?? 0) - (b.source?.line ?? 0) ||
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      compareText(sourceText(a), sourceText(b)) ||
      compareText(a.code, b.code) ||
      compareText(a.path ?? '', b.path ?? '') ||
      compareText(a.message, b.message),
  );
}

type Folded = { readonly severity: Severity; readonly code: string; count: number };

/** Keeps the first findings of each severity and code. Errors are never folded away entirely, nor is any code. */
function fold(sorted: readonly Finding[]): { shown: readonly Finding[]; folded: readonly Folded[] } {
  const seen = new Map<string, number>();
  const folded = new Map<string, Folded>();
  const shown = sorted.filter(({ severity, code }) => {
    const key = `${severity} ${code}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    if (count <= FOLD_ABOVE) return true;
    const entry = folded.get(key) ?? { severity, code, count: 0 };
    entry.count += 1;
    folded.set(key, entry);
    return false;
  });
  const bySeverity = (a: Folded, b: Folded): number => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);
  return { shown, folded: [...folded.values()].toSorted(bySeverity) };
}

type Paint = (style: string, text: string) => string;

function renderFinding(finding: Finding, paint: Paint): string {
  const { severity, code, message, source, path, hint } = finding;
  const line = String(source?.line ?? '').padStart(5);
  const where = [source === null ? null : renderSource(source), path].filter((part) => part !== null).join(' ');
  const head = `${paint('2', line)}  ${paint(COLORS[severity], severity)} ${code}${where === '' ? '' : `  ${escapeControls(where)}`}`;
  const indent = ' '.repeat(7);
  const body = [message, ...(hint === null ? [] : [`→ ${hint}`])];
  return [head, ...body.map((text) => `${indent}${escapeControls(text).replaceAll('\n', `\n${indent}`)}`)].join('\n');
}

/** Messages quote user input: without this a manifest could write escape sequences to the terminal. */
export function escapeControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

function painter(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${style}m${escapeControls(text)}\u001b[0m` : escapeControls(text));
}

function sourceText({ source }: Finding): string {
  return source === null ? '' : renderSource(source);
}

/** By code units, not by locale: the order must be the same on every machine. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `2 errors, 1 warning, 0 notes`, counted here. */
export function summarizeFindings(findings: readonly Finding[]): string {
  return renderCounts(countFindings(findings));
}
