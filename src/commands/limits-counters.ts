/** `portolan limits show|reset`: the counters of a running gateway. */
import type { LimitAnswer, ShownCounter } from '../limits/calls.ts';
import { escapeControls } from '../diagnostics/render.ts';
import { describeLimit } from '../limits/describe-limit.ts';
import { askRunningGateway, runningGateway, type AskGateway } from './running-gateway.ts';
import { EXIT_ERRORS, EXIT_OK, EXIT_PARTLY, type CommandContext } from './command.ts';
import { usageError } from './parse-arguments.ts';
import { renderTable } from './text-table.ts';

type Outcome = LimitAnswer['outcomes'][number];
type Context = Pick<CommandContext, 'json' | 'print' | 'printJson' | 'note' | 'terminal'>;

/** Longer keys are none of ours; nor are those without a limit and a subject. Characters. */
const MAX_KEY = 16_384;

export type CounterRequest = {
  readonly action: 'show' | 'reset';
  readonly keys: readonly string[];
  /** As written after --to and --state. */
  readonly to: string | undefined;
  readonly state: string | undefined;
};

/** Returns the exit code: 0, 3 when some counters could not be asked, 1 when none could. */
export async function counters(
  { action, keys, ...place }: CounterRequest,
  context: Context,
  askGateway: AskGateway = askRunningGateway,
): Promise<number> {
  assertKeys(action, keys);
  const answers = await askGateway(
    runningGateway(place, context.terminal.cwd),
    keys.map((key) => ({ kind: action, keys: [key] })),
  );
  const outcomes = keys.map((_, index) => answers[index]?.outcomes[0] ?? null);
  const rows = keys.map((key, index) => ({ key, outcome: outcomes[index] ?? null }));
  if (context.json) context.printJson({ counters: rows.map(({ key, outcome }) => counterJson(key, outcome)) });
  else for (const line of renderCounters(rows)) context.print(line);
  if (action === 'reset' && !context.json) context.note('Reset: these are the figures from before.');
  const lost = outcomes.filter((outcome) => outcome !== null && 'unavailable' in outcome).length;
  return lost === 0 ? EXIT_OK : lost === keys.length ? EXIT_ERRORS : EXIT_PARTLY;
}

function assertKeys(action: string, keys: readonly string[]): void {
  if (keys.length === 0)
    throw usageError('limits', `\`limits ${action}\` needs a KEY; \`portolan explain\` prints them.`);
  const odd = keys.find((key) => key.length > MAX_KEY || !/^[^|]+\|[^|]+$/.test(key));
  if (odd !== undefined)
    throw usageError(
      'limits',
      `"${escapeControls(odd.slice(0, 100))}" is no key of a counter: \`portolan explain\` prints them, LIMIT|SUBJECT.`,
    );
}

function counterJson(key: string, outcome: Outcome): object {
  if (outcome !== null && 'unavailable' in outcome)
    return {
      key,
      limit: null,
      words: null,
      remaining: null,
      resetMs: null,
      retryAfterMs: null,
      inUse: null,
      ...outcome,
    };
  const shown = isShown(outcome) ? outcome : null;
  return {
    key,
    limit: shown?.limit ?? null,
    words: shown === null ? null : describeLimit(shown.limit),
    remaining: shown?.figures.remaining ?? null,
    resetMs: shown?.figures.resetMs ?? null,
    retryAfterMs: shown?.figures.retryAfterMs ?? null,
    inUse: shown === null ? null : inUse(shown),
    unavailable: null,
  };
}

function renderCounters(rows: readonly { readonly key: string; readonly outcome: Outcome }[]): readonly string[] {
  const head = ['KEY', 'LIMIT', 'LEFT', 'IN USE', 'FULL AGAIN', 'NEXT', ''];
  return renderTable(
    head,
    rows.map(({ key, outcome }) => {
      if (outcome !== null && 'unavailable' in outcome)
        return [key, '', '', '', '', '', UNAVAILABLE[outcome.unavailable]];
      if (!isShown(outcome)) return [key, '', '', '', '', '', 'nothing is counted'];
      const { limit, figures } = outcome;
      const used = inUse(outcome);
      return [
        key,
        describeLimit(limit),
        figures.remaining.toLocaleString('en-US'),
        used === null ? '' : String(used),
        figures.resetMs === 0 ? 'now' : `in ${seconds(figures.resetMs)}`,
        figures.retryAfterMs === 0
          ? 'now'
          : figures.retryAfterMs === null
            ? 'never'
            : `in ${seconds(figures.retryAfterMs)}`,
        '',
      ];
    }),
  );
}

const UNAVAILABLE = {
  gone: 'its object did not answer',
  overloaded: 'its object has too much to do',
  late: 'its object took too long',
} as const;

/** Slots that requests hold now; null: no limit of requests at a time. */
function inUse({ limit, figures }: ShownCounter): number | null {
  return limit.algorithm === 'concurrency' ? limit.rate - figures.remaining : null;
}

function isShown(outcome: Outcome): outcome is ShownCounter {
  return outcome !== null && 'figures' in outcome;
}

function seconds(ms: number): string {
  return ms < 10_000
    ? `${(Math.ceil(ms / 10) / 100).toFixed(2)} s`
    : `${Math.ceil(ms / 1_000).toLocaleString('en-US')} s`;
}
