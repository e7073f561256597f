/** What `portolan publish` says at the end, and with which exit code. */
import type { BuildResult } from '../compile/build-program.ts';
import { countFindings } from '../diagnostics/finding.ts';
import { plural } from '../diagnostics/render.ts';
import type { PublishReport } from '../program/publish.ts';
import type { PokeResult } from '../stores/admin-socket.ts';
import type { StoreTarget } from '../stores/store-target.ts';
import { EXIT_ERRORS, EXIT_OK, EXIT_PARTLY, type CommandContext } from './command.ts';
import { findingsJson, noteFindings } from './finding-output.ts';
import { formatPublishTarget } from './publish-targets.ts';
import { listRefusals, type Refusal } from './refusals.ts';

export type PublishOutcome = {
  /** Why nothing was published; null when something was, or when nothing had changed. */
  readonly reason: string | null;
  readonly report: PublishReport | null;
  /** What a running node said to the new version; null: there is none to tell. */
  readonly poke: PokeResult | null;
};

type Output = Pick<CommandContext, 'json' | 'print' | 'printJson' | 'note' | 'terminal'>;

/** Prints what happened and returns the exit code. */
export function tellOutcome(
  context: Output,
  target: StoreTarget,
  result: BuildResult,
  outcome: PublishOutcome,
): number {
  const { reason, report, poke } = outcome;
  const refusals = listRefusals(result.program, result.model);
  const { counts, findings } = result;
  if (context.json) {
    context.printJson({
      to: formatPublishTarget(target),
      published: report !== null && report.skipped === null,
      reason: reason ?? report?.skipped ?? null,
      version: report?.version ?? null,
      sequence: report?.sequence ?? null,
      written: report?.written ?? [],
      kept: report?.kept ?? [],
      pruned: report?.pruned.deleted ?? [],
      node: poke?.outcome ?? null,
      prunedBlocked: report?.pruned.blocked ?? null,
      refusals,
      ...counts,
      ...findingsJson(findings),
    });
  } else {
    noteFindings(findings, context);
    printOutcome(context, outcome, refusals);
  }
  if (reason !== null) return EXIT_ERRORS;
  return refusals.length > 0 || countFindings(findings).error > 0 ? EXIT_PARTLY : EXIT_OK;
}

function printOutcome(
  { print, note }: Output,
  { reason, report, poke }: PublishOutcome,
  refusals: readonly Refusal[],
): void {
  if (report === null || reason !== null) return note(`Nothing was published: ${reason}.`);
  const { version, sequence, written, kept, pruned, skipped } = report;
  if (skipped === 'unchanged')
    print(`unchanged: version ${version} (publish ${sequence}) is live, nothing was written`);
  else {
    for (const key of written) print(`written  ${key}`);
    for (const key of pruned.deleted) print(`pruned   ${key}`);
    print(
      `version ${version} (publish ${sequence}): ${written.length} written, ${kept.length} kept, ${pruned.deleted.length} pruned`,
    );
  }
  if (poke?.outcome === 'reloaded') print('the running node serves it');
  if (poke?.outcome === 'failed')
    note(
      `The running node has not taken it: ${poke.reason}. It goes on with what it serves, and looks again by itself.`,
    );
  if (pruned.blocked !== null) note(`Old values were not pruned: ${pruned.blocked}.`);
  if (refusals.length > 0)
    note(`${plural(refusals.length, 'route')} refuse${refusals.length === 1 ? 's' : ''}: see \`portolan routes\`.`);
}
