/** The tables of docs/runtime-limits.md, from what was observed. */
import { CORPUS, PLATFORM_ROWS } from './corpus/corpus.ts';
import { HIDDEN } from './corpus/hidden.ts';
import type { Outcome } from './judge.ts';

/** Rows of cells, by the heading that the table stands under. */
export function observedTables(outcomes: readonly Outcome[]): ReadonlyMap<string, readonly string[]> {
  const answered = outcomes.filter(({ by }) => by === 'runtime' || by === 'none');
  const hidden = outcomes.filter(({ input }) => input.id in HIDDEN);
  return new Map([
    [
      'Answered before the Worker',
      sorted(answered).map(({ input, status }) =>
        row([input.id, cell(input.what), status === 0 ? 'connection closed' : String(status)]),
      ),
    ],
    [
      'Hidden from the Worker',
      sorted(hidden).map(({ input, by, status, seen }) => {
        const what =
          seen.length === 0 ? `${status} of the ${by}` : seen.map(({ requestLine }) => `\`${requestLine}\``).join();
        return row([input.id, cell(input.what), HIDDEN[input.id] ?? '', what]);
      }),
    ],
    ['Left to the platform', Object.entries(PLATFORM_ROWS).map(([id, what]) => row([id, what]))],
  ]);
}

/** The lines of the first table under the heading, each as written by `row`. */
export function tableUnder(markdown: string, heading: string): readonly string[] {
  return tableLines(markdown, heading)
    .slice(2)
    .map((line) => row(line.split(/(?<!\\)\|/).slice(1, -1)));
}

/** The text with the table's rows exchanged. */
export function withTable(markdown: string, heading: string, rows: readonly string[]): string {
  const lines = tableLines(markdown, heading);
  return markdown.replace(lines.join('\n'), () => [...lines.slice(0, 2), ...rows].join('\n'));
}

function tableLines(markdown: string, heading: string): readonly string[] {
  const section = markdown.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return section.split('\n').filter((line) => line.startsWith('|'));
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((text) => text.trim()).join(' | ')} |`;
}

/** What an input is, its literal as code. */
function cell(what: string): string {
  const literal = /^(.*?)(".*")$/s.exec(what);
  if (literal === null) return what.replaceAll('|', '\\|');
  const [, before = '', text = ''] = literal;
  const fence = text.includes('`') ? '``' : '`';
  return `${before}${fence}${text.replaceAll('|', '\\|')}${fence}`;
}

const PLACE = new Map(CORPUS.map(({ id }, at) => [id, at]));

/** By row number, then as the corpus has them. */
function sorted(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.toSorted((a, b) => placeOf(a) - placeOf(b));
}

function placeOf({ input }: Outcome): number {
  return Number.parseInt(input.id, 10) * 10_000 + (PLACE.get(input.id) ?? 0);
}
