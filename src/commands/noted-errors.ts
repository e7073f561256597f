/** One line on stderr when the sources have errors: the answer of the command may not be the one that was meant. */
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import { plural } from '../diagnostics/render.ts';
import type { CommandContext } from './command.ts';

export function noteErrorCount(findings: readonly Finding[], { note }: Pick<CommandContext, 'note'>): void {
  const { error } = countFindings(findings);
  if (error > 0) note(`\nThe sources have ${plural(error, 'error')}: see \`portolan check\`.`);
}
