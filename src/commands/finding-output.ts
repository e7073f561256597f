/** How commands show findings and what exit code they mean. */
import { countFindings, type Finding, type FindingCounts } from '../diagnostics/finding.ts';
import { renderFindings, sortFindings, summarizeFindings } from '../diagnostics/render.ts';
import { EXIT_ERRORS, EXIT_OK, type CommandContext } from './command.ts';

/** Keys are public. Sorted, so that equal input gives equal output. */
export type FindingsJson = { readonly findings: readonly Finding[]; readonly counts: FindingCounts };

export function findingsJson(findings: readonly Finding[]): FindingsJson {
  return { findings: sortFindings(findings), counts: countFindings(findings) };
}

export function exitCodeFor(counts: FindingCounts, strict: boolean): number {
  return counts.error > 0 || (strict && counts.warning > 0) ? EXIT_ERRORS : EXIT_OK;
}

/** Findings of a command whose result is something else: to stderr, folded; nothing when there are none. */
export function noteFindings(
  findings: readonly Finding[],
  { note, terminal }: Pick<CommandContext, 'note' | 'terminal'>,
): void {
  if (findings.length === 0) return;
  note(renderFindings(findings, { color: terminal.color.stderr }));
  note(`\n${summarizeFindings(findings)}\n`);
}
