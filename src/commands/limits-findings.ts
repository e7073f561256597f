/** What a plan has to say about its log: how far it can be believed. */
import { limitsOf } from '../access-log/log-needs.ts';
import type { LimitPlan } from '../access-log/plan-limits.ts';
import type { LogTally } from '../access-log/read-log.ts';
import { finding, type Finding } from '../diagnostics/finding.ts';
import { plural } from '../diagnostics/render.ts';
import type { CompiledRateLimit } from '../policies/rate-limit/compiled.ts';

export type ReadLog = { readonly file: string; readonly tally: LogTally };

type Judged = {
  readonly logs: readonly ReadLog[];
  readonly plan: LimitPlan;
  readonly config: CompiledRateLimit;
  /** What the limits look at → how many requests say it. */
  readonly sightings: ReadonlyMap<string, number>;
};

/** Times of whole seconds say little about shorter periods than this. */
const COARSE_MS = 60_000;

/** Warnings: part of the log was of no use. Notes: it was, but not to the last digit. */
export function logFindings({ logs, plan, config, sightings }: Judged): readonly Finding[] {
  return [
    ...logs.flatMap(unreadableLines),
    ...[...sightings].flatMap(([name, seen]) => (plan.counts.requests > 0 && seen === 0 ? [fieldMissing(name)] : [])),
    ...slotsWithoutDuration(plan),
    ...lateLines(plan),
    ...coarseTimes(logs, config),
    ...droppedKeys(plan),
  ];
}

function unreadableLines({ file, tally }: ReadLog): readonly Finding[] {
  return tally.skipped.map(({ reason, count, line, text }) =>
    finding(
      'warning',
      'log-line-unreadable',
      `${plural(count, 'line')} of ${plural(tally.lines, 'line')} tell of no request: ${reason}. The first: ${text}`,
      {
        source: { kind: 'File', namespace: null, name: file, file, line },
        hint: 'Of JSON lines --field NAME=PATH says which field holds what.',
      },
    ),
  );
}

function fieldMissing(name: string): Finding {
  return finding(
    'warning',
    'log-field-missing',
    `No line says the ${name}, which the limit looks at: who would be counted apart is counted together here.`,
    { hint: `Log it, and name its field: --field ${name}=PATH.` },
  );
}

function slotsWithoutDuration({ counts: { withoutDuration } }: LimitPlan): readonly Finding[] {
  if (withoutDuration === 0) return [];
  const message = `${plural(withoutDuration, 'request')} without a duration count as if they had ended at once.`;
  return [finding('warning', 'log-duration-missing', message)];
}

function lateLines({ counts: { late } }: LimitPlan): readonly Finding[] {
  if (late === 0) return [];
  const message = `${plural(late, 'request')} began more than a minute before lines that stand further up, and are judged as if they had come later.`;
  return [
    finding('info', 'log-order', message, {
      hint: 'Files of several processes are merged when each is given by itself.',
    }),
  ];
}

function coarseTimes(logs: readonly ReadLog[], config: CompiledRateLimit): readonly Finding[] {
  const shortest = Math.min(...limitsOf(config).map(({ limit }) => ('periodMs' in limit ? limit.periodMs : Infinity)));
  const isConcurrency = limitsOf(config).some(({ limit }) => limit.algorithm === 'concurrency');
  if (logs.some(({ tally }) => tally.hasFractions) || (shortest >= COARSE_MS && !isConcurrency)) return [];
  const message =
    'The times are whole seconds, so what came within one second counts as if it had come at once: a limit as short as this refuses more here than it would have.';
  return [finding('info', 'log-times-coarse', message)];
}

function droppedKeys({ keys }: LimitPlan): readonly Finding[] {
  const { dropped } = keys.counts;
  if (dropped === 0) return [];
  const message = `There are more keys than figures are kept of: those of ${plural(dropped, 'key')} that were refused least were dropped. All requests were judged.`;
  return [finding('info', 'log-keys-dropped', message)];
}
